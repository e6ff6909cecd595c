//! Gaps: runs of speech that somebody spoke and a listener connected with it did not hear, around heals and removals.
//!
//! Owed to a listener is what is spoken while both have a connection to each other, and from then on until the world parts them: an
//! island, a cut link, sleep, the end of a process, a hang-up, a removal. So a plan that wrongly leaves somebody out makes a gap.
//! Silence of the speaker is no gap, nor does it lengthen one. What was made up for a missing frame counts as not heard.

use super::Figures;
use super::spread::{Spread, quantile};
use crate::net::links::HostId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Length of a spoken frame, microseconds, and its samples.
const FRAME_US: u64 = 20_000;
const FRAME_SAMPLES: u32 = 960;
/// A frame is judged so long after it was spoken: beyond the longest delay of an ear.
const JUDGED_AFTER_US: u64 = 3_000_000;
/// Longer runs are counted one by one: what a listener should hardly ever miss.
const LONG_US: u64 = 200_000;
/// What begins and ends around a heal or a removal counts as of it: half a second before, ten after.
const BEFORE_US: u64 = 500_000;
const AFTER_US: u64 = 10_000_000;

/// What happened around which gaps are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Heal,
    Removal,
}

/// A frame that was spoken.
#[derive(Clone, Copy, Debug)]
struct Said {
    us: u64,
    media_time: u32,
    heard: bool,
}

/// What one listener is owed of one speaker.
#[derive(Debug, Default)]
struct Pair {
    owed: bool,
    waiting: VecDeque<Said>,
    /// First and last frame of the run that goes on.
    run: Option<(Said, Said)>,
}

/// All gaps.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// To whom each speaker's connections stood when it last spoke.
    ready: BTreeMap<HostId, BTreeSet<HostId>>,
    /// By speaker and listener.
    pairs: BTreeMap<(HostId, HostId), Pair>,
    moments: Vec<(u64, Cause)>,
    removed: BTreeSet<HostId>,
    islands: Vec<u32>,
    cuts: BTreeSet<(HostId, HostId)>,
    /// Longest run in microseconds of each pair at each moment.
    longest: BTreeMap<(usize, HostId, HostId), u64>,
    any_us: u64,
}

impl Gaps {
    /// To whom the connections of a host stand, and what it spoke just now, if it did.
    pub(super) fn spoke(&mut self, us: u64, speaker: HostId, media_time: Option<u32>, ready: &[HostId]) {
        for listener in ready {
            let both = self.ready.get(listener).is_some_and(|theirs| theirs.contains(&speaker));
            if both && self.are_joined(speaker, *listener) {
                self.pairs.entry((speaker, *listener)).or_default().owed = true;
            }
        }
        self.ready.insert(speaker, ready.iter().copied().collect());
        let Some(media_time) = media_time else { return };
        let mine = self.pairs.range_mut((speaker, 0)..=(speaker, HostId::MAX));
        let mut listeners = Vec::new();
        for ((_, listener), pair) in mine.filter(|(_, pair)| pair.owed) {
            pair.waiting.push_back(Said { us, media_time, heard: false });
            listeners.push(*listener);
        }
        for listener in listeners {
            self.settle(us.saturating_sub(JUDGED_AFTER_US), (speaker, listener));
        }
    }

    /// Sound of a speaker is at an ear.
    pub(super) fn heard(&mut self, listener: HostId, speaker: HostId, media_time: u32) {
        let Some(pair) = self.pairs.get_mut(&(speaker, listener)) else { return };
        for said in &mut pair.waiting {
            // Pieces follow each other, so one of them holds at least half of each frame.
            let off = said.media_time.wrapping_sub(media_time) as i32;
            said.heard |= off.unsigned_abs() <= FRAME_SAMPLES / 2;
        }
    }

    /// Links are back.
    pub(super) fn healed(&mut self, us: u64) {
        if self.moments.last().is_none_or(|last| *last != (us, Cause::Heal)) {
            self.moments.push((us, Cause::Heal));
        }
    }

    /// Somebody was put out, in the eyes of one; the first time counts.
    pub(super) fn put_out(&mut self, us: u64, who: HostId) {
        if self.removed.insert(who) {
            self.moments.push((us, Cause::Removal));
            self.parted(who);
        }
    }

    /// The world parts everybody from this host.
    pub(super) fn parted(&mut self, who: HostId) {
        self.ready.remove(&who);
        self.part(|one, other| one == who || other == who);
    }

    /// A link is cut, or mended.
    pub(super) fn cut(&mut self, us: u64, (a, b): (HostId, HostId), cut: bool) {
        let name = (a.min(b), a.max(b));
        if !cut {
            self.cuts.remove(&name);
            return self.healed(us);
        }
        self.cuts.insert(name);
        self.part(|one, other| (one.min(other), one.max(other)) == name);
    }

    /// Everybody is on an island.
    pub(super) fn split(&mut self, islands: &[u32]) {
        self.islands = islands.to_vec();
        self.part(|one, other| islands.get(one as usize) != islands.get(other as usize));
    }

    /// Whether the world keeps these two together.
    fn are_joined(&self, a: HostId, b: HostId) -> bool {
        let island = |host: HostId| self.islands.get(host as usize);
        let out = self.removed.contains(&a) || self.removed.contains(&b);
        !out && island(a) == island(b) && !self.cuts.contains(&(a.min(b), a.max(b)))
    }

    fn part(&mut self, apart: impl Fn(HostId, HostId) -> bool) {
        for ((one, other), pair) in &mut self.pairs {
            if apart(*one, *other) {
                *pair = Pair::default();
            }
        }
        // Whoever was connected before must be connected anew.
        for (host, ready) in &mut self.ready {
            ready.retain(|other| !apart(*host, *other));
        }
    }

    /// The run has ended: everything that waits is judged.
    pub(super) fn end(&mut self) {
        for names in self.pairs.keys().copied().collect::<Vec<_>>() {
            // What was said last may be on its way still.
            let last = self.pairs[&names].waiting.back().map_or(0, |said| said.us);
            self.settle(last.saturating_sub(JUDGED_AFTER_US), names);
            self.close(names);
        }
    }

    /// Judges what a pair said before `until_us`.
    fn settle(&mut self, until_us: u64, names: (HostId, HostId)) {
        loop {
            let Some(pair) = self.pairs.get_mut(&names) else { return };
            let Some(said) = pair.waiting.pop_front_if(|said| said.us <= until_us) else { return };
            for (at, _) in self.moments.iter().enumerate().filter(|(_, (us, _))| near(*us, said, said)) {
                self.longest.entry((at, names.0, names.1)).or_default();
            }
            let goes_on = pair
                .run
                .is_some_and(|(_, last)| said.media_time.wrapping_sub(last.media_time) == FRAME_SAMPLES);
            match (said.heard, goes_on) {
                (true, _) => self.close(names),
                (false, true) => pair.run = pair.run.map(|(first, _)| (first, said)),
                (false, false) => {
                    self.close(names);
                    if let Some(pair) = self.pairs.get_mut(&names) {
                        pair.run = Some((said, said));
                    }
                }
            }
        }
    }

    /// A run is over.
    fn close(&mut self, names: (HostId, HostId)) {
        let run = self.pairs.get_mut(&names).and_then(|pair| pair.run.take());
        let Some((first, last)) = run else { return };
        let length_us = last.us - first.us + FRAME_US;
        self.any_us = self.any_us.max(length_us);
        for (at, _) in self.moments.iter().enumerate().filter(|(_, (us, _))| near(*us, first, last)) {
            let longest = self.longest.entry((at, names.0, names.1)).or_default();
            *longest = length_us.max(*longest);
        }
    }

    pub(super) fn figures(&self, figures: &mut Figures) {
        if self.pairs.is_empty() {
            return;
        }
        figures.put("voice.gap.any.max_ms", self.any_us as f64 / 1e3);
        figures.put("voice.gap.pairs", self.longest.len() as f64);
        figures.put("voice.gap.long", self.longest.values().filter(|us| **us > LONG_US).count() as f64);
        self.spread(figures, "voice.gap", None);
        self.spread(figures, "voice.gap.heal", Some(Cause::Heal));
        self.spread(figures, "voice.gap.removal", Some(Cause::Removal));
    }

    fn spread(&self, figures: &mut Figures, name: &str, cause: Option<Cause>) {
        let mut spread = Spread::default();
        for ((at, ..), us) in &self.longest {
            if cause.is_none_or(|cause| self.moments[*at].1 == cause) {
                spread.add(*us);
            }
        }
        let sorted = spread.sorted();
        for (label, share) in [("p50", 0.5), ("p95", 0.95), ("max", 1.0)] {
            if let Some(us) = quantile(&sorted, share) {
                figures.put(&format!("{name}.{label}_ms"), us as f64 / 1e3);
            }
        }
    }
}

/// Whether what was said from one frame to another is around a moment.
fn near(moment_us: u64, first: Said, last: Said) -> bool {
    last.us + BEFORE_US >= moment_us && first.us <= moment_us + AFTER_US
}

#[cfg(test)]
mod tests;
