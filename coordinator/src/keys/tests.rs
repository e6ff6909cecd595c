//! Secrets that outlive a restart.

use super::*;
use halloo_store::memory::{Fault, MemoryStore};
use rand_core::SeedableRng as _;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

#[test]
fn keys_are_made_once_and_each_purpose_has_its_own() {
    let store = MemoryStore::new();
    let first = Keys::load(&store, &mut rng(1)).unwrap();
    let again = Keys::load(&MemoryStore::from_disk(&store.disk()), &mut rng(2)).unwrap();
    assert_eq!(first.secret("relay").expose(), again.secret("relay").expose());
    assert_ne!(first.secret("relay").expose(), first.secret("ticket").expose());
    let other = Keys::load(&MemoryStore::new(), &mut rng(2)).unwrap();
    assert_ne!(first.secret("relay").expose(), other.secret("relay").expose());
}

#[test]
fn keys_that_are_not_durable_are_not_used_and_damaged_ones_are_told() {
    let store = MemoryStore::new();
    store.fail_next(Fault::Full);
    assert!(matches!(Keys::load(&store, &mut rng(1)), Err(KeysError::Store(_))));
    let mut batch = Batch::new();
    batch.put(SEED, b"short".to_vec());
    store.commit(&batch).unwrap();
    assert!(matches!(Keys::load(&store, &mut rng(1)), Err(KeysError::Damaged)));
}
