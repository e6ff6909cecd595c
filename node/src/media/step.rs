//! One step of the voice loop: 20 ms of sound in, sealed frames out and in, 20 ms of sound out. Time is an argument.

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::CheckpointDraft;
use halloo_engine::time::Time;
use halloo_engine::voice::{
    Authenticity, MAX_SPEAKERS, PlanError, ProofStats, SpeakerStats, Transmit, VoiceConfig, VoicePath,
    VoicePlan, VoiceStats,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;

use super::clock::{NS_PER_MS, NS_PER_S};
use super::device::{FRAME, Frame, Read, SAMPLE_RATE, Sink, Source};
use super::endpoint::{Incoming, Outgoing, Road};
use super::plain::Piece;
use super::record::{Page, Recorder};
use super::speech::Speech;
use super::stamps::Stamp;

/// Length of a step in nanoseconds.
pub const STEP_NS: u64 = 20 * NS_PER_MS;

/// A speaker counts as talking until so many steps after the last audible one: the gaps between words.
const TALK_HOLD: u64 = 15;

/// What is quieter is no talking, in decibels below full scale (negative).
const TALK_LEVEL_DBFS: f32 = -55.0;

/// Frames taken from the network in one step: all that seven peers can send in a second.
const MAX_INCOMING: usize = 400;

/// What the loop tells the driver.
#[derive(Debug)]
pub enum MediaEvent {
    /// Somebody began or stopped to talk; `None` is this device.
    Talking {
        /// Who.
        speaker: Option<DeviceId>,
        /// Begin or end.
        on: bool,
    },
    /// Somebody else of the group speaks in this device's name behind a forwarder, or has not done so for a while.
    Forged {
        /// In whose name.
        speaker: DeviceId,
        /// Begin or end.
        on: bool,
    },
    /// A checkpoint to sign with the device's key; the driver hands it back.
    Checkpoint(CheckpointDraft),
    /// The file or pipe that speaks for this device is at its end.
    SourceEnded,
    /// A plan was not taken as a whole.
    Plan(PlanError),
    /// The loudspeaker's file or pipe refuses; the loop goes on without it.
    SinkFailed(String),
    /// Figures, once a second.
    Stats(Box<MediaStats>),
}

/// Figures of the loop.
#[derive(Clone, Debug, Default)]
pub struct MediaStats {
    /// Steps done.
    pub steps: u64,
    /// Steps left out because the machine slept or was too slow.
    pub skipped: u64,
    /// Longest step since the last figures, microseconds.
    pub step_us_max: u64,
    /// Mean step since the last figures, microseconds.
    pub step_us_mean: u64,
    /// Overruns and underruns of the microphone.
    pub source_xruns: u64,
    /// Overruns and underruns of the loudspeaker.
    pub sink_xruns: u64,
    /// Sealed frames that found the endpoint's queue full.
    pub road_dropped: u64,
    /// Recorded steps that found the disk's queue full.
    pub record_lost: u64,
    /// The mouth and what was rejected on arrival.
    pub voice: VoiceStats,
    /// Loudest captured frame since the last figures, decibels below full scale; `None` before the first frame.
    pub mouth_dbfs: Option<f32>,
    /// Each speaker of the plan.
    pub speakers: BTreeMap<DeviceId, SpeakerStats>,
    /// What is known about who spoke, of each speaker behind a forwarder.
    pub proofs: BTreeMap<DeviceId, (Authenticity, ProofStats)>,
}

/// The ends of the sound: swapped while the loop runs.
pub(super) struct Ends {
    pub(super) source: Box<dyn Source>,
    pub(super) sink: Option<Box<dyn Sink>>,
    pub(super) road: Road,
    pub(super) recorder: Option<Recorder>,
    /// Pieces of coded frames in clear, where they are kept.
    pub(super) plain: Option<Receiver<Piece>>,
}

/// The loop's body.
pub(super) struct Step {
    pub(super) path: VoicePath,
    pub(super) ends: Ends,
    speech: Speech,
    frame_samples: usize,
    waiting: Vec<f32>,
    voice: Option<f32>,
    steps: u64,
    source_live: bool,
    /// Who talks, and the last step that was audible.
    talked: BTreeMap<Option<DeviceId>, u64>,
    begun: Vec<Option<DeviceId>>,
    /// In whose name somebody else speaks.
    forged: BTreeSet<DeviceId>,
    stamps: Vec<Stamp>,
    loudest: Option<f32>,
    #[cfg(feature = "device")]
    treatment: Option<Box<super::treat::Treatment>>,
}

impl Step {
    pub(super) fn new(path: VoicePath, config: &VoiceConfig, ends: Ends) -> Self {
        let frame_samples = config.frame.samples();
        Self {
            path,
            ends,
            speech: Speech::new(),
            frame_samples,
            waiting: Vec::with_capacity(frame_samples + FRAME),
            voice: None,
            steps: 0,
            source_live: false,
            talked: BTreeMap::new(),
            begun: Vec::new(),
            forged: BTreeSet::new(),
            stamps: Vec::new(),
            loudest: None,
            #[cfg(feature = "device")]
            treatment: None,
        }
    }

    /// One step at `now_ns`, when the frame that `source` gives has just been captured whole.
    pub(super) fn run(&mut self, now_ns: u64, events: &mut Vec<MediaEvent>) {
        let mut mouth = [0.0; FRAME];
        match self.ends.source.read(&mut mouth) {
            Read::Sound => self.source_live = true,
            Read::End if self.source_live => {
                self.source_live = false;
                events.push(MediaEvent::SourceEnded);
            }
            Read::End | Read::Silence => {}
        }
        self.treat(&mut mouth);
        self.speak(now_ns, &mouth);
        while let Some(draft) = self.path.draft_checkpoint(time(now_ns)) {
            events.push(MediaEvent::Checkpoint(draft));
        }
        self.hear(now_ns);
        let mut mix = [0.0; FRAME];
        self.path.play(time(now_ns), &mut mix);
        self.remember(&mix);
        if let Some(sink) = &mut self.ends.sink
            && let Err(error) = sink.write(&mix)
        {
            self.ends.sink = None;
            events.push(MediaEvent::SinkFailed(error.to_string()));
        }
        self.note_played(now_ns);
        self.talk_states(events);
        self.forgeries(events);
        if let Some(recorder) = &mut self.ends.recorder {
            let stems = self.path.speakers().filter(|speaker| speaker.stem.len() == FRAME);
            let stems = stems.filter_map(|s| Some((s.device, s.stem.try_into().ok()?))).collect();
            let stamps = std::mem::take(&mut self.stamps);
            let plain = self.ends.plain.iter().flat_map(|pieces| pieces.try_iter()).collect();
            recorder.note(Page { step: self.steps, mono_ns: now_ns, mouth, mix, stems, stamps, plain });
        }
        self.stamps.clear();
        self.steps += 1;
    }

    /// Cleans a real microphone's sound; made when the first one is used, gone when it is not.
    #[cfg(feature = "device")]
    fn treat(&mut self, mouth: &mut Frame) {
        if !self.ends.source.is_open_air() {
            self.treatment = None;
            return;
        }
        let way_ms =
            self.ends.source.latency_ms() + self.ends.sink.as_ref().map_or(0.0, |sink| sink.latency_ms());
        self.treatment.get_or_insert_default().captured(mouth, way_ms);
    }

    #[cfg(feature = "device")]
    fn remember(&mut self, mix: &Frame) {
        if let Some(treatment) = &mut self.treatment {
            treatment.played(mix);
        }
    }

    #[cfg(not(feature = "device"))]
    fn treat(&mut self, _mouth: &mut Frame) {}

    #[cfg(not(feature = "device"))]
    fn remember(&mut self, _mix: &Frame) {}

    fn speak(&mut self, now_ns: u64, mouth: &Frame) {
        self.voice = Some(self.speech.probability(mouth));
        self.waiting.extend_from_slice(mouth);
        let mut used = 0;
        while let Some(pcm) = self.waiting.get(used..used + self.frame_samples) {
            used += self.frame_samples;
            let captured = match self.path.capture(time(now_ns), pcm, self.voice) {
                Ok(captured) => captured,
                Err(error) => {
                    tracing::warn!(%error, "a frame could not be coded");
                    continue;
                }
            };
            self.loudest =
                Some(self.loudest.map_or(captured.level_dbfs, |loudest| loudest.max(captured.level_dbfs)));
            if captured.sent {
                self.heard_of(None);
                // The whole frame and what waits behind it were spoken before now.
                let behind = self.waiting.len() - (used - self.frame_samples);
                let ago = behind as u64 * NS_PER_S / u64::from(SAMPLE_RATE)
                    + ms_to_ns(self.ends.source.latency_ms());
                let mono_ns = now_ns.saturating_sub(ago);
                self.stamps.push(Stamp::Captured { media_time: captured.media_time, mono_ns });
            }
            while let Some(payload) = self.path.next_payload() {
                let bytes = bytes::Bytes::copy_from_slice(payload.bytes);
                let (timestamp, first) = (payload.timestamp, payload.first);
                self.ends.road.send(Outgoing { payload: bytes, timestamp, first, talking: captured.sent });
            }
        }
        self.waiting.drain(..used);
    }

    fn hear(&mut self, now_ns: u64) {
        for _ in 0..MAX_INCOMING {
            let Some(Incoming { from, payload, arrived_ns }) = self.ends.road.receive() else { return };
            let arrived = time(arrived_ns.min(now_ns));
            // The path counts what it rejects.
            let _ = match from {
                Some(from) => self.path.receive(arrived, from, &payload),
                None => self.path.receive_forwarded(arrived, &payload),
            };
        }
    }

    fn note_played(&mut self, now_ns: u64) {
        let latency = self.ends.sink.as_ref().map_or(0.0, |sink| sink.latency_ms());
        let mono_ns = now_ns + ms_to_ns(latency);
        let mut audible = [None; MAX_SPEAKERS];
        for (at, speaker) in self.path.speakers().enumerate().take(MAX_SPEAKERS) {
            if let Some(media_time) = speaker.playing {
                self.stamps.push(Stamp::Played { speaker: speaker.device, media_time, mono_ns });
                if speaker.stats.level_dbfs > TALK_LEVEL_DBFS {
                    audible[at] = Some(speaker.device);
                }
            }
        }
        audible.into_iter().flatten().for_each(|speaker| self.heard_of(Some(speaker)));
    }

    fn heard_of(&mut self, speaker: Option<DeviceId>) {
        if self.talked.insert(speaker, self.steps).is_none() {
            self.begun.push(speaker);
        }
    }

    fn talk_states(&mut self, events: &mut Vec<MediaEvent>) {
        events.extend(self.begun.drain(..).map(|speaker| MediaEvent::Talking { speaker, on: true }));
        let now = self.steps;
        self.talked.retain(|speaker, last| {
            let on = now - *last <= TALK_HOLD;
            if !on {
                events.push(MediaEvent::Talking { speaker: *speaker, on: false });
            }
            on
        });
    }

    fn forgeries(&mut self, events: &mut Vec<MediaEvent>) {
        for view in self.path.speakers() {
            let on = view.authenticity == Authenticity::Forged;
            let changed = if on { self.forged.insert(view.device) } else { self.forged.remove(&view.device) };
            if changed {
                events.push(MediaEvent::Forged { speaker: view.device, on });
            }
        }
    }

    pub(super) fn stats(&mut self) -> MediaStats {
        MediaStats {
            mouth_dbfs: self.loudest.take(),
            steps: self.steps,
            source_xruns: self.ends.source.xruns(),
            sink_xruns: self.ends.sink.as_ref().map_or(0, |sink| sink.xruns()),
            road_dropped: self.ends.road.dropped(),
            record_lost: self.ends.recorder.as_ref().map_or(0, Recorder::lost),
            voice: self.path.stats(),
            speakers: self.path.speakers().map(|speaker| (speaker.device, *speaker.stats)).collect(),
            proofs: self.path.speakers().map(|s| (s.device, (s.authenticity, s.proofs))).collect(),
            ..MediaStats::default()
        }
    }

    pub(super) fn apply(&mut self, now_ns: u64, plan: &VoicePlan, events: &mut Vec<MediaEvent>) {
        if let Err(error) = self.path.apply(time(now_ns), plan) {
            events.push(MediaEvent::Plan(error));
        }
    }

    /// Speaks with this from now on. The detector of speech begins anew: what it heard before says nothing about a new
    /// place, and a file opens the gate at the same word whenever it begins.
    pub(super) fn listen_to(&mut self, source: Box<dyn Source>) {
        self.ends.source = source;
        self.speech = Speech::new();
    }

    pub(super) fn transmit(&mut self, transmit: Transmit) {
        self.path.set_transmit(transmit);
    }
}

/// The engine's clock from the machine's: same origin, microseconds.
fn time(ns: u64) -> Time {
    Time::from_micros(ns / 1_000)
}

fn ms_to_ns(ms: f32) -> u64 {
    // Latencies are small and positive; the cast saturates at zero for anything else.
    (f64::from(ms) * 1e6) as u64
}

#[cfg(test)]
mod tests;
