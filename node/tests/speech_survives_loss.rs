//! Recorded speech through libopus, sealed frames and a bad network: redundancy must be heard, not only counted.
//!
//! The measure is the mean distance of 10 ms log energies (decibels) between mouth and ear, voiced parts only: crude, but
//! it needs nothing beside this repository. `speech_loss` and its script give PESQ-WB.

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::codec::CodecFactory;
use halloo_engine::voice::{
    FrameLength, PayloadKind, Peer, SpeakerStats, Transmit, VoiceConfig, VoicePath, VoicePlan,
};
use halloo_node::media::opus::OpusFactory;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const FRAME: usize = 960;
const STEP_US: u64 = 20_000;
const TAIL_FRAMES: usize = 25;

fn id(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn path(me: u8, other: u8, budget_bps: u32, length: FrameLength, rng: &mut ChaCha20Rng) -> VoicePath {
    let key = |who: u8| MediaKey::from_parts(Kid(u64::from(who) + 0x200), Secret::new([who; 32]));
    let config = VoiceConfig { me: id(me), frame: length, transmit: Transmit::OpenMicrophone };
    let codecs: Box<dyn CodecFactory> =
        Box::new(OpusFactory { encoder_complexity: 5, decoder_complexity: 5 });
    let mut path = VoicePath::new(config, codecs, rng).expect("libopus is there");
    let plan = VoicePlan {
        seal: Some(key(me)),
        peers: vec![Peer { device: id(other), keys: vec![key(other)] }],
        microphone_muted: me == 2,
        budget_bps,
        ..VoicePlan::silent()
    };
    path.apply(Time::ZERO, &plan).expect("a plain plan");
    path
}

/// The first seconds of a clip of the demonstration, at 48 kHz by linear interpolation: the band that matters is low.
fn speech(seconds: usize) -> Vec<f32> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/speech/1-austen-0870.wav");
    let mut wav = hound::WavReader::open(file).expect("the clip is part of the repository");
    assert_eq!((wav.spec().sample_rate, wav.spec().channels), (16_000, 1));
    let low: Vec<f32> = wav
        .samples::<i16>()
        .take(seconds * 16_000)
        .map(|s| f32::from(s.expect("a whole file")) / 32_768.0)
        .collect();
    low.windows(2)
        .flat_map(|w| (0..3).map(|k| w[0] + (w[1] - w[0]) * k as f32 / 3.0).collect::<Vec<_>>())
        .collect()
}

struct Heard {
    pcm: Vec<f32>,
    stats: SpeakerStats,
}

/// One minute of patience: mouth 1 to ear 2. `fate` says of the k-th voice frame when it arrives, if ever.
fn run(pcm: &[f32], budget_bps: u32, length: FrameLength, mut fate: impl FnMut(u64) -> Option<u64>) -> Heard {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut mouth, mut ear) =
        (path(1, 2, budget_bps, length, &mut rng), path(2, 1, budget_bps, length, &mut rng));
    let mut air: Vec<(u64, Vec<u8>)> = Vec::new();
    let silence = vec![0.0; length.samples()];
    let mut heard = Vec::new();
    let frames = pcm.chunks_exact(length.samples()).chain(std::iter::repeat_n(&silence[..], TAIL_FRAMES));
    let mut sent = 0;
    for (k, frame) in frames.enumerate() {
        let now = 1_000_000 + k as u64 * length.micros();
        mouth.capture(Time::from_micros(now), frame, None).expect("whole frames");
        while let Some(p) = mouth.next_payload() {
            assert_eq!(p.kind, PayloadKind::Voice);
            if let Some(delay) = fate(sent) {
                air.push((now + delay, p.bytes.to_vec()));
            }
            sent += 1;
        }
        for part in 0..length.micros().div_ceil(STEP_US) {
            let at = now + part * STEP_US + 9_000;
            air.sort_by_key(|a| a.0);
            let due = air.partition_point(|a| a.0 <= at);
            for (arrived, bytes) in air.drain(..due) {
                ear.receive(Time::from_micros(arrived), id(1), &bytes).expect("sealed for this ear");
            }
            let mut out = vec![0.0; FRAME.min(length.samples())];
            ear.play(Time::from_micros(at), &mut out);
            heard.extend_from_slice(&out);
        }
        ear.capture(Time::from_micros(now + 9_000), &silence, None).expect("whole frames");
        while let Some(p) = ear.next_payload() {
            let bytes = p.bytes.to_vec();
            mouth.receive(Time::from_micros(now + 15_000), id(2), &bytes).expect("sealed for this mouth");
        }
    }
    let stats = *ear.speakers().next().expect("one speaker").stats;
    Heard { pcm: heard, stats }
}

fn envelope(pcm: &[f32]) -> Vec<f32> {
    let level = |c: &[f32]| 10.0 * (c.iter().map(|s| s * s).sum::<f32>() / c.len() as f32).max(1e-6).log10();
    pcm.chunks_exact(480).map(level).collect()
}

/// Mean distance in decibels where the mouth is above -35 dBFS, at the delay that fits best.
fn distance_db(mouth: &[f32], ear: &[f32]) -> f32 {
    let said = envelope(mouth);
    (0..400)
        .map(|ms| {
            let heard = envelope(&ear[(ms * 48).min(ear.len())..]);
            let voiced = said.iter().zip(&heard).filter(|(s, _)| **s > -35.0);
            let (sum, n) = voiced.fold((0.0, 0), |(sum, n), (s, h)| (sum + (s - h).abs(), n + 1));
            if n > 100 { sum / n as f32 } else { f32::MAX }
        })
        .fold(f32::MAX, f32::min)
}

/// A seeded network: loss in percent, jitter in microseconds, the same for equal seeds.
fn network(seed: u64, loss_percent: u32, jitter_us: u32) -> impl FnMut(u64) -> Option<u64> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    move |_| {
        let (lost, late) = (rng.next_u32() % 100 < loss_percent, rng.next_u32() % jitter_us.max(1));
        (!lost).then_some(5_000 + u64::from(late))
    }
}

const BUDGET: u32 = 116_000;

#[test]
fn a_quiet_network_changes_next_to_nothing() {
    let pcm = speech(4);
    let heard = run(&pcm, BUDGET, FrameLength::Ms20, network(1, 0, 1));
    assert_eq!((heard.stats.lost, heard.stats.concealed), (0, 0));
    let distance = distance_db(&pcm, &heard.pcm);
    assert!(distance < 1.2, "{distance} dB");
}

#[test]
fn redundancy_halves_the_damage_of_loss() {
    let pcm = speech(7);
    for loss in [10, 20] {
        let ours = run(&pcm, BUDGET, FrameLength::Ms20, network(2, loss, 40_000));
        let plain = run(&pcm, 0, FrameLength::Ms20, network(2, loss, 40_000));
        assert_eq!(ours.stats.lost, plain.stats.lost, "the same losses");
        let (a, b) = (distance_db(&pcm, &ours.pcm), distance_db(&pcm, &plain.pcm));
        assert!(ours.stats.concealed * 3 < plain.stats.concealed, "{loss} %: {:?}", ours.stats);
        assert!(a < b, "{loss} %: {a} dB with, {b} dB without redundancy");
    }
}

#[test]
fn a_small_budget_mends_single_losses_by_the_copy_inside_the_codec() {
    let pcm = speech(7);
    let heard = run(&pcm, 40_000, FrameLength::Ms20, |k| (k % 10 != 7).then_some(5_000));
    assert_eq!(heard.stats.from_list, 0);
    let mended = heard.stats.from_in_band as f64 / heard.stats.lost as f64;
    assert!(mended > 0.5, "{mended}: {:?}", heard.stats);
}

#[test]
fn a_middling_budget_mends_runs_by_deep_redundancy() {
    let pcm = speech(7);
    let heard = run(&pcm, 66_000, FrameLength::Ms20, |k| (k % 20 > 2).then_some(5_000));
    assert!(heard.stats.from_deep > 10, "{:?}", heard.stats);
}

#[test]
fn every_frame_length_carries_speech() {
    let pcm = speech(3);
    for length in [FrameLength::Ms10, FrameLength::Ms40, FrameLength::Ms60] {
        let heard = run(&pcm, BUDGET, length, network(3, 0, 1));
        assert_eq!(heard.stats.lost, 0, "{length:?}");
        let distance = distance_db(&pcm, &heard.pcm);
        assert!(distance < 2.0, "{length:?}: {distance} dB");
    }
}
