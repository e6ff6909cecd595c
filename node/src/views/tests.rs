//! Directions as people say them.

use super::*;

#[test]
fn a_bearing_is_called_by_the_nearest_point_of_the_compass() {
    for (bearing, point) in [
        (0.0, "N"),
        (22.4, "N"),
        (22.6, "NE"),
        (90.0, "E"),
        (135.0, "SE"),
        (180.0, "S"),
        (225.0, "SW"),
        (270.0, "W"),
        (315.0, "NW"),
        (337.6, "N"),
        (359.999, "N"),
        (f64::NAN, "N"),
    ] {
        assert_eq!(compass(bearing), point, "{bearing}");
    }
}
