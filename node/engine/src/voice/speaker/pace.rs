//! When a piece of one speaker is made shorter or longer, so that the delay comes to what is wanted unnoticed.

use crate::voice::gate::{FLOOR_DBFS, level_dbfs};
use crate::voice::stretch;

/// How much longer than wanted the delay may be before pitch periods are dropped: one step of 20 ms.
const BAND_SAMPLES: i64 = 960;

/// How much shorter than wanted it may be before periods are repeated: 2 ms, the resolution of the histogram.
const SLACK_SAMPLES: i64 = 96;

/// Excess up to which pauses are waited for: 40 ms above the band. Within a word a change of pace is heard, delay is not.
const EASE_SAMPLES: i64 = BAND_SAMPLES + 1_920;

/// Where no pause comes, one piece in so many is shortened all the same: each two seconds.
const EASE_EVERY: u32 = 100;

/// A piece is a pause when it is so much below the loudest of late: 20 dB.
const PAUSE_DB: f32 = 20.0;

/// How fast the loudest of late is forgotten, decibels in a piece: 6 dB a second at 20 ms.
const LOUDEST_DECAY_DB: f32 = 0.12;

/// Pieces at the beginning of a talk in which a pre-roll is caught up: there a change of pace is lost in the attack.
const OPENING_PIECES: u32 = 8;

/// Excess above which every piece is shortened instead of every second: 100 ms.
const HURRY_SAMPLES: i64 = 4_800;

/// What is remembered of one speaker for that.
pub(super) struct Pace {
    hurried: bool,
    /// Pieces of this talk so far.
    pieces: u32,
    loudest_dbfs: f32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace { hurried: false, pieces: 0, loudest_dbfs: FLOOR_DBFS }
    }

    /// A talk begins.
    pub(super) fn begin_talk(&mut self) {
        self.pieces = 0;
    }

    /// Fits the first `n` samples of `work` to a delay that exceeds the wanted by so many samples; returns the new
    /// length. What is cut off is taken from the frame after it, in this very step: that must be here.
    pub(super) fn fit(&mut self, work: &mut [f32], n: usize, excess: i64, next_is_here: bool) -> usize {
        assert!(n <= work.len(), "the piece lies in the buffer");
        let level = level_dbfs(&work[..n]);
        self.loudest_dbfs = level.max(self.loudest_dbfs - LOUDEST_DECAY_DB);
        self.pieces = self.pieces.saturating_add(1);
        if excess < -SLACK_SAMPLES {
            return stretch::lengthen(work, n);
        }
        if excess <= BAND_SAMPLES || !next_is_here {
            return n;
        }
        let opening = self.pieces <= OPENING_PIECES;
        let pause = level < self.loudest_dbfs - PAUSE_DB;
        let bears_it = opening || pause || excess > EASE_SAMPLES || self.pieces.is_multiple_of(EASE_EVERY);
        self.hurried = bears_it && (!self.hurried || opening || excess > HURRY_SAMPLES);
        if !self.hurried {
            return n;
        }
        stretch::shorten(work, n, if opening { stretch::AT_ANY_PRICE } else { stretch::ALIKE })
    }
}

#[cfg(test)]
mod tests;
