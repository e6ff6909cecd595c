//! When to try again: at once, then more and more rarely, never in step with others.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::time::Duration;

/// The first waits: a coordinator that restarts is away for a second or two, and everybody shall be back within five.
const FAST: Duration = Duration::from_millis(400);
/// Tries at that pace: six to twelve seconds.
const FAST_TRIES: u32 = 30;
/// Then so: who comes back after minutes is still found within five seconds.
const STEADY: Duration = Duration::from_secs(4);
/// Tries at that pace: about ten minutes.
const STEADY_TRIES: u32 = 200;
/// And in the end so: whoever's coordinator was away for a day is back within a minute.
const SLOW: Duration = Duration::from_secs(60);

/// The waits between tries.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// How long to wait before the next try: half to whole of the step, so that thousands who lost the same coordinator do not come
    /// back in the same moment. `asked` is what the coordinator itself asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>, rng: &mut ChaCha20Rng) -> Duration {
        let step = match self.tries {
            tries if tries < FAST_TRIES => FAST,
            tries if tries < FAST_TRIES + STEADY_TRIES => STEADY,
            _ => SLOW,
        };
        self.tries = self.tries.saturating_add(1);
        let half = step / 2;
        let part = u32::try_from(rng.next_u64() % 1_001).expect("a thousand fits");
        let jittered = half + half * part / 1_000;
        asked.map_or(jittered, |asked| asked.max(jittered))
    }
}

#[cfg(test)]
mod tests;
