//! Chooses the redundancy of outgoing frames from what the listeners report and what the plan allows.
//!
//! PESQ-WB on read speech, 20 ms frames, measured with libopus 1.6.1 (docs/adr/0008-voice-path.md): concealment alone
//! 2.04 at 10 % random loss and 1.49 at 20 %; the coarse in-band copy at 32 kbit/s 3.68 and 3.00; one earlier frame
//! repeated 3.95 and 3.19; two repeated 4.24 and 4.08. In runs of three, 20 %: two repeated 2.44, deep redundancy
//! 2.15, in-band 1.95. So: lists where the budget allows them, longer ones for more loss and for runs; deep redundancy
//! for runs and in-band for single losses where it does not.

use core::time::Duration;

use halloo_crypto::id::DeviceId;

use crate::time::Time;

use super::codec::{Coding, FrameLength, MAX_CODED_BYTES};
use super::frame::{ENTRY_BYTES, HEADER_BYTES, ReportEntry};
use super::plan::MAX_SPEAKERS;

/// Coded bytes of 20 ms where nothing else is in the frame: 33.6 kbit/s, what fills the smallest size class.
const PLAIN_BYTES: usize = 84;

/// Coded bytes of 20 ms where a list follows: 28.4 kbit/s, two of them fill the second class, three the third.
const LISTED_BYTES: usize = 71;

/// Coded bytes of 20 ms with deep redundancy: 59 kbit/s; below 32 it reaches nowhere.
const DEEP_BYTES: usize = 148;

/// Least coded bytes of a frame; Opus at 6 kbit/s and 10 ms needs eight.
const MIN_CODED_BYTES: usize = 24;

/// Ticks that deep redundancy may reach back: half a second.
const DEEP_TICKS: u8 = 50;

/// Loss below which nothing is added: concealment hides one frame in a hundred.
const FROM_LOSS: f32 = 0.01;

/// Loss from which two earlier frames are carried.
const TWO_FROM_LOSS: f32 = 0.06;

/// Loss from which three are.
const THREE_FROM_LOSS: f32 = 0.25;

/// Mean run of lost frames from which loss counts as bursty. Random loss of a fifth has runs of 1.25.
const BURSTY_FROM: f32 = 1.7;

/// A report counts so long; listeners send one each second, more often under loss.
const REPORT_LIFE: Duration = Duration::from_secs(8);

/// More redundancy is taken at once, less only after this long: loss comes in waves.
const CALM: Duration = Duration::from_secs(4);

/// Until the first reports come one earlier frame is carried: the first words of a call are the worst to lose.
const UNKNOWN: Redundancy = Redundancy::List(1);

/// Loss above which a listener is given up: nothing that fits a packet helps, and all others would pay.
const HOPELESS_LOSS: f32 = 0.6;

/// What goes into a frame besides its own sound, in order of strength.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Redundancy {
    /// Nothing.
    #[default]
    Nothing,
    /// The codec's own coarse copy of the frame before (Opus LBRR).
    InBand,
    /// The codec's deep redundancy of the last half second (Opus DRED).
    Deep,
    /// So many earlier frames, whole; 1..=3.
    List(u8),
}

impl Redundancy {
    /// How the codec is driven for frames of this length.
    pub fn coding(self, length: FrameLength, loss_percent: u8) -> Coding {
        let per_20_ms = match self {
            Redundancy::Nothing | Redundancy::InBand => PLAIN_BYTES,
            Redundancy::List(_) => LISTED_BYTES,
            Redundancy::Deep => DEEP_BYTES,
        };
        let bytes = (per_20_ms * usize::from(length.ticks()) / 2).clamp(MIN_CODED_BYTES, MAX_CODED_BYTES);
        let in_band = self == Redundancy::InBand;
        let deep_ticks = if self == Redundancy::Deep { DEEP_TICKS } else { 0 };
        let loss_percent = if in_band || deep_ticks > 0 { loss_percent.max(10) } else { 0 };
        assert!(!in_band || deep_ticks == 0, "one kind at a time");
        Coding { bytes, loss_percent, in_band, deep_ticks }
    }

    /// Most bytes of a frame of this kind before sealing.
    pub fn most_bytes(self, length: FrameLength) -> usize {
        let coded = self.coding(length, 0).bytes;
        let entries = usize::from(self.list_len());
        HEADER_BYTES + coded + entries * (ENTRY_BYTES + coded)
    }

    /// Earlier frames that go along.
    pub fn list_len(self) -> u8 {
        if let Redundancy::List(n) = self { n } else { 0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    listener: DeviceId,
    at: Time,
    loss: f32,
    burst: f32,
}

/// The controller of one mouth.
#[derive(Clone, Debug)]
pub struct Controller {
    heard: [Option<Heard>; MAX_SPEAKERS],
    current: Redundancy,
    stronger_until: Time,
    budget_bps: u32,
    length: FrameLength,
}

impl Controller {
    /// A controller that has heard nothing yet.
    pub fn new(length: FrameLength, budget_bps: u32) -> Self {
        Controller {
            heard: [None; MAX_SPEAKERS],
            current: Redundancy::Nothing,
            stronger_until: Time::ZERO,
            budget_bps,
            length,
        }
    }

    /// Most bits per second of frames before sealing.
    pub fn set_budget(&mut self, budget_bps: u32) {
        self.budget_bps = budget_bps;
    }

    /// Takes what a listener reports of this mouth.
    pub fn report(&mut self, now: Time, listener: DeviceId, entry: &ReportEntry) {
        let heard = Heard {
            listener,
            at: now,
            loss: f32::from(entry.loss) / 255.0,
            burst: f32::from(entry.burst) / 16.0,
        };
        let same = self.heard.iter().position(|h| h.is_some_and(|h| h.listener == listener));
        let free = || self.heard.iter().position(|h| h.is_none_or(|h| now.since(h.at) > REPORT_LIFE));
        if let Some(i) = same.or_else(free) {
            self.heard[i] = Some(heard);
        }
    }

    /// Forgets a listener that left.
    pub fn forget(&mut self, listener: &DeviceId) {
        for slot in &mut self.heard {
            if slot.is_some_and(|h| h.listener == *listener) {
                *slot = None;
            }
        }
    }

    /// The largest loss that a listener reports, also one that nothing helps; `None` before the first report.
    pub fn worst_loss(&self, now: Time) -> Option<f32> {
        let fresh = self.heard.iter().flatten().filter(|h| now.since(h.at) <= REPORT_LIFE);
        fresh.map(|h| h.loss).max_by(f32::total_cmp)
    }

    /// What the next frame carries, and the loss in percent that the codec should reckon with.
    pub fn decide(&mut self, now: Time) -> (Redundancy, u8) {
        let fresh = || self.heard.iter().flatten().filter(|h| now.since(h.at) <= REPORT_LIFE);
        let worst = fresh().filter(|h| h.loss <= HOPELESS_LOSS).max_by(|a, b| a.loss.total_cmp(&b.loss));
        let wanted = match worst {
            None => self.affordable(UNKNOWN),
            Some(h) => self.for_loss(h.loss, h.burst),
        };
        let percent = worst.map_or(0.0, |h| h.loss * 100.0) as u8;
        if wanted >= self.current {
            self.current = wanted;
            self.stronger_until = now.after(CALM);
        } else if now >= self.stronger_until {
            self.current = wanted;
        }
        assert!(percent <= 100, "hopeless listeners were left out");
        (self.current, percent)
    }

    fn for_loss(&self, loss: f32, burst: f32) -> Redundancy {
        if loss < FROM_LOSS {
            return Redundancy::Nothing;
        }
        if burst >= BURSTY_FROM {
            return self.first_affordable(&[
                Redundancy::List(3),
                Redundancy::List(2),
                Redundancy::Deep,
                Redundancy::InBand,
            ]);
        }
        let list = match loss {
            l if l < TWO_FROM_LOSS => 1,
            l if l < THREE_FROM_LOSS => 2,
            _ => 3,
        };
        self.affordable(Redundancy::List(list))
    }

    /// The list, or a shorter one, or in-band where the budget has no room for any.
    fn affordable(&self, list: Redundancy) -> Redundancy {
        let n = list.list_len();
        assert!((1..=3).contains(&n), "lists of one to three");
        (1..=n).rev().map(Redundancy::List).find(|r| self.fits(*r)).unwrap_or(self.in_band())
    }

    fn first_affordable(&self, choices: &[Redundancy]) -> Redundancy {
        choices.iter().copied().find(|r| self.fits(*r)).unwrap_or(Redundancy::Nothing)
    }

    /// The cheapest redundancy, unless the plan grants not even that.
    fn in_band(&self) -> Redundancy {
        self.first_affordable(&[Redundancy::InBand])
    }

    fn fits(&self, redundancy: Redundancy) -> bool {
        let bits = redundancy.most_bytes(self.length) as u64 * 8;
        bits * 1_000_000 / self.length.micros() <= u64::from(self.budget_bps)
    }
}

#[cfg(test)]
mod tests;
