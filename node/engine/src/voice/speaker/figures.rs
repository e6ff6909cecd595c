//! What is counted and measured of one speaker.

use serde::Serialize;

/// What happened to one speaker's sound since the device came into the plan.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct SpeakerStats {
    /// Voice frames opened.
    pub received: u64,
    /// Voice frames that never came, by gaps in their numbers.
    pub lost: u64,
    /// Frames that came after their turn.
    pub late: u64,
    /// Pieces decoded from the frame itself.
    pub played: u64,
    /// Pieces decoded from the list of a later frame.
    pub from_list: u64,
    /// Pieces decoded from the coarse copy in the next frame.
    pub from_in_band: u64,
    /// Pieces reconstructed from deep redundancy.
    pub from_deep: u64,
    /// Pieces invented.
    pub concealed: u64,
    /// Frames at hand that were dropped to shorten the delay.
    pub skipped: u64,
    /// Pieces shortened by a pitch period.
    pub shortened: u64,
    /// Pieces lengthened by a pitch period.
    pub lengthened: u64,
    /// Samples handed out.
    pub samples: u64,
    /// Samples of silence among them, between talks.
    pub silent_samples: u64,
    /// Milliseconds that sound waits here at present, above the fastest way of the last seconds.
    pub delay_ms: f32,
    /// Milliseconds that it should wait.
    pub wanted_ms: f32,
    /// Share of frames lost lately, 0..=1.
    pub loss: f32,
    /// Mean run of lost frames lately.
    pub burst: f32,
    /// Level of the last step, decibels below full scale.
    pub level_dbfs: f32,
}
