//! When relays are asked, what is told of them, and which dials wait.

use super::*;
use proptest::prelude::*;

fn key(seed: u8) -> PeerKey {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes are a seed");
    PeerKey::from_public(&key.public()).expect("an Ed25519 key")
}

fn at(seed: u8, last: u8) -> Multiaddr {
    let id = key(seed).to_peer_id().expect("a key");
    format!("/ip4/10.0.0.{last}/tcp/7750/p2p/{id}").parse().expect("an address")
}

fn through(seed: u8, last: u8) -> Multiaddr {
    at(seed, last).with(Protocol::P2pCircuit)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Asks whoever is due; the listeners that came of it.
fn ask(relays: &mut Relays, now: Duration) -> Vec<(Multiaddr, ListenerId)> {
    let due = relays.due(now);
    due.into_iter()
        .map(|(relay, address)| {
            let id = ListenerId::next();
            relays.asked(now, relay, Some(id));
            (address, id)
        })
        .collect()
}

/// A relay that is ready.
fn ready(seed: u8) -> (Relays, ListenerId) {
    let mut relays = Relays::default();
    assert!(relays.want(s(0), &[at(seed, 1)]).is_empty());
    let (address, id) = ask(&mut relays, s(0)).pop().expect("it is due at once");
    assert_eq!(address, through(seed, 1));
    assert!(relays.reserved(id));
    assert!(relays.seen(&key(seed)));
    (relays, id)
}

#[test]
fn a_relay_is_ready_when_it_has_a_place_and_has_said_where_it_sees_us_in_either_order() {
    for place_first in [true, false] {
        let mut relays = Relays::default();
        relays.want(s(0), &[at(1, 1)]);
        let id = ask(&mut relays, s(0))[0].1;
        if place_first {
            assert!(relays.reserved(id));
            assert_eq!(relays.circuits(), []);
            assert!(relays.seen(&key(1)));
        } else {
            assert!(!relays.seen(&key(1)));
            assert_eq!(relays.circuits(), []);
            assert!(relays.reserved(id));
        }
        assert_eq!(relays.circuits(), [through(1, 1)]);
        assert!(!relays.reserved(id), "a second address of it is no news");
    }
}

#[test]
fn a_lost_place_is_asked_for_again_soon_and_more_rarely_only_after_minutes() {
    let (mut relays, mut id) = ready(1);
    let mut now = s(100);
    let mut pauses = Vec::new();
    for _ in 0..400 {
        assert!(relays.closed(now, id));
        assert_eq!(relays.circuits(), []);
        let due = relays.next_due().expect("it is tried again");
        pauses.push(due - now);
        now = due;
        id = ask(&mut relays, now)[0].1;
    }
    assert_eq!(pauses[..4], [250, 500, 1_000, 2_000].map(Duration::from_millis));
    let young = pauses.iter().take_while(|pause| **pause <= RETRY_YOUNG).count();
    assert!((140..170).contains(&young), "five minutes of two seconds each: {young}");
    assert!(pauses[young..].iter().all(|pause| *pause == RETRY_OLD));
    relays.reserved(id);
    relays.closed(now, id);
    assert_eq!(relays.next_due(), Some(now + RETRY_FIRST), "what stood once more counts as young again");
}

#[test]
fn the_same_wish_again_asks_at_once_and_leaves_what_stands() {
    let (mut relays, id) = ready(1);
    assert!(relays.want(s(1), &[at(1, 1)]).is_empty());
    assert_eq!(relays.circuits(), [through(1, 1)]);
    relays.closed(s(2), id);
    relays.want(s(2), &[at(1, 1), at(1, 2)]);
    assert_eq!(ask(&mut relays, s(2))[0].0, through(1, 2), "the other address of it has its turn");
}

#[test]
fn whoever_is_wanted_no_more_is_left_and_stays_known_as_a_relay() {
    let (mut relays, id) = ready(1);
    assert_eq!(relays.want(s(1), &[at(2, 2)]), [id]);
    assert_eq!(relays.circuits(), []);
    assert!(relays.is_relay(&key(1)) && relays.is_relay(&key(2)) && !relays.is_relay(&key(3)));
    assert!(!relays.closed(s(1), id));
}

#[test]
fn whoever_is_left_and_wanted_again_is_ready_with_its_place_for_it_says_where_it_sees_us_only_once() {
    let (mut relays, _) = ready(1);
    relays.want(s(1), &[]);
    relays.want(s(2), &[at(1, 1)]);
    let id = ask(&mut relays, s(2))[0].1;
    assert_eq!(relays.circuits(), []);
    assert!(relays.reserved(id));
    assert_eq!(relays.circuits(), [through(1, 1)]);
}

#[test]
fn relays_and_their_addresses_are_bounded_and_what_has_no_name_is_none() {
    let mut relays = Relays::default();
    let mut wanted: Vec<_> = (0..30).flat_map(|seed| (0..20).map(move |last| at(seed, last))).collect();
    wanted.insert(0, "/ip4/10.0.0.1/tcp/7750".parse().expect("an address"));
    relays.want(s(0), &wanted);
    assert_eq!(relays.list.len(), RELAYS_MAX);
    assert!(relays.list.values().all(|relay| relay.addresses.len() == ADDRESSES_MAX));
}

#[test]
fn a_circuit_waits_for_its_relay_and_its_time_and_goes_through_no_foreign_one() {
    let mut relays = Relays::default();
    relays.want(s(0), &[at(1, 1)]);
    relays.wait(key(5), through(1, 1), s(3));
    relays.wait(key(6), through(1, 9), s(1));
    relays.wait(key(6), through(2, 1), s(0));
    relays.wait(key(7), at(1, 1), s(0));
    let id = ask(&mut relays, s(0))[0].1;
    assert!(relays.release(s(9)).is_empty());
    assert_eq!(relays.next_due(), None);
    relays.reserved(id);
    relays.seen(&key(1));
    assert_eq!(relays.next_due(), Some(s(1)));
    assert_eq!(relays.release(s(1)), BTreeMap::from([(key(6), vec![through(1, 9)])]));
    assert_eq!(relays.release(s(3)), BTreeMap::from([(key(5), vec![through(1, 1)])]));
    assert!(relays.release(s(99)).is_empty(), "the foreign one waits");
    relays.gone(&key(1));
    assert_eq!(relays.circuits(), [], "who is gone sees nobody");
}

#[test]
fn waiting_circuits_are_bounded_and_the_oldest_goes() {
    let mut relays = Relays::default();
    for number in 0..=WAITING_MAX {
        let peer = PeerKey([(number / 250) as u8; 32]);
        relays.wait(peer, through(1, (number % 250) as u8), s(0));
        relays.wait(peer, through(1, (number % 250) as u8), s(0));
    }
    assert_eq!(relays.waiting.len(), WAITING_MAX);
    assert_ne!(relays.waiting[0].circuit, through(1, 0));
}

proptest! {
    #[test]
    fn whatever_happens_each_relay_is_asked_once_at_a_time(
        steps in proptest::collection::vec((0u8..6, 0u8..4, 0u64..5_000), 0..200),
    ) {
        let mut relays = Relays::default();
        let mut now = Duration::ZERO;
        let mut open: Vec<ListenerId> = Vec::new();
        for (step, which, later) in steps {
            now += Duration::from_millis(later);
            match step {
                0 => {
                    let dropped = relays.want(now, &[at(which, 1), at(which + 1, 2)]);
                    open.retain(|id| !dropped.contains(id));
                }
                1 => open.extend(ask(&mut relays, now).into_iter().map(|(_, id)| id)),
                2 => drop(open.get(usize::from(which)).map(|id| relays.reserved(*id))),
                3 => {
                    if usize::from(which) < open.len() {
                        let id = open.remove(usize::from(which));
                        prop_assert!(relays.closed(now, id));
                    }
                }
                4 => drop(relays.seen(&key(which))),
                _ => relays.gone(&key(which)),
            }
            prop_assert!(open.len() <= relays.list.len());
            let idle = relays.list.len() - open.len();
            prop_assert!(relays.due(now + RETRY_OLD).len() == idle, "whoever is not asked is due");
            prop_assert!(relays.circuits().len() <= open.len());
        }
    }
}
