//! What `mobility` promises, tried.

use super::*;
use crate::chance::generator;
use proptest::prelude::*;

fn convoy(straggle_m: f64) -> Path {
    Path::Convoy {
        area_km: [5.0, 4.0],
        speed_kmh: Span::Between([20.0, 60.0]),
        spacing_m: Span::Fixed(50.0),
        straggle_m,
        file: None,
    }
}

#[test]
fn a_convoy_keeps_its_order_on_the_leaders_trail() {
    let ways = convoy(0.0).ways(4, 600, None, &mut generator(1, "convoy"));
    assert_eq!(ways.len(), 4);
    for (ahead, behind) in ways.iter().zip(&ways[1..]) {
        for second in 0..=600 {
            // Never farther than the spacing along the trail, so never farther as the crow flies.
            assert!(distance(ahead[second], behind[second]) <= 50.0 + 1e-6);
        }
        assert_eq!(ahead[0], behind[0], "they begin together");
        assert!(distance(ahead[600], behind[600]) > 1.0, "and stretch on the way");
    }
}

#[test]
fn the_plane_lies_on_the_earth() {
    assert_eq!(on_earth((0.0, 0.0)), (ORIGIN_DEG[0], ORIGIN_DEG[1]));
    let north = on_earth((0.0, 1_000.0));
    assert!((north.0 - ORIGIN_DEG[0] - 1_000.0 / METRES_PER_DEGREE).abs() < 1e-9);
}

#[test]
fn a_track_is_ridden_one_after_the_other() {
    let track =
        Track::read("<trkpt lat=\"46\" lon=\"8\"/><trkpt lat=\"46.001\" lon=\"8\"/>").expect("a track");
    let path = Path::Gpx { file: "x.gpx".into(), gap_s: Span::Fixed(10.0) };
    let ways = path.ways(2, 20, Some(&track), &mut generator(1, "gpx"));
    assert_eq!(ways[0][1], ways[1][11]);
    assert_eq!(ways[1][0], ways[1][10], "the second waits");
}

proptest! {
    #[test]
    fn nobody_leaves_the_area_or_outruns_their_speed(seed: u64, speed in 1.0_f64..120.0) {
        let path = Path::Waypoint {
            area_km: [2.0, 1.0],
            speed_kmh: Span::Fixed(speed),
            pause_s: Span::Between([0.0, 5.0]),
        };
        for way in path.ways(3, 300, None, &mut generator(seed, "waypoint")) {
            prop_assert_eq!(way.len(), 301);
            for (here, next) in way.iter().zip(&way[1..]) {
                prop_assert!((0.0..=2_000.0).contains(&here.0) && (0.0..=1_000.0).contains(&here.1));
                prop_assert!(distance(*here, *next) <= speed / 3.6 + 1e-6);
            }
        }
    }
}
