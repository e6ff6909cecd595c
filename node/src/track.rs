//! A recorded GPX track as the own position, in real or scaled time.

use crate::door::{DoorError, TrackAsk};
use halloo_engine::place::Fix;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Points of a track that are kept: a day at 1 Hz.
const POINTS_MAX: usize = 86_400;
/// Slowest and fastest replay.
const SPEED: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;
/// Accuracy where the track says nothing, metres: what a phone reaches under a free sky.
const ACCURACY_M: f64 = 5.0;
/// Metres of 68 % confidence per unit of horizontal dilution, for a receiver with 5 m of range error.
const METRES_PER_DILUTION: f64 = 5.0;

/// One point, with its place in the replay.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    after: Duration,
    fix: Fix,
}

/// A running replay.
#[derive(Debug)]
pub struct Track {
    points: Vec<Point>,
    next: usize,
    began: Instant,
    began_ms: u64,
}

impl Track {
    /// Reads a track. Points whose times do not increase (or that have none) are replayed at 1 Hz in the order of the file.
    ///
    /// # Errors
    /// No such file, not GPX, no points, a speed out of range.
    pub fn open(ask: &TrackAsk, now_ms: u64) -> Result<Self, DoorError> {
        let failed =
            |what: String| DoorError::new("track", what, "give a GPX file with at least one track point");
        if !SPEED.contains(&ask.speed) {
            return Err(DoorError::new(
                "track",
                format!("a speed of {} is out of range", ask.speed),
                "0.01 to 1000",
            ));
        }
        let file = std::fs::File::open(&ask.file)
            .map_err(|error| failed(format!("cannot read {}: {error}", ask.file)))?;
        let track = gpx::read(std::io::BufReader::new(file))
            .map_err(|error| failed(format!("{} is not GPX: {error}", ask.file)))?;
        let waypoints = track.tracks.iter().flat_map(|t| &t.segments).flat_map(|s| &s.points);
        let points: Vec<Point> = place(waypoints, ask.speed).into_iter().skip(ask.skip).collect();
        let Some(first) = points.first().map(|p| p.after) else {
            return Err(failed("the track has no points".into()));
        };
        let points = points.into_iter().map(|p| Point { after: p.after - first, ..p }).collect();
        Ok(Track { points, next: 0, began: Instant::now(), began_ms: now_ms })
    }

    /// Points that will be replayed.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none; never so for an opened track.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Waits for the next point; `None` at the end of the track. Can be dropped and called again without losing a point.
    pub async fn next(&mut self) -> Option<Fix> {
        let point = self.points.get(self.next)?;
        sleep_until(self.began + point.after).await;
        self.next += 1;
        let mut fix = point.fix;
        fix.time_ms = self.began_ms + u64::try_from(point.after.as_millis()).unwrap_or(u64::MAX);
        Some(fix)
    }
}

/// Gives each point its moment, scaled by the speed.
fn place<'a>(waypoints: impl Iterator<Item = &'a gpx::Waypoint>, speed: f64) -> Vec<Point> {
    let waypoints: Vec<_> = waypoints.take(POINTS_MAX).collect();
    let seconds: Vec<f64> = waypoints.iter().filter_map(|w| w.time.and_then(unix_seconds)).collect();
    let rising = seconds.len() == waypoints.len() && seconds.windows(2).all(|pair| pair[0] < pair[1]);
    let first = seconds.first().copied().unwrap_or(0.0);
    let moment = |n: usize| if rising { seconds[n] - first } else { n as f64 };
    let point = |(n, waypoint): (usize, &&gpx::Waypoint)| {
        let after = Duration::try_from_secs_f64(moment(n) / speed).ok()?;
        Some(Point { after, fix: to_fix(waypoint)? })
    };
    waypoints.iter().enumerate().filter_map(point).collect()
}

fn unix_seconds(time: gpx::Time) -> Option<f64> {
    let text = time.format().ok()?;
    let parsed =
        time::OffsetDateTime::parse(&text, &time::format_description::well_known::Iso8601::DEFAULT).ok()?;
    Some(parsed.unix_timestamp_nanos() as f64 / 1e9)
}

fn to_fix(waypoint: &gpx::Waypoint) -> Option<Fix> {
    let place = waypoint.point();
    let fix = Fix {
        lat_deg: place.y(),
        lon_deg: place.x(),
        accuracy_m: waypoint.hdop.map_or(ACCURACY_M, |hdop| hdop * METRES_PER_DILUTION),
        altitude_m: waypoint.elevation,
        speed_mps: waypoint.speed,
        heading_deg: None,
        time_ms: 0,
    };
    on_earth(&fix).then_some(fix)
}

/// Whether a position can be one.
pub fn on_earth(fix: &Fix) -> bool {
    (-90.0..=90.0).contains(&fix.lat_deg)
        && (-180.0..=180.0).contains(&fix.lon_deg)
        && fix.accuracy_m.is_finite()
        && fix.accuracy_m >= 0.0
}

#[cfg(test)]
mod tests;
