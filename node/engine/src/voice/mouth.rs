//! The mouth: captured sound through gate, encoder and redundancy into sealed payloads.

use halloo_crypto::media::{CheckpointDraft, Kid, MediaKey, MediaSealer};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::Serialize;

use crate::time::Time;

use super::codec::{CodecError, Encoder, FrameLength, MAX_CODED_BYTES, TICK_SAMPLES};
use super::frame::{
    Coded, ENTRY_BYTES, HEADER_BYTES, MAX_FRAME_BYTES, MAX_LIST, Report, STREAMS, VoiceFrame,
    write_checkpoint,
};
use super::gate::{Gate, Passage, level_dbfs};
use super::plan::Transmit;
use super::proofs::Proofs;
use super::redundancy::Controller;

/// Coded frames that are remembered for lists and pre-roll.
const HISTORY: usize = MAX_LIST;

/// Pre-roll that goes with the first frames of a talk: three frames, the first syllable of a slow detector.
const PREROLL_FRAMES: u8 = 3;

/// So many frames at the opening of a talk carry the pre-roll, in case the first is lost.
const OPENING_FRAMES: u8 = 2;

/// Payloads that may wait to be fetched: a voice frame, a report and a checkpoint of one step, twice.
const OUT_QUEUE: usize = 6;

/// Room of a payload: the largest frame, sealed.
const PAYLOAD_ROOM: usize = 1_200;

/// Keys that this mouth has used up; a plan that names one again is refused, since a counter would begin anew.
const SPENT_KEYS: usize = 64;

/// What a payload holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadKind {
    /// Sound.
    Voice,
    /// What was heard of others.
    Report,
    /// Proof of who spoke.
    Checkpoint,
}

/// One sealed payload on its way to every peer of the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload<'a> {
    /// The SFrame bytes.
    pub bytes: &'a [u8],
    /// Media time of the first sample at 48 kHz, wrapping: the RTP timestamp.
    pub timestamp: u32,
    /// First of a talk: the RTP marker.
    pub first: bool,
    /// What it holds.
    pub kind: PayloadKind,
}

/// What became of captured sound.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Captured {
    /// Media time of its first sample at 48 kHz, wrapping.
    pub media_time: u32,
    /// Whether it left.
    pub sent: bool,
    /// Its level, decibels below full scale.
    pub level_dbfs: f32,
}

/// Figures of a mouth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct MouthStats {
    /// Voice frames sealed.
    pub frames_sent: u64,
    /// Frames that the gate or mute held back.
    pub frames_held: u64,
    /// Reports sealed.
    pub reports_sent: u64,
    /// Checkpoints sealed.
    pub checkpoints_sent: u64,
    /// Bytes of all sealed payloads.
    pub bytes_sent: u64,
    /// Frames that the encoder refused.
    pub codec_errors: u64,
    /// Payloads thrown away because nobody fetched them.
    pub unfetched: u64,
}

#[derive(Clone)]
struct Past {
    tick: u32,
    level_dbfs: f32,
    len: usize,
    bytes: [u8; MAX_CODED_BYTES],
}

struct Waiting {
    bytes: Vec<u8>,
    timestamp: u32,
    first: bool,
    kind: PayloadKind,
}

struct Seal {
    kid: Kid,
    key: MediaKey,
    sealer: MediaSealer,
}

/// The mouth of a voice path.
pub struct Mouth {
    length: FrameLength,
    encoder: Box<dyn Encoder>,
    gate: Gate,
    pub(super) controller: Controller,
    muted: bool,
    seal: Option<Seal>,
    proofs: Proofs,
    spent: Vec<[u8; 8]>,
    stream: u8,
    tick: u32,
    seq: u16,
    opening: u8,
    preroll: u8,
    past: Vec<Past>,
    coded: Vec<u8>,
    coded_len: usize,
    plain: Vec<u8>,
    out: Vec<Waiting>,
    out_begin: usize,
    out_end: usize,
    stats: MouthStats,
}

impl Mouth {
    /// A mouth that has no key yet. Media time and numbers begin anywhere.
    pub fn new(
        length: FrameLength,
        encoder: Box<dyn Encoder>,
        transmit: Transmit,
        rng: &mut ChaCha20Rng,
    ) -> Self {
        let waiting = || Waiting {
            bytes: Vec::with_capacity(PAYLOAD_ROOM),
            timestamp: 0,
            first: false,
            kind: PayloadKind::Voice,
        };
        let stream = (rng.next_u32() % u32::from(STREAMS)) as u8;
        let tick = rng.next_u32() & 0xf_fffe;
        let seq = rng.next_u32() as u16;
        Mouth {
            length,
            encoder,
            gate: Gate::new(transmit),
            controller: Controller::new(length, super::plan::DEFAULT_BUDGET_BPS),
            muted: true,
            seal: None,
            proofs: Proofs::new(stream, rng),
            spent: Vec::with_capacity(SPENT_KEYS),
            stream,
            tick,
            seq,
            opening: 0,
            preroll: 0,
            past: Vec::with_capacity(HISTORY),
            coded: vec![0; MAX_CODED_BYTES],
            coded_len: 0,
            plain: Vec::with_capacity(PAYLOAD_ROOM),
            out: (0..OUT_QUEUE).map(|_| waiting()).collect(),
            out_begin: 0,
            out_end: 0,
            stats: MouthStats::default(),
        }
    }

    /// Figures.
    pub fn stats(&self) -> &MouthStats {
        &self.stats
    }

    /// The codec's bytes of the last frame that left, in clear: for measurements that look for them on the wire.
    pub fn last_coded(&self) -> &[u8] {
        &self.coded[..self.coded_len]
    }

    /// Whether nothing leaves by the user's wish.
    pub fn is_muted(&self) -> bool {
        self.muted
    }

    /// Mutes or opens. Nothing said while muted ever leaves, nor a pre-roll of it.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        if muted {
            self.gate.shut();
            self.past.clear();
        }
    }

    /// Changes when sound leaves.
    pub fn set_transmit(&mut self, transmit: Transmit) {
        self.gate.set_transmit(transmit);
        if !self.gate.keeps_preroll() {
            self.past.clear();
        }
    }

    /// Seals under this key from now on; the same key goes on with its counter. Returns `false`, and seals nothing,
    /// when the key was used up before. With `checkpoints` frames are noted, so that they can be proven behind a forwarder.
    pub fn set_key(&mut self, key: Option<&MediaKey>, checkpoints: bool) -> bool {
        let Some(key) = key else {
            self.retire();
            return true;
        };
        if self.seal.as_ref().is_none_or(|seal| seal.key != *key) {
            self.retire();
            if self.spent.contains(&key.print()) {
                return false;
            }
            let sealer = MediaSealer::new(key);
            self.seal = Some(Seal { kid: key.kid(), key: key.clone(), sealer });
        }
        let sealed = self.seal.as_ref().map_or(0, |seal| seal.sealer.sealed());
        self.proofs.follow(checkpoints.then_some(key), sealed, self.tick);
        true
    }

    /// The key id that frames carry now.
    pub fn kid(&self) -> Option<Kid> {
        self.seal.as_ref().map(|seal| seal.kid)
    }

    fn retire(&mut self) {
        let Some(seal) = self.seal.take() else { return };
        self.proofs.leave(self.tick);
        if self.spent.len() == SPENT_KEYS {
            self.spent.remove(0);
        }
        self.spent.push(seal.key.print());
        assert!(self.spent.len() <= SPENT_KEYS, "the memory of used keys is bounded");
    }

    /// Takes one frame of captured sound.
    pub fn capture(&mut self, now: Time, pcm: &[f32], voice: Option<f32>) -> Result<Captured, CodecError> {
        if pcm.len() != self.length.samples() {
            return Err(CodecError::Length);
        }
        let tick = self.tick;
        self.tick = self.tick.wrapping_add(u32::from(self.length.ticks()));
        let level = level_dbfs(pcm);
        let media_time = tick.wrapping_mul(TICK_SAMPLES as u32);
        let mut captured = Captured { media_time, sent: false, level_dbfs: level };
        if self.muted || self.seal.is_none() {
            self.stats.frames_held += 1;
            return Ok(captured);
        }
        let passage = self.gate.step(level, voice, self.length.micros());
        if passage == Passage::Held && !self.gate.keeps_preroll() {
            self.stats.frames_held += 1;
            return Ok(captured);
        }
        let (redundancy, loss_percent) = self.controller.decide(now);
        let coding = redundancy.coding(self.length, loss_percent);
        let len = match self.encoder.encode(pcm, &coding, &mut self.coded[..coding.bytes]) {
            Ok(len) => len,
            Err(error) => {
                self.stats.codec_errors += 1;
                return Err(error);
            }
        };
        assert!(len <= coding.bytes, "the encoder keeps to its bytes");
        if passage == Passage::Held {
            self.stats.frames_held += 1;
        } else if len > 0 {
            self.send_voice(tick, len, passage, redundancy.list_len());
            let floor = redundancy.most_bytes(self.length);
            self.pad_and_queue(floor, tick, passage == Passage::First, PayloadKind::Voice);
            self.proofs.spoken(now);
            self.stats.frames_sent += 1;
            captured.sent = true;
            self.coded_len = len;
        }
        self.remember(tick, level, len);
        Ok(captured)
    }

    /// Writes the frame into `plain`.
    fn send_voice(&mut self, tick: u32, len: usize, passage: Passage, list_len: u8) {
        if passage == Passage::First && self.gate.keeps_preroll() {
            self.opening = OPENING_FRAMES;
            self.preroll = self.audible_preroll(tick);
        }
        let opening = self.opening > 0;
        // The second frame of an opening must reach one frame further back for the same pre-roll.
        let reach = self.preroll + (OPENING_FRAMES - self.opening);
        let wanted = if opening { list_len.max(reach) } else { list_len };
        self.opening = self.opening.saturating_sub(1);
        let mut frame = VoiceFrame::new(self.seq, tick, self.length, &self.coded[..len]);
        frame.stream = self.stream;
        frame.opening = opening;
        frame.last = passage == Passage::Last;
        let ticks = u32::from(self.length.ticks());
        let mut room = MAX_FRAME_BYTES - HEADER_BYTES - len;
        for back in 1..=wanted.min(MAX_LIST as u8) {
            let at = tick.wrapping_sub(u32::from(back) * ticks);
            let Some(past) = self.past.iter().find(|p| p.tick == at) else { continue };
            let Some(left) = room.checked_sub(ENTRY_BYTES + past.len) else { break };
            room = left;
            frame.push(Coded { back, bytes: &past.bytes[..past.len] });
        }
        assert!(frame.list().len() <= MAX_LIST, "the list is bounded");
        self.seq = self.seq.wrapping_add(1);
        self.plain.clear();
        frame.write(&mut self.plain);
    }

    /// How many frames before this one are worth telling: back to the farthest that stands out of the noise. What is
    /// told of the past delays the rest, so silence is not.
    fn audible_preroll(&self, tick: u32) -> u8 {
        let ticks = u32::from(self.length.ticks());
        let level = |back: u8| {
            let at = tick.wrapping_sub(u32::from(back) * ticks);
            self.past.iter().find(|p| p.tick == at).map(|p| p.level_dbfs)
        };
        let audible = |back: &u8| level(*back).is_some_and(|l| self.gate.is_audible(l));
        assert!(usize::from(PREROLL_FRAMES + OPENING_FRAMES) <= MAX_LIST + 1, "a pre-roll fits a list");
        (1..=PREROLL_FRAMES).rev().find(audible).unwrap_or(0)
    }

    fn remember(&mut self, tick: u32, level_dbfs: f32, len: usize) {
        if len == 0 {
            return;
        }
        if self.past.len() < HISTORY {
            self.past.push(Past { tick, level_dbfs, len: 0, bytes: [0; MAX_CODED_BYTES] });
        } else {
            self.past.rotate_left(1);
        }
        assert!(self.past.len() <= HISTORY, "the past is bounded");
        let Some(newest) = self.past.last_mut() else { unreachable!("one was just put there") };
        newest.tick = tick;
        newest.level_dbfs = level_dbfs;
        newest.len = len;
        newest.bytes[..len].copy_from_slice(&self.coded[..len]);
    }

    /// Seals a report.
    pub fn send_report(&mut self, report: &Report) {
        if self.seal.is_none() {
            return;
        }
        self.plain.clear();
        report.write(&mut self.plain);
        self.pad_and_queue(0, self.tick, false, PayloadKind::Report);
        self.stats.reports_sent += 1;
    }

    /// Somebody hears frames of this mouth, or what is given out as such: it owes its word on them.
    pub fn is_heard(&mut self, now: Time) {
        self.proofs.asked(now);
    }

    /// The next checkpoint that is due, where the plan asks for checkpoints.
    pub fn draft_checkpoint(&mut self, now: Time) -> Option<CheckpointDraft> {
        let lossy = self.controller.worst_loss(now).is_none_or(|loss| loss >= super::proofs::LOSSY_FROM);
        self.proofs.draft(now, self.tick, lossy)
    }

    /// Seals a signed checkpoint.
    pub fn send_checkpoint(&mut self, signed: &[u8]) {
        if self.seal.is_none() {
            return;
        }
        self.plain.clear();
        write_checkpoint(signed, &mut self.plain);
        self.pad_and_queue(0, self.tick, false, PayloadKind::Checkpoint);
        self.stats.checkpoints_sent += 1;
    }

    /// The next sealed payload, oldest first.
    pub fn next_payload(&mut self) -> Option<Payload<'_>> {
        if self.out_begin == self.out_end {
            return None;
        }
        let waiting = &self.out[self.out_begin % OUT_QUEUE];
        self.out_begin += 1;
        Some(Payload {
            bytes: &waiting.bytes,
            timestamp: waiting.timestamp,
            first: waiting.first,
            kind: waiting.kind,
        })
    }

    fn pad_and_queue(&mut self, floor: usize, tick: u32, first: bool, kind: PayloadKind) {
        let Some(seal) = &mut self.seal else { return };
        if self.out_end - self.out_begin == OUT_QUEUE {
            self.out_begin += 1;
            self.stats.unfetched += 1;
        }
        let waiting = &mut self.out[self.out_end % OUT_QUEUE];
        seal.sealer.set_floor(floor);
        let sealed = match kind {
            // As long as frames left before it, which everybody on the way counts anyway.
            PayloadKind::Checkpoint => seal.sealer.seal_exact(&self.plain, &mut waiting.bytes),
            PayloadKind::Voice | PayloadKind::Report => seal.sealer.seal(&self.plain, &mut waiting.bytes),
        };
        let Ok(counter) = sealed else {
            unreachable!("frames keep below the largest class");
        };
        self.proofs.note(counter, tick, &waiting.bytes);
        let timestamp = tick.wrapping_mul(TICK_SAMPLES as u32);
        waiting.timestamp = timestamp;
        waiting.first = first;
        waiting.kind = kind;
        self.out_end += 1;
        assert!(self.out_end - self.out_begin <= OUT_QUEUE, "the queue is bounded");
        self.stats.bytes_sent += waiting.bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests;
