//! Geodesics against published values, and what coarse places say.

use super::*;
use halloo_crdt::live::Location;
use proptest::prelude::*;

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

fn place(lat_deg: f64, lon_deg: f64) -> Location {
    let fix = Fix {
        lat_deg,
        lon_deg,
        accuracy_m: 4.0,
        altitude_m: Some(300.0),
        speed_mps: Some(5.0),
        heading_deg: Some(90.0),
        time_ms: 1,
    };
    Location::new(&fix).expect("in range")
}

proptest! {
    /// What a coarse recipient is told is a function of the cell: however many fixes, it learns the cell and no more.
    #[test]
    fn the_stated_accuracy_covers_the_true_place(lat in -80.0..=80.0_f64, lon in -179.0..=179.0_f64) {
        for precision in [Precision::Approximate, Precision::City] {
            let told = place(lat, lon).coarsen(precision);
            let (metres, _) = distance_and_bearing((lat, lon), (told.lat_deg(), told.lon_deg()));
            prop_assert!(metres <= told.accuracy_m() * 1.05, "{metres} {}", told.accuracy_m());
            prop_assert_eq!((told.altitude_dm, told.speed_cms, told.heading_cdeg), (None, None, None));
        }
    }

    #[test]
    fn distance_is_the_same_in_both_directions(a in -89.0..89.0_f64, b in -179.0..179.0_f64, c in -89.0..89.0_f64, d in -179.0..179.0_f64) {
        let (there, bearing) = distance_and_bearing((a, b), (c, d));
        let (back, _) = distance_and_bearing((c, d), (a, b));
        prop_assert!((there - back).abs() < 1e-6);
        prop_assert!((0.0..360.0).contains(&bearing));
    }
}
