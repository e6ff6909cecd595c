//! Tracks are replayed in their own time, scaled, and without times at one point a second.

use super::*;

fn file(body: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.gpx");
    let head =
        r#"<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">"#;
    std::fs::write(&path, format!("{head}<trk><trkseg>{body}</trkseg></trk></gpx>")).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

fn ask(file: &str, speed: f64) -> TrackAsk {
    TrackAsk { file: file.into(), speed, skip: 0 }
}

const TIMED: &str = r#"<trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></trkpt>
<trkpt lat="1.1" lon="2"><ele>7</ele><time>2020-01-01T00:00:10Z</time></trkpt>
<trkpt lat="1.2" lon="2"><time>2020-01-01T00:00:30Z</time></trkpt>"#;

#[tokio::test(start_paused = true)]
async fn times_of_the_file_are_kept_and_scaled() {
    let (_folder, path) = file(TIMED);
    let began = Instant::now();
    let mut track = Track::open(&ask(&path, 10.0), 5_000).unwrap();
    assert_eq!(track.len(), 3);
    let fixes = [track.next().await.unwrap(), track.next().await.unwrap(), track.next().await.unwrap()];
    assert_eq!(fixes.map(|f| f.time_ms), [5_000, 6_000, 8_000]);
    assert_eq!(fixes[1].altitude_m, Some(7.0));
    assert_eq!(began.elapsed().as_millis(), 3_000);
    assert!(track.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn points_without_rising_times_come_once_a_second() {
    let (_folder, path) = file(&TIMED.replace("00:00:30", "00:00:05"));
    let mut track = Track::open(&ask(&path, 1.0), 0).unwrap();
    let mut stamps = Vec::new();
    while let Some(fix) = track.next().await {
        stamps.push(fix.time_ms);
    }
    assert_eq!(stamps, [0, 1_000, 2_000]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_loses_no_point() {
    let (_folder, path) = file(TIMED);
    let mut track = Track::open(&ask(&path, 1.0), 0).unwrap();
    track.next().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(3), track.next()).await.is_err());
    assert_eq!(track.next().await.unwrap().time_ms, 10_000);
}

#[test]
fn what_is_no_track_is_refused_with_the_next_step() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    let (_folder, empty) = file("");
    let (_folder2, path) = file(TIMED);
    for bad in [ask(&empty, 1.0), ask("/nowhere.gpx", 1.0), ask(&path, 0.0), ask(&path, f64::NAN)] {
        let error = Track::open(&bad, 0).unwrap_err();
        assert!(!error.next.is_empty());
    }
    std::fs::write(&empty, "<gpx").unwrap();
    assert!(Track::open(&ask(&empty, 1.0), 0).is_err());
}

#[tokio::test]
async fn the_track_of_the_demonstration_is_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/tracks/casual-stroll.gpx");
    assert_eq!(Track::open(&ask(path, 1.0), 0).unwrap().len(), 300);
}
