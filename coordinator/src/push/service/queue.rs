//! When what is sent: at most one to each at a time and in a while, so many in a day, again when it failed, and never more than fits.
//!
//! ```text
//!  poke -> waits already? merged          try   wait before the next, half of it drawn at random
//!       -> spent for today? over           1    4 s
//!       -> too many wait? full             2    16 s
//!       -> queued, at once or when         3    64 s
//!          the last was long enough ago    4    256 s
//!                                          5    1,024 s
//!  taken -> done, or again, or given up    6    4,096 s          `Retry-After` counts where it is longer
//! ```
//! Losing a poke is safe: a device that was not woken fetches when it wakes by itself. The same table serves a coordinator that pokes
//! gateways (by address) and a gateway that sends to push services (by device).

use rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Waits between tries, milliseconds; after the last there is no other. Together about an hour and a half: a push service that is away
/// longer than that is worth a new poke, not an old one.
pub const WAITS_MS: [u64; 6] = [4_000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000];
/// Longest wait that is granted to who asks for one; who wants more gets the next poke instead.
pub const ASKED_WAIT_MAX_MS: u64 = 2 * 3_600_000;
/// What is counted in a day begins with the first that is sent.
const DAY_MS: u64 = 86_400_000;

/// How often, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Between two to the same.
    pub quiet_ms: u64,
    /// To the same in a day.
    pub per_day: u32,
    /// That wait, of all together.
    pub waiting: usize,
    /// Of whom is known when they were sent to; who was left alone for longest is forgotten first, so that a crowd of strangers keeps nobody
    /// from being woken.
    pub known: usize,
}

/// What became of a poke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It waits for its time, which may be now.
    Queued,
    /// One waits already and does for both.
    Merged,
    /// As many as a day has were sent.
    Over,
    /// Too many wait.
    Full,
    /// It was tried as often as anything is.
    GivenUp,
}

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Taken,
    /// Nobody is there, and nobody will be: forget it.
    Gone,
    /// Not now; after so many milliseconds, where it was said.
    Later(Option<u64>),
    /// Never, as it is; the fault is with the settings here, or with who answers.
    Refused,
}

#[derive(Debug)]
struct Wait<J> {
    due_ms: u64,
    job: J,
    tries: usize,
}

/// What was sent to somebody of late.
#[derive(Clone, Copy, Debug)]
struct Beat {
    quiet_until_ms: u64,
    day_began_ms: u64,
    sent: u32,
}

impl Beat {
    fn of_day(self, now_ms: u64) -> Self {
        if now_ms >= self.day_began_ms.saturating_add(DAY_MS) {
            return Beat { day_began_ms: now_ms, sent: 0, ..self };
        }
        self
    }
}

/// One that is being sent.
#[derive(Debug)]
pub struct Sending<K, J> {
    /// To whom.
    pub key: K,
    /// What.
    pub job: J,
    tries: usize,
}

/// All that wait.
#[derive(Debug)]
pub struct Queue<K, J> {
    rules: Rules,
    waiting: BTreeMap<K, Wait<J>>,
    due: BTreeSet<(u64, K)>,
    beats: BTreeMap<K, Beat>,
    /// The same by until when they are left alone.
    quiet: BTreeSet<(u64, K)>,
}

impl<K: Ord + Clone, J> Queue<K, J> {
    /// An empty one.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let (waiting, due) = (BTreeMap::new(), BTreeSet::new());
        Queue { rules, waiting, due, beats: BTreeMap::new(), quiet: BTreeSet::new() }
    }

    /// Takes a poke.
    pub fn poke(&mut self, key: K, job: J, now_ms: u64) -> Became {
        if let Some(wait) = self.waiting.get_mut(&key) {
            wait.job = job;
            return Became::Merged;
        }
        if self.waiting.len() >= self.rules.waiting {
            return Became::Full;
        }
        let beat = self.beats.get(&key).map(|beat| beat.of_day(now_ms));
        if beat.is_some_and(|beat| beat.sent >= self.rules.per_day) {
            return Became::Over;
        }
        let due_ms = beat.map_or(now_ms, |beat| beat.quiet_until_ms.max(now_ms));
        self.wait(key, Wait { due_ms, job, tries: 0 });
        Became::Queued
    }

    fn wait(&mut self, key: K, wait: Wait<J>) {
        self.due.insert((wait.due_ms, key.clone()));
        self.waiting.insert(key, wait);
    }

    /// The next that is to be sent now.
    pub fn take(&mut self, now_ms: u64) -> Option<Sending<K, J>> {
        let (due_ms, key) = self.due.first().filter(|(due, _)| *due <= now_ms)?.clone();
        self.due.remove(&(due_ms, key.clone()));
        let Wait { job, tries, .. } = self.waiting.remove(&key)?;
        let fresh = Beat { quiet_until_ms: 0, day_began_ms: now_ms, sent: 0 };
        let before = self.beats.get(&key).copied();
        let mut beat = before.unwrap_or(fresh).of_day(now_ms);
        beat.quiet_until_ms = now_ms.saturating_add(self.rules.quiet_ms);
        // What is tried again was counted when it was tried first.
        beat.sent = beat.sent.saturating_add(u32::from(tries == 0));
        self.note(&key, before, beat);
        Some(Sending { key, job, tries })
    }

    fn note(&mut self, key: &K, before: Option<Beat>, beat: Beat) {
        if let Some(before) = before {
            self.quiet.remove(&(before.quiet_until_ms, key.clone()));
        }
        self.quiet.insert((beat.quiet_until_ms, key.clone()));
        self.beats.insert(key.clone(), beat);
        if self.beats.len() > self.rules.known
            && let Some((_, longest)) = self.quiet.pop_first()
        {
            self.beats.remove(&longest);
        }
    }

    /// Sends it again later, after `asked_ms` at the earliest.
    pub fn again(
        &mut self,
        sending: Sending<K, J>,
        asked_ms: Option<u64>,
        now_ms: u64,
        rng: &mut impl Rng,
    ) -> Became {
        let Sending { key, job, tries } = sending;
        let asked_ms = asked_ms.unwrap_or_default();
        let Some(wait_ms) = WAITS_MS.get(tries).filter(|_| asked_ms <= ASKED_WAIT_MAX_MS) else {
            return Became::GivenUp;
        };
        let half = wait_ms / 2;
        let due_ms = now_ms.saturating_add(asked_ms.max(half + rng.next_u64() % (half + 1)));
        if let Some(newer) = self.waiting.remove(&key) {
            // Somebody poked meanwhile: the newer one waits as long as was asked for.
            self.due.remove(&(newer.due_ms, key.clone()));
            let due_ms = due_ms.max(newer.due_ms);
            self.wait(key, Wait { due_ms, job: newer.job, tries: tries + 1 });
            return Became::Merged;
        }
        if self.waiting.len() >= self.rules.waiting {
            return Became::Full;
        }
        self.wait(key, Wait { due_ms, job, tries: tries + 1 });
        Became::Queued
    }

    /// When the next is to be sent.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets to whom nothing was sent for a day.
    pub fn round(&mut self, now_ms: u64) {
        let Queue { beats, quiet, .. } = self;
        quiet.retain(|(until, key)| {
            let day_ends = beats.get(key).map_or(0, |beat| beat.day_began_ms.saturating_add(DAY_MS));
            let keep = now_ms < day_ends || now_ms < *until;
            if !keep {
                beats.remove(key);
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests;
