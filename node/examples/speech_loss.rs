//! Sends recorded speech through a lossy, jittery link in virtual time and writes what the other ear hears.
//!
//! `cargo xtask bench speech-loss` measures the same with two processes over a real link, and comes here only where the
//! machine permits none; the rows say which.
//!
//! ```text
//! speech_loss --out DIR [--seed N] [--loss PERCENT]... [--jitter MS] [--burst FRAMES] FILE.wav...
//! ```
//! Two voice paths, keys and libopus as in a call; only microphone, sockets and clock are replaced. Each loss is run
//! twice over the very same losses and delays: with our redundancy, and with concealment alone. Per run one JSON line on
//! stdout and `DIR/ear-LOSS-MODE.wav`, beside `DIR/mouth.wav`, all 16 kHz mono for PESQ-WB.
#![allow(clippy::print_stdout)] // this program's whole product is its lines

use std::path::{Path, PathBuf};

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::{FrameLength, PayloadKind, Peer, Transmit, VoiceConfig, VoicePath, VoicePlan};
use halloo_node::media::opus::OpusFactory;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Samples of one step.
const FRAME: usize = 960;
/// Microseconds of one step.
const STEP_US: u64 = 20_000;
/// One-way delay of the link without jitter.
const DELAY_US: u64 = 30_000;
/// Silence after the speech, so that the last words are played.
const TAIL_FRAMES: usize = 40;

struct Options {
    out: PathBuf,
    seed: u64,
    losses: Vec<u32>,
    jitter_ms: u64,
    burst: f64,
    files: Vec<PathBuf>,
}

/// Payloads with the microsecond at which they arrive.
type OnTheWay = Vec<(u64, Vec<u8>)>;

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut o = Options {
        out: PathBuf::new(),
        seed: 1,
        losses: Vec::new(),
        jitter_ms: 40,
        burst: 1.0,
        files: Vec::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or("an option lacks its value");
        match arg.as_str() {
            "--out" => o.out = value()?.into(),
            "--seed" => o.seed = value()?.parse()?,
            "--loss" => o.losses.push(value()?.parse()?),
            "--jitter" => o.jitter_ms = value()?.parse()?,
            "--burst" => o.burst = value()?.parse()?,
            file => o.files.push(file.into()),
        }
    }
    if o.losses.is_empty() {
        o.losses = vec![10, 20];
    }
    if o.out.as_os_str().is_empty() || o.files.is_empty() {
        return Err(
            "usage: speech_loss --out DIR [--seed N] [--loss PERCENT]... [--jitter MS] FILE.wav...".into()
        );
    }
    Ok(o)
}

/// What becomes of the k-th packet of a direction: lost, or late by so much. Equal for both modes of a run.
struct Link {
    rng: ChaCha20Rng,
    loss: f64,
    burst: f64,
    jitter_us: u64,
    losing: bool,
}

impl Link {
    fn next(&mut self) -> Option<u64> {
        let chance = |rng: &mut ChaCha20Rng| f64::from(rng.next_u32()) / 4_294_967_296.0;
        let p = chance(&mut self.rng);
        // A run of losses ends with chance 1/burst; runs begin so often that the whole comes to `loss`.
        let ends = 1.0 / self.burst;
        let begins = if self.burst > 1.0 { self.loss * ends / (1.0 - self.loss) } else { self.loss };
        self.losing = match self.losing && self.burst > 1.0 {
            true => p >= ends,
            false => p < begins,
        };
        let late = (chance(&mut self.rng) * self.jitter_us as f64) as u64;
        (!self.losing).then_some(DELAY_US + late)
    }
}

struct Run {
    heard: Vec<f32>,
    sent: u64,
    bytes: u64,
    speaker: halloo_engine::voice::SpeakerStats,
    delay_ms: f32,
}

fn path(
    me: u8,
    other: u8,
    budget_bps: u32,
    rng: &mut ChaCha20Rng,
) -> Result<VoicePath, Box<dyn std::error::Error>> {
    let key = |who: u8| MediaKey::from_parts(Kid(u64::from(who) + 0x200), Secret::new([who; 32]));
    let id = |who: u8| DeviceId::from_bytes([who; 32]);
    let config = VoiceConfig { me: id(me), frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
    let mut path = VoicePath::new(config, Box::new(OpusFactory::default()), rng)?;
    let plan = VoicePlan {
        seal: Some(key(me)),
        peers: vec![Peer { device: id(other), keys: vec![key(other)] }],
        microphone_muted: me == 2,
        budget_bps,
        ..VoicePlan::silent()
    };
    path.apply(Time::ZERO, &plan)?;
    Ok(path)
}

fn run(pcm: &[f32], o: &Options, loss: u32, budget_bps: u32) -> Result<Run, Box<dyn std::error::Error>> {
    let mut rng = ChaCha20Rng::seed_from_u64(o.seed);
    let (mut mouth, mut ear) = (path(1, 2, budget_bps, &mut rng)?, path(2, 1, budget_bps, &mut rng)?);
    let link = |salt: u64| Link {
        rng: ChaCha20Rng::seed_from_u64(o.seed * 1_000 + u64::from(loss) * 10 + salt),
        loss: f64::from(loss) / 100.0,
        burst: o.burst,
        jitter_us: o.jitter_ms * 1_000,
        losing: false,
    };
    let (mut there, mut reports_there, mut back) = (link(1), link(2), link(3));
    let (mut to_ear, mut to_mouth): (OnTheWay, OnTheWay) = (Vec::new(), Vec::new());
    let mut heard = Vec::with_capacity(pcm.len());
    let mut delays = 0.0;
    let silence = vec![0.0; FRAME];
    let frames: Vec<&[f32]> =
        pcm.chunks_exact(FRAME).chain(std::iter::repeat_n(&silence[..], TAIL_FRAMES)).collect();
    for (k, frame) in frames.iter().enumerate() {
        let now = 1_000_000 + k as u64 * STEP_US;
        mouth.capture(Time::from_micros(now), frame, None)?;
        while let Some(p) = mouth.next_payload() {
            let link = if p.kind == PayloadKind::Voice { &mut there } else { &mut reports_there };
            if let Some(delay) = link.next() {
                to_ear.push((now + delay, p.bytes.to_vec()));
            }
        }
        // The ear's device runs half a step out of phase.
        let later = now + STEP_US / 2;
        deliver(&mut to_ear, later, |at, bytes| {
            ear.receive(at, DeviceId::from_bytes([1; 32]), bytes).is_ok()
        });
        let mut out = [0.0; FRAME];
        ear.play(Time::from_micros(later), &mut out);
        heard.extend_from_slice(&out);
        delays += ear.speakers().map(|s| s.stats.delay_ms).sum::<f32>();
        ear.capture(Time::from_micros(later), &silence, None)?;
        while let Some(p) = ear.next_payload() {
            if let Some(delay) = back.next() {
                to_mouth.push((later + delay, p.bytes.to_vec()));
            }
        }
        deliver(&mut to_mouth, now + STEP_US, |at, bytes| {
            mouth.receive(at, DeviceId::from_bytes([2; 32]), bytes).is_ok()
        });
    }
    let speaker = *ear.speakers().next().ok_or("the ear has one speaker")?.stats;
    let sent = mouth.stats().mouth;
    let delay_ms = delays / frames.len() as f32;
    Ok(Run { heard, sent: sent.frames_sent, bytes: sent.bytes_sent, speaker, delay_ms })
}

fn deliver(queue: &mut Vec<(u64, Vec<u8>)>, until: u64, mut take: impl FnMut(Time, &[u8]) -> bool) {
    queue.sort_by_key(|(at, _)| *at);
    let due = queue.partition_point(|(at, _)| *at <= until);
    for (at, bytes) in queue.drain(..due) {
        take(Time::from_micros(at), &bytes);
    }
}

/// Reads a WAV of 16 kHz mono and brings it to 48 kHz by a windowed sinc.
fn read(path: &Path) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let mut wav = hound::WavReader::open(path)?;
    let spec = wav.spec();
    if spec.sample_rate != 16_000 || spec.channels != 1 || spec.bits_per_sample != 16 {
        return Err(format!("{}: not 16 kHz mono of 16 bit", path.display()).into());
    }
    let low: Vec<f32> =
        wav.samples::<i16>().map(|s| s.map(|s| f32::from(s) / 32_768.0)).collect::<Result<_, _>>()?;
    let taps = low_pass();
    let half = taps.len() as isize / 2;
    Ok((0..low.len() as isize * 3)
        .map(|n| {
            let from = (n - half).div_euclid(3);
            (from..=from + half * 2 / 3 + 1)
                .filter_map(|m| {
                    Some(
                        low.get(usize::try_from(m).ok()?)?
                            * taps.get(usize::try_from(n - 3 * m + half).ok()?)?,
                    )
                })
                .sum::<f32>()
                * 3.0
        })
        .collect())
}

/// Low-pass at 7.6 kHz for a rate of 48 kHz, Blackman window.
fn low_pass() -> Vec<f32> {
    let n = 193_usize;
    let cut = 7_600.0 / 48_000.0;
    (0..n)
        .map(|i| {
            let t = i as f64 - (n as f64 - 1.0) / 2.0;
            let x = std::f64::consts::TAU * cut * t;
            let sinc = if t == 0.0 { 2.0 * cut } else { x.sin() / (std::f64::consts::PI * t) };
            let w = std::f64::consts::TAU * i as f64 / (n as f64 - 1.0);
            (sinc * (0.42 - 0.5 * w.cos() + 0.08 * (2.0 * w).cos())) as f32
        })
        .collect()
}

/// Writes sound of 48 kHz as 16 kHz.
fn write(path: &Path, pcm: &[f32]) -> Result<(), Box<dyn std::error::Error>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let taps = low_pass();
    let half = taps.len() / 2;
    let mut wav = hound::WavWriter::create(path, spec)?;
    for n in (0..pcm.len()).step_by(3) {
        let y: f32 =
            taps.iter().enumerate().filter_map(|(i, t)| Some(t * pcm.get((n + i).checked_sub(half)?)?)).sum();
        wav.write_sample((y * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)?;
    }
    Ok(wav.finalize()?)
}

/// The figure that a row belongs to.
fn name(o: &Options, loss: u32) -> String {
    let how = if o.burst > 1.0 { format!("loss in runs of about {}", o.burst) } else { "random loss".into() };
    format!("speech-loss, both ends in one process, {loss} % {how}")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let o = options()?;
    std::fs::create_dir_all(&o.out)?;
    let mut pcm = Vec::new();
    for file in &o.files {
        pcm.extend(read(file)?);
    }
    write(&o.out.join("mouth.wav"), &pcm)?;
    for &loss in &o.losses {
        for (mode, budget_bps) in [("ours", VoicePlan::silent().budget_bps), ("plain", 0)] {
            let run = run(&pcm, &o, loss, budget_bps)?;
            let file = o.out.join(format!("ear-{loss}-{mode}.wav"));
            write(&file, &run.heard)?;
            let s = run.speaker;
            let seconds = run.sent as f64 * 0.02;
            println!(
                "{}",
                serde_json::json!({
                    "name": name(&o, loss), "mode": mode, "loss_percent": loss, "jitter_ms": o.jitter_ms,
                    "burst": o.burst, "seed": o.seed, "file": file, "reference": o.out.join("mouth.wav"),
                    "frames_sent": run.sent, "kbit_per_s": (run.bytes as f64 * 8.0 / seconds / 1_000.0).round(),
                    "lost": s.lost, "late": s.late, "from_list": s.from_list, "from_in_band": s.from_in_band,
                    "from_deep": s.from_deep, "concealed": s.concealed, "delay_ms_mean": run.delay_ms.round(),
                    "shortened": s.shortened, "lengthened": s.lengthened,
                })
            );
        }
    }
    Ok(())
}
