//! Where a device is: fixes, precisions, and the geometry of the WGS-84 ellipsoid.

use geographiclib_rs::{Geodesic, InverseGeodesic};
use serde::{Deserialize, Serialize};

/// One position of this device, as precise as the receiver gave it. Coarsened before anything leaves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fix {
    /// WGS-84 latitude, degrees, -90 ..= 90.
    pub latitude_deg: f64,
    /// WGS-84 longitude, degrees, -180 ..= 180.
    pub longitude_deg: f64,
    /// Radius of 68 % confidence, metres.
    pub accuracy_m: f32,
    /// Height above the ellipsoid, metres.
    pub altitude_m: Option<f32>,
    /// Ground speed, metres per second.
    pub speed_mps: Option<f32>,
    /// Direction of travel, degrees clockwise from true north.
    pub course_deg: Option<f32>,
    /// When the fix was taken, Unix milliseconds.
    pub taken_ms: u64,
}

/// How exactly others may know where this device is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Precision {
    /// As measured.
    Exact,
    /// The centre of a fixed grid cell of about 500 m.
    Approximate,
    /// The centre of a fixed grid cell of about 10 km.
    City,
}

impl Precision {
    /// The side of a grid cell in degrees of latitude; `None` for exact.
    ///
    /// 1/220 degree is 505 m, 1/11 degree is 10.1 km of meridian.
    fn cells_per_degree(self) -> Option<f64> {
        match self {
            Precision::Exact => None,
            Precision::Approximate => Some(220.0),
            Precision::City => Some(11.0),
        }
    }

    /// The byte that stands for it on the wire.
    pub const fn to_byte(self) -> u8 {
        match self {
            Precision::Exact => 0,
            Precision::Approximate => 1,
            Precision::City => 2,
        }
    }

    /// The precision of a wire byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Precision::Exact),
            1 => Some(Precision::Approximate),
            2 => Some(Precision::City),
            _ => None,
        }
    }
}

impl Fix {
    /// Whether every number is finite and in its range.
    pub fn is_sane(&self) -> bool {
        let finite = |v: Option<f32>| v.is_none_or(f32::is_finite);
        (-90.0..=90.0).contains(&self.latitude_deg)
            && (-180.0..=180.0).contains(&self.longitude_deg)
            && self.accuracy_m.is_finite()
            && self.accuracy_m >= 0.0
            && finite(self.altitude_m)
            && finite(self.speed_mps)
            && finite(self.course_deg)
    }

    /// This fix as precise as `precision` allows.
    ///
    /// Coarse fixes are snapped to the centre of a cell of one fixed grid, so every fix in a cell gives the same answer and
    /// nothing is gained by averaging, as it would be with noise. Height, speed and course are left out. What remains to an
    /// observer is the moment at which a cell is entered.
    #[must_use]
    pub fn coarsened(&self, precision: Precision) -> Fix {
        debug_assert!(self.is_sane(), "checked at the door");
        let Some(per_degree) = precision.cells_per_degree() else {
            return *self;
        };
        let rows = 180.0 * per_degree;
        let row = ((self.latitude_deg + 90.0) * per_degree).floor().clamp(0.0, rows - 1.0);
        let latitude_deg = (row + 0.5) / per_degree - 90.0;
        let columns = (360.0 * per_degree * latitude_deg.to_radians().cos()).floor().max(1.0);
        let turn = (self.longitude_deg + 180.0) / 360.0;
        let column = (turn * columns).floor().clamp(0.0, columns - 1.0);
        let longitude_deg = (column + 0.5) / columns * 360.0 - 180.0;
        Fix {
            latitude_deg,
            longitude_deg,
            accuracy_m: half_diagonal_m(per_degree),
            altitude_m: None,
            speed_mps: None,
            course_deg: None,
            taken_ms: self.taken_ms,
        }
    }
}

/// Metres of half the diagonal of a cell, rounded up: the honest accuracy of its centre.
fn half_diagonal_m(cells_per_degree: f64) -> f32 {
    const METRES_PER_DEGREE: f64 = 111_700.0;
    let side = METRES_PER_DEGREE / cells_per_degree;
    (side * core::f64::consts::FRAC_1_SQRT_2 * 1.02).ceil() as f32
}

/// Distance in metres and initial bearing in degrees (0 ..< 360, clockwise from true north) from one point to another.
///
/// Karney's solution of the inverse geodesic problem on the WGS-84 ellipsoid ("Algorithms for geodesics", 2013), good to 15 nm.
/// Between equal points the bearing is 0.
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
