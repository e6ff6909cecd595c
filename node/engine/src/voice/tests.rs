//! Whole paths: members who talk to each other through a network of choice, in virtual time.

use std::collections::BTreeMap;

use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::voice::bare::BareFactory;

fn key(n: u8) -> MediaKey {
    MediaKey::from_parts(Kid(0x200 + u64::from(n)), Secret::new([n; 32]))
}

/// What the network does to each payload: when it arrives, if ever.
type Network = Box<dyn FnMut(&mut ChaCha20Rng) -> Option<u64>>;

/// Members, by number; `ids[n]` is the device of member n.
struct Party {
    now_us: u64,
    ids: Vec<DeviceId>,
    paths: Vec<VoicePath>,
    flying: Vec<(u64, usize, usize, Vec<u8>)>,
    network: Network,
    rng: ChaCha20Rng,
    phase: u64,
    sent: BTreeMap<usize, Vec<usize>>,
}

fn plan_for(me: usize, ids: &[DeviceId], keys: &[u8]) -> VoicePlan {
    let mut peers: Vec<Peer> = (0..ids.len())
        .filter(|n| *n != me)
        .map(|n| Peer { device: ids[n], keys: vec![key(keys[n])] })
        .collect();
    peers.sort_by_key(|p| p.device);
    VoicePlan { seal: Some(key(keys[me])), peers, microphone_muted: false, ..VoicePlan::silent() }
}

impl Party {
    fn new(members: usize, transmit: Transmit, length: FrameLength) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let ids: Vec<DeviceId> = (0..members).map(|n| DeviceId([n as u8 + 1; 32])).collect();
        let keys: Vec<u8> = (0..members as u8).collect();
        let paths = (0..members)
            .map(|n| {
                let config = VoiceConfig { me: ids[n], frame: length, transmit };
                let mut path = VoicePath::new(config, Box::new(BareFactory), &mut rng).expect("bare codecs");
                path.apply(Time::ZERO, &plan_for(n, &ids, &keys)).expect("a plain plan");
                path
            })
            .collect();
        let network: Network = Box::new(|_| Some(5_000));
        let sent = BTreeMap::new();
        Party { now_us: 1_000_000, ids, paths, flying: Vec::new(), network, rng, phase: 12_000, sent }
    }

    /// One step of everybody: `mouth(n)` gives what member n captures and its voice probability.
    fn step(
        &mut self,
        length: FrameLength,
        mut mouth: impl FnMut(usize, usize) -> (f32, Option<f32>),
    ) -> Vec<Vec<f32>> {
        for n in 0..self.paths.len() {
            let pcm: Vec<f32> = (0..length.samples()).map(|i| mouth(n, i).0).collect();
            let voice = mouth(n, 0).1;
            let path = &mut self.paths[n];
            path.capture(Time::from_micros(self.now_us), &pcm, voice).expect("whole frames");
            while let Some(p) = path.next_payload() {
                self.sent.entry(n).or_default().push(p.bytes.len());
                for to in (0..self.ids.len()).filter(|to| *to != n) {
                    if let Some(delay) = (self.network)(&mut self.rng) {
                        self.flying.push((self.now_us + delay, n, to, p.bytes.to_vec()));
                    }
                }
            }
        }
        let play_at = self.now_us + self.phase;
        self.flying.sort_by_key(|f| f.0);
        let due = self.flying.partition_point(|f| f.0 <= play_at);
        for (at, from, to, bytes) in self.flying.drain(..due) {
            let _ = self.paths[to].receive(Time::from_micros(at), self.ids[from], &bytes);
        }
        let mixes = self.paths.iter_mut().map(|path| {
            let mut out = vec![0.0; length.samples()];
            path.play(Time::from_micros(play_at), &mut out);
            out
        });
        let mixes = mixes.collect();
        self.now_us += length.micros();
        mixes
    }

    fn speaker(&self, listener: usize, speaker: usize) -> SpeakerView<'_> {
        let id = self.ids[speaker];
        self.paths[listener].speakers().find(|s| s.device == id).expect("in the plan")
    }
}

/// Member 0 hums; the others are silent.
fn hum(n: usize, i: usize) -> (f32, Option<f32>) {
    (if n == 0 { 0.3 * (i as f32 * std::f32::consts::TAU / 480.0).sin() } else { 0.0 }, None)
}

fn energy(pcm: &[f32]) -> f32 {
    pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32
}

#[test]
fn every_frame_length_is_heard_within_a_packet_of_delay() {
    for length in [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60] {
        let mut party = Party::new(2, Transmit::OpenMicrophone, length);
        party.phase = 7_000;
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard = party.step(length, hum).remove(1);
        }
        assert!(energy(&heard) > 0.02, "{length:?}");
        let stats = party.speaker(1, 0).stats;
        assert_eq!((stats.lost, stats.concealed, stats.late), (0, 0, 0), "{length:?}: {stats:?}");
        assert!(stats.delay_ms <= length.micros() as f32 / 1_000.0, "{length:?}: {} ms", stats.delay_ms);
    }
}

#[test]
fn an_ear_of_twenty_milliseconds_hears_mouths_of_any_length() {
    for length in [FrameLength::Ms10, FrameLength::Ms40, FrameLength::Ms60] {
        let mut party = Party::new(2, Transmit::OpenMicrophone, length);
        let mut out = [0.0; 960];
        let mut silent = 0;
        for tick in 0..1_200_u64 {
            let now = 1_000_000 + tick * 10_000;
            if tick.is_multiple_of(u64::from(length.ticks())) {
                let pcm: Vec<f32> = (0..length.samples()).map(|i| hum(0, i).0).collect();
                party.paths[0].capture(Time::from_micros(now), &pcm, None).expect("whole frames");
                while let Some(p) = party.paths[0].next_payload() {
                    let bytes = p.bytes.to_vec();
                    party.paths[1]
                        .receive(Time::from_micros(now + 1_000), party.ids[0], &bytes)
                        .expect("opens");
                }
            }
            if tick.is_multiple_of(2) {
                party.paths[1].play(Time::from_micros(now + 2_000), &mut out);
                silent += usize::from(tick > 20 && energy(&out) < 0.01);
            }
        }
        assert_eq!(silent, 0, "{length:?}");
        assert_eq!(party.speaker(1, 0).stats.concealed, 0, "{length:?}");
    }
}

#[test]
fn mouth_and_stem_agree_on_media_time() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    for k in 0..50 {
        let pcm = vec![0.1; 960];
        let now = Time::from_micros(party.now_us);
        let captured = party.paths[0].capture(now, &pcm, None).expect("whole frames");
        while let Some(p) = party.paths[0].next_payload() {
            assert_eq!(p.timestamp, captured.media_time);
            let bytes = p.bytes.to_vec();
            party.paths[1].receive(now, party.ids[0], &bytes).expect("opens");
        }
        party.paths[1].play(now, &mut [0.0; 960]);
        assert_eq!(party.speaker(1, 0).playing, Some(captured.media_time), "step {k}");
        party.now_us += 20_000;
    }
}

#[test]
fn a_muted_member_sends_no_voice_and_an_unmuted_one_is_heard_again() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    party.paths[0].set_microphone_muted(true);
    for _ in 0..100 {
        party.step(FrameLength::Ms20, hum);
    }
    assert_eq!(party.paths[0].stats().mouth.frames_sent, 0);
    assert_eq!(party.speaker(1, 0).stats.received, 0);
    party.paths[0].set_microphone_muted(false);
    let mut heard = Vec::new();
    for _ in 0..20 {
        heard = party.step(FrameLength::Ms20, hum).remove(1);
    }
    assert!(energy(&heard) > 0.02);
    let mut plan = plan_for(0, &party.ids, &[0, 1]);
    plan.microphone_muted = true;
    party.paths[0].apply(Time::from_micros(party.now_us), &plan).expect("a plain plan");
    let before = party.paths[0].stats().mouth.frames_sent;
    party.step(FrameLength::Ms20, hum);
    assert_eq!(party.paths[0].stats().mouth.frames_sent, before, "the plan mutes too");
}

#[test]
fn a_switched_off_loudspeaker_is_silent_while_stems_go_on() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    party.paths[1].set_speaker_muted(true);
    let mut heard = Vec::new();
    for _ in 0..20 {
        heard = party.step(FrameLength::Ms20, hum).remove(1);
    }
    assert_eq!(energy(&heard), 0.0);
    assert!(energy(party.speaker(1, 0).stem) > 0.02);
}

#[test]
fn several_speakers_are_mixed_with_their_gains_and_kept_apart_in_stems() {
    let mut party = Party::new(3, Transmit::OpenMicrophone, FrameLength::Ms20);
    let (loud, soft) = (party.ids[0], party.ids[1]);
    party.paths[2].set_gain(&loud, 0.5);
    party.paths[2].set_gain(&soft, 2.0);
    let mut heard = Vec::new();
    for _ in 0..20 {
        heard = party.step(FrameLength::Ms20, |n, _| ([0.4, 0.1, 0.0][n], None)).remove(2);
    }
    assert!((heard[500] - 0.4).abs() < 0.05, "0.4 * 0.5 + 0.1 * 2, got {}", heard[500]);
    assert!((party.speaker(2, 0).stem[500] - 0.4).abs() < 0.03);
    assert!((party.speaker(2, 1).stem[500] - 0.1).abs() < 0.03);
}

#[test]
fn eight_at_once_stay_below_full_scale() {
    let mut party = Party::new(8, Transmit::OpenMicrophone, FrameLength::Ms20);
    for _ in 0..50 {
        for mix in party.step(FrameLength::Ms20, |_, i| (0.8 * (i as f32 / 40.0).sin(), None)) {
            assert!(mix.iter().all(|s| s.abs() <= 0.967));
        }
    }
    for listener in 0..8 {
        assert_eq!(party.paths[listener].speakers().filter(|s| s.stats.played > 40).count(), 7);
    }
}

#[test]
fn keys_are_swapped_without_a_gap() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    for round in 0..200_u64 {
        if round == 100 {
            // The speaker is first; its frames under the new key arrive before the listener knows it.
            let mut ahead = plan_for(1, &party.ids, &[7, 8]);
            ahead.peers[0].keys.push(key(0));
            party.paths[1].apply(Time::from_micros(party.now_us), &ahead).expect("a plain plan");
            let plan = plan_for(0, &party.ids, &[7, 8]);
            party.paths[0].apply(Time::from_micros(party.now_us), &plan).expect("a plain plan");
        }
        party.step(FrameLength::Ms20, hum);
    }
    let stats = party.speaker(1, 0).stats;
    assert_eq!((stats.played, stats.concealed, stats.lost), (200, 0, 0), "{stats:?}");
}

#[test]
fn a_removed_member_hears_nothing_and_is_not_heard() {
    let mut party = Party::new(3, Transmit::OpenMicrophone, FrameLength::Ms20);
    for _ in 0..20 {
        party.step(FrameLength::Ms20, hum);
    }
    let ids = party.ids[..2].to_vec();
    for n in 0..2 {
        party.paths[n]
            .apply(Time::from_micros(party.now_us), &plan_for(n, &ids, &[7, 8]))
            .expect("a plain plan");
    }
    let before = party.speaker(2, 0).stats.received;
    for _ in 0..50 {
        party.step(FrameLength::Ms20, |_, i| hum(0, i));
    }
    assert_eq!(party.speaker(2, 0).stats.received, before, "offered, and none opened");
    assert!(party.paths[2].stats().rejected.unknown_key >= 50);
    assert_eq!(party.paths[0].speakers().count(), 1);
    assert!(party.paths[0].stats().rejected.unknown_key >= 50);
}

#[test]
fn plans_that_cannot_be_followed_are_refused() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    let mut crowd = plan_for(0, &party.ids, &[0, 1]);
    crowd.peers =
        (0..=MAX_SPEAKERS as u8).map(|n| Peer { device: DeviceId([n + 100; 32]), keys: vec![] }).collect();
    assert_eq!(party.paths[0].apply(Time::ZERO, &crowd), Err(PlanError::TooManySpeakers));
    assert_eq!(party.paths[0].speakers().count(), 1, "the plan before stays");
    party.paths[0].apply(Time::ZERO, &plan_for(0, &party.ids, &[5, 1])).expect("another key");
    let back = plan_for(0, &party.ids, &[0, 1]);
    assert_eq!(party.paths[0].apply(Time::ZERO, &back), Err(PlanError::SpentKey));
}

#[test]
fn loss_is_reported_and_answered_with_redundancy() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    party.network = Box::new(|rng| (!rng.next_u32().is_multiple_of(5)).then_some(5_000));
    for _ in 0..1_500 {
        party.step(FrameLength::Ms20, hum);
    }
    let stats = *party.speaker(1, 0).stats;
    assert!((0.1..0.3).contains(&stats.loss), "{stats:?}");
    let recovered = stats.from_list as f32 / stats.lost as f32;
    assert!(recovered > 0.85, "{recovered}: {stats:?}");
    assert!(stats.concealed < stats.lost / 5, "{stats:?}");
    party.network = Box::new(|_| Some(5_000));
    for _ in 0..1_500 {
        party.step(FrameLength::Ms20, hum);
    }
    assert!(party.sent[&0].last().is_some_and(|len| *len < 125), "calm again: the smallest class");
    assert!(
        party.speaker(1, 0).stats.delay_ms <= 21.0,
        "and the smallest delay: {:?}",
        party.speaker(1, 0).stats
    );
}

#[test]
fn a_local_limit_of_the_budget_outlives_plans() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    party.network = Box::new(|rng| (!rng.next_u32().is_multiple_of(5)).then_some(5_000));
    party.paths[0].limit_budget(0);
    for round in 0..500_u64 {
        if round == 100 {
            let plan = plan_for(0, &party.ids, &[0, 1]);
            party.paths[0].apply(Time::from_micros(party.now_us), &plan).expect("a plain plan");
        }
        party.step(FrameLength::Ms20, hum);
    }
    let stats = party.speaker(1, 0).stats;
    assert_eq!(stats.from_list, 0, "{stats:?}");
    assert!(stats.concealed >= 60, "{stats:?}");
}

#[test]
fn the_first_syllable_is_heard_although_the_detector_is_late() {
    let mut party = Party::new(2, Transmit::VoiceActivated, FrameLength::Ms20);
    let mut stem = Vec::new();
    for k in 0..60 {
        // Speech begins with step 20; the detector notices in step 22; it ends with step 39.
        let speaks = (20..40).contains(&k);
        let noticed = (22..40).contains(&k);
        party.step(FrameLength::Ms20, |n, i| {
            let s = if n == 0 && speaks { hum(0, i).0 } else { 0.0 };
            (s, Some(if n == 0 && noticed { 0.9 } else { 0.0 }))
        });
        stem.extend_from_slice(party.speaker(1, 0).stem);
    }
    let heard: usize = stem.chunks(960).filter(|c| energy(c) > 0.01).count();
    assert!((19..=21).contains(&heard), "{heard} of 20 frames of speech");
    assert_eq!(party.speaker(1, 0).stats.concealed, 0);
}

#[test]
fn two_runs_of_one_seed_send_the_same_bytes() {
    let run = || {
        let mut party = Party::new(3, Transmit::OpenMicrophone, FrameLength::Ms20);
        party.network =
            Box::new(|rng| (rng.next_u32() % 10 > 1).then(|| 5_000 + u64::from(rng.next_u32() % 40_000)));
        let mut all = Vec::new();
        for _ in 0..100 {
            all.push(party.step(FrameLength::Ms20, |n, i| (0.2 * ((i * (n + 3)) as f32 / 99.0).sin(), None)));
        }
        (all, party.sent)
    };
    assert!(run() == run());
}

#[test]
fn any_bytes_on_any_connection_are_survived() {
    let mut party = Party::new(2, Transmit::OpenMicrophone, FrameLength::Ms20);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut valid: Vec<Vec<u8>> = Vec::new();
    for round in 0..3_000_u64 {
        let now = Time::from_micros(round * 1_000);
        if round.is_multiple_of(20) {
            party.paths[0].capture(now, &[0.1; 960], None).expect("whole frames");
            while let Some(p) = party.paths[0].next_payload() {
                valid.push(p.bytes.to_vec());
            }
        }
        let mut bytes = valid[rng.next_u32() as usize % valid.len()].clone();
        for _ in 0..rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
        }
        if rng.next_u32().is_multiple_of(4) {
            bytes = vec![0; rng.next_u32() as usize % 1_400];
            rng.fill_bytes(&mut bytes);
        }
        let from = DeviceId([1 + (rng.next_u32() % 3) as u8; 32]);
        let _ = party.paths[1].receive(now, from, &bytes);
    }
    assert!(party.speaker(1, 0).stats.received >= 50);
}
