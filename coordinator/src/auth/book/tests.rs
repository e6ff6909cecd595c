//! Accounts, sessions and their refresh tokens, against a store in memory.

use super::*;
use halloo_store::memory::{Fault, MemoryStore};
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;
const KEY: ClientId = ClientId([1; 32]);

struct Place {
    book: Book,
    store: MemoryStore,
    rng: ChaCha20Rng,
    events: Vec<What>,
}

impl Place {
    fn new() -> Self {
        let book = Book::new(&Secret::new([5; 32]), 30);
        Place { book, store: MemoryStore::new(), rng: ChaCha20Rng::from_seed([6; 32]), events: Vec::new() }
    }

    fn keep(&mut self, change: Change) {
        self.store.commit(&change.batch).unwrap();
        self.events.extend(change.events.iter().map(|event| event.what));
    }

    fn register(&mut self, key: ClientId, begin: &Begin) -> Result<Opened, Refused> {
        let (change, opened) = self.book.register(&self.store, key, begin, (NOW, &mut self.rng))?;
        self.keep(change);
        Ok(opened)
    }

    fn refresh(&mut self, token: &Refresh, now_ms: u64) -> Result<Refresh, Refused> {
        let (change, opened) =
            self.book.refresh(&self.store, (&KEY, token), (now_ms, &mut self.rng)).unwrap();
        self.keep(change);
        opened.map(|opened| opened.refresh)
    }
}

#[test]
fn a_key_opens_one_account_and_a_username_belongs_to_one() {
    let mut place = Place::new();
    let names = Names { username: Some("anna".to_owned()), email: None };
    let begin = Begin { names, password: None, device_name: "phone".to_owned() };
    let opened = place.register(KEY, &begin).unwrap();
    assert!(matches!(place.register(KEY, &Begin::default()), Err(Refused::KeyTaken)));
    assert!(matches!(place.register(ClientId([2; 32]), &begin), Err(Refused::NameTaken)));
    let other = place.register(ClientId([2; 32]), &Begin::default()).unwrap();
    assert_ne!(other.account, opened.account);
    let devices = place.book.devices(&place.store, &opened.account).unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(place.book.device_name(&KEY, &devices[0].1), "phone");
    let disk = place.store.range(b"a").unwrap();
    let holds = |word: &[u8]| disk.iter().any(|(_, value)| value.windows(word.len()).any(|at| at == word));
    assert!(!holds(b"anna") && !holds(b"phone"), "names are sealed");
}

#[test]
fn a_lost_answer_is_repeated_until_its_successor_is_used_and_then_it_is_reuse() {
    let mut place = Place::new();
    let first = place.register(KEY, &Begin::default()).unwrap().refresh;
    let second = place.refresh(&first, NOW).unwrap();
    for _ in 0..3 {
        assert_eq!(place.refresh(&first, NOW).unwrap().to_text(), second.to_text());
    }
    let third = place.refresh(&second, NOW).unwrap();
    assert_eq!(place.refresh(&second, NOW).unwrap().to_text(), third.to_text());
    assert!(matches!(place.refresh(&first, NOW), Err(Refused::Ended)));
    assert!(matches!(place.refresh(&third, NOW), Err(Refused::Ended)), "the whole family has ended");
    assert_eq!(place.events, [What::Registered, What::RefreshReused]);
}

#[test]
fn what_was_never_given_ends_no_session() {
    let mut place = Place::new();
    let opened = place.register(KEY, &Begin::default()).unwrap();
    let made_up = Refresh::draw(&Secret::new([9; 32]), opened.session, &mut place.rng);
    assert!(matches!(place.refresh(&made_up, NOW), Err(Refused::Ended)));
    place.refresh(&opened.refresh, NOW).unwrap();
}

#[test]
fn a_store_that_fails_ends_no_session() {
    let mut place = Place::new();
    let opened = place.register(KEY, &Begin::default()).unwrap();
    place.store.fail_next(Fault::CrashBeforeDurable);
    let mut batch = Batch::new();
    batch.put(b"k".to_vec(), Vec::new());
    place.store.commit(&batch).unwrap_err();
    let failed = place.book.refresh(&place.store, (&KEY, &opened.refresh), (NOW, &mut place.rng));
    assert!(matches!(failed, Err(Refused::Store(_))));
}

#[test]
fn a_new_login_ends_the_session_before_and_silence_ends_any() {
    let mut place = Place::new();
    let first = place.register(KEY, &Begin::default()).unwrap();
    let (change, second) = place.book.login(&place.store, KEY, (NOW, &mut place.rng)).unwrap();
    place.keep(change);
    assert!(matches!(place.refresh(&first.refresh, NOW), Err(Refused::Ended)));
    let next = place.refresh(&second.refresh, NOW + 30 * DAY_MS).unwrap();
    assert!(matches!(place.refresh(&next, NOW + 61 * DAY_MS), Err(Refused::Ended)));
    place.book.session(&place.store, &KEY, &second.session, NOW + 60 * DAY_MS).unwrap();
    let unknown = place.book.login(&place.store, ClientId([9; 32]), (NOW, &mut place.rng));
    assert!(matches!(unknown, Err(Refused::Unknown)));
}

#[test]
fn what_is_printed_of_an_account_holds_no_name_and_no_hash() {
    let mut place = Place::new();
    let names = Names { username: Some("anna".to_owned()), email: Some("anna@halloo.example".to_owned()) };
    let cost = rows::Cost { memory_kib: 16, passes: 1 };
    let password = Some(Password { cost, salt: [201; 16], hash: [202; 32] });
    let begin = Begin { names, password, device_name: "Anna's phone".to_owned() };
    let (change, _) = place.book.register(&place.store, KEY, &begin, (NOW, &mut place.rng)).unwrap();
    let row = Account { password: begin.password.clone(), ..Account::new(Day::of_ms(NOW), Vec::new()) };
    let printed = format!("{begin:?} {change:?} {:?} {row:?}", begin.names);
    for secret in ["anna", "Anna", "201", "202"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains("Registered"), "{printed}");
}

#[test]
fn damaged_rows_are_no_rows() {
    let mut place = Place::new();
    place.register(KEY, &Begin::default()).unwrap();
    let row = place.store.get(&rows::device_key(&KEY)).unwrap().unwrap();
    for damaged in [&row[..row.len() - 1], &[&row[..], &[0]].concat(), &[2], &[]] {
        let mut batch = Batch::new();
        batch.put(rows::device_key(&KEY), damaged.to_vec());
        place.store.commit(&batch).unwrap();
        assert!(matches!(place.book.login(&place.store, KEY, (NOW, &mut place.rng)), Err(Refused::Unknown)));
    }
}
