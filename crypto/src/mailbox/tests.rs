//! Tests: who computes addresses, who signs for them, and what they say of each other.

use std::collections::BTreeSet;

use curve25519_dalek::constants::EIGHT_TORSION;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

#[test]
fn whoever_knows_the_mailbox_computes_the_address_that_its_owner_signs_for() {
    let secret = MailboxSecret::generate(&mut rng(1));
    let published = Mailbox::from_bytes(&secret.public().to_bytes()).unwrap();
    for day in [Day(0), Day(20_000), Day(20_001), Day(u32::MAX)] {
        let key = secret.day_key(day);
        assert_eq!(published.address(day), key.address());
        let signature = key.sign(b"fetch");
        assert_eq!(verify(&key.address(), b"fetch", &signature), Ok(()));
        assert_eq!(verify(&key.address(), b"fetch!", &signature), Err(IdentityError::BadSignature));
    }
}

#[test]
fn the_key_of_a_day_opens_no_other_day_and_no_other_mailbox() {
    let (one, two) = (MailboxSecret::generate(&mut rng(1)), MailboxSecret::generate(&mut rng(2)));
    let signature = one.day_key(Day(5)).sign(b"fetch");
    for other in [one.day_key(Day(6)), two.day_key(Day(5))] {
        assert_eq!(verify(&other.address(), b"fetch", &signature), Err(IdentityError::BadSignature));
    }
}

#[test]
fn a_mailbox_comes_back_from_storage_as_it_was() {
    let secret = MailboxSecret::generate(&mut rng(3));
    let bytes = secret.to_bytes();
    assert_eq!(bytes.expose().len(), MailboxSecret::LEN);
    let again = MailboxSecret::from_bytes(bytes.expose()).unwrap();
    assert_eq!(again.day_key(Day(9)), secret.day_key(Day(9)));
    assert_eq!(again.public(), secret.public());
    for cut in 0..bytes.expose().len() {
        assert_eq!(MailboxSecret::from_bytes(&bytes.expose()[..cut]), Err(MailboxError::Malformed));
    }
}

#[test]
fn who_reads_what_is_published_cannot_sign() {
    let secret = MailboxSecret::generate(&mut rng(4));
    let (public, day) = (secret.public(), Day(20_000));
    // All that a member has: the owner's point and the factor. Signing by the factor alone, as if the owner's scalar were 1.
    let factor = factor(&public.owner, &public.blinding, day);
    let forged = DayKey {
        address: public.address(day),
        scalar: Secret::new(*factor.as_bytes()),
        prefix: Secret::new([0; 32]),
    };
    let signature = forged.sign(b"fetch");
    assert_eq!(verify(&public.address(day), b"fetch", &signature), Err(IdentityError::BadSignature));
}

#[test]
fn keys_of_small_order_or_with_a_torsion_part_are_refused() {
    let public = MailboxSecret::generate(&mut rng(5)).public();
    let owner = CompressedEdwardsY(public.owner).decompress().unwrap();
    for torsion in EIGHT_TORSION {
        let mut bytes = public.to_bytes();
        bytes[1..33].copy_from_slice(torsion.compress().as_bytes());
        assert_eq!(Mailbox::from_bytes(&bytes), Err(MailboxError::BadKey));
    }
    for torsion in &EIGHT_TORSION[1..] {
        let mut bytes = public.to_bytes();
        bytes[1..33].copy_from_slice((owner + torsion).compress().as_bytes());
        assert_eq!(Mailbox::from_bytes(&bytes), Err(MailboxError::BadKey));
    }
}

#[test]
fn addresses_are_all_different_and_those_of_nobody_look_like_them() {
    let mut rng = rng(6);
    let secret = MailboxSecret::generate(&mut rng);
    let mut seen: BTreeSet<_> = (0..50).map(|day| secret.day_key(Day(day)).address()).collect();
    for _ in 0..50 {
        let nobody = nobodys(&mut rng);
        let point = CompressedEdwardsY(nobody.0).decompress().unwrap();
        assert!(point.is_torsion_free() && !point.is_small_order(), "as every address is");
        seen.insert(nobody);
    }
    assert_eq!(seen.len(), 100);
}

#[test]
fn days_begin_at_midnight_and_end_at_the_next() {
    assert_eq!(Day::of_ms(0), Day(0));
    assert_eq!(Day::of_ms(DAY_MS - 1), Day(0));
    assert_eq!(Day::of_ms(DAY_MS), Day(1));
    assert_eq!(Day(1).begins_ms(), DAY_MS);
    assert_eq!((Day(0).before(1), Day(u32::MAX).after(1)), (Day(0), Day(u32::MAX)));
}

#[test]
fn sizes_have_four_classes() {
    assert_eq!(SizeClass::holding(0), Some(SizeClass::Small));
    assert_eq!(SizeClass::holding(1_024), Some(SizeClass::Small));
    assert_eq!(SizeClass::holding(1_025), Some(SizeClass::Medium));
    assert_eq!(SizeClass::holding(48 << 10), Some(SizeClass::Huge));
    assert_eq!(SizeClass::holding((48 << 10) + 1), None);
    assert_eq!(SizeClass::of(1_025), None);
}

#[test]
fn nothing_secret_is_printed() {
    let secret = MailboxSecret::generate(&mut rng(7));
    let printed = format!("{secret:?} {:?} {:?}", secret.public(), secret.day_key(Day(1)));
    assert!(!printed.contains(&hex::encode(secret.blinding.expose())));
    assert!(!printed.contains(&hex::encode(secret.day_key(Day(1)).scalar.expose())));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_a_mailbox_in_its_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(mailbox) = Mailbox::from_bytes(&bytes) {
            prop_assert_eq!(mailbox.to_bytes().to_vec(), bytes);
            let _computed = mailbox.address(Day(1));
        }
    }

    #[test]
    fn any_point_is_refused_or_has_addresses(owner in any::<[u8; 32]>()) {
        let mut bytes = [VERSION; Mailbox::LEN];
        bytes[1..33].copy_from_slice(&owner);
        if let Ok(mailbox) = Mailbox::from_bytes(&bytes) {
            prop_assert_ne!(mailbox.address(Day(1)), mailbox.address(Day(2)));
        }
    }
}

#[test]
fn what_nobody_could_sign_for_is_no_address() {
    let mut rng = rng(4);
    assert!(is_address(&MailboxSecret::generate(&mut rng).public().address(Day(20_000))));
    assert!(is_address(&nobodys(&mut rng)), "what fills a batch up cannot be told apart");
    let mut small_order = [0; 32];
    small_order[0] = 1;
    // y = p + 1 is the same point in another spelling.
    let mut another_spelling = [0xFF; 32];
    (another_spelling[0], another_spelling[31]) = (0xEE, 0x7F);
    for bad in [small_order, another_spelling] {
        assert!(!is_address(&MailboxAddress(bad)));
    }
}
