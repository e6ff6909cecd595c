//! The ear: opens what arrives, hands it to its speaker, mixes what is due, and says what to report.

use core::time::Duration;

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{
    Admission, Authenticity, CHECKPOINT_MS, CheckpointReader, Claim, MediaError, MediaRing, RingOpened,
    Verdict,
};
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

/// Time between reports while a speaker's word is overdue: it may not know that anybody hears it.
const REPORT_ASKS: Duration = Duration::from_millis(100);

/// A speaker is new for so many frames: two seconds at 20 ms.
const NEW_FRAMES: u64 = 100;

/// Loss from which reports hurry.
const HURRY_LOSS: f32 = 0.01;

/// A speaker whose frames wait is asked for its word when none came for so long: the next was due by then.
const WORD_OVERDUE: Duration = Duration::from_millis(CHECKPOINT_MS + 200);

/// How long a person is told that somebody speaks in another's name after it was last proven.
const FORGED_SHOWN: Duration = Duration::from_secs(10);

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
    /// Forwarded, and what it says of itself cannot be of its sender by the sender's own checkpoints.
    #[error("the forwarded payload is too late to be proven, or none of its sender")]
    Unproven,
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
    /// Forwarded, and beyond proof.
    pub unproven: u64,
}

/// What checkpoints said of one speaker's forwarded frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ProofStats {
    /// Frames that their sender signed.
    pub verified: u64,
    /// Frames that somebody else sealed in its name.
    pub forged: u64,
    /// Frames of sound of which no checkpoint came.
    pub unproven: u64,
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
    /// The same in numbers.
    pub proofs: ProofStats,
}

struct Voice {
    device: DeviceId,
    speaker: Speaker,
    checkpoints: CheckpointReader,
    authenticity: Authenticity,
    proofs: ProofStats,
    /// When frames in its name were last proven to be of somebody else.
    forged_at: Option<Time>,
    /// When its last checkpoint came.
    word_at: Option<Time>,
    reported: u64,
}

impl Voice {
    fn new(device: DeviceId, speaker: Speaker) -> Self {
        Voice {
            device,
            speaker,
            checkpoints: CheckpointReader::new(),
            authenticity: Authenticity::Unverified,
            proofs: ProofStats::default(),
            forged_at: None,
            word_at: None,
            reported: 0,
        }
    }

    /// Whether a forwarded frame may be heard; it is then kept until a checkpoint speaks of it.
    fn admit(
        &mut self,
        now: Time,
        opened: &RingOpened,
        claim: Option<Claim>,
        payload: &[u8],
    ) -> Result<(), Rejected> {
        let key = (opened.print, opened.counter);
        match self.checkpoints.admit(now.as_millis(), key, claim, payload) {
            Admission::Waits => Ok(()),
            Admission::Late | Admission::Unvouched => Err(Rejected::Unproven),
            Admission::Forged => {
                self.judge(now, Verdict { forged: 1, verified: 0 });
                Err(Rejected::Unproven)
            }
        }
    }

    /// Takes a checkpoint; `known` are the prints of its keys.
    fn word(&mut self, now: Time, known: &[[u8; 8]], bytes: &[u8]) -> Result<(), Rejected> {
        let verdict = self.checkpoints.check(now.as_millis(), &self.device, known, bytes)?;
        self.word_at = Some(now);
        self.judge(now, verdict);
        Ok(())
    }

    fn judge(&mut self, now: Time, verdict: Verdict) {
        self.proofs.verified += u64::from(verdict.verified);
        self.proofs.forged += u64::from(verdict.forged);
        match verdict.authenticity() {
            Authenticity::Forged => {
                self.forged_at = Some(now);
                self.authenticity = Authenticity::Forged;
            }
            Authenticity::Verified if self.forged_at.is_none() => self.authenticity = Authenticity::Verified,
            Authenticity::Verified | Authenticity::Unverified => {}
        }
        assert!(verdict.forged == 0 || self.authenticity == Authenticity::Forged, "a forgery is shown");
    }

    /// Whether its frames wait for a word that should have come: to a report of them it gives one.
    fn is_overdue(&self, now: Time) -> bool {
        self.word_at.is_none_or(|at| now.since(at) >= WORD_OVERDUE) && self.checkpoints.waits()
    }

    /// What time brings: proofs that did not come, and the end of a warning.
    fn age(&mut self, now: Time) {
        let unproven = self.checkpoints.expire(now.as_millis());
        self.proofs.unproven += u64::from(unproven);
        let over = self.forged_at.is_some_and(|at| now.since(at) >= FORGED_SHOWN);
        if over {
            self.forged_at = None;
        }
        if self.forged_at.is_none() && (over || unproven > 0) {
            self.authenticity = Authenticity::Unverified;
        }
    }
}

/// All that concerns hearing.
pub struct Ear {
    voices: Vec<Voice>,
    ring: MediaRing,
    forwarded: bool,
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
    Report(DeviceId, ReportEntry),
}

impl Ear {
    /// An ear that knows nobody.
    pub fn new() -> Self {
        Ear {
            voices: Vec::with_capacity(MAX_SPEAKERS),
            ring: MediaRing::new(),
            forwarded: false,
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
        self.forwarded = plan.checkpoints;
        let ring = &mut self.ring;
        self.voices.retain(|voice| {
            let stays = plan.peers.iter().any(|p| p.device == voice.device);
            if !stays {
                ring.drop_device(&voice.device);
            }
            stays
        });
        for peer in &plan.peers {
            let known = self.ring.prints(&peer.device);
            let begun_anew = !peer.keys.iter().any(|key| known.contains(&key.print()));
            if self.forwarded && begun_anew {
                // It began anew, so nothing of before is its own any more, and its media time is another.
                self.ring.drop_device(&peer.device);
            }
            self.ring.set_keys(peer.device, &peer.keys, now.as_millis());
            match self.voices.binary_search_by(|v| v.device.cmp(&peer.device)) {
                Ok(place) if begun_anew => self.voices[place].checkpoints = CheckpointReader::new(),
                Ok(_) => {}
                Err(place) => {
                    let speaker = Speaker::new(codecs.decoder()?);
                    self.voices.insert(place, Voice::new(peer.device, speaker));
                }
            }
        }
        assert!(self.voices.len() <= MAX_SPEAKERS, "one voice a peer");
        assert!(self.voices.len() <= plan.peers.len(), "who is gone is forgotten");
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

    /// Opens one payload that came on the connection of `from`, or from a forwarder.
    pub fn receive(
        &mut self,
        now: Time,
        me: &DeviceId,
        from: Option<DeviceId>,
        payload: &[u8],
    ) -> Result<Heard, Rejected> {
        let result = self.open(now, me, from, payload);
        match result {
            Ok(_) => {}
            Err(Rejected::UnknownKey) => self.rejected.unknown_key += 1,
            Err(Rejected::DoesNotOpen) => self.rejected.does_not_open += 1,
            Err(Rejected::Replayed) => self.rejected.replayed += 1,
            Err(Rejected::Malformed | Rejected::Frame(_)) => self.rejected.malformed += 1,
            Err(Rejected::Unproven) => self.rejected.unproven += 1,
        }
        result
    }

    fn open(
        &mut self,
        now: Time,
        me: &DeviceId,
        from: Option<DeviceId>,
        payload: &[u8],
    ) -> Result<Heard, Rejected> {
        if from.is_none() && !self.forwarded {
            return Err(Rejected::UnknownKey);
        }
        let opened = match self.ring.open(from.as_ref(), payload, now.as_millis(), &mut self.opened) {
            // Who speaks in another's name uses its numbers up; its signed word is heard all the same.
            Err(MediaError::Replayed) if from.is_none() => return self.word(now, payload),
            opened => opened?,
        };
        let Some(voice) = self.voices.iter_mut().find(|v| v.device == opened.device) else {
            return Err(Rejected::UnknownKey);
        };
        let frame = Frame::parse(&self.opened)?;
        if from.is_none() {
            let claim = match &frame {
                Frame::Voice(frame) => Some(Claim { stream: frame.stream, tick: frame.tick }),
                Frame::Report(_) | Frame::Checkpoint(_) => None,
            };
            voice.admit(now, &opened, claim, payload)?;
        }
        match frame {
            Frame::Voice(frame) => voice.speaker.receive(now, &frame),
            Frame::Report(report) => {
                let mine = report.entries().iter().find(|e| e.who == short_name(me));
                return Ok(mine.map_or(Heard::Nothing, |e| Heard::Report(opened.device, *e)));
            }
            Frame::Checkpoint(bytes) => voice.word(now, &self.ring.prints(&opened.device), bytes)?,
        }
        Ok(Heard::Nothing)
    }

    /// Takes a checkpoint whose number was used before; anything else of that number was heard already.
    fn word(&mut self, now: Time, payload: &[u8]) -> Result<Heard, Rejected> {
        let opened = self.ring.open_again(payload, now.as_millis(), &mut self.opened)?;
        let Frame::Checkpoint(bytes) = Frame::parse(&self.opened)? else { return Err(Rejected::Replayed) };
        let Some(voice) = self.voices.iter_mut().find(|v| v.device == opened.device) else {
            return Err(Rejected::UnknownKey);
        };
        voice.word(now, &self.ring.prints(&opened.device), bytes)?;
        Ok(Heard::Nothing)
    }

    /// Fills `out` with the mix of what is due.
    pub fn play(&mut self, now: Time, out: &mut [f32]) {
        assert!(out.len() <= MAX_FRAME_SAMPLES, "a step is at most one frame");
        self.ring.expire(now.as_millis());
        out.fill(0.0);
        let step = &mut self.step[..out.len()];
        for voice in &mut self.voices {
            voice.age(now);
            voice.speaker.play(now, step);
            if !self.muted {
                mix::add(out, step, voice.speaker.gain());
            }
        }
        self.limiter.limit(out);
    }

    /// The report that is due now, if one is: nothing to tell while nobody speaks.
    pub fn report(&mut self, now: Time) -> Option<Report> {
        let is_news = |v: &Voice| v.speaker.stats().received > v.reported || v.is_overdue(now);
        let news = self.voices.iter().filter(|v| is_news(v));
        let hurry = news.clone().any(|v| {
            let stats = v.speaker.stats();
            stats.received < NEW_FRAMES || stats.loss >= HURRY_LOSS
        });
        let asks = news.clone().any(|v| v.is_overdue(now));
        let due = match (asks, hurry) {
            (true, _) => REPORT_ASKS,
            (false, true) => REPORT_SOON,
            (false, false) => REPORT_EVERY,
        };
        if now.since(self.reported_at) < due || news.count() == 0 {
            return None;
        }
        assert!(now >= self.reported_at, "time goes on");
        self.reported_at = now;
        let mut report = Report::default();
        for voice in &mut self.voices {
            let stats = *voice.speaker.stats();
            if is_news(voice) {
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
            proofs: v.proofs,
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
