//! Tracks from GPX files: the points of all `trkpt` elements with their times, on the plane of the scenario.
//!
//! Only what is needed is read (`lat`, `lon`, `time`), by a scan for these words: a track is data, not a document.

/// Metres of one degree of latitude.
pub const METRES_PER_DEGREE: f64 = 111_195.0;
/// Where the plane of a scenario lies on the earth: latitude and longitude of its corner, degrees.
pub const ORIGIN_DEG: [f64; 2] = [46.5, 8.0];

/// A place on the plane of the scenario: metres east and north of its corner.
pub type Place = (f64, f64);

/// Seconds between points without times.
const PACE_S: f64 = 1.0;

/// A track.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Seconds since the first point, and where.
    points: Vec<(f64, Place)>,
}

impl Track {
    /// Reads a GPX text.
    ///
    /// # Errors
    /// Says which point is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut points: Vec<(f64, Place)> = Vec::new();
        let mut first = None;
        for (number, element) in text.split("<trkpt").skip(1).enumerate() {
            let wrong = |what: &str| format!("point {number} has no {what}; is it a GPX track?");
            let lat = attribute(element, "lat").ok_or_else(|| wrong("latitude"))?;
            let lon = attribute(element, "lon").ok_or_else(|| wrong("longitude"))?;
            let body = element.split("</trkpt>").next().unwrap_or(element);
            let at = match body.split_once("<time>").and_then(|(_, rest)| rest.split_once("</time>")) {
                Some((time, _)) => {
                    let at = unix_s(time.trim()).ok_or_else(|| wrong("time like 2026-05-01T10:00:00Z"))?;
                    at - *first.get_or_insert(at)
                }
                None => number as f64 * PACE_S,
            };
            if points.last().is_some_and(|(last, _)| *last > at) {
                return Err(format!("point {number} is earlier than the one before; sort the track by time"));
            }
            points.push((at, (lon, lat)));
        }
        if points.is_empty() {
            return Err("has no trkpt element; export a track, not a route".into());
        }
        Ok(Track { points: on_plane(points) })
    }

    /// Where the rider is so many seconds after the beginning: at the ends before and after.
    #[must_use]
    pub fn at(&self, second: f64) -> Place {
        let after = self.points.partition_point(|(at, _)| *at < second).min(self.points.len() - 1);
        let (high, b) = self.points[after];
        let Some((low, a)) = after.checked_sub(1).map(|before| self.points[before]) else { return b };
        let share = if high > low { ((second - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
        (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share)
    }

    /// How long it takes, seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.points.last().map_or(0.0, |(at, _)| *at)
    }
}

/// Longitude and latitude to metres; the south-west corner of the track is the corner of the plane.
fn on_plane(points: Vec<(f64, Place)>) -> Vec<(f64, Place)> {
    let least = |part: fn(&Place) -> f64| points.iter().map(|(_, p)| part(p)).fold(f64::INFINITY, f64::min);
    let (west, south) = (least(|p| p.0), least(|p| p.1));
    // As wide as at the corner of the plane, so that the way back to degrees is the same for all.
    let per_lon = METRES_PER_DEGREE * ORIGIN_DEG[0].to_radians().cos();
    let shrink = (south.to_radians().cos() / ORIGIN_DEG[0].to_radians().cos()).max(0.0);
    let place = |(lon, lat): Place| ((lon - west) * per_lon * shrink, (lat - south) * METRES_PER_DEGREE);
    points.into_iter().map(|(at, degrees)| (at, place(degrees))).collect()
}

fn attribute(element: &str, name: &str) -> Option<f64> {
    let tag = element.split('>').next()?;
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value: f64 = rest[1..].split(quote).next()?.trim().parse().ok()?;
    (value.is_finite() && value.abs() <= 180.0).then_some(value)
}

/// Unix seconds of `2026-05-01T10:00:00[.5]Z`.
fn unix_s(time: &str) -> Option<f64> {
    let (date, clock) = time.trim_end_matches('Z').split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut clock = clock.split(':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days as f64 * 86_400.0 + hour * 3_600.0 + minute * 60.0 + second)
}

#[cfg(test)]
mod tests;
