//! What lies in mailboxes, judged beside a plain model, and what the rows give away.

use super::*;
use halloo_crypto::mailbox::{MailboxSecret, nobodys};
use halloo_store::memory::{Fault, MemoryStore};
use halloo_store::sled_store::SledStore;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeMap;

const DAY_MS: u64 = 86_400_000;
const NOW: u64 = 20_000 * DAY_MS + 7 * 3_600_000;
const LIMITS: Limits =
    Limits { days: 14, items_per_address: 8, bytes_per_address: 64 << 10, bytes: 256 << 10 };

struct Room {
    store: MemoryStore,
    mailboxes: Mailboxes,
}

impl Room {
    fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    fn on(store: MemoryStore) -> Self {
        let mailboxes = Mailboxes::open(&store, LIMITS).unwrap();
        Room { store, mailboxes }
    }

    fn commit(&mut self, prepared: Prepared) {
        self.store.commit(&prepared.batch).unwrap();
        self.mailboxes.settle(&prepared.receipt, true);
    }

    fn leave(&mut self, address: MailboxAddress, name: u8, kib: usize, now: u64) -> Outcome {
        let (prepared, outcomes) =
            self.mailboxes.deposit(&self.store, vec![item(address, name, kib)], now).unwrap();
        self.commit(prepared);
        outcomes[0]
    }

    fn names(&self, address: &MailboxAddress, now: u64) -> Vec<u8> {
        let page = Mailboxes::fetch(&self.store, address, None, 64, now).unwrap();
        page.items.iter().map(|(name, _)| name.0[0]).collect()
    }

    fn acknowledge(&mut self, address: &MailboxAddress, names: &[u8]) {
        let names: Vec<_> = names.iter().map(|name| MailboxItem([*name; 16])).collect();
        let prepared = self.mailboxes.acknowledge(&self.store, address, &names).unwrap();
        self.commit(prepared);
    }

    fn expire(&mut self, now: u64) {
        while let Some(prepared) = self.mailboxes.expire(&self.store, now).unwrap() {
            self.commit(prepared);
        }
    }

    fn rows(&self) -> usize {
        self.store.range(&[]).unwrap().len()
    }
}

fn item(address: MailboxAddress, name: u8, kib: usize) -> Deposit {
    Deposit { address, item: MailboxItem([name; 16]), bytes: vec![name; kib << 10] }
}

fn address(seed: u8) -> MailboxAddress {
    let mut rng = ChaCha20Rng::from_seed([seed; 32]);
    MailboxSecret::generate(&mut rng).public().address(Day(20_000))
}

#[test]
fn what_is_left_is_fetched_until_it_is_acknowledged_and_then_leaves_no_row() {
    let mut room = Room::new();
    let (mine, other) = (address(1), address(2));
    assert_eq!(room.leave(mine, 3, 1, NOW), Outcome::Stored);
    assert_eq!(room.leave(mine, 1, 4, NOW), Outcome::Stored);
    assert_eq!(room.leave(other, 9, 1, NOW), Outcome::Stored);
    assert_eq!(room.names(&mine, NOW), [1, 3]);
    assert_eq!(room.names(&mine, NOW), [1, 3], "fetching changes nothing");
    room.acknowledge(&mine, &[3, 3, 77]);
    assert_eq!(room.names(&mine, NOW), [1]);
    room.acknowledge(&mine, &[1]);
    room.acknowledge(&mine, &[1]);
    assert!(room.names(&mine, NOW).is_empty());
    room.acknowledge(&other, &[9]);
    assert_eq!((room.rows(), room.mailboxes.bytes()), (0, 0));
}

#[test]
fn an_item_left_twice_lies_there_once_also_while_it_is_on_its_way_to_the_disk() {
    let mut room = Room::new();
    let mine = address(1);
    let first = room.mailboxes.deposit(&room.store, vec![item(mine, 1, 1), item(mine, 1, 1)], NOW).unwrap();
    let second = room.mailboxes.deposit(&room.store, vec![item(mine, 1, 1), item(mine, 2, 1)], NOW).unwrap();
    assert_eq!((&first.1[..], &second.1[..]), (&[Outcome::Stored; 2][..], &[Outcome::Stored; 2][..]));
    room.commit(first.0);
    room.commit(second.0);
    assert_eq!(room.leave(mine, 1, 1, NOW + DAY_MS), Outcome::Stored);
    assert_eq!(room.names(&mine, NOW), [1, 2]);
    assert_eq!(room.mailboxes.bytes(), 2 << 10);
    room.acknowledge(&mine, &[1, 2]);
    assert_eq!(room.rows(), 0, "the tally has counted each once");
}

#[test]
fn a_full_mailbox_refuses_and_harms_no_other() {
    let mut room = Room::new();
    let (mine, other) = (address(1), address(2));
    for name in 1..=8 {
        assert_eq!(room.leave(mine, name, 1, NOW), Outcome::Stored);
    }
    assert_eq!(room.leave(mine, 9, 1, NOW), Outcome::Full);
    assert_eq!(room.leave(mine, 8, 1, NOW), Outcome::Stored, "what is there already needs no room");
    assert_eq!(room.leave(other, 1, 48, NOW), Outcome::Stored);
    assert_eq!(room.leave(other, 2, 48, NOW), Outcome::Full, "bytes are counted too");
    let batch = vec![item(other, 2, 48), item(other, 3, 4), item(mine, 9, 1), item(address(3), 1, 1)];
    let (prepared, outcomes) = room.mailboxes.deposit(&room.store, batch, NOW).unwrap();
    assert_eq!(outcomes, [Outcome::Full, Outcome::Stored, Outcome::Full, Outcome::Stored]);
    room.commit(prepared);
    room.acknowledge(&mine, &[4]);
    assert_eq!(room.leave(mine, 9, 1, NOW), Outcome::Stored);
}

#[test]
fn quotas_hold_while_many_batches_are_under_way() {
    let mut room = Room::new();
    let mine = address(1);
    let mut under_way = Vec::new();
    let mut stored = 0;
    for name in 1..=12 {
        let (prepared, outcomes) =
            room.mailboxes.deposit(&room.store, vec![item(mine, name, 1)], NOW).unwrap();
        stored += usize::from(outcomes[0] == Outcome::Stored);
        under_way.push(prepared);
    }
    under_way.into_iter().for_each(|prepared| room.commit(prepared));
    assert_eq!((stored, room.names(&mine, NOW).len()), (8, 8));
}

#[test]
fn all_mailboxes_together_have_a_limit_that_a_restart_remembers() {
    let mut room = Room::new();
    for seed in 1..=5 {
        assert_eq!(room.leave(address(seed), 1, 48, NOW), Outcome::Stored);
    }
    assert_eq!(room.leave(address(6), 1, 48, NOW), Outcome::Full);
    let mut room = Room::on(room.store);
    assert_eq!(room.mailboxes.bytes(), 240 << 10);
    assert_eq!(room.leave(address(6), 1, 48, NOW), Outcome::Full);
    assert_eq!(room.leave(address(6), 1, 16, NOW), Outcome::Stored);
}

#[test]
fn what_is_no_point_is_no_address_and_what_fills_a_batch_up_is_one() {
    let mut room = Room::new();
    let mut no_point = MailboxAddress([0xFF; 32]);
    no_point.0[0] = 0xFE;
    let identity = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        MailboxAddress(bytes)
    };
    assert_eq!(room.leave(no_point, 1, 1, NOW), Outcome::NoAddress);
    assert_eq!(room.leave(identity, 1, 1, NOW), Outcome::NoAddress);
    assert_eq!(room.rows(), 0);
    let nobodys = nobodys(&mut ChaCha20Rng::from_seed([5; 32]));
    assert_eq!(room.leave(nobodys, 1, 1, NOW), Outcome::Stored);
}

#[test]
fn an_item_lives_its_days_and_is_gone_on_the_next_with_every_row() {
    let mut room = Room::new();
    let (mine, other) = (address(1), address(2));
    room.leave(mine, 1, 1, NOW);
    room.leave(other, 1, 1, NOW);
    room.leave(mine, 2, 1, NOW + DAY_MS);
    let last = NOW + 14 * DAY_MS;
    room.expire(last);
    assert_eq!(room.names(&mine, last), [1, 2]);
    let after = NOW - 7 * 3_600_000 + 15 * DAY_MS;
    assert_eq!(room.names(&mine, after), [2], "not shown even before it is swept away");
    assert_eq!(room.leave(mine, 1, 4, after), Outcome::Stored, "nor does it stand in the way of a new one");
    assert_eq!(room.names(&mine, after), [1, 2]);
    room.expire(after);
    assert_eq!((room.names(&mine, after), room.names(&other, after)), (vec![1, 2], vec![]));
    assert_eq!(room.mailboxes.bytes(), 5 << 10);
    room.expire(after + 16 * DAY_MS);
    assert_eq!((room.rows(), room.mailboxes.bytes()), (0, 0));
}

#[test]
fn a_change_that_fails_counts_for_nothing() {
    let mut room = Room::new();
    let mine = address(1);
    let (prepared, _) = room.mailboxes.deposit(&room.store, vec![item(mine, 1, 48)], NOW).unwrap();
    room.store.fail_next(Fault::Full);
    room.store.commit(&prepared.batch).unwrap_err();
    room.mailboxes.settle(&prepared.receipt, false);
    assert_eq!(room.mailboxes.bytes(), 0);
    assert_eq!(room.leave(mine, 1, 48, NOW), Outcome::Stored);
    assert_eq!(room.names(&mine, NOW), [1]);
}

#[test]
fn pages_are_bounded_by_items_and_by_bytes_and_go_on_where_they_ended() {
    let store = MemoryStore::new();
    let limits = Limits { items_per_address: 200, bytes_per_address: 1 << 30, bytes: 1 << 30, ..LIMITS };
    let mut mailboxes = Mailboxes::open(&store, limits).unwrap();
    let mine = address(1);
    for name in 1..=100_u8 {
        let (prepared, _) =
            mailboxes.deposit(&store, vec![item(mine, name, if name > 40 { 48 } else { 1 })], NOW).unwrap();
        store.commit(&prepared.batch).unwrap();
        mailboxes.settle(&prepared.receipt, true);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = Mailboxes::fetch(&store, &mine, after.as_ref(), 64, NOW).unwrap();
        assert!(page.items.len() <= 64);
        assert!(page.items.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() <= PAGE_BYTES_MAX);
        assert!(!page.items.is_empty(), "every page brings something");
        seen.extend(page.items.iter().map(|(name, _)| name.0[0]));
        after = page.items.last().map(|(name, _)| *name);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
}

#[test]
fn the_rows_of_a_day_say_nothing_of_order_time_or_who_left_them() {
    let leave = |order: &[u8], now: u64| {
        let mut room = Room::new();
        for name in order {
            room.leave(address(name % 2), *name, 1, now + u64::from(*name) * 1_000);
        }
        room.store.range(&[]).unwrap()
    };
    let forwards = leave(&[1, 2, 3, 4, 5, 6], NOW);
    assert_eq!(forwards, leave(&[6, 5, 4, 3, 2, 1], NOW));
    assert_eq!(forwards, leave(&[3, 1, 2, 6, 4, 5], NOW + 5 * 3_600_000));
    // 6 items, 2 tallies, 2 notes of a day: nothing else is there.
    assert_eq!(forwards.len(), 10);
}

#[test]
fn a_thousand_power_cuts_lose_nothing_that_was_acknowledged_and_leave_no_half_of_anything() {
    for seed in 0..1_000_u32 {
        let mut rng = ChaCha20Rng::from_seed(std::array::from_fn(|at| seed.to_be_bytes()[at % 4]));
        let mut room = Room::new();
        let mut acknowledged = BTreeSet::new();
        let cut_at = rng.next_u32() % 12;
        for turn in 0..=cut_at {
            let mine = (rng.next_u32() % 3) as u8;
            let names: Vec<u8> = (0..=rng.next_u32() % 3).map(|_| (rng.next_u32() % 6) as u8 + 1).collect();
            let items = names.iter().map(|name| item(address(mine), *name, 1)).collect();
            let fetched = rng.next_u32().is_multiple_of(4);
            let prepared = if fetched {
                let names: Vec<_> = names.iter().map(|name| MailboxItem([*name; 16])).collect();
                room.mailboxes.acknowledge(&room.store, &address(mine), &names).unwrap()
            } else {
                room.mailboxes.deposit(&room.store, items, NOW).unwrap().0
            };
            if turn == cut_at {
                let bytes = rng.next_u32() as usize % 4_096;
                let faults =
                    [Fault::CrashBeforeDurable, Fault::TornWrite { bytes }, Fault::CrashAfterDurable];
                room.store.fail_next(faults[rng.next_u32() as usize % 3]);
                room.store.commit(&prepared.batch).unwrap_err();
                names.iter().filter(|_| fetched).for_each(|name| _ = acknowledged.remove(&(mine, *name)));
                break;
            }
            room.commit(prepared);
            for name in names {
                if fetched {
                    acknowledged.remove(&(mine, name))
                } else {
                    acknowledged.insert((mine, name))
                };
            }
        }
        let mut room = Room::on(MemoryStore::from_disk(&room.store.disk()));
        let mut there = 0;
        for mine in 0..3 {
            let names = room.names(&address(mine), NOW);
            let expected = acknowledged.iter().filter(|(of, _)| *of == mine);
            assert!(expected.clone().all(|(_, name)| names.contains(name)), "cut {seed}");
            there += names.len() as u64;
        }
        assert_eq!(room.mailboxes.bytes(), there << 10, "cut {seed}: the tally is of what is there");
        (0..3).for_each(|mine| room.acknowledge(&address(mine), &[1, 2, 3, 4, 5, 6]));
        assert_eq!(room.rows(), 0, "cut {seed}");
    }
}

#[test]
fn one_script_leaves_the_same_rows_and_pages_on_a_disk_as_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SledStore::open(&folder.path().join("store")).unwrap().0;
    let (memory, mut disk) = (MemoryStore::new(), Some(open()));
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let mut now = NOW;
    let mut rooms =
        [&memory as &dyn Store, disk.as_ref().unwrap()].map(|s| Mailboxes::open(s, LIMITS).unwrap());
    for turn in 0..200 {
        let (of, name, what) =
            (address((rng.next_u32() % 3) as u8), (rng.next_u32() % 9) as u8 + 1, rng.next_u32() % 8);
        now += u64::from(rng.next_u32() % 3) * DAY_MS / 2;
        let stores = [&memory as &dyn Store, disk.as_ref().unwrap()];
        for (store, room) in stores.into_iter().zip(&mut rooms) {
            let prepared = match what {
                0..=4 => room.deposit(store, vec![item(of, name, 1), item(of, name + 1, 16)], now).unwrap().0,
                5 | 6 => room.acknowledge(store, &of, &[MailboxItem([name; 16])]).unwrap(),
                _ => room.expire(store, now).unwrap().unwrap_or_default(),
            };
            store.commit(&prepared.batch).unwrap();
            room.settle(&prepared.receipt, true);
        }
        if turn % 50 == 49 {
            // A restart in between changes nothing.
            drop(disk.take());
            disk = Some(open());
            rooms[1] = Mailboxes::open(disk.as_ref().unwrap(), LIMITS).unwrap();
        }
        let disk = disk.as_ref().unwrap();
        assert_eq!(memory.range(&[]).unwrap(), disk.range(&[]).unwrap(), "turn {turn}");
        let pages = [&memory as &dyn Store, disk].map(|s| Mailboxes::fetch(s, &of, None, 3, now).unwrap());
        assert_eq!(pages[0], pages[1]);
        assert_eq!(rooms[0].bytes(), rooms[1].bytes());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Leave(Vec<(u8, u8, bool)>),
    Acknowledge(u8, Vec<u8>),
    Days(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        6 => proptest::collection::vec((0..4_u8, 1..10_u8, any::<bool>()), 1..6).prop_map(Step::Leave),
        3 => (0..4_u8, proptest::collection::vec(1..10_u8, 0..5)).prop_map(|(a, n)| Step::Acknowledge(a, n)),
        1 => (0..9_u8).prop_map(Step::Days),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The model: a map from address and name to day of expiry and size, with the same limits.
    #[test]
    fn the_room_does_what_a_plain_map_would_do(steps in steps()) {
        let mut room = Room::new();
        let mut model: BTreeMap<(u8, u8), (Day, usize)> = BTreeMap::new();
        let mut now = NOW;
        for step in steps {
            match step {
                Step::Leave(items) => for (a, name, large) in items {
                    let (kib, today) = (if large { 16 } else { 1 }, Day::of_ms(now));
                    let of_a = model.iter().filter(|((of, _), _)| *of == a);
                    let (count, bytes) = of_a.fold((0, 0), |(n, b), (_, (_, size))| (n + 1, b + size));
                    let total: usize = model.values().map(|(_, size)| size).sum();
                    let there = model.contains_key(&(a, name));
                    let fits = count < 8 && bytes + (kib << 10) <= 64 << 10 && total + (kib << 10) <= 256 << 10;
                    if !there && fits {
                        model.insert((a, name), (today.after(15), kib << 10));
                    }
                    let expected = if there || fits { Outcome::Stored } else { Outcome::Full };
                    prop_assert_eq!(room.leave(address(a), name, kib, now), expected);
                },
                Step::Acknowledge(a, names) => {
                    room.acknowledge(&address(a), &names);
                    model.retain(|(of, name), _| *of != a || !names.contains(name));
                }
                Step::Days(days) => {
                    now += u64::from(days) * DAY_MS;
                    model.retain(|_, (expires, _)| *expires > Day::of_ms(now));
                    room.expire(now);
                }
                Step::Restart => room = Room::on(MemoryStore::from_disk(&room.store.disk())),
            }
            for a in 0..4 {
                let expected: Vec<u8> = model.keys().filter(|(of, _)| *of == a).map(|(_, name)| *name).collect();
                prop_assert_eq!(room.names(&address(a), now), expected);
            }
            let total: usize = model.values().map(|(_, size)| size).sum();
            prop_assert_eq!(room.mailboxes.bytes(), total as u64);
        }
        for a in 0..4 {
            room.acknowledge(&address(a), &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
        prop_assert_eq!(room.rows(), 0);
    }
}
