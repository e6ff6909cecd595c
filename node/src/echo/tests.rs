//! The whole way on one machine, with a file for a mouth and a file for an ear.

use super::*;
use crate::media::device::FRAME;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<f32>>>);

impl Sink for Tape {
    fn write(&mut self, frame: &Frame) -> Result<(), DeviceError> {
        self.0.lock().expect("tape").push(frame[0]);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_voice_comes_back_through_the_whole_way() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data/speech/2-austen-0890.wav");
    let out = dir.path().join("heard.wav");
    let source = DeviceName::File(clip).source().expect("clip");
    let sink = DeviceName::File(out.clone()).sink().expect("file");
    let mut echo = Loop::start(source, sink).await.expect("connects");
    let mut told = 0;
    let report = echo.run(Duration::from_millis(2_600), Duration::ZERO, |_| told += 1).await.expect("runs");
    echo.stop().await;
    assert!(told >= 1);
    assert!(report.frames_sent > 40 && report.frames_received > 40, "{report:?}");
    assert!(report.loudest_dbfs.is_some_and(|level| level > -40.0), "{report:?}");
    let heard = hound::WavReader::open(&out).expect("wav");
    let loudest = heard.into_samples::<i16>().map(|s| s.expect("sample").unsigned_abs()).max();
    assert!(loudest.is_some_and(|level| level > 1_000), "{loudest:?}");
}

#[test]
fn later_is_later_by_whole_frames() {
    let tape = Tape::default();
    let mut later = Later::new(Box::new(tape.clone()), Duration::from_millis(60));
    for n in 1..=6 {
        later.write(&[n as f32; FRAME]).expect("taken");
    }
    assert_eq!(*tape.0.lock().expect("tape"), [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
    assert!((later.latency_ms() - 60.0).abs() < f32::EPSILON);
    let mut now = Later::new(Box::new(tape.clone()), Duration::ZERO);
    now.write(&[9.0; FRAME]).expect("taken");
    assert_eq!(tape.0.lock().expect("tape").last(), Some(&9.0));
}

#[test]
fn lengths_of_time_are_what_people_type() {
    assert_eq!(span("10s").expect("time"), Duration::from_secs(10));
    assert_eq!(span("500ms").expect("time"), Duration::from_millis(500));
    assert_eq!(span("1.5").expect("time"), Duration::from_millis(1_500));
    assert_eq!(span("2m").expect("time"), Duration::from_secs(120));
    for wrong in ["", "s", "ten", "5h", "-1s", "1e400s", "ü"] {
        assert!(span(wrong).is_err(), "{wrong}");
    }
}
