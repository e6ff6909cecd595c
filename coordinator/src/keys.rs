//! The secrets of a coordinator: one seed, made at the first start and kept in the store, from which each purpose derives its own.

use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// Where the seed lies; `k` is the namespace of the house itself.
const SEED: &[u8] = b"k seed";

/// The secrets of a coordinator.
pub struct Keys(Secret<[u8; 32]>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What lies there is no seed.
    #[error("the keys of this coordinator are damaged: restore a backup into an empty data folder")]
    Damaged,
}

impl Keys {
    /// Takes them from the store, or makes them durable there at the first start.
    pub fn load(store: &dyn Store, rng: &mut ChaCha20Rng) -> Result<Self, KeysError> {
        if let Some(kept) = store.get(SEED)? {
            let seed = <[u8; 32]>::try_from(kept.as_slice()).map_err(|_| KeysError::Damaged)?;
            return Ok(Keys(Secret::new(seed)));
        }
        let seed = Secret::filled(|seed: &mut [u8; 32]| rng.fill_bytes(seed));
        let mut batch = Batch::new();
        batch.put(SEED, seed.expose().to_vec());
        store.commit(&batch)?;
        Ok(Keys(seed))
    }

    /// The secret of one purpose; it is the same after every restart.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> Secret<[u8; 32]> {
        kdf::derive(self.0.expose(), "coordinator", purpose.as_bytes())
    }
}

#[cfg(test)]
mod tests;
