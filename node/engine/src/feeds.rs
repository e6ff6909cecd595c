//! Who is first with whose live reports, and which neighbours need not repeat them.
//!
//! ```text
//!   author A ----> B ----> me        B is first with A's reports; C repeats them: C is told that A's are declined
//!         \----> C - - -> me        B goes, or A is not heard for a while: C is told that A's are wanted again
//! ```
//!
//! So each author's reports come down a tree of their own, the one that was fastest when it grew. No ring can decline itself away:
//! first is always who brought the newest report that is held, so following it leads to ever newer reports and ends at the author,
//! and what a device says of itself is never declined.
//!
//! All of it is soft. A list that was lost is repeated, one that cannot be repeated ends by itself ([`DECLINE_MS`]), the trees are
//! grown anew now and then, and who was relied on and withheld is not relied on for a while. Whoever lies about it costs bytes, or
//! delays by half a presence lease those to whom it is the fastest way.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::live::{DECLINE_MS, MAX_DEVICES};
use halloo_crypto::id::DeviceId;

use crate::lane::PeerKey;
use crate::peers::MAX_PEERS;
use crate::time::Time;

/// How often a list is repeated: a lost one is put right twice before the one that it replaced would have ended.
pub(crate) const REPEAT_EVERY: Duration = Duration::from_millis(DECLINE_MS / 5 * 2);
/// When one list is repeated, those go with it that would be within this: one wake-up for all neighbours instead of one for each.
const TOGETHER: Duration = Duration::from_millis(DECLINE_MS / 10);
/// How long an author is declined at most before everybody may show again who is fastest. The repetitions cost about a twentieth
/// of what declining saves; a way that became slow is left within this.
const REGROW_AFTER: Duration = Duration::from_secs(120);
/// Authors whose trees grow anew do so spread over 256 times this, so that no neighbour sends all of them at one moment.
const REGROW_SPREAD: Duration = Duration::from_millis(250);
/// How long the reports of an author are taken from everybody after one who was first fell silent and another still had them. An
/// insider that withholds costs its victims half a presence lease in such a span, not in every one.
const DOUBT: Duration = Duration::from_secs(120);

/// Who was first with an author's newest report, and when.
#[derive(Clone, Copy, Debug)]
struct First {
    by: PeerKey,
    at: Time,
    /// Until then nobody is told that the author is declined.
    doubted_until: Time,
}

impl First {
    fn lapsed(&self, now: Time, patience: Duration) -> bool {
        now.since(self.at) >= patience
    }

    /// Whether the author's reports come often enough, from somebody who may be relied on.
    fn serves(&self, now: Time, patience: Duration) -> bool {
        !self.lapsed(now, patience) && now >= self.doubted_until
    }
}

/// What one neighbour repeats, since when it is asked not to, and what it was told.
#[derive(Clone, Debug, Default)]
struct Neighbour {
    repeats: BTreeMap<DeviceId, Time>,
    told: BTreeSet<DeviceId>,
    told_at: Option<Time>,
}

impl Neighbour {
    fn must_be_told(&self, now: Time) -> bool {
        let again = self.told_at.is_some_and(|at| now.since(at) >= REPEAT_EVERY);
        !self.told.iter().eq(self.repeats.keys()) || again && !self.told.is_empty()
    }
}

/// For each author who was first, for each neighbour what it repeats and what it was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds {
    /// By author; members only, at most [`MAX_DEVICES`].
    first: BTreeMap<DeviceId, First>,
    /// Proven neighbours only, at most [`MAX_PEERS`]; each with authors of `first`.
    neighbours: BTreeMap<PeerKey, Neighbour>,
    /// Until then nobody must be told anything unless something is heard: looking through all authors of all neighbours each time
    /// that something is passed on costs more than all else here.
    quiet_until: Option<Time>,
}

impl Feeds {
    /// A batch of this neighbour, whose device is `device`, brought reports that were new and reports that were not. Whether the
    /// neighbour is to be told something else now.
    pub(crate) fn heard(
        &mut self,
        from: (PeerKey, DeviceId),
        now: Time,
        patience: Duration,
        fresh: &[DeviceId],
        echoed: &[DeviceId],
    ) -> bool {
        let (peer, device) = from;
        if self.neighbours.len() >= MAX_PEERS && !self.neighbours.contains_key(&peer) {
            return false;
        }
        let neighbour = self.neighbours.entry(peer).or_default();
        for author in fresh {
            if neighbour.repeats.remove(author).is_some() {
                self.quiet_until = None;
            }
            let before = self.first.get(author);
            let withheld = before.is_some_and(|first| first.by != peer && first.lapsed(now, patience));
            let doubted_until = match before {
                _ if withheld => {
                    self.quiet_until = None;
                    now.after(DOUBT)
                }
                Some(first) => first.doubted_until,
                None if self.first.len() >= MAX_DEVICES => continue,
                None => Time::ZERO,
            };
            self.first.insert(*author, First { by: peer, at: now, doubted_until });
        }
        for author in echoed.iter().filter(|author| **author != device) {
            let first = self.first.get(author);
            if first.is_some_and(|first| first.by != peer && first.serves(now, patience)) {
                neighbour.repeats.entry(*author).or_insert_with(|| {
                    self.quiet_until = None;
                    now
                });
            }
        }
        assert!(self.first.len() <= MAX_DEVICES, "checked where it grows");
        debug_assert!(
            !neighbour.repeats.contains_key(&device),
            "what a device says of itself is always wanted"
        );
        neighbour.must_be_told(now)
    }

    /// A neighbour is gone; with it goes what only it brought.
    pub(crate) fn gone(&mut self, peer: &PeerKey) {
        self.first.retain(|_, first| first.by != *peer);
        self.neighbours.remove(peer);
        self.quiet_until = None;
    }

    /// Only these are members still.
    pub(crate) fn keep(&mut self, is_member: impl Fn(&DeviceId) -> bool) {
        self.first.retain(|author, _| is_member(author));
        self.quiet_until = None;
    }

    /// What neighbours must be told now: each with all authors whose reports it shall keep to itself. Who was not heard of for
    /// `patience` is wanted from everybody again.
    pub(crate) fn due(&mut self, now: Time, patience: Duration) -> Vec<(PeerKey, BTreeSet<DeviceId>)> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let first = &self.first;
        let mut quiet_until = now.after(REPEAT_EVERY);
        let mut any = false;
        for (peer, neighbour) in &mut self.neighbours {
            neighbour.repeats.retain(|author, since| {
                let Some(one) = first.get(author).filter(|one| one.by != *peer) else { return false };
                let ends = one.at.after(patience).min(regrows_at(author, *since));
                let served = one.serves(now, patience) && now < ends;
                if served {
                    quiet_until = quiet_until.min(ends);
                }
                served
            });
            any |= neighbour.must_be_told(now);
        }
        let soon = if any { now.after(TOGETHER) } else { now };
        let mut due = Vec::new();
        for (peer, neighbour) in &mut self.neighbours {
            if neighbour.must_be_told(soon) {
                neighbour.told = neighbour.repeats.keys().copied().collect();
                neighbour.told_at = Some(now);
                due.push((*peer, neighbour.told.clone()));
            }
            if let Some(at) = neighbour.told_at.filter(|_| !neighbour.told.is_empty()) {
                quiet_until = quiet_until.min(at.after(REPEAT_EVERY));
            }
        }
        assert!(quiet_until > now, "whatever was due is done");
        self.quiet_until = Some(quiet_until);
        due
    }

    /// When the next word is due though nothing is heard meanwhile: an author that is declined somewhere falls silent, or a list
    /// is to be repeated.
    pub(crate) fn next_due(&self, patience: Duration) -> Option<Time> {
        let told = || self.neighbours.values().filter(|neighbour| !neighbour.told.is_empty());
        let mut lapses: Option<Time> = None;
        for (author, first) in &self.first {
            // Who was heard of later than another that is declined changes nothing.
            let earlier = lapses.is_none_or(|at| first.at < at);
            if earlier && told().any(|neighbour| neighbour.told.contains(author)) {
                lapses = Some(first.at);
            }
        }
        let repeats = told().filter_map(|neighbour| Some(neighbour.told_at?.after(REPEAT_EVERY)));
        lapses.map(|at| at.after(patience)).into_iter().chain(repeats).min()
    }
}

fn regrows_at(author: &DeviceId, since: Time) -> Time {
    since.after(REGROW_AFTER + REGROW_SPREAD * u32::from(author.as_bytes()[0]))
}

#[cfg(test)]
mod tests;
