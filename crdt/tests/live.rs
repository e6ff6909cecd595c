//! Live cells: the newest word of each device, for as long as its lease lasts, forged by nobody.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use group::{Device, GROUP, NOON_MS, bent, noise, rng, shuffled};
use halloo_crdt::live::{
    Accepted, Cell, DECLINE_MS, Fix, Floor, Kind, Live, LiveError, Location, MAX_BATCH_BYTES, MAX_DEVICES,
    MAX_LEASE_MS, Mute, PeerView, Precision, Presence, Status, declined,
};
use halloo_crypto::id::{DeviceId, GroupId};
use proptest::prelude::*;
use rand_core::Rng;

const MEMBER: &dyn Fn(&DeviceId) -> bool = &|_| true;

fn place(lat_deg: f64, time_ms: u64) -> Location {
    let fix = Fix {
        lat_deg,
        lon_deg: 13.377_704,
        accuracy_m: 4.2,
        altitude_m: Some(-12.3),
        speed_mps: Some(3.75),
        heading_deg: Some(359.99),
        time_ms,
    };
    Location::new(&fix).unwrap()
}

fn presence(status: Status) -> Cell {
    Cell::Presence(Presence { status, battery: Some(81) })
}

struct Member {
    device: Device,
    live: Live,
}

impl Member {
    fn new(seed: u64) -> Self {
        let device = Device::new(seed);
        let live = Live::new(GROUP, device.id(), NOON_MS);
        Self { device, live }
    }

    fn report(&mut self, cells: &[Cell], now: u64) -> Vec<u8> {
        for cell in cells {
            self.live.set(cell.clone(), MAX_LEASE_MS, now);
        }
        self.live.report(&self.device.secret, now)
    }

    fn take(&mut self, batch: &[u8], now: u64) -> Accepted {
        self.live.accept(batch, now, MEMBER, None).unwrap()
    }
}

#[test]
fn every_kind_of_cell_arrives_as_it_was_said() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let cells = [
        Cell::Location(place(52.516_266, NOON_MS - 40)),
        presence(Status::InCall),
        Cell::Typing(true),
        Cell::Mute(Mute { microphone: true, speaker: false }),
        Cell::Floor(Floor { talking: true, priority: 3, since_ms: NOON_MS }),
    ];
    let batch = a.report(&cells, NOON_MS);
    let changes = b.take(&batch, NOON_MS).changes;
    assert_eq!(changes.len(), Kind::ALL.len());
    for (kind, cell) in Kind::ALL.into_iter().zip(cells) {
        assert_eq!(b.live.get(&a.device.id(), kind), Some(&cell));
        assert_eq!(a.live.get(&a.device.id(), kind), Some(&cell), "one's own word is filed too");
    }
    let Some(Cell::Location(seen)) = b.live.get(&a.device.id(), Kind::Location) else { panic!("just read") };
    assert!((seen.lat_deg() - 52.516_266).abs() < 1e-7 && (seen.lon_deg() - 13.377_704).abs() < 1e-7);
    assert_eq!((seen.accuracy_m(), seen.altitude_m()), (4.2, Some(-12.3)));
    assert_eq!((seen.speed_mps(), seen.heading_deg()), (Some(3.75), Some(359.99)));
    assert!(batch.len() <= 210, "{} bytes", batch.len());
    assert_eq!(b.live.locations().count(), 1);
}

#[test]
fn a_report_with_a_place_alone_is_small() {
    let mut a = Member::new(1);
    let batch = a.report(&[Cell::Location(place(52.5, NOON_MS))], NOON_MS);
    assert!(batch.len() <= 160, "{} bytes", batch.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Lost, repeated, reordered, batched by relays: the last report of each device is what everybody holds.
    #[test]
    fn any_order_repetition_and_batching_ends_in_the_same_cells(seed in any::<u64>(), count in 1..30_u64) {
        let mut rng = rng(seed);
        let mut writers: Vec<Member> = (0..3).map(|n| Member::new(seed ^ (n + 1) << 33)).collect();
        let mut sent = Vec::new();
        for n in 0..count {
            let who = rng.next_u32() as usize % 3;
            let cells = match rng.next_u32() % 3 {
                0 => vec![Cell::Location(place(f64::from(rng.next_u32() % 90), NOON_MS + n))],
                1 => vec![presence(Status::Away), Cell::Typing(false)],
                _ => vec![Cell::Mute(Mute { microphone: n % 2 == 0, speaker: true })],
            };
            sent.push(writers[who].report(&cells, NOON_MS + n));
        }
        let cells = |live: &Live| -> Vec<(DeviceId, Kind, Cell)> {
            Kind::ALL.into_iter().flat_map(|k| live.all(k).map(move |(d, c)| (*d, k, c.clone())).collect::<Vec<_>>()).collect()
        };
        let mut expected = Member::new(99);
        for batch in &sent {
            expected.take(batch, NOON_MS + count);
        }
        let mut mixed = Member::new(98);
        for batch in shuffled(&[sent.clone(), sent.clone()].concat(), seed) {
            mixed.take(&batch, NOON_MS + count);
        }
        prop_assert_eq!(cells(&mixed.live), cells(&expected.live));
        let mut third = Member::new(97);
        let mut view = PeerView::default();
        while let Some(batch) = mixed.live.delta(&mut view, NOON_MS + count, 300) {
            third.take(&batch, NOON_MS + count);
        }
        prop_assert_eq!(cells(&third.live), cells(&expected.live));
    }
}

#[test]
fn a_cell_is_gone_at_the_end_of_its_lease_even_if_its_sender_died() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    a.live.set(Cell::Location(place(1.0, NOON_MS)), 60_000, NOON_MS);
    a.live.set(Cell::Typing(true), MAX_LEASE_MS, NOON_MS);
    let batch = a.live.report(&a.device.secret, NOON_MS);
    b.take(&batch, NOON_MS + 500);
    assert_eq!(
        b.live.next_expiry(),
        Some(NOON_MS + 500 + Kind::Typing.max_lease_ms()),
        "leases are cut to their kind"
    );
    assert_eq!(b.live.expire(NOON_MS + 10_000), [(a.device.id(), Kind::Typing)]);
    assert_eq!(b.live.expire(NOON_MS + 60_499), []);
    assert_eq!(b.live.expire(NOON_MS + 60_500), [(a.device.id(), Kind::Location)]);
    assert_eq!((b.live.next_expiry(), b.live.locations().count()), (None, 0));
    assert_eq!(b.live.heard_ms(&a.device.id()), Some(NOON_MS + 500));
    let stale = b.take(&batch, NOON_MS + 70_000);
    assert_eq!((stale.changes.len(), stale.stale), (0, 1), "an expired report cannot come back");
}

#[test]
fn an_old_place_said_again_keeps_its_old_lease() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    a.live.set(Cell::Location(place(1.0, NOON_MS)), 60_000, NOON_MS);
    let later = NOON_MS + 50_000;
    a.live.set(Cell::Typing(true), 5_000, later);
    let batch = a.live.report(&a.device.secret, later);
    b.take(&batch, later);
    assert_eq!(
        b.live.expire(NOON_MS + 60_000).len(),
        2,
        "ten seconds were left of the place, five of the typing"
    );
}

#[test]
fn the_time_that_a_relay_held_a_report_is_taken_off_its_lease() {
    let (mut a, mut relay, mut c) = (Member::new(1), Member::new(2), Member::new(3));
    a.live.set(Cell::Location(place(1.0, NOON_MS)), 60_000, NOON_MS);
    relay.take(&a.live.report(&a.device.secret, NOON_MS), NOON_MS);
    let later = NOON_MS + 45_000;
    let batch = relay.live.delta(&mut PeerView::default(), later, MAX_BATCH_BYTES).unwrap();
    c.take(&batch, later);
    assert_eq!(c.live.next_expiry(), Some(later + 15_000));
    assert_eq!(c.live.heard_ms(&a.device.id()), Some(NOON_MS));
}

#[test]
fn a_neighbour_gets_what_it_lacks_once() {
    let (mut a, mut b, mut c) = (Member::new(1), Member::new(2), Member::new(3));
    let mut view = PeerView::default();
    let batch = a.report(&[presence(Status::Here)], NOON_MS);
    b.live.accept(&batch, NOON_MS, MEMBER, Some(&mut view)).unwrap();
    assert_eq!(b.live.delta(&mut view, NOON_MS, MAX_BATCH_BYTES), None, "it came from there");
    let mut to_c = learned(&c.live.vector());
    let batch = b.live.delta(&mut to_c, NOON_MS, MAX_BATCH_BYTES).unwrap();
    c.take(&batch, NOON_MS);
    assert_eq!(b.live.delta(&mut to_c, NOON_MS, MAX_BATCH_BYTES), None);
    let again = a.report(&[presence(Status::Away)], NOON_MS + 1);
    b.take(&again, NOON_MS + 1);
    assert!(b.live.delta(&mut to_c, NOON_MS + 1, MAX_BATCH_BYTES).is_some());
    let reconnected = learned(&c.live.vector());
    assert_eq!(c.live.delta(&mut reconnected.clone(), NOON_MS + 1, MAX_BATCH_BYTES), None);
    assert!(
        b.live.delta(&mut reconnected.clone(), NOON_MS + 1, MAX_BATCH_BYTES).is_some(),
        "the lost one again"
    );
    b.live.expire(NOON_MS + MAX_LEASE_MS);
    assert_eq!(b.live.delta(&mut PeerView::default(), NOON_MS + MAX_LEASE_MS, MAX_BATCH_BYTES), None);
}

fn learned(words: &[u8]) -> PeerView {
    let mut view = PeerView::default();
    assert_eq!(view.learn(words, NOON_MS), Ok(true));
    view
}

#[test]
fn what_a_neighbour_declined_is_not_passed_on_until_it_wants_it_again() {
    let (mut a, mut b, mut c) = (Member::new(1), Member::new(2), Member::new(3));
    let batch = a.report(&[presence(Status::Here)], NOON_MS);
    b.take(&batch, NOON_MS);
    b.report(&[presence(Status::Busy)], NOON_MS);
    let mut view = PeerView::of(&c.device.id());
    let authors = [a.device.id(), b.device.id()];
    assert_eq!(view.learn(&declined(authors.iter()), NOON_MS), Ok(true));
    let told = b.live.delta(&mut view, NOON_MS, MAX_BATCH_BYTES).unwrap();
    let taken = c.take(&told, NOON_MS);
    assert_eq!(taken.fresh, [b.device.id()], "what b says of itself, and not what c gets elsewhere");
    assert_eq!(b.live.delta(&mut view, NOON_MS, MAX_BATCH_BYTES), None);
    let taken = c.take(&batch, NOON_MS);
    assert_eq!((taken.fresh, taken.echoed), (vec![a.device.id()], vec![]));
    let again = c.take(&batch, NOON_MS);
    assert_eq!((again.fresh, again.echoed), (vec![], vec![a.device.id()]), "that was told twice");
    assert_eq!(view.learn(&declined([].iter()), NOON_MS), Ok(true));
    assert!(b.live.delta(&mut view, NOON_MS, MAX_BATCH_BYTES).is_some(), "wanted again");
}

#[test]
fn a_list_of_the_declined_ends_by_itself_and_a_repeated_one_lives_on() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let batch = a.report(&[presence(Status::Here)], NOON_MS);
    b.take(&batch, NOON_MS);
    let mut view = PeerView::default();
    let author = a.device.id();
    let word = declined([author].iter());
    assert_eq!(view.learn(&word, NOON_MS), Ok(true));
    assert!(!b.live.owes(&view, &author, NOON_MS + DECLINE_MS - 1));
    assert!(b.live.owes(&view, &author, NOON_MS + DECLINE_MS), "its end may have been said in vain");
    assert_eq!(view.learn(&word, NOON_MS + 8_000), Ok(true));
    assert!(!b.live.owes(&view, &author, NOON_MS + DECLINE_MS));
    let late = NOON_MS + 8_000 + DECLINE_MS;
    assert!(b.live.delta(&mut view, late - 1, MAX_BATCH_BYTES).is_none());
    assert!(b.live.delta(&mut view, late, MAX_BATCH_BYTES).is_some());
    assert!(!b.live.owes(&view, &author, late), "once is enough");
}

#[test]
fn who_declines_without_measure_declines_for_itself_and_within_a_bound() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let most: Vec<DeviceId> = (0..=MAX_DEVICES as u64)
        .map(|n| DeviceId::from_bytes([n.to_le_bytes(); 4].concat().try_into().unwrap()))
        .collect();
    let word = declined(most.iter());
    assert_eq!(word.len(), 3 + MAX_DEVICES * 8, "our own list is cut to its limit");
    let (mut hostile, mut honest) = (PeerView::default(), PeerView::default());
    for _ in 0..3 {
        assert_eq!(hostile.learn(&word, NOON_MS), Ok(true));
    }
    let more = [&[3][..], &(MAX_DEVICES as u16 + 1).to_le_bytes(), &vec![7; (MAX_DEVICES + 1) * 8]].concat();
    assert_eq!(hostile.learn(&more, NOON_MS), Err(LiveError::Malformed));
    let batch = a.report(&[presence(Status::Here)], NOON_MS);
    b.take(&batch, NOON_MS);
    let own = b.report(&[presence(Status::Here)], NOON_MS);
    let everybody = declined([a.device.id(), b.device.id()].iter());
    assert_eq!(hostile.learn(&everybody, NOON_MS), Ok(true));
    let told = b.live.delta(&mut hostile, NOON_MS, MAX_BATCH_BYTES).unwrap();
    assert_eq!(told, own, "it hears what b says of itself, and nothing else");
    let told = b.live.delta(&mut honest, NOON_MS, MAX_BATCH_BYTES).unwrap();
    assert!(told.len() > own.len(), "and others hear what they did before");
}

#[test]
fn nobody_is_told_its_own_word() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let batch = a.report(&[presence(Status::Here)], NOON_MS);
    b.take(&batch, NOON_MS);
    assert_eq!(b.live.delta(&mut PeerView::of(&a.device.id()), NOON_MS, MAX_BATCH_BYTES), None);
    assert!(b.live.delta(&mut PeerView::default(), NOON_MS, MAX_BATCH_BYTES).is_some());
}

#[test]
fn a_budget_is_kept_and_the_longest_waiting_go_first() {
    let mut hub = Member::new(50);
    for n in 0..40 {
        let mut member = Member::new(n);
        let batch = member.report(&[Cell::Location(place(n as f64, NOON_MS))], NOON_MS + n);
        hub.take(&batch, NOON_MS + n);
    }
    let mut view = PeerView::default();
    let first = Member::new(0).device.id();
    let mut got = Member::new(51);
    let batch = hub.live.delta(&mut view, NOON_MS + 100, 1_000).unwrap();
    assert!(batch.len() <= 1_000);
    got.take(&batch, NOON_MS + 100);
    assert!(got.live.get(&first, Kind::Location).is_some());
    let mut rounds = 1;
    while let Some(batch) = hub.live.delta(&mut view, NOON_MS + 100, 1_000) {
        got.take(&batch, NOON_MS + 100);
        rounds += 1;
    }
    assert_eq!(got.live.locations().count(), 40);
    assert!(rounds <= 8, "{rounds}");
}

#[test]
fn a_newer_start_of_the_engine_beats_any_count_of_the_older() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    for n in 0..30 {
        let batch = a.report(&[presence(Status::Here)], NOON_MS + n);
        b.take(&batch, NOON_MS + n);
    }
    a.live = Live::new(GROUP, a.device.id(), NOON_MS + 40);
    let batch = a.report(&[presence(Status::Away)], NOON_MS + 40);
    assert_eq!(b.take(&batch, NOON_MS + 40).changes.len(), 1);
}

#[test]
fn what_is_forged_or_foreign_is_refused_and_spoils_nothing_else() {
    let (mut a, mut b, mut c) = (Member::new(1), Member::new(2), Member::new(3));
    let good = a.report(&[presence(Status::Here)], NOON_MS);
    let outsider = c.report(&[presence(Status::Here)], NOON_MS);
    let honest = a.device.id();
    let both = [&[1, 2, 0], &good[3..], &outsider[3..]].concat();
    let outcome = b.live.accept(&both, NOON_MS, &|d| *d == honest, None).unwrap();
    assert_eq!((outcome.changes.len(), outcome.refused), (1, 1));
    let fresh = a.report(&[presence(Status::Busy)], NOON_MS + 1);
    for at in 9..fresh.len() {
        let mut forged = fresh.clone();
        forged[at] ^= 4;
        let changed = b.live.accept(&forged, NOON_MS + 1, MEMBER, None).map_or(0, |o| o.changes.len());
        assert_eq!(changed, 0, "byte {at}");
    }
    let mut elsewhere = Live::new(GroupId::from_bytes([1; 32]), b.device.id(), NOON_MS);
    assert_eq!(
        elsewhere.accept(&fresh, NOON_MS, MEMBER, None).unwrap().refused,
        1,
        "signed for another group"
    );
    let mine = b.report(&[presence(Status::Here)], NOON_MS);
    assert_eq!(b.take(&mine, NOON_MS).refused, 1, "nobody tells us our own place");
}

#[test]
fn a_cell_taken_back_and_a_member_gone_are_forgotten() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let batch = a.report(&[presence(Status::Here), Cell::Typing(true)], NOON_MS);
    b.take(&batch, NOON_MS);
    a.live.clear(Kind::Typing);
    let batch = a.live.report(&a.device.secret, NOON_MS + 1);
    let changes = b.take(&batch, NOON_MS + 1).changes;
    assert_eq!((changes.len(), changes[0].kind, &changes[0].cell), (1, Kind::Typing, &None));
    b.live.forget(&a.device.id());
    assert_eq!(b.live.all(Kind::Presence).count(), 0);
}

#[test]
fn coarsening_says_no_more_than_its_cell_and_never_sharpens() {
    let exact = place(52.516_266, NOON_MS);
    assert_eq!(exact.coarsen(Precision::Exact), exact);
    let near = exact.coarsen(Precision::Approximate);
    assert_eq!((near.altitude_dm, near.speed_cms, near.heading_cdeg), (None, None, None));
    assert_eq!(near.precision, Precision::Approximate);
    assert!(near.accuracy_m() >= 390.0, "{}", near.accuracy_m());
    assert!((near.lat_deg() - exact.lat_deg()).abs() <= 0.0026);
    let city = exact.coarsen(Precision::City);
    assert!((city.lat_deg() - exact.lat_deg()).abs() <= 0.11 && city.accuracy_m() >= 15_000.0);
    assert_eq!(city.coarsen(Precision::Exact), city, "a coarse place stays coarse");
    assert_eq!(near.coarsen(Precision::Approximate).lat_e7, near.lat_e7);
}

proptest! {
    #[test]
    fn places_of_one_cell_are_told_as_one_place(lat in -89.0..89.0_f64, lon in -179.0..179.0_f64, dx in 0..900_i32) {
        let fix = |lat_deg, lon_deg| Fix {
            lat_deg, lon_deg, accuracy_m: 1.0, altitude_m: None, speed_mps: None, heading_deg: None, time_ms: 0,
        };
        let there = Location::new(&fix(lat, lon)).unwrap().coarsen(Precision::City);
        let on_earth = there.lat_e7.abs() <= 900_000_000 && there.lon_e7.abs() <= 1_800_000_000;
        prop_assert!(on_earth);
        // A step of at most 1 m towards the middle stays in the cell.
        let step = f64::from(dx) * 1e-8 * (there.lat_deg() - lat).signum();
        let moved = Location::new(&fix(lat + step, lon)).unwrap().coarsen(Precision::City);
        prop_assert_eq!((moved.lat_e7, moved.lon_e7), (there.lat_e7, there.lon_e7));
    }

    #[test]
    fn measurements_out_of_range_make_no_place(lat in 90.001..1e9_f64, lon in 180.001..1e9_f64) {
        let fix = |lat_deg, lon_deg| Fix {
            lat_deg, lon_deg, accuracy_m: f64::NAN, altitude_m: None, speed_mps: Some(1e30), heading_deg: Some(-1.0), time_ms: 0,
        };
        prop_assert!(Location::new(&fix(lat, 0.0)).is_none() && Location::new(&fix(0.0, -lon)).is_none());
        prop_assert!(Location::new(&fix(f64::NAN, 0.0)).is_none());
        prop_assert_eq!(Location::new(&fix(0.0, 0.0)).unwrap().heading_cdeg, Some(35_900));
    }
}

#[test]
fn foreign_bytes_are_refused_by_name() {
    let mut a = Member::new(1);
    let accept = |live: &mut Live, bytes: &[u8]| live.accept(bytes, NOON_MS, MEMBER, None);
    assert_eq!(accept(&mut a.live, &[]), Err(LiveError::Malformed));
    assert_eq!(accept(&mut a.live, &[4, 0, 0]), Err(LiveError::Version(4)));
    assert_eq!(accept(&mut a.live, &[1, 0, 0]), Ok(Accepted::default()));
    assert_eq!(accept(&mut a.live, &vec![1; MAX_BATCH_BYTES + 1]), Err(LiveError::Malformed));
    let mut view = PeerView::default();
    for bytes in [&[2, 1, 0][..], &[3, 1, 0], &[3, 0, 0, 9], &[2, 255, 255]] {
        assert_eq!(accept(&mut a.live, bytes), Err(LiveError::Malformed), "no batch");
        assert_eq!(view.learn(bytes, NOON_MS), Err(LiveError::Malformed));
    }
    for bytes in [&[][..], &[1, 0, 0], &[2], &[4, 0, 0], &[0, 0, 0]] {
        assert_eq!(view.learn(bytes, NOON_MS), Ok(false), "not a word about the neighbour");
    }
    assert_eq!(view.learn(&[2, 0, 0], NOON_MS), Ok(true));
    assert_eq!(view, PeerView::default());
    assert_eq!(view.learn(&[3, 0, 0], NOON_MS), Ok(true));
}

#[test]
fn fuzzed_batches_and_vectors_never_panic() {
    let mut rng = rng(5);
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let batch =
        a.report(&[Cell::Location(place(1.0, NOON_MS)), presence(Status::Here), Cell::Typing(true)], NOON_MS);
    let words =
        [a.live.vector(), declined([a.device.id(), b.device.id(), DeviceId::from_bytes([9; 32])].iter())];
    let mut learnt = 0;
    for round in 0..90_000 {
        let mut bytes = bent(if round % 3 == 0 { &batch } else { &words[round % 3 - 1] }, &mut rng);
        if round % 10 == 0 {
            let len = rng.next_u32() as usize % 300;
            bytes = noise(len, &mut rng);
        }
        let mut view = PeerView::default();
        learnt += usize::from(view.learn(&bytes, NOON_MS) == Ok(true));
        let _ = b.live.delta(&mut view, NOON_MS, MAX_BATCH_BYTES);
        if let Ok(outcome) = b.live.accept(&bytes, NOON_MS, MEMBER, None) {
            assert!(outcome.changes.is_empty() || bytes[9..] == batch[9..], "a bent report was believed");
        }
    }
    assert!(learnt > 1_000, "the form of a word survives some of it: {learnt}");
    for word in &words {
        for cut in 3..word.len() {
            assert_eq!(PeerView::default().learn(&word[..cut], NOON_MS), Err(LiveError::Malformed), "{cut}");
        }
    }
}

#[test]
fn a_wall_clock_set_back_lengthens_no_lease() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    a.live.set(Cell::Typing(true), MAX_LEASE_MS, NOON_MS);
    let batch = a.live.report(&a.device.secret, NOON_MS - 86_400_000 * 60);
    b.take(&batch, NOON_MS);
    assert_eq!(b.live.next_expiry(), Some(NOON_MS + Kind::Typing.max_lease_ms()));
}

#[test]
fn a_batch_that_is_whole_is_the_last_and_one_that_is_cut_is_not_whole() {
    let mut relay = Member::new(1);
    for seed in 2..300 {
        let mut member = Member::new(seed);
        let batch = member.report(&[presence(Status::Here), Cell::Location(place(1.0, NOON_MS))], NOON_MS);
        relay.take(&batch, NOON_MS);
    }
    let mut view = PeerView::default();
    let mut batches = 0;
    while let Some(batch) = relay.live.delta(&mut view, NOON_MS, MAX_BATCH_BYTES) {
        batches += 1;
        let more = relay.live.delta(&mut view.clone(), NOON_MS, MAX_BATCH_BYTES).is_some();
        assert_ne!(relay.live.is_whole(&batch), more, "batch {batches} of {} bytes", batch.len());
    }
    assert!(batches >= 2, "one batch does not hold 298 reports");
}
