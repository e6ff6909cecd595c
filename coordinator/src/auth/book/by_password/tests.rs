//! Passwords, codes and recovery codes, each taken once.

use super::super::Begin;
use super::super::rows::{Cost, Names};
use super::*;
use halloo_crypto::secret::Secret;
use halloo_store::memory::MemoryStore;
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;

fn password(salt: u8) -> Password {
    Password { cost: Cost { memory_kib: 16, passes: 1 }, salt: [salt; 16], hash: [1; 32] }
}

struct Place {
    book: Book,
    store: MemoryStore,
    rng: ChaCha20Rng,
    account: Id,
    events: Vec<What>,
}

impl Place {
    fn new() -> Self {
        let (book, store) = (Book::new(&Secret::new([5; 32]), 30), MemoryStore::new());
        let mut rng = ChaCha20Rng::from_seed([6; 32]);
        let names = Names { username: Some("anna".to_owned()), email: None };
        let begin = Begin { names, password: Some(password(1)), device_name: String::new() };
        let (change, opened) = book.register(&store, ClientId([1; 32]), &begin, (NOW, &mut rng)).unwrap();
        store.commit(&change.batch).unwrap();
        Place { book, store, rng, account: opened.account, events: Vec::new() }
    }

    fn keep(&mut self, change: &Change) {
        self.store.commit(&change.batch).unwrap();
        self.events.extend(change.events.iter().map(|event| event.what));
    }

    fn login(&mut self, key: u8, code: Option<&str>, now_ms: u64) -> Result<Opened, Refused> {
        let kept = self.book.rows.account(&self.store, &self.account)?.unwrap().password.unwrap();
        let checked = Checked { account: self.account, kept: &kept, renewed: None, code };
        let device = (ClientId([key; 32]), "other");
        let (change, opened) =
            self.book.login_by_password(&self.store, device, checked, (now_ms, &mut self.rng))?;
        self.keep(&change);
        opened
    }

    fn enrol(&mut self) -> ([u8; totp::SECRET_BYTES], Vec<String>) {
        let (change, secret) = self.book.enrol(&self.store, &self.account, &mut self.rng).unwrap();
        self.keep(&change);
        let code = totp::code(&secret, NOW / 30_000);
        let confirm = (&self.account, code.as_str());
        let (change, codes) = self.book.confirm(&self.store, confirm, (NOW, &mut self.rng)).unwrap();
        self.keep(&change);
        (secret, codes.unwrap())
    }
}

#[test]
fn a_password_brings_a_key_in_and_what_was_changed_meanwhile_is_not_overwritten() {
    let mut place = Place::new();
    assert_eq!(place.login(2, None, NOW).unwrap().account, place.account);
    assert_eq!(place.book.devices(&place.store, &place.account).unwrap().len(), 2);
    place.login(2, None, NOW).unwrap();
    assert_eq!(place.book.devices(&place.store, &place.account).unwrap().len(), 2);
    let old = password(9);
    let checked = Checked { account: place.account, kept: &old, renewed: None, code: None };
    let device = (ClientId([3; 32]), "");
    let moved = place.book.login_by_password(&place.store, device, checked, (NOW, &mut place.rng));
    assert!(matches!(moved, Err(Refused::Moved)));
    for key in 3..=16 {
        place.login(key, None, NOW).unwrap();
    }
    assert!(matches!(place.login(17, None, NOW), Err(Refused::Devices)));
}

#[test]
fn a_code_is_asked_for_once_it_was_confirmed_and_taken_once() {
    let mut place = Place::new();
    let (change, _) = place.book.enrol(&place.store, &place.account, &mut place.rng).unwrap();
    place.keep(&change);
    place.login(2, None, NOW).expect("nobody has shown a code yet");
    let (secret, _) = place.enrol();
    assert!(matches!(place.login(2, None, NOW), Err(Refused::CodeNeeded)));
    let next = totp::code(&secret, NOW / 30_000 + 1);
    place.login(2, Some(&next), NOW).unwrap();
    assert!(matches!(place.login(2, Some(&next), NOW), Err(Refused::Unknown)));
    assert!(matches!(place.book.enrol(&place.store, &place.account, &mut place.rng), Err(Refused::Enrolled)));
    assert_eq!(place.events.last(), Some(&What::LoginRefused));
    let (change, ()) = place.book.unenrol(&place.store, &place.account).unwrap();
    place.keep(&change);
    place.login(2, None, NOW).unwrap();
}

#[test]
fn each_recovery_code_stands_in_once_however_it_is_typed() {
    let mut place = Place::new();
    let (_, codes) = place.enrol();
    assert_eq!(codes.len(), RECOVERY_CODES);
    let typed = format!(" {}-{} ", &codes[3][..8].to_lowercase(), &codes[3][8..]);
    place.login(2, Some(&typed), NOW).unwrap();
    assert!(place.events.contains(&What::RecoveryUsed));
    assert!(matches!(place.login(2, Some(&codes[3]), NOW), Err(Refused::Unknown)));
    place.login(2, Some(&codes[4]), NOW).unwrap();
    assert!(matches!(place.login(2, Some(""), NOW), Err(Refused::Unknown)));
}

#[test]
fn a_password_needs_a_name_and_keeps_it() {
    let mut place = Place::new();
    let none = Names::default();
    let taken = place.book.set_profile(&place.store, &place.account, &none, &mut place.rng);
    assert!(matches!(taken, Err(Refused::NameNeeded)));
    let (change, ()) = place.book.set_password(&place.store, &place.account, None).unwrap();
    place.keep(&change);
    let (change, _) = place.book.set_profile(&place.store, &place.account, &none, &mut place.rng).unwrap();
    place.keep(&change);
    let set = place.book.set_password(&place.store, &place.account, Some(password(2)));
    assert!(matches!(set, Err(Refused::NameNeeded)));
}
