//! The voice of one host: the real voice path, stepped 50 times a second while its member is in a call, over simulated datagrams.
//!
//! The sound is made: a voiced tone with syllables while somebody speaks, silence else; the codec is the engine's bare one, so that a
//! run depends on no library. WebRTC is not simulated: a direct connection between two devices that name each other in their plans
//! stands two round trips and [`SET_UP_US`] after the later of the two plans.

pub mod emodel;

use crate::chance::generator;
use crate::net::links::HostId;
use halloo_crypto::id::DeviceId;
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::{
    FrameLength, Rejected, SAMPLE_RATE_HZ, SpeakerStats, Transmit, VoiceConfig, VoicePath, VoicePlan,
};
use std::collections::{BTreeMap, VecDeque};

/// One step, microseconds.
pub const STEP_US: u64 = 20_000;
const FRAME: usize = (SAMPLE_RATE_HZ as u64 * STEP_US / 1_000_000) as usize;

/// What the set-up of a connection costs beside its round trips: key exchange and certificates of DTLS on both sides.
pub const SET_UP_US: u64 = 60_000;

/// Captured frames whose time is remembered, for mouth-to-ear: ten seconds.
const CAPTURED_MAX: usize = 500;

/// Fundamental of the made voice, hertz.
const PITCH_HZ: f32 = 140.0;
/// Syllables a second.
const SYLLABLES_HZ: f32 = 4.0;

/// When and what a mouth sent: media time of a frame's first sample, and when that sample was at the mouth.
pub type Captured = VecDeque<(u32, u64)>;

/// A piece of somebody's sound that is at an ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Whose.
    pub speaker: HostId,
    /// Media time of its first sample.
    pub media_time: u32,
    /// Whether some of it was made up, because what was said there had not come.
    pub invented: bool,
}

/// What one step of a voice gives.
#[derive(Debug, Default)]
pub struct Stepped {
    /// Sealed payloads, for every ready peer.
    pub payloads: Vec<Vec<u8>>,
    /// Peers to whom a connection stands.
    pub ready: Vec<HostId>,
    /// What is at the ear.
    pub played: Vec<Played>,
    /// Media time of the frame that somebody spoke here, whether or not it could leave.
    pub spoken: Option<u32>,
    /// Whether it is time to tell to whom connections stand: somebody speaks, they changed, or a second has passed.
    pub tells: bool,
}

/// The voice of one host.
pub struct Voice {
    me: DeviceId,
    /// Draws for the path come from it.
    purpose: (u64, String),
    /// Made for the first call: most members of most runs are in none, and it is the largest part of a quiet one.
    path: Option<Box<VoicePath>>,
    peers: BTreeMap<DeviceId, HostId>,
    /// When a connection is usable, by peer.
    ready_us: BTreeMap<HostId, u64>,
    next_us: u64,
    active: bool,
    speaking: bool,
    /// Pieces of each speaker that were made up so far.
    invented: BTreeMap<DeviceId, u64>,
    /// To whom connections stood when that was last told.
    told: Vec<HostId>,
    sample: u64,
    /// What this mouth sent lately.
    pub captured: Captured,
    /// Plans that were refused, by reason: a rule of ours broken.
    pub refused: Vec<String>,
}

impl Voice {
    /// In no call. Hosts step at times of their own, as devices do.
    #[must_use]
    pub fn new(me: DeviceId, seed: u64, host: HostId, life: u32) -> Self {
        Voice {
            me,
            purpose: (seed, format!("voice {host} life {life}")),
            path: None,
            peers: BTreeMap::new(),
            ready_us: BTreeMap::new(),
            next_us: u64::from(host) * 1_237 % STEP_US,
            active: false,
            speaking: false,
            invented: BTreeMap::new(),
            told: Vec::new(),
            sample: 0,
            captured: VecDeque::new(),
            refused: Vec::new(),
        }
    }

    /// The path, made when it is first needed.
    fn path(&mut self) -> &mut VoicePath {
        let Voice { me, purpose: (seed, purpose), path, .. } = self;
        path.get_or_insert_with(|| {
            let config =
                VoiceConfig { me: *me, frame: FrameLength::Ms20, transmit: Transmit::VoiceActivated };
            let path = VoicePath::new(config, Box::new(BareFactory), &mut generator(*seed, purpose));
            Box::new(path.expect("the bare codec needs nothing"))
        })
    }

    /// Follows a plan. `host_of` tells which host a device is, `round_trip_us` how far it is.
    pub fn follow(
        &mut self,
        now_us: u64,
        plan: &VoicePlan,
        host_of: impl Fn(&DeviceId) -> Option<HostId>,
        round_trip_us: impl Fn(HostId) -> u64,
    ) {
        // Before the first call there is nothing that a plan without a key could end.
        if (self.path.is_some() || plan.seal.is_some())
            && let Err(error) = self.path().apply(Time::from_micros(now_us), plan)
        {
            self.refused.push(error.to_string());
        }
        self.peers = plan.peers.iter().filter_map(|p| Some((p.device, host_of(&p.device)?))).collect();
        let connect: Vec<HostId> = plan.connect.iter().filter_map(|c| host_of(&c.device)).collect();
        self.ready_us.retain(|host, _| connect.contains(host));
        for host in connect {
            self.ready_us.entry(host).or_insert_with(|| now_us + 2 * round_trip_us(host) + SET_UP_US);
        }
        // Between a removal and the next epoch nothing is sealed, and the microphone stays open.
        let active = plan.seal.is_some() || self.active && !plan.peers.is_empty();
        if active && !self.active {
            // The next point of its own grid of steps.
            let behind = now_us.saturating_sub(self.next_us) / STEP_US + 1;
            self.next_us = self.next_us.max(self.next_us + behind * STEP_US);
        }
        self.active = active;
    }

    /// Begins or ends to speak.
    pub fn speak(&mut self, speaking: bool) {
        self.speaking = speaking;
    }

    /// When the next step is due.
    #[must_use]
    pub fn due_us(&self) -> Option<u64> {
        self.active.then_some(self.next_us)
    }

    /// Takes a payload that arrived.
    ///
    /// # Errors
    /// Why it was refused: the voice path's reason, or `None` for somebody who is not in the plan.
    pub fn receive(&mut self, now_us: u64, from: HostId, payload: &[u8]) -> Result<(), Option<Rejected>> {
        let Some((device, _)) = self.peers.iter().find(|(_, host)| **host == from) else { return Err(None) };
        let device = *device;
        self.path().receive(Time::from_micros(now_us), device, payload).map_err(Some)
    }

    /// One step: what was said leaves, what was heard is played.
    pub fn step(&mut self, now_us: u64) -> Stepped {
        self.next_us += STEP_US;
        let pcm = self.sound();
        let voice = Some(if self.speaking { 1.0 } else { 0.0 });
        let time = Time::from_micros(now_us);
        let mut spoken = None;
        match self.path().capture(time, &pcm, voice) {
            Ok(captured) => {
                spoken = self.speaking.then_some(captured.media_time);
                if captured.sent {
                    if self.captured.len() == CAPTURED_MAX {
                        self.captured.pop_front();
                    }
                    self.captured.push_back((captured.media_time, now_us - STEP_US));
                }
            }
            Err(error) => self.refused.push(error.to_string()),
        }
        let mut payloads = Vec::new();
        while let Some(payload) = self.path().next_payload() {
            payloads.push(payload.bytes.to_vec());
        }
        let ready: Vec<HostId> =
            self.ready_us.iter().filter(|(_, at)| **at <= now_us).map(|(host, _)| *host).collect();
        self.path().play(time, &mut [0.0; FRAME]);
        let second = (self.next_us / STEP_US).is_multiple_of(1_000_000 / STEP_US);
        let tells = spoken.is_some() || second || ready != self.told;
        if tells {
            self.told.clone_from(&ready);
        }
        Stepped { payloads, ready, played: self.played(), spoken, tells }
    }

    /// What the last step brought to the ear.
    fn played(&mut self) -> Vec<Played> {
        let Voice { path, peers, invented, .. } = self;
        let speakers = path.iter().flat_map(|path| path.speakers());
        let played = speakers.filter_map(|speaker| {
            let before = invented.insert(speaker.device, speaker.stats.concealed).unwrap_or(0);
            let (host, media_time) = (*peers.get(&speaker.device)?, speaker.playing?);
            Some(Played { speaker: host, media_time, invented: speaker.stats.concealed > before })
        });
        played.collect()
    }

    /// Figures of every speaker that this ear has in its plan.
    pub fn speakers(&self) -> impl Iterator<Item = (HostId, SpeakerStats)> + '_ {
        let speakers = self.path.iter().flat_map(|path| path.speakers());
        speakers.filter_map(|s| Some((*self.peers.get(&s.device)?, *s.stats)))
    }

    /// Voice frames that left.
    #[must_use]
    pub fn frames_sent(&self) -> u64 {
        self.path.as_ref().map_or(0, |path| path.stats().mouth.frames_sent)
    }

    fn sound(&mut self) -> Vec<f32> {
        let speaking = self.speaking;
        let from = self.sample;
        self.sample += FRAME as u64;
        let rate = SAMPLE_RATE_HZ as f32;
        let wave = |i: u64| {
            let t = (i % u64::from(SAMPLE_RATE_HZ)) as f32 / rate;
            let syllable = 0.5 - 0.5 * (std::f32::consts::TAU * SYLLABLES_HZ * t).cos();
            let tone: f32 = (1..=4_u8)
                .map(|k| (std::f32::consts::TAU * PITCH_HZ * f32::from(k) * t).sin() / f32::from(k))
                .sum();
            0.2 * syllable * tone
        };
        (from..from + FRAME as u64).map(|i| if speaking { wave(i) } else { 0.0 }).collect()
    }
}

/// From the mouth to the ear, microseconds: the sample that is at the ear at `now_us` was at the mouth that long ago.
#[must_use]
pub fn mouth_to_ear_us(captured: &Captured, media_time: u32, now_us: u64) -> Option<u64> {
    // The frame that holds this sample: media time wraps, so distances are signed.
    let (frame, at) = captured.iter().rev().find(|(first, _)| media_time.wrapping_sub(*first) < 1 << 31)?;
    let inside = u64::from(media_time.wrapping_sub(*frame));
    let spoken = at + inside * 1_000_000 / u64::from(SAMPLE_RATE_HZ);
    now_us.checked_sub(spoken)
}

#[cfg(test)]
mod tests;
