//! The ear: opens what arrives, hands it to its speaker, mixes what is due, and says what to report.

use core::time::Duration;

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Authenticity, CheckpointReader, MediaError, MediaRing};
use serde::Serialize;
use thiserror::Error;

use crate::time::Time;

use super::codec::{CodecError, CodecFactory, MAX_FRAME_SAMPLES};
use super::frame::{Frame, FrameError, MAX_FRAME_BYTES, Report, ReportEntry, short_name};
use super::mix::{self, Limiter};
use super::plan::{MAX_SPEAKERS, VoicePlan};
use super::speaker::{Speaker, SpeakerStats};

/// Time between reports on a calm path.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Time between reports while frames are lost or the speaker is new: what the sender does not know costs words.
const REPORT_SOON: Duration = Duration::from_millis(250);

/// A speaker is new for so many frames: two seconds at 20 ms.
const NEW_FRAMES: u64 = 100;

/// Loss from which reports hurry.
const HURRY_LOSS: f32 = 0.01;

/// Why a payload was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Rejected {
    /// The plan names no such device, or no key of it has this key id. Normal for a moment after a change of keys.
    #[error("no key of that device has this id")]
    UnknownKey,
    /// Forged or damaged: the key does not open it.
    #[error("the payload does not open")]
    DoesNotOpen,
    /// Here before.
    #[error("the payload was here before")]
    Replayed,
    /// No SFrame at all.
    #[error("the payload is malformed")]
    Malformed,
    /// Sealed by the peer, yet no frame.
    #[error("the opened frame is malformed: {0}")]
    Frame(#[from] FrameError),
}

impl From<MediaError> for Rejected {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::UnknownKey => Rejected::UnknownKey,
            MediaError::DoesNotOpen | MediaError::BadSignature => Rejected::DoesNotOpen,
            MediaError::Replayed => Rejected::Replayed,
            MediaError::Malformed | MediaError::TooLong => Rejected::Malformed,
        }
    }
}

/// Payloads dropped, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct RejectedStats {
    /// No key.
    pub unknown_key: u64,
    /// Did not open.
    pub does_not_open: u64,
    /// Replayed.
    pub replayed: u64,
    /// Malformed outside or inside the seal.
    pub malformed: u64,
}

/// One speaker as the shell sees it.
#[derive(Clone, Copy, Debug)]
pub struct SpeakerView<'a> {
    /// Which device.
    pub device: DeviceId,
    /// What the last step gave of this speaker, before gain; silence if nothing.
    pub stem: &'a [f32],
    /// Media time of the stem's first sample, comparable with the sender's `Captured::media_time`; `None` in silence.
    pub playing: Option<u32>,
    /// Figures.
    pub stats: &'a SpeakerStats,
    /// What checkpoints say about who spoke; always `Unverified` on a direct path, where the connection proves it.
    pub authenticity: Authenticity,
}

struct Voice {
    device: DeviceId,
    speaker: Speaker,
    checkpoints: CheckpointReader,
    authenticity: Authenticity,
    reported: u64,
}

/// All that concerns hearing.
pub struct Ear {
    voices: Vec<Voice>,
    ring: MediaRing,
    checkpoints: bool,
    muted: bool,
    opened: Vec<u8>,
    step: Vec<f32>,
    limiter: Limiter,
    reported_at: Time,
    rejected: RejectedStats,
}

/// What an arrival means to the mouth.
pub enum Heard {
    /// Nothing.
    Nothing,
    /// A listener's view of this mouth.
    Report(ReportEntry),
}

impl Ear {
    /// An ear that knows nobody.
    pub fn new() -> Self {
        Ear {
            voices: Vec::with_capacity(MAX_SPEAKERS),
            ring: MediaRing::new(),
            checkpoints: false,
            muted: false,
            opened: Vec::with_capacity(2 * MAX_FRAME_BYTES),
            step: vec![0.0; MAX_FRAME_SAMPLES],
            limiter: Limiter::new(),
            reported_at: Time::ZERO,
            rejected: RejectedStats::default(),
        }
    }

    /// Takes the peers of a plan: sets up who is new, drops who is gone, swaps keys.
    pub fn apply(
        &mut self,
        now: Time,
        plan: &VoicePlan,
        codecs: &dyn CodecFactory,
    ) -> Result<(), CodecError> {
        assert!(plan.peers.len() <= MAX_SPEAKERS, "the caller checked");
        self.checkpoints = plan.checkpoints;
        let ring = &mut self.ring;
        self.voices.retain(|voice| {
            let stays = plan.peers.iter().any(|p| p.device == voice.device);
            if !stays {
                ring.drop_device(&voice.device);
            }
            stays
        });
        for peer in &plan.peers {
            self.ring.set_keys(peer.device, &peer.keys, now.as_millis());
            if let Err(place) = self.voices.binary_search_by(|v| v.device.cmp(&peer.device)) {
                let speaker = Speaker::new(codecs.decoder()?);
                let (checkpoints, authenticity) = (CheckpointReader::new(), Authenticity::Unverified);
                let voice = Voice { device: peer.device, speaker, checkpoints, authenticity, reported: 0 };
                self.voices.insert(place, voice);
            }
        }
        assert!(self.voices.len() <= MAX_SPEAKERS, "one voice a peer");
        assert!(self.voices.windows(2).all(|w| w[0].device < w[1].device), "ascending, each once");
        Ok(())
    }

    /// Switches the mix off or on; stems go on.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Sets how loud one speaker is in the mix, 0..=4.
    pub fn set_gain(&mut self, device: &DeviceId, gain: f32) {
        if let Some(voice) = self.voices.iter_mut().find(|v| v.device == *device) {
            voice.speaker.set_gain(gain);
        }
    }

    /// Opens one payload that came on the connection of `from`.
    pub fn receive(
        &mut self,
        now: Time,
        me: &DeviceId,
        from: DeviceId,
        payload: &[u8],
    ) -> Result<Heard, Rejected> {
        let result = self.open(now, me, from, payload);
        match result {
            Ok(_) => {}
            Err(Rejected::UnknownKey) => self.rejected.unknown_key += 1,
            Err(Rejected::DoesNotOpen) => self.rejected.does_not_open += 1,
            Err(Rejected::Replayed) => self.rejected.replayed += 1,
            Err(Rejected::Malformed | Rejected::Frame(_)) => self.rejected.malformed += 1,
        }
        result
    }

    fn open(&mut self, now: Time, me: &DeviceId, from: DeviceId, payload: &[u8]) -> Result<Heard, Rejected> {
        let opened = self.ring.open(Some(&from), payload, now.as_millis(), &mut self.opened)?;
        let Some(voice) = self.voices.iter_mut().find(|v| v.device == opened.device) else {
            return Err(Rejected::UnknownKey);
        };
        if self.checkpoints {
            voice.checkpoints.note(opened.print, opened.counter, payload);
        }
        match Frame::parse(&self.opened)? {
            Frame::Voice(frame) => voice.speaker.receive(now, &frame),
            Frame::Report(report) => {
                let mine = report.entries().iter().find(|e| e.who == short_name(me));
                return Ok(mine.map_or(Heard::Nothing, |e| Heard::Report(*e)));
            }
            Frame::Checkpoint(bytes) => {
                voice.authenticity = voice.checkpoints.check(&opened.device, bytes)?.authenticity();
            }
        }
        Ok(Heard::Nothing)
    }

    /// Fills `out` with the mix of what is due.
    pub fn play(&mut self, now: Time, out: &mut [f32]) {
        assert!(out.len() <= MAX_FRAME_SAMPLES, "a step is at most one frame");
        self.ring.expire(now.as_millis());
        out.fill(0.0);
        let step = &mut self.step[..out.len()];
        for voice in &mut self.voices {
            voice.speaker.play(now, step);
            if !self.muted {
                mix::add(out, step, voice.speaker.gain());
            }
        }
        self.limiter.limit(out);
    }

    /// The report that is due now, if one is: nothing to tell while nobody speaks.
    pub fn report(&mut self, now: Time) -> Option<Report> {
        let news = self.voices.iter().filter(|v| v.speaker.stats().received > v.reported);
        let hurry = news.clone().any(|v| {
            let stats = v.speaker.stats();
            stats.received < NEW_FRAMES || stats.loss >= HURRY_LOSS
        });
        let due = if hurry { REPORT_SOON } else { REPORT_EVERY };
        if now.since(self.reported_at) < due || news.count() == 0 {
            return None;
        }
        assert!(now >= self.reported_at, "time goes on");
        self.reported_at = now;
        let mut report = Report::default();
        for voice in &mut self.voices {
            let stats = *voice.speaker.stats();
            if stats.received > voice.reported {
                voice.reported = stats.received;
                report.push(ReportEntry {
                    who: short_name(&voice.device),
                    loss: (stats.loss * 255.0).ceil() as u8,
                    burst: (stats.burst * 16.0) as u8,
                    jitter: voice.speaker.jitter_ms(now) as u8,
                });
            }
        }
        Some(report)
    }

    /// All speakers of the plan, ascending by device.
    pub fn speakers(&self) -> impl Iterator<Item = SpeakerView<'_>> {
        self.voices.iter().map(|v| SpeakerView {
            device: v.device,
            stem: v.speaker.stem(),
            playing: v.speaker.playing(),
            stats: v.speaker.stats(),
            authenticity: v.authenticity,
        })
    }

    /// Payloads dropped.
    pub fn rejected(&self) -> &RejectedStats {
        &self.rejected
    }
}

impl Default for Ear {
    fn default() -> Self {
        Ear::new()
    }
}

#[cfg(test)]
mod tests;
