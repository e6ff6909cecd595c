//! The data plane of a call: captured sound becomes sealed payloads, sealed payloads become sound; 50 steps a second.
//!
//! ```text
//!   capture(pcm) -> gate -> encode -> redundancy -> frame -> pad, seal -> next_payload()  == network ==
//!   receive(from, payload) -> open (key of that very device) ------------> jitter buffer of that speaker
//!   receive_forwarded(payload) -> open (any key) -> signed checkpoints --/
//!   play(out) <- limiter <- mix <- gain <- stretch <- decode (itself, list copy, in-band, deep, concealment)
//! ```
//! The engine decides and hands over a [`VoicePlan`]; the thread that owns the sound devices steps this machine. Nothing
//! here reads a clock, and nothing allocates after [`VoicePath::apply`] has set up every speaker of the plan (checkpoints,
//! which only forwarded frames need, aside). Codecs come through [`CodecFactory`].

pub mod codec;
pub mod plan;
pub mod frame;
pub mod gate;
pub mod loss;
pub mod timing;
pub mod slots;
pub mod stretch;
pub mod redundancy;
pub mod mix;
pub mod bare;
pub mod speaker;
mod proofs;
pub mod mouth;
pub mod ear;

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::CheckpointDraft;
use rand_chacha::ChaCha20Rng;
use serde::Serialize;
use thiserror::Error;

use crate::time::Time;

pub use codec::{CodecError, CodecFactory, Coding, Decoder, Encoder, FrameLength, SAMPLE_RATE_HZ};
pub use ear::{ProofStats, Rejected, RejectedStats, SpeakerView};
pub use halloo_crypto::media::Authenticity;
pub use mouth::{Captured, MouthStats, Payload, PayloadKind};
pub use plan::{Connect, MAX_SPEAKERS, Peer, Transmit, VoicePlan};
pub use speaker::SpeakerStats;

use ear::{Ear, Heard};
use mouth::Mouth;

/// What does not change while a path lives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VoiceConfig {
    /// This device.
    pub me: DeviceId,
    /// Length of the frames that this mouth sends; ears take any.
    pub frame: FrameLength,
    /// When sound leaves, to begin with.
    pub transmit: Transmit,
}

/// Figures of a path, speakers aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct VoiceStats {
    /// What left.
    pub mouth: MouthStats,
    /// What was dropped on arrival.
    pub rejected: RejectedStats,
}

/// Why a plan was not taken as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PlanError {
    /// More than [`MAX_SPEAKERS`] peers; the plan before stays.
    #[error("the plan names more speakers than a path can hear")]
    TooManySpeakers,
    /// The sealing key was used up before; nothing leaves until the next plan.
    #[error("the plan names a sealing key that was used up before")]
    SpentKey,
    /// A decoder could not be set up.
    #[error("a decoder could not be set up: {0}")]
    Codec(#[from] CodecError),
}

/// Mouth and ear of one device in one call. Owned by the thread that owns the sound devices.
pub struct VoicePath {
    me: DeviceId,
    codecs: Box<dyn CodecFactory>,
    mouth: Mouth,
    ear: Ear,
    planned_mute: (bool, bool),
    local_mute: (bool, bool),
    planned_budget_bps: u32,
    local_budget_bps: u32,
}

impl VoicePath {
    /// A path that is in no call yet: silent, deaf.
    ///
    /// # Errors
    /// [`CodecError::Internal`] when the encoder cannot be set up.
    pub fn new(
        config: VoiceConfig,
        codecs: Box<dyn CodecFactory>,
        rng: &mut ChaCha20Rng,
    ) -> Result<Self, CodecError> {
        let encoder = codecs.encoder(config.frame)?;
        let mouth = Mouth::new(config.frame, encoder, config.transmit, rng);
        let ear = Ear::new();
        let none = (false, false);
        Ok(VoicePath {
            me: config.me,
            codecs,
            mouth,
            ear,
            planned_mute: (true, false),
            local_mute: none,
            planned_budget_bps: plan::DEFAULT_BUDGET_BPS,
            local_budget_bps: u32::MAX,
        })
    }

    /// Follows this plan from now on. The only call that allocates. Old keys of a peer that stays live 2 s more, a peer
    /// that is gone is dropped at once.
    ///
    /// # Errors
    /// [`PlanError`]; what it says nothing about is in force.
    pub fn apply(&mut self, now: Time, plan: &VoicePlan) -> Result<(), PlanError> {
        if plan.peers.len() > MAX_SPEAKERS {
            return Err(PlanError::TooManySpeakers);
        }
        for gone in self.ear.speakers().map(|s| s.device) {
            if !plan.peers.iter().any(|p| p.device == gone) {
                self.mouth.controller.forget(&gone);
            }
        }
        self.planned_mute = (plan.microphone_muted, plan.speaker_muted);
        self.obey_mute();
        self.planned_budget_bps = plan.budget_bps;
        self.mouth.controller.set_budget(plan.budget_bps.min(self.local_budget_bps));
        let sealing = self.mouth.set_key(plan.seal.as_ref(), plan.checkpoints);
        self.ear.apply(now, plan, self.codecs.as_ref())?;
        if sealing { Ok(()) } else { Err(PlanError::SpentKey) }
    }

    /// Changes when sound leaves, with the next frame.
    pub fn set_transmit(&mut self, transmit: Transmit) {
        self.mouth.set_transmit(transmit);
    }

    /// Mutes the microphone at once, beside what the plan says.
    pub fn set_microphone_muted(&mut self, muted: bool) {
        self.local_mute.0 = muted;
        self.obey_mute();
    }

    /// Switches the loudspeaker off at once, beside what the plan says. Stems go on.
    pub fn set_speaker_muted(&mut self, muted: bool) {
        self.local_mute.1 = muted;
        self.obey_mute();
    }

    /// Spends at most so many bits per second, beside what the plan allows; 0 sends no redundancy at all, as a measurement
    /// of plain concealment needs it.
    pub fn limit_budget(&mut self, bps: u32) {
        self.local_budget_bps = bps;
        self.mouth.controller.set_budget(self.planned_budget_bps.min(bps));
    }

    /// Sets how loud one speaker is in the mix, 0..=4; 1 is as sent.
    pub fn set_gain(&mut self, speaker: &DeviceId, gain: f32) {
        self.ear.set_gain(speaker, gain);
    }

    fn obey_mute(&mut self) {
        let microphone = self.planned_mute.0 || self.local_mute.0;
        if microphone != self.mouth.is_muted() {
            self.mouth.set_muted(microphone);
        }
        self.ear.set_muted(self.planned_mute.1 || self.local_mute.1);
    }

    /// Takes one frame of captured sound, of the configured length. `voice` is the probability that it holds speech,
    /// 0..=1, where a detector is at hand. What leaves is fetched by [`VoicePath::next_payload`].
    ///
    /// # Errors
    /// [`CodecError`]: the frame is lost.
    pub fn capture(&mut self, now: Time, pcm: &[f32], voice: Option<f32>) -> Result<Captured, CodecError> {
        let captured = self.mouth.capture(now, pcm, voice);
        if let Some(report) = self.ear.report(now) {
            self.mouth.send_report(&report);
        }
        captured
    }

    /// The next sealed payload, for every peer of the plan alike.
    pub fn next_payload(&mut self) -> Option<Payload<'_>> {
        self.mouth.next_payload()
    }

    /// The codec's bytes of the last frame that left, in clear, before padding and sealing: for measurements that look
    /// for them on the wire.
    pub fn last_coded(&self) -> &[u8] {
        self.mouth.last_coded()
    }

    /// Takes one payload that arrived at `now` on the connection of `from`, which proves whose it is.
    ///
    /// # Errors
    /// [`Rejected`]; it is counted and otherwise forgotten.
    pub fn receive(&mut self, now: Time, from: DeviceId, payload: &[u8]) -> Result<(), Rejected> {
        self.hear(now, Some(from), payload)
    }

    /// Takes one payload that a forwarder handed over at `now`. Any member could have sealed it; checkpoints prove whose it is, and
    /// [`SpeakerView::authenticity`] says what they say.
    ///
    /// # Errors
    /// [`Rejected`]; it is counted and otherwise forgotten.
    pub fn receive_forwarded(&mut self, now: Time, payload: &[u8]) -> Result<(), Rejected> {
        self.hear(now, None, payload)
    }

    fn hear(&mut self, now: Time, from: Option<DeviceId>, payload: &[u8]) -> Result<(), Rejected> {
        if let Heard::Report(listener, entry) = self.ear.receive(now, &self.me, from, payload)? {
            self.mouth.controller.report(now, listener, &entry);
            self.mouth.is_heard(now);
        }
        Ok(())
    }

    /// Fills `out`, at most 2,880 samples, with what shall be heard from `now` on.
    pub fn play(&mut self, now: Time, out: &mut [f32]) {
        self.ear.play(now, out);
    }

    /// The speakers of the plan with their stems of the last [`VoicePath::play`], ascending by device.
    pub fn speakers(&self) -> impl Iterator<Item = SpeakerView<'_>> {
        self.ear.speakers()
    }

    /// The next checkpoint that is due, where the plan asks for checkpoints: asked after each [`VoicePath::capture`], until there is
    /// none. The holder of the device key signs it and hands it to [`VoicePath::send_checkpoint`].
    pub fn draft_checkpoint(&mut self, now: Time) -> Option<CheckpointDraft> {
        self.mouth.draft_checkpoint(now)
    }

    /// Sends a signed checkpoint.
    pub fn send_checkpoint(&mut self, signed: &[u8]) {
        self.mouth.send_checkpoint(signed);
    }

    /// Figures.
    pub fn stats(&self) -> VoiceStats {
        VoiceStats { mouth: *self.mouth.stats(), rejected: *self.ear.rejected() }
    }
}

#[cfg(test)]
mod tests;
