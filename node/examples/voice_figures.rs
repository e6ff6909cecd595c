//! Prints what a step of the voice path costs with libopus, one JSON object a line: `{"name", "ours", "unit"}`.
//!
//! A step is 20 ms: the mouth captures, encodes, seals; the ear opens what came from each speaker, decodes, mixes. The
//! figure is the median of the rounds, each a mean over its steps. Recorded speech comes from `node/demo-data`, or from
//! the WAV of 16 kHz mono given as argument. `cargo xtask bench voice` runs it.
#![allow(clippy::print_stdout)] // this program's whole product is its lines

use anyhow::{Context as _, Result, ensure};
use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::{FrameLength, Peer, Transmit, VoiceConfig, VoicePath, VoicePlan};
use halloo_node::media::clock::mono_ns;
use halloo_node::media::opus::OpusFactory;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const FRAME: usize = 960;
const STEP_US: u64 = 20_000;
const ROUNDS: usize = 5;
const STEPS: usize = 250;
/// Steps before anything is measured.
const WARM_UP: usize = 100;

fn id(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn key(n: u8) -> MediaKey {
    MediaKey::from_parts(Kid(0x200 + u64::from(n)), Secret::new([n; 32]))
}

fn path(me: u8, members: u8, rng: &mut ChaCha20Rng) -> Result<VoicePath> {
    let config = VoiceConfig { me: id(me), frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
    let mut path = VoicePath::new(config, Box::new(OpusFactory::default()), rng)?;
    let peers =
        (0..members).filter(|n| *n != me).map(|n| Peer { device: id(n), keys: vec![key(n)] }).collect();
    path.apply(
        Time::ZERO,
        &VoicePlan { seal: Some(key(me)), peers, microphone_muted: false, ..VoicePlan::silent() },
    )?;
    Ok(path)
}

fn speech() -> Result<Vec<f32>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/speech/1-austen-0870.wav").to_owned();
    let file = std::env::args().nth(1).unwrap_or(default);
    let mut wav = hound::WavReader::open(&file).with_context(|| file.clone())?;
    ensure!(wav.spec().sample_rate == 16_000 && wav.spec().channels == 1, "{file}: not 16 kHz mono");
    let mut pcm = Vec::new();
    for sample in wav.samples::<i16>() {
        // Repeating samples leaves images above 8 kHz; for a figure of cost that does not matter.
        pcm.extend([f32::from(sample?) / 32_768.0; 3]);
    }
    Ok(pcm)
}

struct Figures {
    mouth_us: f64,
    ear_us: f64,
    allocations: f64,
}

/// One listener (member 0, who speaks too) and so many other speakers.
fn measure(speakers: u8, pcm: &[f32]) -> Result<Figures> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let members = speakers + 1;
    let mut paths = (0..members).map(|n| path(n, members, &mut rng)).collect::<Result<Vec<_>>>()?;
    let (mut mouths, mut ears, mut allocations) = (Vec::new(), Vec::new(), 0);
    let frames: Vec<&[f32]> = pcm.chunks_exact(FRAME).collect();
    for round in 0..ROUNDS {
        let (mut mouth_ns, mut ear_ns) = (0, 0);
        let steps = if round == 0 { WARM_UP } else { STEPS };
        for step in 0..steps {
            let now = 1_000_000 + (round * 1_000 + step) as u64 * STEP_US;
            let at = Time::from_micros(now);
            let (me, others) = paths.split_first_mut().context("at least one member")?;
            let mut arrived = Vec::new();
            for (n, other) in (1..members).zip(others.iter_mut()) {
                other.capture(at, frames[(step + usize::from(n) * 17) % frames.len()], None)?;
                while let Some(p) = other.next_payload() {
                    arrived.push((id(n), p.bytes.to_vec()));
                }
            }
            let mut failed = false;
            let info = allocation_counter::measure(|| {
                let begin = mono_ns();
                failed |= me.capture(at, frames[step % frames.len()], None).is_err();
                while let Some(p) = me.next_payload() {
                    std::hint::black_box(p.bytes);
                }
                let between = mono_ns();
                for (from, bytes) in &arrived {
                    failed |= me.receive(at, *from, bytes).is_err();
                }
                let mut out = [0.0; FRAME];
                me.play(Time::from_micros(now + 5_000), &mut out);
                std::hint::black_box(out);
                let end = mono_ns();
                mouth_ns += between - begin;
                ear_ns += end - between;
            });
            ensure!(!failed, "a step failed");
            if round > 0 {
                allocations += info.count_total;
            }
        }
        if round > 0 {
            mouths.push(mouth_ns as f64 / 1_000.0 / steps as f64);
            ears.push(ear_ns as f64 / 1_000.0 / steps as f64);
        }
    }
    let heard = paths[0].speakers().filter(|s| s.stats.played > 0).count();
    ensure!(heard == usize::from(speakers), "every speaker is heard");
    let median = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    let allocations = allocations as f64 / (STEPS * (ROUNDS - 1)) as f64;
    Ok(Figures { mouth_us: median(mouths), ear_us: median(ears), allocations })
}

fn tell(name: &str, ours: f64, unit: &str) {
    let ours = (ours * 100.0).round() / 100.0;
    println!("{}", serde_json::json!({ "name": name, "ours": ours, "unit": unit }));
}

fn main() -> Result<()> {
    let pcm = speech()?;
    for speakers in [1, 7] {
        let figures = measure(speakers, &pcm)?;
        if speakers == 1 {
            tell("voice/mouth-step", figures.mouth_us, "us");
        }
        tell(&format!("voice/ear-step-{speakers}"), figures.ear_us, "us");
        tell(&format!("voice/allocations-per-step-{speakers}"), figures.allocations, "allocations");
    }
    Ok(())
}
