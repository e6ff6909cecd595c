//! The one place where the coordinator reads the clock and draws chance; everything else is told.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Clock and chance of a process; cheap to clone.
#[derive(Clone)]
pub struct World(Arc<Source>);

enum Source {
    Real { started: Instant },
    Runtime { began_ms: u64, began: tokio::time::Instant, chance: Mutex<Box<ChaCha20Rng>> },
    Told { now_ms: AtomicU64, chance: Mutex<Box<ChaCha20Rng>> },
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// The clock and the chance of this machine.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn real() -> Self {
        World(Arc::new(Source::Real { started: Instant::now() }))
    }

    /// A clock that stands still until it is told otherwise, and chance from a seed: for tests.
    #[must_use]
    pub fn told(now_ms: u64, seed: [u8; 32]) -> Self {
        let chance = Mutex::new(Box::new(ChaCha20Rng::from_seed(seed)));
        World(Arc::new(Source::Told { now_ms: AtomicU64::new(now_ms), chance }))
    }

    /// A clock that shows this now and goes as the clock of the runtime, which tests may pause so that hours pass in a moment, and
    /// chance from a seed.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn of_runtime(now_ms: u64, seed: [u8; 32]) -> Self {
        let chance = Mutex::new(Box::new(ChaCha20Rng::from_seed(seed)));
        let began = tokio::time::Instant::now();
        World(Arc::new(Source::Runtime { began_ms: now_ms, began, chance }))
    }

    /// Milliseconds since 1970 (UTC).
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn now_ms(&self) -> u64 {
        match &*self.0 {
            Source::Real { .. } => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }
            Source::Runtime { began_ms, .. } => {
                let passed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
                began_ms.saturating_add(passed)
            }
            Source::Told { now_ms, .. } => now_ms.load(Ordering::Relaxed),
        }
    }

    /// A time that never goes back, from an arbitrary beginning: for what is counted, not dated.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &*self.0 {
            Source::Real { started } => started.elapsed(),
            Source::Runtime { began, .. } => began.elapsed(),
            Source::Told { now_ms, .. } => Duration::from_millis(now_ms.load(Ordering::Relaxed)),
        }
    }

    /// Moves a clock that is told; the others move by themselves.
    pub fn pass(&self, by: Duration) {
        if let Source::Told { now_ms, .. } = &*self.0 {
            now_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// A generator of its own for one request.
    ///
    /// # Panics
    /// When the system has no randomness left to give: nothing may go on without.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn chance(&self) -> ChaCha20Rng {
        let mut seed = [0; 32];
        match &*self.0 {
            Source::Real { .. } => getrandom::fill(&mut seed).expect("the system gives randomness"),
            Source::Runtime { chance, .. } | Source::Told { chance, .. } => {
                chance.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
            }
        }
        ChaCha20Rng::from_seed(seed)
    }
}

#[cfg(test)]
mod tests;
