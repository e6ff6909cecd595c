//! Where a device is, seen from another: geometry of the WGS-84 ellipsoid. Coarsening lives with the live cell, in `halloo_crdt`.

use geographiclib_rs::{Geodesic, InverseGeodesic};

pub use halloo_crdt::live::{Fix, Precision};

/// Distance in metres and initial bearing in degrees (0 ..< 360, clockwise from true north) from one point to another.
///
/// Points are (latitude, longitude) in degrees. Karney's solution of the inverse geodesic problem ("Algorithms for geodesics",
/// 2013), good to 15 nm. Between equal points the bearing is 0.
pub fn distance_and_bearing(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let earth = Geodesic::wgs84();
    let (distance_m, azimuth, _, _): (f64, f64, f64, f64) = earth.inverse(from.0, from.1, to.0, to.1);
    if distance_m <= 0.0 {
        return (0.0, 0.0);
    }
    let bearing = azimuth.rem_euclid(360.0);
    (distance_m, if bearing >= 360.0 { 0.0 } else { bearing })
}

#[cfg(test)]
mod tests;
