//! Stretches passwords (Argon2id, RFC 9106): as many at once as there are cores, and who comes beyond is told to come again.

use super::book::rows::{Cost, Password};
use crate::problem::{Kind, Problem};
use argon2::{Algorithm, Argon2, Params, Version};
use halloo_crypto::kdf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Shortest password, characters: a guess costs some 20 ms of a core, and a bucket has three a minute.
const CHARS_MIN: usize = 10;
/// Longest: four times what anybody types.
const CHARS_MAX: usize = 128;
/// When it is worth coming again, seconds: several times what one takes.
const AGAIN_S: u64 = 1;

/// What stretches.
#[derive(Clone, Debug)]
pub(super) struct Stretcher {
    cost: Cost,
    places: Arc<Semaphore>,
}

fn params(cost: Cost) -> Result<Params, argon2::Error> {
    Params::new(cost.memory_kib, cost.passes, 1, Some(32))
}

/// Whether a password may be set.
pub(super) fn is_good(password: &str) -> bool {
    (CHARS_MIN..=CHARS_MAX).contains(&password.chars().count())
}

impl Stretcher {
    /// For passwords that are set from now on; nothing where Argon2 does not know this cost.
    pub(super) fn new(cost: Cost) -> Option<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        params(cost).ok().map(|_| Stretcher { cost, places: Arc::new(Semaphore::new(cores)) })
    }

    async fn stretch(&self, password: &str, salt: [u8; 16], cost: Cost) -> Result<[u8; 32], Problem> {
        let busy = || Problem::new(Kind::Unavailable, "as many passwords as can be are being checked");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy().after(AGAIN_S))?;
        let password = password.to_owned();
        let stretched = tokio::task::spawn_blocking(move || {
            let _place = place;
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params(cost).ok()?);
            let mut hash = [0; 32];
            argon.hash_password_into(password.as_bytes(), &salt, &mut hash).ok()?;
            Some(hash)
        });
        let stretched = stretched.await.ok().flatten();
        stretched
            .ok_or_else(|| Problem::new(Kind::Unavailable, "the password could not be checked").after(60))
    }

    /// As it is to be kept.
    pub(super) async fn set(&self, password: &str, salt: [u8; 16]) -> Result<Password, Problem> {
        let hash = self.stretch(password, salt, self.cost).await?;
        Ok(Password { cost: self.cost, salt, hash })
    }

    /// Whether it is the one that is kept; where none is, no, and after the same work.
    pub(super) async fn is(&self, password: &str, kept: Option<&Password>) -> Result<bool, Problem> {
        let (cost, salt) = kept.map_or((self.cost, [0; 16]), |kept| (kept.cost, kept.salt));
        let hash = self.stretch(password, salt, cost).await?;
        Ok(kept.is_some_and(|kept| kdf::equal(&kept.hash, &hash)))
    }

    /// A password that was found good, as it is to be kept from now on, where that was stretched with another cost than is set now. Where it
    /// finds no place it is left to the next login: whoever has the right password is not refused for it.
    pub(super) async fn renewed(&self, password: &str, kept: &Password, salt: [u8; 16]) -> Option<Password> {
        if kept.cost == self.cost { None } else { self.set(password, salt).await.ok() }
    }
}

#[cfg(test)]
mod tests;
