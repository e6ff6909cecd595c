//! API keys, against a store in memory.

use super::super::super::rights::{By, ROLES, Role, SCOPES};
use super::super::{Begin, audit};
use super::*;
use halloo_crypto::id::ClientId;
use halloo_store::memory::MemoryStore;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;
const TODAY: Day = Day(20_833);
const HOST: Hand = Hand::Host;

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

    fn make(&mut self, scopes: &[Scope], days: Option<u16>, hand: Hand) -> Result<KeyText, Refused> {
        let begin =
            KeyBegin { name: "backup script".to_owned(), scopes: scopes.iter().copied().collect(), days };
        let (change, key) = self.book.make_key(&self.store, &begin, hand, (NOW, &mut self.rng))?;
        self.store.commit(&change.batch).unwrap();
        assert_eq!(
            change.events,
            [audit::Event { what: What::KeyMade, subject: key.id, by: Some(hand.by()) }]
        );
        Ok(key)
    }

    fn good(&self, key: &KeyText, today: Day) -> Result<ApiKey, Refused> {
        self.book.good_key(&self.store, key, today)
    }
}

#[test]
fn a_key_is_found_by_its_text_and_nothing_of_it_lies_in_the_store() {
    let mut place = Place::new();
    let key = place.make(&[Scope::AuditRead], None, HOST).unwrap();
    let text = key.to_text();
    let row = place.good(&KeyText::read(&text).unwrap(), TODAY).unwrap();
    assert_eq!((row.made, row.ends, row.used, row.maker), (TODAY.0, None, None, None));
    assert_eq!(place.book.key_name(&key.id, &row), "backup script");
    let disk = place.store.disk();
    let holds = |word: &[u8]| disk.windows(word.len()).any(|at| at == word);
    assert!(!holds(key.secret.expose()) && !holds(text.as_bytes()) && !holds(b"backup"));
    assert!(!format!("{key:?} {row:?}").contains(&text[40..50]));
}

#[test]
fn a_key_with_another_secret_or_name_is_none() {
    let mut place = Place::new();
    let (key, other) =
        (place.make(&[Scope::AuditRead], None, HOST).unwrap(), place.make(&[], None, HOST).unwrap());
    for wrong in [
        KeyText { id: key.id, secret: other.secret.clone() },
        KeyText { id: other.id, secret: key.secret.clone() },
        KeyText { id: [0; 16], secret: key.secret.clone() },
    ] {
        assert!(matches!(place.good(&wrong, TODAY), Err(Refused::KeyNeeded)));
    }
}

#[test]
fn a_key_is_good_to_the_end_of_its_last_day_and_forgotten_after() {
    let mut place = Place::new();
    let key = place.make(&[Scope::AuditRead], Some(7), HOST).unwrap();
    place.good(&key, TODAY.after(7)).unwrap();
    assert!(matches!(place.good(&key, TODAY.after(8)), Err(Refused::KeyNeeded)));
    assert!(forget(&place.store, TODAY.after(7)).unwrap().is_empty());
    place.store.commit(&forget(&place.store, TODAY.after(8)).unwrap()).unwrap();
    assert!(place.book.keys(&place.store).unwrap().is_empty());
}

#[test]
fn its_use_is_noted_once_a_day_and_never_brings_it_back() {
    let mut place = Place::new();
    let key = place.make(&[Scope::AuditRead], None, HOST).unwrap();
    let (first, ()) = place.book.use_key(&place.store, &key.id, TODAY).unwrap();
    assert!(first.events.is_empty(), "that a key is used is no change to anything");
    place.store.commit(&first.batch).unwrap();
    assert_eq!(place.good(&key, TODAY).unwrap().used, Some(TODAY.0));
    assert!(place.book.use_key(&place.store, &key.id, TODAY).unwrap().0.batch.is_empty());
    let (revoked, ()) = place.book.revoke_key(&place.store, &key.id, HOST).unwrap();
    assert_eq!(revoked.events[0].by, Some(By::Host));
    place.store.commit(&revoked.batch).unwrap();
    assert!(place.book.use_key(&place.store, &key.id, TODAY.after(1)).unwrap().0.batch.is_empty());
    assert!(matches!(place.book.revoke_key(&place.store, &key.id, HOST), Err(Refused::Absent)));
}

#[test]
fn there_are_no_more_keys_than_a_page_has() {
    let mut place = Place::new();
    for _ in 0..KEYS_MAX {
        place.make(&[Scope::AuditRead], None, HOST).unwrap();
    }
    assert!(matches!(place.make(&[Scope::AuditRead], None, HOST), Err(Refused::Keys)));
    assert_eq!(place.book.keys(&place.store).unwrap().len(), KEYS_MAX);
}

#[test]
fn a_key_does_what_its_scopes_and_its_maker_both_may_and_never_makes_another() {
    let mut place = Place::new();
    let told = (NOW, &mut place.rng);
    let (change, opened) =
        place.book.register(&place.store, ClientId([1; 32]), &Begin::default(), told).unwrap();
    place.store.commit(&change.batch).unwrap();
    let makers = [(HOST, None), (Hand::Account(opened.account, Role::Operator), Some(opened.account))];
    let roles = || [None].into_iter().chain(ROLES.into_iter().map(|(role, _)| Some(role)));
    for ((maker, account), role) in
        makers.into_iter().flat_map(|maker| roles().map(move |role| (maker, role)))
    {
        let (change, ()) = place.book.set_role(&place.store, &opened.account, role, HOST).unwrap();
        if !change.batch.is_empty() {
            place.store.commit(&change.batch).unwrap();
        }
        for (scope, _) in SCOPES {
            let key = place.make(&[scope], None, maker).unwrap();
            let row = place.good(&key, TODAY).unwrap();
            for (asked, _) in SCOPES {
                let by_maker =
                    account.is_none() || role.is_some_and(|role| role.allows(Right::Scoped(asked)));
                let allowed = place.book.key_allows(&place.store, &row, Right::Scoped(asked));
                assert_eq!(allowed.is_ok(), asked == scope && by_maker, "{scope:?} {asked:?} {role:?}");
            }
            assert!(matches!(
                place.book.key_allows(&place.store, &row, Right::Keys),
                Err(Refused::ScopeNeeded)
            ));
            let (revoked, ()) = place.book.revoke_key(&place.store, &key.id, HOST).unwrap();
            place.store.commit(&revoked.batch).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn a_text_is_read_in_one_spelling_only(id in any::<[u8; 16]>(), secret in any::<[u8; 32]>(), at in 0..100_usize) {
        let key = KeyText { id, secret: Secret::new(secret) };
        let text = key.to_text();
        prop_assert_eq!(text.len(), 100);
        let read = KeyText::read(&text).unwrap();
        prop_assert_eq!((read.id, read.hash()), (key.id, key.hash()));
        let upper = text.to_ascii_uppercase();
        let bent = format!("{}{}{}", &text[..at], &upper[at..=at], &text[at + 1..]);
        prop_assert!(bent == text || KeyText::read(&bent).is_none());
        prop_assert!(KeyText::read(&text[..at]).is_none());
    }

    #[test]
    fn whatever_is_sent_for_a_key_is_read_or_not(text in "(hk_)?[0-9a-f_]{0,110}|.{0,40}") {
        if let Some(key) = KeyText::read(&text) {
            prop_assert_eq!(key.to_text(), text);
        }
    }
}
