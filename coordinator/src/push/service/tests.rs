//! What is registered, for how long, and what a power cut or a full room leaves of it.

use super::*;
use halloo_crypto::mailbox::MailboxSecret;
use halloo_store::memory::{Fault, MemoryStore};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeMap;

/// Seven hours into a day.
const NOW: u64 = 20_000 * DAY_MS + 7 * 3_600_000;
const DAY_MS: u64 = 86_400_000;

struct Room {
    store: MemoryStore,
    registrations: Registrations,
}

fn address(seed: u8) -> MailboxAddress {
    MailboxSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32])).day_key(Day::of_ms(NOW)).address()
}

fn token(seed: u8) -> Registered {
    let gateway = seed.is_multiple_of(2).then(|| "https://gateway.example".parse().unwrap());
    Registered { gateway, token: Box::new(SealedToken([seed; 1_024])) }
}

impl Room {
    fn on(store: MemoryStore) -> Self {
        let registrations = Registrations::open(&store, 3).unwrap();
        Room { store, registrations }
    }

    fn register(&mut self, of: MailboxAddress, seed: u8, days: u8, now_ms: u64) -> Result<(), Refused> {
        let batch = self.registrations.register(&self.store, (of, token(seed)), days, now_ms).unwrap()?;
        self.store.commit(&batch).unwrap();
        Ok(())
    }

    fn forget(&mut self, of: &MailboxAddress, only: Option<u8>) {
        let only = only.map(|seed| SealedToken([seed; 1_024]));
        let batch = self.registrations.forget(&self.store, of, only.as_ref()).unwrap();
        self.store.commit(&batch).unwrap();
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some(batch) = self.registrations.expire(&self.store, now_ms).unwrap() {
            self.store.commit(&batch).unwrap();
        }
    }

    fn look(&self, of: &MailboxAddress, now_ms: u64) -> Option<Registered> {
        Registrations::look(&self.store, of, now_ms).unwrap()
    }

    fn rows(&self) -> usize {
        self.store.range(&[]).unwrap().len()
    }
}

#[test]
fn what_is_registered_is_there_after_a_restart_and_the_later_takes_the_place_of_the_earlier() {
    let mut room = Room::on(MemoryStore::new());
    room.register(address(1), 1, 3, NOW).unwrap();
    room.register(address(1), 2, 5, NOW).unwrap();
    let room = Room::on(MemoryStore::from_disk(&room.store.disk()));
    assert_eq!(room.look(&address(1), NOW), Some(token(2)));
    assert!(room.registrations.has(&address(1)) && !room.registrations.has(&address(2)));
    assert_eq!((room.registrations.len(), room.rows()), (1, 2));
}

#[test]
fn a_registration_lives_its_days_and_leaves_no_row() {
    let mut room = Room::on(MemoryStore::new());
    room.register(address(1), 1, 1, NOW).unwrap();
    room.register(address(2), 2, 30, NOW).unwrap();
    let tomorrow = NOW + DAY_MS;
    room.expire(tomorrow);
    assert_eq!(room.look(&address(1), tomorrow), Some(token(1)));
    let after = NOW - 7 * 3_600_000 + 2 * DAY_MS;
    assert_eq!(room.look(&address(1), after), None, "not even before it is swept away");
    room.expire(after);
    assert_eq!((room.registrations.len(), room.rows()), (1, 2));
    room.expire(NOW + 31 * DAY_MS);
    assert!(room.registrations.is_empty());
    assert_eq!(room.rows(), 0);
}

#[test]
fn a_full_room_takes_what_it_knows_already_and_nothing_new() {
    let mut room = Room::on(MemoryStore::new());
    for seed in 1..=3 {
        room.register(address(seed), seed, 1, NOW).unwrap();
    }
    assert_eq!(room.register(address(4), 4, 1, NOW), Err(Refused::Full));
    room.register(address(3), 9, 1, NOW).unwrap();
    room.forget(&address(1), None);
    room.register(address(4), 4, 1, NOW).unwrap();
    assert_eq!(room.register(MailboxAddress([0xFF; 32]), 1, 1, NOW), Err(Refused::NoAddress));
}

#[test]
fn a_dead_token_takes_no_newer_one_with_it() {
    let mut room = Room::on(MemoryStore::new());
    room.register(address(1), 1, 1, NOW).unwrap();
    room.register(address(1), 2, 1, NOW).unwrap();
    room.forget(&address(1), Some(1));
    assert_eq!(room.look(&address(1), NOW), Some(token(2)));
    room.forget(&address(1), Some(2));
    room.forget(&address(1), Some(2));
    assert_eq!((room.look(&address(1), NOW), room.rows()), (None, 0));
}

#[test]
fn a_registration_that_the_disk_did_not_take_counts_for_nothing() {
    let mut room = Room::on(MemoryStore::new());
    for (seed, before) in [(1, false), (2, true)] {
        if before {
            room.register(address(seed), seed, 1, NOW).unwrap();
        }
        let new = (address(seed), token(9));
        let batch = room.registrations.register(&room.store, new, 1, NOW).unwrap().unwrap();
        room.store.fail_next(Fault::Full);
        room.store.commit(&batch).unwrap_err();
        room.registrations.failed(&room.store, &address(seed));
        assert_eq!(room.registrations.has(&address(seed)), before);
        assert_eq!(room.look(&address(seed), NOW).is_some(), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_lies_in_a_row_is_read_or_is_not_and_harms_nothing(
        value in proptest::collection::vec(any::<u8>(), 0..1_200),
    ) {
        if let Some(row) = rows::Row::read(&value) {
            prop_assert_eq!(row.write().len(), value.len());
        }
        let mut room = Room::on(MemoryStore::new());
        let mut batch = Batch::new();
        batch.put(rows::registered_key(&address(1)), value);
        room.store.commit(&batch).unwrap();
        room.look(&address(1), NOW);
        room.register(address(1), 1, 1, NOW).unwrap();
        prop_assert_eq!(room.look(&address(1), NOW), Some(token(1)));
    }

    /// The model: a map from address to token and day of expiry.
    #[test]
    fn the_room_does_what_a_plain_map_would_do(
        steps in proptest::collection::vec((0..5_u8, 0..4_u8, 1..6_u8), 1..60),
    ) {
        let mut room = Room::on(MemoryStore::new());
        let mut model: BTreeMap<u8, (u8, Day)> = BTreeMap::new();
        let mut now = NOW;
        for (what, of, days) in steps {
            match what {
                0 | 1 => {
                    let fits = model.contains_key(&of) || model.len() < 3;
                    prop_assert_eq!(room.register(address(of), days, days, now).is_ok(), fits);
                    if fits {
                        model.insert(of, (days, Day::of_ms(now).after(u32::from(days) + 1)));
                    }
                }
                2 => {
                    room.forget(&address(of), None);
                    model.remove(&of);
                }
                3 => {
                    now += u64::from(days) * DAY_MS;
                    room.expire(now);
                    model.retain(|_, (_, expires)| *expires > Day::of_ms(now));
                }
                _ => room = Room::on(MemoryStore::from_disk(&room.store.disk())),
            }
            for of in 0..4 {
                let expected = model.get(&of).map(|(seed, _)| token(*seed));
                prop_assert_eq!(room.look(&address(of), now), expected);
            }
            prop_assert_eq!((room.registrations.len(), room.rows()), (model.len(), 2 * model.len()));
        }
    }
}
