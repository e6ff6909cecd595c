//! What `gpx` promises, tried.

use super::*;
use proptest::prelude::*;

const TRACK: &str = r#"<gpx><trk><trkseg>
  <trkpt lat="46.5" lon="8.0"><ele>5</ele><time>2026-02-28T23:59:50Z</time></trkpt>
  <trkpt lat='46.51' lon='8.0'><time>2026-03-01T00:00:10Z</time></trkpt>
</trkseg></trk></gpx>"#;

#[test]
fn a_track_is_followed_at_its_times() {
    let track = Track::read(TRACK).expect("a track");
    assert_eq!(track.seconds(), 20.0, "over the end of a month");
    assert_eq!(track.at(0.0), (0.0, 0.0));
    let half = track.at(10.0);
    assert!((half.1 - 0.005 * METRES_PER_DEGREE).abs() < 1e-6 && half.0.abs() < 1e-6, "{half:?}");
    assert_eq!(track.at(-5.0), track.at(0.0));
    assert_eq!(track.at(500.0), track.at(20.0));
}

#[test]
fn points_without_times_come_every_second() {
    let track = Track::read("<trkpt lat=\"1\" lon=\"1\"/><trkpt lat=\"1.001\" lon=\"1\"/>").expect("a track");
    assert_eq!(track.seconds(), PACE_S);
}

#[test]
fn what_is_no_track_is_told_with_its_point() {
    let wrong = |text: &str| Track::read(text).expect_err("it is refused");
    assert!(wrong("<gpx></gpx>").contains("trkpt"));
    assert!(wrong("<trkpt lat=\"x\" lon=\"1\">").contains("point 0 has no latitude"));
    assert!(wrong("<trkpt lat=\"1\">").contains("point 0 has no longitude"));
    assert!(wrong("<trkpt lat=\"1\" lon=\"1\"><time>noon</time></trkpt>").contains("no time"));
    let backwards = TRACK.replace("2026-03-01", "2026-01-01");
    assert!(wrong(&backwards).contains("point 1 is earlier"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(<trkpt|lat=|lon=|\"|'|>|<time>|</time>|T|Z|-|:|[0-9.é ]|</trkpt>){0,60}") {
        if let Ok(track) = Track::read(&text) {
            let (x, y) = track.at(3.0);
            prop_assert!(x.is_finite() && y.is_finite());
        }
    }
}
