use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn fix(latitude_deg: f64, longitude_deg: f64) -> Fix {
    Fix {
        latitude_deg,
        longitude_deg,
        accuracy_m: 4.0,
        altitude_m: Some(300.0),
        speed_mps: Some(5.0),
        course_deg: Some(90.0),
        taken_ms: 1,
    }
}

/// GeodSolve 2.2, `GeodSolve -i -p 3`: JFK to LHR, and the antipodal case of Karney 2013 section 5.
#[test]
fn distances_agree_with_published_geodesics() {
    let (metres, bearing) = distance_and_bearing((40.6, -73.8), (51.6, -0.5));
    assert!((metres - 5_551_759.400).abs() < 0.001, "{metres}");
    assert!((bearing - 51.198_882_845_579_824).abs() < 1e-9, "{bearing}");
    let (metres, bearing) = distance_and_bearing((-30.0, 0.0), (29.9, 179.8));
    assert!((metres - 19_989_832.827_610).abs() < 0.001, "{metres}");
    assert!((bearing - 161.890_524).abs() < 1e-5, "{bearing}");
}

#[test]
fn a_westward_bearing_is_given_clockwise_from_north() {
    let (metres, bearing) = distance_and_bearing((0.0, 1.0), (0.0, 0.0));
    assert!((bearing - 270.0).abs() < 1e-9);
    assert!((metres - 111_319.490_793).abs() < 0.001);
    assert_eq!(distance_and_bearing((5.0, 5.0), (5.0, 5.0)), (0.0, 0.0));
}

#[test]
fn exact_means_untouched() {
    let f = fix(47.123_456_7, 8.765_432_1);
    assert_eq!(f.coarsened(Precision::Exact), f);
}

#[test]
fn precision_bytes_round_trip() {
    for p in [Precision::Exact, Precision::Approximate, Precision::City] {
        assert_eq!(Precision::from_byte(p.to_byte()), Some(p));
    }
    assert_eq!(Precision::from_byte(3), None);
}

#[test]
fn nonsense_fixes_are_recognised() {
    assert!(fix(90.0, -180.0).is_sane());
    assert!(!fix(90.1, 0.0).is_sane());
    assert!(!fix(f64::NAN, 0.0).is_sane());
    assert!(!Fix { accuracy_m: f32::INFINITY, ..fix(0.0, 0.0) }.is_sane());
    assert!(!Fix { speed_mps: Some(f32::NAN), ..fix(0.0, 0.0) }.is_sane());
}

proptest! {
    /// However many fixes are taken inside one cell, the answers are one and the same: there is nothing to average.
    #[test]
    fn many_fixes_in_a_cell_say_no_more_than_the_cell(
        lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64,
        steps in prop::collection::vec((-0.4..0.4_f64, -0.4..0.4_f64), 50),
        city in any::<bool>(),
    ) {
        let precision = if city { Precision::City } else { Precision::Approximate };
        let centre = fix(lat, lon).coarsened(precision);
        let row = 1.0 / precision.cells_per_degree().unwrap();
        let column = 360.0 / (360.0 / row * centre.latitude_deg.to_radians().cos()).floor().max(1.0);
        let seen: BTreeSet<_> = steps.iter().map(|(dlat, dlon)| {
            let inside = fix(centre.latitude_deg + dlat * row, centre.longitude_deg + dlon * column);
            let told = inside.coarsened(precision);
            (told.latitude_deg.to_bits(), told.longitude_deg.to_bits(), told.accuracy_m.to_bits())
        }).collect();
        prop_assert_eq!(seen.len(), 1);
    }

    #[test]
    fn the_stated_accuracy_covers_the_true_place(lat in -89.9..=89.9_f64, lon in -180.0..=180.0_f64) {
        for precision in [Precision::Approximate, Precision::City] {
            let told = fix(lat, lon).coarsened(precision);
            let (metres, _) = distance_and_bearing((lat, lon), (told.latitude_deg, told.longitude_deg));
            prop_assert!(metres <= f64::from(told.accuracy_m) || lat.abs() > 89.0, "{metres} {}", told.accuracy_m);
            prop_assert!(told.is_sane());
            prop_assert_eq!((told.altitude_m, told.speed_mps, told.course_deg), (None, None, None));
        }
    }

    #[test]
    fn coarsening_twice_changes_nothing(lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64) {
        for precision in [Precision::Approximate, Precision::City] {
            let once = fix(lat, lon).coarsened(precision);
            prop_assert_eq!(once.coarsened(precision), once);
        }
    }
}
