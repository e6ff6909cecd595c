//! Tests: what follows from an invite secret, and what proves it.

use rand_core::SeedableRng as _;

use super::*;

fn secret(seed: u8) -> InviteSecret {
    InviteSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

#[test]
fn everything_public_follows_from_the_secret_and_says_nothing_about_another() {
    let (one, two) = (secret(1), secret(2));
    let again = InviteSecret::from_bytes(*one.to_bytes().expose());
    assert_eq!((one.id(), one.public()), (again.id(), again.public()));
    assert_eq!(one.record_key(), again.record_key());
    assert_ne!(one.id(), two.id());
    assert_ne!(one.public(), two.public());
    assert_ne!(one.record_key(), one.pairing_key());
    let printed = format!("{one:?}");
    assert!(!printed.contains(&hex::encode(one.to_bytes().expose())));
}

#[test]
fn only_the_secret_proves_and_only_its_own_message() {
    let one = secret(1);
    let proof = one.prove(b"Ada joins the ride");
    assert_eq!(verify_proof(&one.public(), b"Ada joins the ride", &proof), Ok(()));
    assert_eq!(verify_proof(&one.public(), b"Eve joins the ride", &proof), Err(IdentityError::BadSignature));
    assert_eq!(
        verify_proof(&secret(2).public(), b"Ada joins the ride", &proof),
        Err(IdentityError::BadSignature)
    );
}
