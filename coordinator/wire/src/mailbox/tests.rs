//! Tests: the bytes of mailboxes, read and refused.

use halloo_crypto::mailbox::{Day, MailboxSecret};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn key(seed: u8) -> DayKey {
    MailboxSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32])).day_key(Day::of_ms(NOW))
}

fn origin() -> Origin {
    "https://halloo.example".parse().unwrap()
}

fn deposit(class: SizeClass, seed: u8) -> Deposit {
    Deposit { address: key(seed).address(), item: MailboxItem([seed; 16]), bytes: vec![seed; class.bytes()] }
}

#[test]
fn a_batch_reads_back_and_only_batches_of_a_power_of_two_do() {
    let batch: Vec<_> =
        SizeClass::ALL.into_iter().zip(1..).map(|(class, seed)| deposit(class, seed)).collect();
    let bytes = write_deposits(&batch);
    assert_eq!(read_deposits(&bytes), Ok(batch));
    let mut three = bytes.clone();
    three[2] = 3;
    assert_eq!(read_deposits(&three), Err(Malformed::TooLong));
    let mut none = bytes.clone();
    none[2] = 0;
    assert_eq!(read_deposits(&none), Err(Malformed::TooLong));
    assert_eq!(read_deposits(&bytes[..bytes.len() - 1]), Err(Malformed::Short));
    assert_eq!(read_deposits(&[bytes, vec![0]].concat()), Err(Malformed::NotCanonical));
}

#[test]
fn the_owner_is_believed_about_its_address_at_this_coordinator_and_near_its_time() {
    let asks = [
        What::Fetch { after: None, limit: 1 },
        What::Fetch { after: Some(MailboxItem([2; 16])), limit: PAGE_ITEMS_MAX },
        What::Acknowledge(vec![]),
        What::Acknowledge(vec![MailboxItem([1; 16]); ACKNOWLEDGED_MAX]),
        What::Watch,
    ];
    let other: Origin = "https://other.example".parse().unwrap();
    for what in asks {
        let bytes = Ask::sign(what.clone(), &key(1), &origin(), NOW);
        let ask = SignedAsk::read(&bytes).unwrap();
        assert_eq!(ask.claimed(), key(1).address());
        let verified = ask.clone().verify(&origin(), NOW + CLOCK_SKEW_MAX_MS).unwrap();
        assert_eq!((verified.address, verified.what), (key(1).address(), what));
        assert_eq!(ask.clone().verify(&other, NOW), Err(AskError::BadSignature));
        assert_eq!(ask.verify(&origin(), NOW + CLOCK_SKEW_MAX_MS + 1), Err(AskError::ClockSkew));
    }
}

#[test]
fn whoever_knows_the_address_but_is_not_its_owner_is_refused() {
    let mut bytes = Ask::sign(What::Watch, &key(2), &origin(), NOW);
    bytes[2..34].copy_from_slice(&key(1).address().0);
    assert_eq!(SignedAsk::read(&bytes).unwrap().verify(&origin(), NOW), Err(AskError::BadSignature));
}

#[test]
fn every_changed_bit_of_an_ask_is_refused() {
    let bytes = Ask::sign(What::Fetch { after: None, limit: 9 }, &key(1), &origin(), NOW);
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let read = SignedAsk::read(&changed).ok().and_then(|ask| ask.verify(&origin(), NOW).ok());
        assert_eq!(read, None, "bit {bit}");
    }
}

#[test]
fn pages_outcomes_and_wakes_read_back() {
    let items = vec![(MailboxItem([1; 16]), vec![7; 1_024]), (MailboxItem([2; 16]), vec![8; 4_096])];
    for page in [Page::default(), Page { more: true, items }] {
        assert_eq!(Page::read(&page.write()), Ok(page));
    }
    let outcomes = [Outcome::Stored, Outcome::Full, Outcome::NoAddress];
    assert_eq!(read_outcomes(&write_outcomes(&outcomes)), Ok(outcomes.to_vec()));
    let address = key(1).address();
    for why in [NotWatched::BadSignature, NotWatched::ClockSkew, NotWatched::TooMany] {
        assert_eq!(Told::read(&Told::NotWatched(address, why).write()), Ok(Told::NotWatched(address, why)));
    }
    assert_eq!(Told::read(&Told::Wake(address).write()), Ok(Told::Wake(address)));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_in_their_one_spelling(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), version in 0..2_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        if let Ok(batch) = read_deposits(&bytes) {
            prop_assert_eq!(&write_deposits(&batch), &bytes);
        }
        if let Ok(outcomes) = read_outcomes(&bytes) {
            prop_assert_eq!(&write_outcomes(&outcomes), &bytes);
        }
        if let Ok(page) = Page::read(&bytes) {
            prop_assert_eq!(&page.write(), &bytes);
        }
        if let Ok(told) = Told::read(&bytes) {
            prop_assert_eq!(&told.write(), &bytes);
        }
        if let Ok(ask) = SignedAsk::read(&bytes) {
            prop_assert!(ask.verify(&origin(), NOW).is_err());
        }
    }

    #[test]
    fn a_cut_or_changed_page_is_refused_or_another_page(cut in 0..5_200_usize, at in 0..5_200_usize, byte in any::<u8>()) {
        let items = vec![(MailboxItem([1; 16]), vec![7; 1_024]), (MailboxItem([2; 16]), vec![8; 4_096])];
        let mut bytes = Page { more: false, items }.write();
        let end = bytes.len();
        bytes[at % end] = byte;
        bytes.truncate(cut);
        if let Ok(page) = Page::read(&bytes) {
            prop_assert_eq!(page.write(), bytes);
        }
    }
}
