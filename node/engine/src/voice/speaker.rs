//! The ear for one speaker: a jitter buffer that the decoder drives, knowing every kind of redundancy.
//!
//! Frames wait in [`Slots`] over media time. When sound is wanted, the next piece is, in this order: the frame itself or
//! its copy from a list, the coarse copy inside the frame after it, deep redundancy in a later frame, concealment.
//! A piece is played when `now - media time` reaches the least transit plus the delay that [`Timing`] asks for, plus,
//! while frames are being lost, the wait for the redundancy that this sender uses. The buffer then keeps to a band of
//! one step above that by dropping or repeating pitch periods. At zero jitter and loss the delay is below one step.

mod figures;
mod pace;

pub use figures::SpeakerStats;
use pace::Pace;

use crate::time::Time;

use super::codec::{Decoder, FrameLength, MAX_FRAME_SAMPLES, TICK_SAMPLES};
use super::frame::VoiceFrame;
use super::gate::{FLOOR_DBFS, level_dbfs};
use super::loss::LossMeter;
use super::slots::{Incoming, Origin, SPAN_TICKS, Slots, distance};
use super::stretch::MAX_PERIOD;
use super::timing::{MAX_DELAY_SAMPLES, Timing, samples_at};

/// Beyond so much excess whole frames are dropped: after a stall half a second is caught up by hearing it faster.
const SKIP_SAMPLES: i64 = 24_000;

/// Concealment without any frame to come goes on so long, then silence: what Opus invents has faded by then.
const MAX_INVENTED_TICKS: u32 = 10;

/// Media time further back than this may be another stream: 2 s.
const OTHER_STREAM_TICKS: i32 = 200;

/// Transit that differs from the base by more than this says nothing about jitter: 2 s.
const OTHER_CLOCK_SAMPLES: i64 = 96_000;

/// Frames of the past in a row that are believed to be a stream of their own: a second, no reordering lasts that long.
const STRANGERS: u32 = 50;

/// Loss from which waiting for redundancy is worth its delay.
const WAIT_FROM_LOSS: f32 = 0.02;

/// Longest wait for redundancy: 60 ms, three frames.
const MAX_WAIT_TICKS: u8 = 6;

/// Later frames that are searched for deep redundancy; each costs a parse of 5 to 41 us.
const DEEP_SEARCH: usize = 3;

/// After so many frames without a list or an in-band copy, deep redundancy is looked for, or the wait is given up.
const BARE_FRAMES: u32 = 16;

/// What is waited beyond the time at which the redundancy should be here: a bin of jitter, and the slack of the pace.
const WAIT_MARGIN_SAMPLES: i64 = 192;

/// Samples over which a talk is faded out at its end: 5 ms.
const FADE_SAMPLES: usize = 240;

/// Loudest gain: 12 dB.
pub const MAX_GAIN: f32 = 4.0;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Silent,
    Talking,
}

enum Piece {
    Itself,
    List,
    InBand,
    Deep,
    Invented,
}

/// One speaker's decoder, buffer and figures. Allocates only in `new`.
pub struct Speaker {
    decoder: Box<dyn Decoder>,
    slots: Slots,
    timing: Timing,
    loss: LossMeter,
    phase: Phase,
    /// Tick to be played next; nothing before it is ever played. `None` before the first frame of a stream.
    next: Option<u32>,
    anchor: u32,
    stream: Option<u8>,
    former: Option<u8>,
    strangers: u32,
    length: FrameLength,
    invented_ticks: u32,
    /// Of those, what was invented for frames that may yet come: their place in time was not given up.
    owed_ticks: u32,
    wait_ticks: u8,
    bare_frames: u32,
    pace: Pace,
    fifo: Vec<f32>,
    work: Vec<f32>,
    stem: Vec<f32>,
    front: Option<u32>,
    playing: Option<u32>,
    gain: f32,
    stats: SpeakerStats,
}

impl Speaker {
    /// A speaker of whom nothing was heard yet.
    pub fn new(decoder: Box<dyn Decoder>) -> Self {
        Speaker {
            decoder,
            slots: Slots::new(),
            timing: Timing::new(),
            loss: LossMeter::default(),
            phase: Phase::Silent,
            next: None,
            anchor: 0,
            stream: None,
            former: None,
            strangers: 0,
            length: FrameLength::Ms20,
            invented_ticks: 0,
            owed_ticks: 0,
            wait_ticks: 0,
            bare_frames: 0,
            pace: Pace::new(),
            fifo: Vec::with_capacity(3 * MAX_FRAME_SAMPLES),
            work: vec![0.0; MAX_FRAME_SAMPLES + MAX_PERIOD],
            stem: Vec::with_capacity(MAX_FRAME_SAMPLES),
            front: None,
            playing: None,
            gain: 1.0,
            stats: SpeakerStats { level_dbfs: FLOOR_DBFS, ..SpeakerStats::default() },
        }
    }

    /// Figures.
    pub fn stats(&self) -> &SpeakerStats {
        &self.stats
    }

    /// What the last [`Speaker::play`] gave, before gain.
    pub fn stem(&self) -> &[f32] {
        &self.stem
    }

    /// Media time, in samples, of the first sample of the stem; `None` in silence.
    pub fn playing(&self) -> Option<u32> {
        self.playing
    }

    /// Factor on the sound in the mix.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// Sets the factor, 0..=[`MAX_GAIN`].
    pub fn set_gain(&mut self, gain: f32) {
        self.gain = if gain.is_finite() { gain.clamp(0.0, MAX_GAIN) } else { 1.0 };
    }

    /// Jitter that the buffer provides for, milliseconds.
    pub fn jitter_ms(&self, now: Time) -> f32 {
        self.timing.delay(now) as f32 / 48.0
    }

    /// Takes an opened voice frame.
    pub fn receive(&mut self, now: Time, frame: &VoiceFrame<'_>) {
        self.stats.received += 1;
        assert!(self.loss.lost() <= self.loss.settled(), "only what was judged was lost");
        if !self.belongs(now, frame) {
            self.stats.late += 1;
            return;
        }
        self.loss.arrive(frame.seq);
        self.stats.lost = self.loss.lost();
        self.stats.loss = self.loss.loss();
        self.stats.burst = self.loss.burst();
        self.length = frame.length;
        let over = self.is_over(frame.tick);
        self.stats.late += u64::from(over);
        let late = self.next.is_some_and(|next| distance(frame.tick, next) < self.owed_ticks as i32);
        self.timing.arrive(now, self.media(frame.tick), late);
        self.put(frame.tick, frame, Origin::Itself, frame.coded);
        for entry in frame.list() {
            let tick = frame.tick.wrapping_sub(u32::from(entry.back) * u32::from(frame.length.ticks()));
            self.put(tick, frame, Origin::List, entry.bytes);
        }
        self.learn_wait(frame);
    }

    /// Fills `out` (into the stem too) with what is due.
    pub fn play(&mut self, now: Time, out: &mut [f32]) {
        assert!(out.len() <= MAX_FRAME_SAMPLES, "a step is at most one frame");
        let mut turns = 0;
        while self.fifo.len() < out.len() {
            self.refill(now, out.len() - self.fifo.len());
            turns += 1;
            // A piece has at least 240 samples after shortening; falling silent and beginning anew add none.
            assert!(turns <= 16, "each turn appends or changes the phase");
        }
        assert!(self.fifo.len() <= 2 * MAX_FRAME_SAMPLES, "no more is decoded than a step needs");
        self.playing = self.front;
        out.copy_from_slice(&self.fifo[..out.len()]);
        self.fifo.copy_within(out.len().., 0);
        self.fifo.truncate(self.fifo.len() - out.len());
        self.front =
            if self.fifo.is_empty() { None } else { self.front.map(|f| f.wrapping_add(out.len() as u32)) };
        self.stem.clear();
        self.stem.extend_from_slice(out);
        self.stats.samples += out.len() as u64;
        self.stats.level_dbfs = level_dbfs(out);
    }

    fn put(&mut self, tick: u32, frame: &VoiceFrame<'_>, origin: Origin, coded: &[u8]) {
        if self.is_over(tick) {
            return;
        }
        let last = frame.last && origin == Origin::Itself;
        self.slots.put(&Incoming { tick, length: frame.length, origin, last, coded });
    }

    fn is_over(&self, tick: u32) -> bool {
        self.next.is_some_and(|next| distance(tick, next) < 0)
    }

    fn media(&self, tick: u32) -> i64 {
        i64::from(distance(tick, self.anchor)) * TICK_SAMPLES as i64
    }

    /// Judges whether the frame belongs to the stream that is heard. A restarted sender draws another stream; the rare
    /// equal draw is known by frames that all come from the past. Returns `false` for stragglers of a stream that ended.
    fn belongs(&mut self, now: Time, frame: &VoiceFrame<'_>) -> bool {
        let past = self.next.is_some_and(|next| distance(frame.tick, next) < -OTHER_STREAM_TICKS);
        let former = self.former == Some(frame.stream);
        self.strangers = if past || former { self.strangers + 1 } else { 0 };
        let believed = self.strangers >= STRANGERS;
        let other = self.stream != Some(frame.stream);
        if believed || other && !former {
            self.former = self.stream.filter(|s| *s != frame.stream);
            self.stream = Some(frame.stream);
            self.begin_anew(frame.tick);
        } else if former {
            return false;
        }
        let off = samples_at(now) - self.media(frame.tick) - self.timing.base();
        if off.abs() > OTHER_CLOCK_SAMPLES {
            // The sender slept: its media time stood still while ours went on.
            self.timing = Timing::new();
        }
        if self.next.is_some_and(|next| distance(frame.tick, next) >= SPAN_TICKS as i32) {
            self.slots.clear();
            self.phase = Phase::Silent;
            // A talk after a pause: what waits of it must not be cleared by each frame that follows before its turn has come.
            self.next = Some(frame.tick.wrapping_sub(SPAN_TICKS / 2));
        }
        true
    }

    fn begin_anew(&mut self, tick: u32) {
        self.anchor = tick;
        self.timing = Timing::new();
        self.loss.begin_anew();
        self.decoder.reset();
        self.slots.clear();
        self.phase = Phase::Silent;
        self.next = None;
        self.wait_ticks = 0;
        self.strangers = 0;
    }

    /// Learns how long to wait for this sender's redundancy. A list at the opening of a talk is a pre-roll, not that; and
    /// single frames without an in-band copy (there is none of silence) do not mean that it has ended.
    fn learn_wait(&mut self, frame: &VoiceFrame<'_>) {
        if frame.opening {
            return;
        }
        let ticks = frame.length.ticks();
        let most = MAX_WAIT_TICKS.max(ticks);
        self.bare_frames = self.bare_frames.wrapping_add(1);
        if let Some(farthest) = frame.list().last() {
            self.wait_ticks = farthest.back.saturating_mul(ticks).min(most);
            self.bare_frames = 0;
        } else if self.decoder.has_in_band(frame.coded) {
            self.wait_ticks = ticks;
            self.bare_frames = 0;
        } else if self.bare_frames.is_multiple_of(BARE_FRAMES) {
            let lossy = self.loss.loss() >= WAIT_FROM_LOSS;
            self.wait_ticks = if lossy { self.decoder.deep_reach(frame.coded).min(most) } else { 0 };
        }
    }

    fn wanted(&self, now: Time) -> i64 {
        let waits = self.wait_ticks > 0 && self.loss.loss() >= WAIT_FROM_LOSS;
        let wait = i64::from(self.wait_ticks) * TICK_SAMPLES as i64 + WAIT_MARGIN_SAMPLES;
        let wait = if waits { wait } else { 0 };
        (self.timing.delay(now) + wait).min(MAX_DELAY_SAMPLES)
    }

    /// How much longer than wanted a piece of this tick would have waited if it came next. Negative: too early.
    fn excess(&mut self, now: Time, tick: u32) -> i64 {
        let wanted = self.wanted(now);
        let delay = samples_at(now) + self.fifo.len() as i64 - self.media(tick) - self.timing.base();
        self.stats.delay_ms = delay as f32 / 48.0;
        self.stats.wanted_ms = wanted as f32 / 48.0;
        delay - wanted
    }

    /// Appends one piece, or `missing` samples of silence.
    fn refill(&mut self, now: Time, missing: usize) {
        if self.phase == Phase::Silent {
            let begin = self.slots.earliest().map(|s| (s.tick, s.length.samples()));
            match begin {
                // A step longer than the frame takes the frame after it too, so that must have had its time to come.
                Some((tick, n)) if self.excess(now, tick) >= missing.saturating_sub(n) as i64 => {
                    self.phase = Phase::Talking;
                    self.next = Some(tick);
                    self.invented_ticks = 0;
                    self.owed_ticks = 0;
                    self.pace.begin_talk();
                }
                _ => {
                    self.fifo.resize(self.fifo.len() + missing, 0.0);
                    self.stats.silent_samples += missing as u64;
                }
            }
            return;
        }
        let Some(next) = self.next else { unreachable!("a talk has a place in time") };
        let next = self.skip_ahead(now, next);
        if self.slots.at(next).is_some() {
            self.play_held(now, next);
            return;
        }
        match self.slots.from(next).map(|s| s.tick) {
            Some(later) if self.owed_ticks > 0 && self.excess(now, next) >= 0 => self.settle(next, later),
            Some(later) => self.bridge(now, next, later),
            None => self.starve(now, next),
        }
    }

    /// What was invented while nothing was here was for frames that are missing after all: their time is over.
    fn settle(&mut self, next: u32, later: u32) {
        let gap = distance(later, next).unsigned_abs();
        let over = gap.min(self.owed_ticks);
        assert!(over > 0, "there is a gap, and something was invented for it");
        self.owed_ticks = 0;
        self.next = Some(next.wrapping_add(over));
    }

    /// Drops frames while the delay is hopelessly long; returns the tick to play next.
    fn skip_ahead(&mut self, now: Time, next: u32) -> u32 {
        let mut next = next;
        while self.excess(now, next) > SKIP_SAMPLES {
            let Some(end) = self.slots.from(next).map(|s| s.end()) else { break };
            if self.slots.from(end).is_none() {
                break;
            }
            next = end;
            self.stats.skipped += u64::from(self.slots.drop_before(next));
        }
        self.slots.drop_before(next);
        self.next = Some(next);
        next
    }

    fn play_held(&mut self, now: Time, tick: u32) {
        let Some(slot) = self.slots.at(tick) else { unreachable!("the caller saw it") };
        let (length, origin, last) = (slot.length, slot.origin, slot.last);
        let n = length.samples();
        let decoded = self.decoder.decode(slot.coded(), &mut self.work[..n]);
        let piece = match (decoded, origin) {
            (Err(_), _) => Piece::Invented,
            (Ok(()), Origin::Itself) => Piece::Itself,
            (Ok(()), Origin::List) => Piece::List,
        };
        self.advance(tick, length);
        if last {
            self.phase = Phase::Silent;
        }
        self.finish(now, tick, n, piece);
    }

    /// Plays the next piece of a gap before a frame that is already here.
    fn bridge(&mut self, now: Time, next: u32, later: u32) {
        let gap = distance(later, next);
        assert!(gap > 0, "the later frame is later");
        let length = self.length.within(gap.unsigned_abs());
        let n = length.samples();
        let piece = self.recover(next, later, length);
        self.advance(next, length);
        self.finish(now, next, n, piece);
    }

    fn recover(&mut self, next: u32, later: u32, length: FrameLength) -> Piece {
        let out = &mut self.work[..length.samples()];
        if let Some(after) = self.slots.at(next.wrapping_add(u32::from(length.ticks()))) {
            let fits = after.length == length && self.decoder.has_in_band(after.coded());
            if fits && self.decoder.decode_in_band(after.coded(), out).is_ok() {
                return Piece::InBand;
            }
        }
        let mut at = later;
        for _ in 0..DEEP_SEARCH {
            let Some(slot) = self.slots.from(at) else { break };
            let Ok(back) = u8::try_from(distance(slot.tick, next)) else { break };
            if self.decoder.deep_reach(slot.coded()) >= back
                && self.decoder.decode_deep(slot.coded(), back, out).is_ok()
            {
                return Piece::Deep;
            }
            at = slot.end();
        }
        Piece::Invented
    }

    /// Nothing is here. Sound is invented for a while; whether the frame is lost or late, only the next arrival tells.
    fn starve(&mut self, now: Time, next: u32) {
        if self.invented_ticks >= MAX_INVENTED_TICKS {
            self.phase = Phase::Silent;
            self.owed_ticks = 0;
            return;
        }
        let ticks = u32::from(self.length.ticks());
        self.invented_ticks += ticks;
        self.owed_ticks += ticks;
        assert!(self.owed_ticks <= self.invented_ticks, "what is owed was invented");
        self.finish(now, next, self.length.samples(), Piece::Invented);
    }

    /// Moves on to the piece after this one. What was played is gone for good: nothing is played twice.
    fn advance(&mut self, tick: u32, length: FrameLength) {
        let next = tick.wrapping_add(u32::from(length.ticks()));
        assert!(self.next.is_none_or(|before| distance(next, before) > 0), "time goes on");
        self.slots.drop_before(next);
        self.next = Some(next);
        self.owed_ticks = 0;
    }

    /// Counts the piece in `work`, fits it to the delay, and appends it.
    fn finish(&mut self, now: Time, tick: u32, n: usize, piece: Piece) {
        assert!(n > 0 && n <= MAX_FRAME_SAMPLES, "a piece is one frame");
        let mut len = n;
        match piece {
            Piece::Invented => {
                if self.decoder.conceal(&mut self.work[..n]).is_err() {
                    self.work[..n].fill(0.0);
                }
                self.stats.concealed += 1;
            }
            Piece::Itself => self.stats.played += 1,
            Piece::List => self.stats.from_list += 1,
            Piece::InBand => self.stats.from_in_band += 1,
            Piece::Deep => self.stats.from_deep += 1,
        }
        if !matches!(piece, Piece::Invented) {
            self.invented_ticks = 0;
            len = self.fit(now, tick, n);
        }
        let ends = self.phase == Phase::Silent || self.invented_ticks >= MAX_INVENTED_TICKS;
        if ends {
            fade_out(&mut self.work[..len]);
        }
        // A hostile coded frame may decode to anything; what is no number must not reach the mix.
        for s in &mut self.work[..len] {
            *s = if s.is_finite() { s.clamp(-2.0, 2.0) } else { 0.0 };
        }
        let media = tick.wrapping_mul(TICK_SAMPLES as u32);
        self.front = Some(media.wrapping_sub(self.fifo.len() as u32));
        self.fifo.extend_from_slice(&self.work[..len]);
    }

    fn fit(&mut self, now: Time, tick: u32, n: usize) -> usize {
        let excess = self.excess(now, tick);
        let next_is_here = self.next.is_some_and(|next| self.slots.at(next).is_some());
        let len = self.pace.fit(&mut self.work, n, excess, next_is_here);
        self.stats.shortened += u64::from(len < n);
        self.stats.lengthened += u64::from(len > n);
        assert!(len.abs_diff(n) <= MAX_PERIOD, "one period at a time");
        len
    }
}

fn fade_out(pcm: &mut [f32]) {
    let n = pcm.len().min(FADE_SAMPLES);
    let from = pcm.len() - n;
    for (i, s) in pcm[from..].iter_mut().enumerate() {
        *s *= 1.0 - (i + 1) as f32 / n as f32;
    }
}

#[cfg(test)]
mod tests;
