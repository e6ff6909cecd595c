//! The call chain as one device holds it: the step of this minute, and when the next begins.
//!
//! Every device steps by its own clock. What the others announce only ever moves a chain forward, so all follow the
//! fastest clock and nobody can bring an erased step back.

use core::time::Duration;

use halloo_crypto::id::{BoxPublic, DeviceId, GroupId};
use halloo_crypto::media::{CALL_STEP_MS, CallStep, MediaError};
use halloo_crypto::sealed::BoxSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::frame::{ChainId, ChainPlace};
use crate::time::Time;

/// How long a step lasts.
pub const STEP: Duration = Duration::from_millis(CALL_STEP_MS);

/// How long before its beginning the keys of the next step are at hand: more than clocks drift apart in an hour.
pub const AHEAD: Duration = Duration::from_secs(5);

/// Farthest that an announcement moves a chain: a day of sleep. Who slept longer asks for the step anew.
const MAX_JUMP_STEPS: u32 = 1_440;

/// Announced times closer than this are the same: a direct frame may take as long.
const SAME: Duration = Duration::from_millis(500);

/// The step of a call chain, and its place in time.
pub struct Chain {
    /// Which chain.
    pub id: ChainId,
    step: CallStep,
    ahead: Option<CallStep>,
    began: Time,
}

impl Chain {
    /// Starts the chain of a call.
    pub fn start(now: Time, rng: &mut ChaCha20Rng) -> Self {
        let mut id = [0; 16];
        while id == [0; 16] {
            rng.fill_bytes(&mut id);
        }
        Chain { id: ChainId(id), step: CallStep::random(rng), ahead: None, began: now }
    }

    /// Opens a step that another device sealed to `key`, which is erased by it; what was sealed to another key erases nothing.
    ///
    /// # Errors
    /// [`MediaError`]: not sealed to this key for this call.
    pub fn open(
        now: Time,
        key: &mut Option<BoxSecret>,
        aad: &[u8],
        place: (ChainId, u32),
        sealed: &[u8],
    ) -> Result<Self, MediaError> {
        let step = CallStep::open(key, aad, sealed)?;
        let into = Duration::from_millis(u64::from(place.1)).min(STEP);
        Ok(Chain { id: place.0, step, ahead: None, began: before(now, into) })
    }

    /// Seals the current step to a joiner's one-use key.
    ///
    /// # Errors
    /// [`MediaError::Malformed`] for a key of small order.
    pub fn seal_to(&self, rng: &mut ChaCha20Rng, key: &BoxPublic, aad: &[u8]) -> Result<Vec<u8>, MediaError> {
        self.step.seal_to(rng, key, aad)
    }

    /// Where this device is in the chain.
    pub fn place(&self, now: Time) -> ChainPlace {
        let into_ms = u32::try_from(now.since(self.began).as_millis()).unwrap_or(u32::MAX);
        ChainPlace { chain: self.id, index: self.step.index(), into_ms }
    }

    /// When this device must next see to the chain: to have the next step at hand, then to enter it.
    pub fn deadline(&self) -> Time {
        if self.ahead.is_some() { self.began.after(STEP) } else { self.began.after(STEP - AHEAD) }
    }

    /// Goes on with time: erases steps that are over, has the next at hand in time.
    pub fn advance(&mut self, now: Time) {
        assert!(AHEAD < STEP, "a step begins before the next is at hand");
        let steps = now.since(self.began).as_millis() / STEP.as_millis();
        if steps > u128::from(MAX_JUMP_STEPS) {
            // This device slept for more than a day; whatever it holds now nobody else does.
            self.began = now;
            return;
        }
        for _ in 0..steps {
            self.enter_next();
            self.began = self.began.after(STEP);
        }
        if now.since(self.began) >= STEP - AHEAD && self.ahead.is_none() {
            self.ahead = Some(self.step.ahead());
            assert_eq!(self.steps().count(), 2, "this step and the next, no more");
        }
    }

    /// Follows a device that is further on in the same chain. Returns whether anything moved.
    pub fn follow(&mut self, now: Time, place: &ChainPlace) -> bool {
        let into = Duration::from_millis(u64::from(place.into_ms)).min(STEP);
        let steps = place.index.saturating_sub(self.step.index());
        if place.chain != self.id || place.index < self.step.index() || steps > MAX_JUMP_STEPS {
            return false;
        }
        let began = before(now, into);
        if steps == 0 && self.began.since(began) < SAME {
            return false;
        }
        for _ in 0..steps {
            self.enter_next();
        }
        assert!(self.step.index() >= place.index, "a chain moves forward only");
        self.began = began;
        self.advance(now);
        true
    }

    /// The steps whose keys should be at hand: this one, and soon the next.
    pub fn steps(&self) -> impl Iterator<Item = &CallStep> {
        core::iter::once(&self.step).chain(self.ahead.as_ref())
    }

    /// The step to seal under.
    pub fn current(&self) -> &CallStep {
        &self.step
    }

    fn enter_next(&mut self) {
        let before = self.step.index();
        self.step = self.ahead.take().unwrap_or_else(|| self.step.ahead());
        assert_eq!(self.step.index(), before.saturating_add(1), "steps are entered one by one");
    }
}

/// Binds a sealed step to group, chain and joiner.
pub fn step_aad(group: &GroupId, chain: &ChainId, joiner: &DeviceId) -> Vec<u8> {
    [group.as_bytes().as_slice(), &chain.0, joiner.as_bytes()].concat()
}

fn before(now: Time, span: Duration) -> Time {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Time::from_micros(now.as_micros().saturating_sub(micros))
}

#[cfg(test)]
mod tests;
