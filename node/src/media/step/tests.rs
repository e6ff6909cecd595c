//! Two members in one process, stepped by hand: recorded speech in, heard speech out, no clock and no network.

use super::*;
use crate::media::device::{NullSink, NullSource};
use crate::media::endpoint::{RoadEnds, road};
use crate::media::opus::OpusFactory;
use crate::media::record::Recording;
use crate::media::stamps;
use crate::media::wave::{WaveFile, WaveSource};
use halloo_crypto::identity::DeviceSecret;
use halloo_crypto::media::{Kid, MediaKey, MediaOpener, MediaSealer};
use halloo_crypto::secret::Secret;
use halloo_engine::voice::{FrameLength, Peer};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Where the virtual clock starts: an hour after boot.
const ORIGIN: u64 = 3_600 * NS_PER_S;

fn id(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn key(n: u8) -> MediaKey {
    MediaKey::from_parts(Kid(u64::from(n) + 100), Secret::new([n; 32]))
}

fn plan(me: u8, others: &[u8]) -> VoicePlan {
    VoicePlan {
        seal: Some(key(me)),
        peers: others.iter().map(|n| Peer { device: id(*n), keys: vec![key(*n)] }).collect(),
        microphone_muted: false,
        ..VoicePlan::silent()
    }
}

fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data/speech/1-austen-0870.wav")
}

/// Keeps what it is given.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<f32>>>);

impl Sink for Tape {
    fn write(&mut self, frame: &Frame) -> Result<(), crate::media::device::DeviceError> {
        self.0.lock().expect("tape").extend_from_slice(frame);
        Ok(())
    }
}

struct Member {
    n: u8,
    step: Step,
    ends: RoadEnds,
    tape: Tape,
    events: Vec<MediaEvent>,
}

impl Member {
    fn new(n: u8, source: Box<dyn Source>, transmit: Transmit, frame: FrameLength) -> Self {
        let config = VoiceConfig { me: id(n), frame, transmit };
        let codecs = OpusFactory { encoder_complexity: 1, decoder_complexity: 1 };
        let mut rng = ChaCha20Rng::from_seed([n; 32]);
        let path = VoicePath::new(config, Box::new(codecs), &mut rng).expect("codec");
        let (road, ends) = road();
        let tape = Tape::default();
        let step_ends =
            Ends { source, sink: Some(Box::new(tape.clone())), road, recorder: None, plain: None };
        Self { n, step: Step::new(path, &config, step_ends), ends, tape, events: Vec::new() }
    }

    fn plan(&mut self, others: &[u8]) {
        self.step.apply(ORIGIN, &plan(self.n, others), &mut self.events);
        assert!(self.events.is_empty(), "{:?}", self.events);
    }
}

/// Steps everybody once, then carries what they said to all others, arriving 3 ms later.
fn turn(members: &mut [Member], at: u64) -> usize {
    let now = ORIGIN + at * STEP_NS;
    let mut carried = 0;
    for member in members.iter_mut() {
        member.step.run(now, &mut member.events);
    }
    for speaker in 0..members.len() {
        while let Ok(frame) = members[speaker].ends.out.try_recv() {
            carried += 1;
            let from = id(members[speaker].n);
            for member in members.iter_mut().filter(|member| id(member.n) != from) {
                let arrived_ns = now + 3 * NS_PER_MS;
                let frame = Incoming { from: Some(from), payload: frame.payload.clone(), arrived_ns };
                member.ends.inn.try_send(frame).expect("room");
            }
        }
    }
    carried
}

/// Levels of 10 ms pieces in decibels, floored.
fn envelope(sound: &[f32]) -> Vec<f64> {
    sound
        .chunks_exact(480)
        .map(|piece| {
            let energy: f64 = piece.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / 480.0;
            (10.0 * (energy + 1e-6).log10()).max(-60.0)
        })
        .collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let mean = |x: &[f64]| x[..n].iter().sum::<f64>() / n as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a[..n].iter().zip(&b[..n]) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma) * (x - ma);
        bb += (y - mb) * (y - mb);
    }
    ab / (aa * bb).sqrt()
}

#[test]
fn recorded_speech_is_heard_as_it_was_said_and_on_time() {
    for frame in [FrameLength::Ms20, FrameLength::Ms10, FrameLength::Ms40] {
        let dir = tempfile::tempdir().expect("temp dir");
        let source = WaveSource::open(&clip()).expect("clip");
        let mut members = [
            Member::new(1, Box::new(source), Transmit::OpenMicrophone, frame),
            Member::new(2, Box::new(NullSource), Transmit::PushToTalk { pressed: false }, frame),
        ];
        for (member, name) in members.iter_mut().zip(["a", "b"]) {
            let names = BTreeMap::from([(id(1), "a".to_owned()), (id(2), "b".to_owned())]);
            let recording = Recording { dir: dir.path().into(), me: name.into(), names };
            member.step.ends.recorder = Some(Recorder::start(recording).expect("recorder"));
        }
        members[0].plan(&[2]);
        members[1].plan(&[1]);
        for at in 0..250 {
            turn(&mut members, at);
        }
        for member in &mut members {
            member.step.ends.recorder = None;
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("log");
        let (mouth, ear) = (stamps::parse(&read("stamps-a.log")), stamps::parse(&read("stamps-b.log")));
        let ways = stamps::mouth_to_ear(id(1), &mouth, &ear);
        let half = stamps::percentile(&ways, 0.5).expect("ways");
        assert!(ways.len() > 150, "{frame:?}: {} ways", ways.len());
        assert!((25.0..140.0).contains(&half), "{frame:?}: {half} ms from mouth to ear");
        let load = |name: &str| -> Vec<f32> {
            let reader = hound::WavReader::open(dir.path().join(name)).expect("wav");
            reader.into_samples::<i16>().map(|s| f32::from(s.expect("sample")) / 32_768.0).collect()
        };
        let (said, heard) = (envelope(&load("mouth-a.wav")), envelope(&load("ear-b-a.wav")));
        let best = (0..30).map(|lag| correlation(&said, &heard[lag..])).fold(0.0, f64::max);
        assert!(best > 0.9, "{frame:?}: correlation {best}");
        assert_eq!(load("ear-b.wav").len(), 250 * FRAME);
        assert!(envelope(&members[1].tape.0.lock().expect("tape")).iter().any(|level| *level > -40.0));
    }
}

#[test]
fn talking_is_told_once_at_each_end() {
    let source = WaveSource::open(&clip()).expect("clip");
    let open = Transmit::VoiceActivated;
    let mut members = [
        Member::new(1, Box::new(source), open, FrameLength::Ms20),
        Member::new(2, Box::new(NullSource), open, FrameLength::Ms20),
    ];
    members[0].plan(&[2]);
    members[1].plan(&[1]);
    for at in 0..700 {
        turn(&mut members, at);
    }
    let states = |member: &Member, who: Option<DeviceId>| -> Vec<bool> {
        let state = |event: &MediaEvent| match event {
            MediaEvent::Talking { speaker, on } if *speaker == who => Some(*on),
            _ => None,
        };
        member.events.iter().filter_map(state).collect()
    };
    for told in [states(&members[0], None), states(&members[1], Some(id(1)))] {
        assert!(!told.is_empty());
        assert!(told.iter().enumerate().all(|(at, on)| *on == (at % 2 == 0)), "{told:?}");
        assert_eq!(told.last(), Some(&false), "the clip is over");
    }
    assert!(states(&members[1], None).is_empty(), "who says nothing does not talk");
    assert_eq!(members[0].events.iter().filter(|e| matches!(e, MediaEvent::SourceEnded)).count(), 1);
}

#[test]
fn mute_and_the_talk_key_stop_the_very_next_frame() {
    let source = WaveSource::open(&clip()).expect("clip");
    let mut members = [
        Member::new(1, Box::new(source), Transmit::OpenMicrophone, FrameLength::Ms20),
        Member::new(2, Box::new(NullSource), Transmit::OpenMicrophone, FrameLength::Ms20),
    ];
    members[0].plan(&[2]);
    members[1].step.path.set_microphone_muted(true);
    members[1].plan(&[1]);
    let sent = |members: &mut [Member]| members[0].step.stats().voice.mouth.frames_sent;
    for at in 0..20 {
        turn(&mut members, at);
    }
    let open = sent(&mut members);
    assert!(open >= 19);
    members[0].step.path.set_microphone_muted(true);
    for at in 20..40 {
        turn(&mut members, at);
    }
    assert_eq!(sent(&mut members), open);
    members[0].step.path.set_microphone_muted(false);
    members[0].step.transmit(Transmit::PushToTalk { pressed: false });
    for at in 40..60 {
        turn(&mut members, at);
    }
    assert_eq!(sent(&mut members), open);
    members[0].step.transmit(Transmit::PushToTalk { pressed: true });
    for at in 60..70 {
        turn(&mut members, at);
    }
    assert!(sent(&mut members) > open);
}

#[test]
fn frames_of_a_device_without_keys_here_are_counted_and_not_heard() {
    let source = WaveSource::open(&clip()).expect("clip");
    let mut members = [
        Member::new(1, Box::new(source), Transmit::OpenMicrophone, FrameLength::Ms20),
        Member::new(2, Box::new(NullSource), Transmit::OpenMicrophone, FrameLength::Ms20),
    ];
    members[0].plan(&[2]);
    members[1].plan(&[3]);
    let offered: usize = (0..50).map(|at| turn(&mut members, at)).sum();
    let stats = members[1].step.stats();
    assert!(offered > 40);
    assert!(stats.voice.rejected.unknown_key > 40, "{:?}", stats.voice.rejected);
    assert!(members[1].tape.0.lock().expect("tape").iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_sink_that_refuses_is_told_once_and_the_loop_goes_on() {
    struct Broken;
    impl Sink for Broken {
        fn write(&mut self, _: &Frame) -> Result<(), crate::media::device::DeviceError> {
            Err(crate::media::device::DeviceError::World { what: "w".into(), why: "y".into() })
        }
    }
    let mut member = Member::new(1, Box::new(NullSource), Transmit::OpenMicrophone, FrameLength::Ms20);
    member.step.ends.sink = Some(Box::new(Broken));
    (0..5).for_each(|at| member.step.run(ORIGIN + at * STEP_NS, &mut member.events));
    assert_eq!(member.events.iter().filter(|e| matches!(e, MediaEvent::SinkFailed(_))).count(), 1);
    member.step.ends.sink = Some(Box::new(NullSink));
    assert_eq!(member.step.stats().steps, 5);
}

#[test]
fn a_file_opens_and_shuts_the_gate_at_the_same_frames_whenever_it_begins() {
    let sent = |silent_steps: u64| -> Vec<u64> {
        let gate = Transmit::VoiceActivated;
        let mut member = Member::new(1, Box::new(NullSource), gate, FrameLength::Ms20);
        member.plan(&[2]);
        let step = |member: &mut Member, at: u64| {
            member.step.run(ORIGIN + at * STEP_NS, &mut member.events);
            std::iter::from_fn(|| member.ends.out.try_recv().ok()).count()
        };
        assert_eq!((0..silent_steps).map(|at| step(&mut member, at)).sum::<usize>(), 0);
        member.step.listen_to(Box::new(WaveSource::open(&clip()).expect("clip")));
        (0..450).filter(|at| step(&mut member, silent_steps + at) > 0).collect()
    };
    let first = sent(1);
    assert!(first.len() > 300 && first.len() < 450, "{}", first.len());
    for silent_steps in 2..6 {
        assert_eq!(first, sent(silent_steps), "after {silent_steps} steps");
    }
}

#[test]
fn a_growing_recording_can_be_spoken_from() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("grown.wav");
    let mut file = WaveFile::create(&path).expect("creates");
    (0..20).for_each(|_| file.append(&[0.25; FRAME]).expect("append"));
    let source = WaveSource::open(&path).expect("opens");
    let mut member = Member::new(1, Box::new(source), Transmit::OpenMicrophone, FrameLength::Ms20);
    (0..30).for_each(|at| member.step.run(ORIGIN + at * STEP_NS, &mut member.events));
    assert!(member.events.iter().any(|event| matches!(event, MediaEvent::SourceEnded)));
}

/// A forwarder that hands over every payload of the first as it is, or, while it is bent, sealed anew by somebody who holds the keys too.
fn forward(members: &mut [Member], sealers: &mut (MediaOpener, MediaSealer), at: u64, bent: bool) {
    while let Ok(frame) = members[0].ends.out.try_recv() {
        let (mut plain, mut sealed) = (Vec::new(), Vec::new());
        sealers.0.open(&frame.payload, &mut plain).expect("every member has the key");
        let voice = plain.first() == Some(&0x10);
        if voice && let Some(last) = plain.last_mut() {
            *last ^= 1;
        }
        sealers.1.seal(&plain, &mut sealed).expect("it was sealed before");
        let payload = if bent && voice { sealed.into() } else { frame.payload };
        let arrived_ns = ORIGIN + at * STEP_NS + 3 * NS_PER_MS;
        members[1].ends.inn.try_send(Incoming { from: None, payload, arrived_ns }).expect("room");
    }
}

#[test]
fn who_speaks_in_anothers_name_behind_a_forwarder_is_told_and_forgotten_again() {
    let secret = DeviceSecret::generate(&mut ChaCha20Rng::from_seed([5; 32]));
    let source = WaveSource::open(&clip()).expect("clip");
    let mut members = [
        Member::new(1, Box::new(source), Transmit::OpenMicrophone, FrameLength::Ms20),
        Member::new(2, Box::new(NullSource), Transmit::PushToTalk { pressed: false }, FrameLength::Ms20),
    ];
    let theirs = VoicePlan { checkpoints: true, ..plan(1, &[2]) };
    members[0].step.apply(ORIGIN, &theirs, &mut Vec::new());
    let peers = vec![Peer { device: secret.id(), keys: vec![key(1)] }];
    let ours = VoicePlan { checkpoints: true, peers, ..plan(2, &[]) };
    members[1].step.apply(ORIGIN, &ours, &mut Vec::new());
    let mut sealers = (MediaOpener::new(&key(1)), MediaSealer::new(&key(1)));
    let mut told = Vec::new();
    for at in 0..1_000 {
        for member in &mut members {
            member.step.run(ORIGIN + at * STEP_NS, &mut member.events);
        }
        for event in std::mem::take(&mut members[0].events) {
            if let MediaEvent::Checkpoint(draft) = event {
                members[0].step.path.send_checkpoint(&draft.sign(&secret));
            }
        }
        forward(&mut members, &mut sealers, at, (200..220).contains(&at));
        for event in std::mem::take(&mut members[1].events) {
            if let MediaEvent::Forged { speaker, on } = event {
                assert_eq!(speaker, secret.id());
                told.push((at, on));
            }
        }
        let proofs = members[1].step.stats().proofs[&secret.id()];
        assert!(at != 199 || proofs.0 == Authenticity::Verified, "{proofs:?}");
    }
    let [(begin, true), (end, false)] = told[..] else { panic!("{told:?}") };
    assert!((200..300).contains(&begin) && end - begin >= 500, "{told:?}");
}
