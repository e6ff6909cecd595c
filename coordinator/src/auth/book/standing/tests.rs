//! Roles, suspensions and what is done by others, against a store in memory.

use super::super::super::rights::{By, ROLES};
use super::super::{Begin, Opened};
use super::*;
use halloo_crypto::secret::Secret;
use halloo_store::batch::Batch;
use halloo_store::memory::MemoryStore;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;
const TODAY: Day = Day(20_833);
const DEVICE: ClientId = ClientId([1; 32]);

struct Place {
    book: Book,
    store: MemoryStore,
    rng: ChaCha20Rng,
}

impl Place {
    fn new() -> Self {
        let book = Book::new(&Secret::new([5; 32]), 30);
        Place { book, store: MemoryStore::new(), rng: ChaCha20Rng::from_seed([6; 32]) }
    }

    fn keep(&self, change: &Change) {
        if !change.batch.is_empty() {
            self.store.commit(&change.batch).unwrap();
        }
    }

    fn register(&mut self, device: ClientId) -> Opened {
        let told = (NOW, &mut self.rng);
        let (change, opened) = self.book.register(&self.store, device, &Begin::default(), told).unwrap();
        self.keep(&change);
        opened
    }

    fn login(&mut self) -> Result<Opened, Refused> {
        self.book.login(&self.store, DEVICE, (NOW, &mut self.rng)).map(|(_, opened)| opened)
    }

    fn suspended(&self, account: &Id, since: Option<Day>) -> Vec<Event> {
        let (change, ()) = self.book.set_suspended(&self.store, account, since, Hand::Host).unwrap();
        self.keep(&change);
        change.events
    }

    fn role(&self, account: &Id, role: Option<Role>) -> Vec<Event> {
        let (change, ()) = self.book.set_role(&self.store, account, role, Hand::Host).unwrap();
        self.keep(&change);
        change.events
    }
}

#[test]
fn a_suspended_account_neither_logs_in_nor_goes_on_and_its_session_is_there_afterwards() {
    let mut place = Place::new();
    let opened = place.register(DEVICE);
    let noted = place.suspended(&opened.account, Some(TODAY));
    let event = Event { what: What::Suspended, subject: opened.account, by: Some(By::Host) };
    assert_eq!(noted, [event]);
    assert!(matches!(place.login(), Err(Refused::Suspended)));
    let token = (&DEVICE, &opened.refresh);
    let refreshed = place.book.refresh(&place.store, token, (NOW, &mut place.rng));
    assert!(matches!(refreshed, Err(Refused::Suspended)));
    assert!(matches!(place.book.admit_device(&place.store, &DEVICE), Err(Refused::Suspended)));
    place.book.admit_device(&place.store, &ClientId([9; 32])).unwrap();
    assert!(place.suspended(&opened.account, Some(Day(20_900))).is_empty(), "it is already");
    assert_eq!(place.book.standing(&place.store, &opened.account).unwrap().suspended, Some(TODAY.0));
    place.suspended(&opened.account, None);
    place.book.refresh(&place.store, token, (NOW, &mut place.rng)).unwrap().1.unwrap();
    assert!(place.store.range(ROWS).unwrap().is_empty(), "nothing is left of it");
}

#[test]
fn a_role_is_given_and_taken_once_each_and_goes_with_the_account() {
    let mut place = Place::new();
    let account = place.register(DEVICE).account;
    for (role, _) in ROLES {
        assert_eq!(place.role(&account, Some(role))[0].what, What::became(Some(role)));
        assert!(place.role(&account, Some(role)).is_empty());
        assert_eq!(place.book.with_roles(&place.store).unwrap(), [account]);
    }
    assert!(matches!(place.book.set_role(&place.store, &[9; 16], None, Hand::Host), Err(Refused::Absent)));
    assert_eq!(place.role(&account, None)[0].what, What::RoleTaken);
    assert!(place.book.with_roles(&place.store).unwrap().is_empty());
    place.role(&account, Some(Role::Operator));
    let forgotten = place.book.forget(&place.store, &account, &[DEVICE]).unwrap();
    place.keep(&forgotten);
    assert_eq!(place.book.standing(&place.store, &account).unwrap(), Standing::default());
}

#[test]
fn who_is_suspended_acts_by_no_role() {
    let both = Standing { role: Some(Role::Operator), suspended: Some(TODAY.0) };
    assert_eq!(both.acts(), None);
    assert_eq!(Standing { suspended: None, ..both }.acts(), Some(Role::Operator));
}

#[test]
fn a_row_that_cannot_be_read_suspends_and_gives_no_role() {
    let mut place = Place::new();
    let account = place.register(DEVICE).account;
    for row in
        [&[][..], &[1], &[2, 3, 0, 0, 0, 0], &[1, 4, 0, 0, 0, 0], &[1, 3, 0, 0, 0], &[1, 3, 0, 0, 0, 0, 0]]
    {
        let mut batch = Batch::new();
        batch.put(key(&account), row.to_vec());
        place.store.commit(&batch).unwrap();
        assert_eq!(place.book.standing(&place.store, &account).unwrap().role, None, "{row:?}");
        place.role(&account, Some(Role::Support));
        assert!(matches!(place.login(), Err(Refused::Suspended)), "{row:?}");
    }
}

#[test]
fn all_sessions_end_together_and_only_where_all_devices_were_kept_from_others() {
    let mut place = Place::new();
    let opened = place.register(DEVICE);
    let end = |devices: &[ClientId]| {
        place.book.end_sessions(&place.store, &opened.account, devices, Hand::Key([3; 16]))
    };
    assert!(matches!(end(&[]), Err(Refused::Moved)));
    let (change, ()) = end(&[DEVICE]).unwrap();
    let by = Some(By::Key([3; 16]));
    assert_eq!(change.events, [Event { what: What::SessionsEnded, subject: opened.account, by }]);
    place.keep(&change);
    let session = place.book.session(&place.store, &DEVICE, &opened.session, NOW);
    assert!(matches!(session, Err(Refused::Ended)));
    let again = place.book.end_sessions(&place.store, &opened.account, &[DEVICE], Hand::Host).unwrap().0;
    assert!(again.events.is_empty() && again.batch.is_empty(), "there is none any more");
}

#[test]
fn accounts_are_paged_each_once_in_any_size() {
    let mut place = Place::new();
    let mut all: Vec<Id> = (0..23).map(|seed| place.register(ClientId([seed; 32])).account).collect();
    all.sort_unstable();
    for limit in [1, 5, 22, 23, 24] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = place.book.accounts(&place.store, after.as_ref(), limit).unwrap();
            assert!(page.len() <= limit);
            seen.extend(page.iter().map(|(id, _)| *id));
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "{limit} at once");
    }
}

/// How far up somebody stands, told apart from the table that is tested.
fn rank(role: Option<Role>) -> u8 {
    match role {
        None => 0,
        Some(Role::Readonly) => 1,
        Some(Role::Support) => 2,
        Some(Role::Operator) => 3,
    }
}

/// A hand, and the rank below which it reaches.
fn hands() -> impl Strategy<Value = (Hand, u8)> {
    prop_oneof![
        Just((Hand::Host, 4)),
        Just((Hand::Key([7; 16]), 1)),
        (0..3_usize).prop_map(|at| {
            let role = ROLES[at].0;
            (Hand::Account([8; 16], role), rank(Some(role)))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_tried_nobody_changes_who_stands_as_high_as_they(
        steps in proptest::collection::vec((hands(), 0..4_u8, 0..5_u8), 1..40)
    ) {
        let mut place = Place::new();
        let devices: Vec<ClientId> = (0..4).map(|seed| ClientId([seed; 32])).collect();
        let accounts: Vec<Id> = devices.iter().map(|device| place.register(*device).account).collect();
        for (account, (role, _)) in accounts.iter().skip(1).zip(ROLES) {
            place.role(account, Some(role));
        }
        for ((hand, below), target, act) in steps {
            let (account, device) = (accounts[usize::from(target)], devices[usize::from(target)]);
            let stands = rank(place.book.standing(&place.store, &account).unwrap().role);
            let there = place.book.rows.account(&place.store, &account).unwrap().is_some();
            let (book, store) = (&place.book, &place.store);
            let tried = match act {
                0 => book.set_suspended(store, &account, Some(TODAY), hand),
                1 => book.set_suspended(store, &account, None, hand),
                2 => book.end_sessions(store, &account, &[device], hand),
                3 => book.set_role(store, &account, Some(Role::Support), hand),
                _ => book.forget_by(store, &account, &[device], hand),
            };
            match tried {
                Ok((change, ())) => {
                    prop_assert!(there && stands < below);
                    prop_assert!(change.events.iter().all(|event| event.by == Some(hand.by())));
                    prop_assert_eq!(change.events.is_empty(), change.batch.is_empty());
                    place.keep(&change);
                }
                Err(Refused::Absent) => prop_assert!(!there),
                Err(Refused::Protected) => prop_assert!(there && stands >= below),
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
