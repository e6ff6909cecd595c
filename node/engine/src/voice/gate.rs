//! Decides which frames leave the microphone: by voice activity with a hangover, by a key, or all of them.

use super::plan::Transmit;

/// Voice probability that opens a closed gate; the detectors in use put speech well above and noise below.
const OPEN_AT: f32 = 0.5;

/// Voice probability that opens a closed gate where the level rises out of the noise too: detectors need a few frames to
/// be sure, and every frame before that is pre-roll, which delays what follows.
const SUSPECT_AT: f32 = 0.1;

/// Voice probability that keeps an open gate open: lower, so that weak syllables do not chop.
const KEEP_AT: f32 = 0.25;

/// How far above the noise floor the level must be to open, where no detector is at hand.
const OPEN_ABOVE_FLOOR_DB: f32 = 9.0;

/// How far above the noise floor the level must be to stay open.
const KEEP_ABOVE_FLOOR_DB: f32 = 5.0;

/// Below this level nothing is speech: the noise of a 12-bit microphone.
const SILENCE_DBFS: f32 = -58.0;

/// Lowest level told; digital silence.
pub const FLOOR_DBFS: f32 = -100.0;

/// How long the gate stays open after the last voice: shorter chops words, longer sends pauses.
pub const HANGOVER_MICROS: u64 = 400_000;

/// The noise floor climbs so fast when the level is above it: a new fan is learnt in ten seconds, a sentence hardly.
const FLOOR_RISE_DB_PER_S: f32 = 1.5;

/// What becomes of one captured frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// It stays here. It may be kept as pre-roll.
    Held,
    /// It leaves, as the first after silence; a pre-roll may go with it.
    First,
    /// It leaves.
    Open,
    /// It leaves, as the last before silence.
    Last,
}

/// The gate of one microphone.
#[derive(Clone, Debug)]
pub struct Gate {
    transmit: Transmit,
    floor_dbfs: f32,
    open: bool,
    quiet_micros: u64,
}

impl Gate {
    /// A closed gate.
    pub fn new(transmit: Transmit) -> Self {
        Gate { transmit, floor_dbfs: -50.0, open: false, quiet_micros: 0 }
    }

    /// Changes when sound leaves; takes effect with the next frame.
    pub fn set_transmit(&mut self, transmit: Transmit) {
        self.transmit = transmit;
    }

    /// Whether what was said before the gate opened may go along: never before a key was pressed.
    pub fn keeps_preroll(&self) -> bool {
        matches!(self.transmit, Transmit::VoiceActivated)
    }

    /// Shuts at once and forgets, as after mute. The listeners hear no last frame.
    pub fn shut(&mut self) {
        self.open = false;
        self.quiet_micros = 0;
    }

    /// Judges the next frame by its level and, where a detector is at hand, its voice probability 0..=1.
    pub fn step(&mut self, level_dbfs: f32, voice: Option<f32>, frame_micros: u64) -> Passage {
        assert!(frame_micros > 0, "a frame has a length");
        let wanted = match self.transmit {
            Transmit::OpenMicrophone => true,
            Transmit::PushToTalk { pressed } => pressed,
            Transmit::VoiceActivated => self.hears_voice(level_dbfs, voice, frame_micros),
        };
        match (self.open, wanted) {
            (false, false) => Passage::Held,
            (false, true) => {
                self.open = true;
                Passage::First
            }
            (true, true) => Passage::Open,
            (true, false) => {
                self.open = false;
                Passage::Last
            }
        }
    }

    /// Whether a frame of this level, from before the gate opened, holds more than the noise of the place.
    pub fn is_audible(&self, level_dbfs: f32) -> bool {
        level_dbfs > self.floor_dbfs + KEEP_ABOVE_FLOOR_DB
    }

    fn hears_voice(&mut self, level_dbfs: f32, voice: Option<f32>, frame_micros: u64) -> bool {
        let loud = self.above_floor(level_dbfs, frame_micros);
        let speech = level_dbfs > SILENCE_DBFS
            && match voice {
                Some(p) if self.open => p >= KEEP_AT,
                Some(p) => p >= OPEN_AT || loud && p >= SUSPECT_AT,
                None => loud,
            };
        if speech {
            self.quiet_micros = 0;
            return true;
        }
        self.quiet_micros = self.quiet_micros.saturating_add(frame_micros);
        self.open && self.quiet_micros < HANGOVER_MICROS
    }

    fn above_floor(&mut self, level_dbfs: f32, frame_micros: u64) -> bool {
        let margin = if self.open { KEEP_ABOVE_FLOOR_DB } else { OPEN_ABOVE_FLOOR_DB };
        let loud = level_dbfs > self.floor_dbfs + margin;
        let rise = FLOOR_RISE_DB_PER_S * frame_micros as f32 / 1e6;
        self.floor_dbfs = level_dbfs.max(FLOOR_DBFS).min(self.floor_dbfs + rise);
        assert!(self.floor_dbfs >= FLOOR_DBFS, "levels are never below the floor of all levels");
        loud
    }
}

/// Level of a frame in decibels below full scale, [`FLOOR_DBFS`] for silence.
pub fn level_dbfs(pcm: &[f32]) -> f32 {
    if pcm.is_empty() {
        return FLOOR_DBFS;
    }
    let power = pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32;
    if power.is_finite() { (10.0 * power.max(1e-10).log10()).max(FLOOR_DBFS) } else { FLOOR_DBFS }
}

#[cfg(test)]
mod tests;
