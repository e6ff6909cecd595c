//! The running thread: paced, obedient, and gone when it is told to go.

use super::*;
use crate::media::device::{FRAME, Frame, NullSink, NullSource, Read};
use crate::media::endpoint::road;
use crate::media::opus::OpusFactory;
use halloo_engine::voice::FrameLength;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn config(source: Box<dyn Source>) -> (MediaConfig, crate::media::endpoint::RoadEnds) {
    let (road, ends) = road();
    let voice = VoiceConfig {
        me: DeviceId::from_bytes([1; 32]),
        frame: FrameLength::Ms20,
        transmit: Transmit::OpenMicrophone,
    };
    let codecs = Box::new(OpusFactory { encoder_complexity: 0, decoder_complexity: 0 });
    let (sink, budget_bps, record) = (Box::new(NullSink), ANY_BUDGET_BPS, None);
    let config = MediaConfig { voice, codecs, seed: [7; 32], source, sink, road, budget_bps, record };
    (config, ends)
}

/// A plan that makes frames leave.
fn talking() -> MediaCommand {
    let key = halloo_crypto::media::MediaKey::from_parts(
        halloo_crypto::media::Kid(5),
        halloo_crypto::secret::Secret::new([5; 32]),
    );
    let peer = halloo_engine::voice::Peer { device: DeviceId::from_bytes([2; 32]), keys: vec![] };
    let plan =
        VoicePlan { seal: Some(key), peers: vec![peer], microphone_muted: false, ..VoicePlan::silent() };
    MediaCommand::Plan(Box::new(plan))
}

/// Counts how often it is asked.
struct Counted(Arc<AtomicU64>);

impl Source for Counted {
    fn read(&mut self, frame: &mut Frame) -> Read {
        frame.fill(0.1);
        self.0.fetch_add(1, Ordering::Relaxed);
        Read::Sound
    }
}

#[test]
fn figures_come_once_a_second_and_steps_keep_to_the_grid() {
    let asked = Arc::new(AtomicU64::new(0));
    let (config, _ends) = config(Box::new(Counted(Arc::clone(&asked))));
    let (thread, mut events) = start(config).expect("starts");
    let mut figures = Vec::new();
    while figures.len() < 2 {
        if let MediaEvent::Stats(stats) = events.blocking_recv().expect("the thread runs") {
            figures.push(*stats);
        }
    }
    thread.stop();
    assert_eq!(figures[1].steps - figures[0].steps, STATS_EVERY);
    assert!(asked.load(Ordering::Relaxed) >= 100);
    assert!(figures[1].step_us_mean > 0 && figures[1].step_us_max >= figures[1].step_us_mean);
}

#[test]
fn a_new_source_speaks_from_the_next_step() {
    let (config, _ends) = config(Box::new(NullSource));
    let (thread, mut events) = start(config).expect("starts");
    let asked = Arc::new(AtomicU64::new(0));
    thread.handle().tell(MediaCommand::Source(Box::new(Counted(Arc::clone(&asked))))).expect("taken");
    while asked.load(Ordering::Relaxed) < 3 {
        std::thread::yield_now();
    }
    let handle = thread.handle();
    drop(thread);
    assert!(matches!(handle.tell(MediaCommand::MuteSpeaker(true)), Err(ThreadError::Ended)));
    while events.blocking_recv().is_some() {}
}

#[test]
fn a_plan_makes_sealed_frames_leave_and_a_recording_is_whole_after_the_stop() {
    let dir = tempfile::tempdir().expect("temp dir");
    let asked = Arc::new(AtomicU64::new(0));
    let (config, mut ends) = config(Box::new(Counted(asked)));
    let record = Recording { dir: dir.path().into(), me: "m".into(), names: Default::default() };
    let (thread, _events) = start(MediaConfig { record: Some(record), ..config }).expect("starts");
    thread.handle().tell(talking()).expect("taken");
    let first = ends.out.blocking_recv().expect("a sealed frame leaves");
    assert!(!first.payload.is_empty() && first.payload.len() <= crate::media::endpoint::MAX_PAYLOAD);
    let second = ends.out.blocking_recv().expect("another");
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), FRAME as u32);
    thread.stop();
    let said = hound::WavReader::open(dir.path().join("mouth-m.wav")).expect("wav").duration();
    assert!(said >= 2 * FRAME as u32 && said.is_multiple_of(FRAME as u32), "{said}");
}

#[test]
fn without_a_budget_no_frame_carries_others() {
    let size = |budget_bps| {
        let (config, mut ends) = config(Box::new(Counted(Arc::default())));
        let (thread, _events) = start(MediaConfig { budget_bps, ..config }).expect("starts");
        thread.handle().tell(talking()).expect("taken");
        let sizes: Vec<usize> =
            (0..4).filter_map(|_| ends.out.blocking_recv()).map(|frame| frame.payload.len()).collect();
        thread.stop();
        assert!(sizes.len() == 4 && sizes[1..].iter().all(|size| *size == sizes[1]), "{sizes:?}");
        sizes[1]
    };
    let (with, without) = (size(ANY_BUDGET_BPS), size(0));
    assert!(without < with, "{without} bytes without, {with} with the frame before");
}

#[test]
fn a_folder_that_cannot_be_made_is_told_at_the_start() {
    let dir = tempfile::tempdir().expect("temp dir");
    let file = dir.path().join("file");
    std::fs::write(&file, "x").expect("write");
    let (config, _ends) = config(Box::new(NullSource));
    let record = Recording { dir: file.join("sub"), me: "m".into(), names: Default::default() };
    let error = start(MediaConfig { record: Some(record), ..config }).err().expect("refused");
    assert!(matches!(error, ThreadError::Record(_)), "{error}");
}
