//! No key is taken up twice.

use halloo_crypto::secret::Secret;
use rand_core::SeedableRng;

use super::*;

fn make(secret: u8) -> impl Fn(Kid) -> MediaKey {
    move |kid| {
        let mut material = [secret; 32];
        material[..8].copy_from_slice(&kid.0.to_be_bytes());
        MediaKey::from_parts(kid, Secret::new(material))
    }
}

#[test]
fn the_same_secrets_give_the_same_key_while_it_is_in_use() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut sealing = Sealing::new(&mut rng);
    let first = sealing.take(make(1), &mut rng);
    assert_eq!(sealing.take(make(1), &mut rng), first);
}

#[test]
fn going_back_to_a_key_that_was_left_draws_another() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut sealing = Sealing::new(&mut rng);
    let first = sealing.take(make(1), &mut rng);
    let kid = sealing.kid();
    sealing.take(make(2), &mut rng);
    assert_eq!(sealing.kid(), kid, "other secrets make another key under the same id");
    let again = sealing.take(make(1), &mut rng);
    assert_ne!(again, first);
    assert_ne!(sealing.kid(), kid);
    sealing.retire();
    assert_ne!(sealing.take(make(1), &mut rng), again);
}
