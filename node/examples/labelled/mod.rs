//! Labelled clips for the voice detector: recorded sentences between pauses, under noise of a chosen kind and strength.
//!
//! What is speech is decided on the clean recording, before any noise is added: frames within 35 dB of its loudest, with
//! gaps shorter than the gate's hangover closed, because a pause that short is to be sent. Everything is drawn from a seed.
// Included by a test and by an example; each is a crate of its own.
#![allow(unreachable_pub)]

use halloo_engine::voice::Transmit;
use halloo_engine::voice::gate::{Gate, HANGOVER_MICROS, Passage, level_dbfs};
use halloo_node::media::device::{FRAME, Frame, Read, Source as _};
use halloo_node::media::speech::Speech;
use halloo_node::media::wave::WaveSource;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::path::Path;

/// Microseconds of a frame.
const FRAME_MICROS: u64 = 20_000;

/// Frames of nothing before, between and after the sentences: two seconds.
const PAUSE: usize = 100;

/// A frame of the clean recording is speech down to so far below its loudest frame.
const RANGE_DB: f32 = 35.0;

/// What the place sounds like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// None.
    Quiet,
    /// Wind and rain: white noise.
    Wind,
    /// A motor: a low hum with overtones that swings a little.
    Motor,
}

/// A clip with its labels, one a frame.
pub struct Labelled {
    pub frames: Vec<Frame>,
    pub speech: Vec<bool>,
}

/// How well the decisions agree with the labels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub hits: u32,
    pub false_alarms: u32,
    pub misses: u32,
}

impl Score {
    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        let [hits, wrong] = [self.hits, self.false_alarms + self.misses].map(f64::from);
        if hits == 0.0 { 0.0 } else { 2.0 * hits / (2.0 * hits + wrong) }
    }
}

/// The five recordings of the demonstration between pauses, under this noise at so many decibels below the speech.
pub fn clip(noise: Noise, below_db: f32) -> Labelled {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data/speech");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the recordings are in the repository")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "wav"))
        .collect();
    files.sort();
    let mut all = Labelled { frames: vec![[0.0; FRAME]; PAUSE], speech: vec![false; PAUSE] };
    for file in files {
        let spoken = read(&file);
        all.speech.extend(label(&spoken));
        all.frames.extend(spoken);
        all.frames.extend(vec![[0.0; FRAME]; PAUSE]);
        all.speech.extend(vec![false; PAUSE]);
    }
    let loud: Vec<f32> = all
        .frames
        .iter()
        .zip(&all.speech)
        .filter(|(_, speech)| **speech)
        .flat_map(|(frame, _)| *frame)
        .collect();
    add(&mut all.frames, noise, level_dbfs(&loud) - below_db);
    all
}

fn read(file: &Path) -> Vec<Frame> {
    let mut source = WaveSource::open(file).expect("a clip of the repository");
    let mut frames = Vec::new();
    let mut frame = [0.0; FRAME];
    while source.read(&mut frame) != Read::End {
        frames.push(frame);
    }
    frames
}

fn label(clean: &[Frame]) -> Vec<bool> {
    let levels: Vec<f32> = clean.iter().map(|frame| level_dbfs(frame)).collect();
    let loudest = levels.iter().copied().fold(-100.0, f32::max);
    let mut speech: Vec<bool> = levels.iter().map(|level| *level > loudest - RANGE_DB).collect();
    let hangover = usize::try_from(HANGOVER_MICROS / FRAME_MICROS).expect("a few frames");
    let mut last = None;
    for at in 0..speech.len() {
        if speech[at] {
            if let Some(before) = last.filter(|before| at - before <= hangover) {
                speech[before..at].fill(true);
            }
            last = Some(at);
        }
    }
    speech
}

/// Adds noise of this level to every frame.
fn add(frames: &mut [Frame], noise: Noise, level: f32) {
    let rms = 10.0_f32.powf(level / 20.0);
    let mut rng = ChaCha20Rng::seed_from_u64(62);
    let mut uniform = || rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0;
    for (at, sample) in frames.iter_mut().flatten().enumerate() {
        *sample += match noise {
            Noise::Quiet => 0.0,
            // A uniform value of -1..=1 has an RMS of one over the root of three.
            Noise::Wind => rms * 3.0_f32.sqrt() * uniform(),
            Noise::Motor => {
                let t = at as f32 / 48_000.0;
                let swing = 1.0 + 0.1 * (core::f32::consts::TAU * 0.7 * t).sin();
                let wave = |overtone: f32| (core::f32::consts::TAU * 90.0 * overtone * t).sin() / overtone;
                let sum: f32 = (1..=8).map(|overtone| wave(overtone as f32)).sum();
                rms * swing * sum / 0.87
            }
        };
    }
}

/// The gate of a member with voice activation, over the whole clip.
pub fn score(clip: &Labelled) -> Score {
    let (mut speech, mut gate) = (Speech::new(), Gate::new(Transmit::VoiceActivated));
    let mut score = Score::default();
    for (frame, label) in clip.frames.iter().zip(&clip.speech) {
        let voice = speech.probability(frame);
        let sent = gate.step(level_dbfs(frame), Some(voice), FRAME_MICROS) != Passage::Held;
        match (sent, label) {
            (true, true) => score.hits += 1,
            (true, false) => score.false_alarms += 1,
            (false, true) => score.misses += 1,
            (false, false) => {}
        }
    }
    score
}
