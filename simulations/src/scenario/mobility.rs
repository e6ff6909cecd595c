//! The part of a scenario that says who moves and how: a recorded track, random waypoints, a convoy behind a leader.

use super::clock::Span;
use super::crowd::Who;
use super::gpx::{METRES_PER_DEGREE, ORIGIN_DEG, Place, Track};
use crate::chance::{between, unit};
use rand_chacha::ChaCha20Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Radio: those who move reach each other only within its range; those who do not move reach everybody.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Radio {
    /// Within this distance a link comes up, metres.
    pub range_m: f64,
    /// A link that stands holds until this share beyond the range.
    #[serde(default = "Radio::hold")]
    pub hold: f64,
}

impl Radio {
    fn hold() -> f64 {
        0.1
    }
}

/// People move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moves {
    /// Who.
    pub who: Who,
    /// Where to.
    pub path: Path,
    /// Between positions that the device measures, seconds; 0 measures none.
    #[serde(default = "Moves::fix_every_s")]
    pub fix_every_s: f64,
    /// From when on positions are shared with the group, seconds; not at all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_from_s: Option<f64>,
    /// How exactly they are shared.
    #[serde(default, skip_serializing_if = "Sharpness::is_default")]
    pub precision: Sharpness,
}

impl Moves {
    fn fix_every_s() -> f64 {
        1.0
    }
}

/// How exactly others see somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sharpness {
    /// As measured.
    #[default]
    Exact,
    /// About 500 m.
    Approximate,
    /// About 20 km.
    City,
}

impl Sharpness {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A way to move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Path {
    /// Each rides the track of a GPX file beside the scenario, at the times in it.
    Gpx {
        /// The file.
        file: String,
        /// Each begins this much later than the one before, seconds.
        #[serde(default = "Path::gap_s")]
        gap_s: Span,
    },
    /// Random waypoint: to a random place at a random speed, a pause, and on.
    Waypoint {
        /// Width and height, kilometres.
        area_km: [f64; 2],
        /// Speed.
        speed_kmh: Span,
        /// Pause at each place.
        #[serde(default = "Path::pause_s")]
        pause_s: Span,
    },
    /// The first leads by random waypoints (or rides a track); the others follow its trail, each behind the one before.
    Convoy {
        /// Width and height of where the leader goes, kilometres.
        area_km: [f64; 2],
        /// Speed of the leader.
        speed_kmh: Span,
        /// Distance to the one before, metres; each draws its own.
        spacing_m: Span,
        /// How far they fall back and close up, metres.
        #[serde(default)]
        straggle_m: f64,
        /// The leader's track instead of random waypoints.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
}

impl Path {
    fn gap_s() -> Span {
        Span::Fixed(2.0)
    }

    fn pause_s() -> Span {
        Span::Fixed(0.0)
    }

    /// The GPX file that it needs.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Path::Gpx { file, .. } => Some(file),
            Path::Convoy { file, .. } => file.as_deref(),
            Path::Waypoint { .. } => None,
        }
    }

    /// Where each of `people` is at each whole second from 0 to `seconds`.
    pub fn ways(
        &self,
        people: usize,
        seconds: usize,
        track: Option<&Track>,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Vec<Place>> {
        match self {
            Path::Gpx { gap_s, .. } => {
                let Some(track) = track else { return Vec::new() };
                let mut late = 0.0;
                let mut way = |_| {
                    let way = (0..=seconds).map(|second| track.at(second as f64 - late)).collect();
                    late += gap_s.draw(rng);
                    way
                };
                (0..people).map(&mut way).collect()
            }
            Path::Waypoint { area_km, speed_kmh, pause_s } => {
                (0..people).map(|_| wander(*area_km, *speed_kmh, *pause_s, seconds, rng)).collect()
            }
            Path::Convoy { area_km, speed_kmh, spacing_m, straggle_m, .. } => {
                let leader = match track {
                    Some(track) => (0..=seconds).map(|second| track.at(second as f64)).collect(),
                    None => wander(*area_km, *speed_kmh, Span::Fixed(0.0), seconds, rng),
                };
                follow(leader, people, *spacing_m, *straggle_m, rng)
            }
        }
    }

    /// Why it cannot be, if it cannot.
    pub(super) fn wrong(&self) -> Option<String> {
        let area = |area: &[f64; 2]| {
            (!area.iter().all(|km| (0.001..=1_000.0).contains(km)))
                .then(|| "area_km must be two numbers from 0.001 to 1000".to_owned())
        };
        let span =
            |name: &str, span: Span, least: f64| span.wrong(least).map(|what| format!("{name} {what}"));
        match self {
            Path::Gpx { gap_s, .. } => span("gap_s", *gap_s, 0.0),
            Path::Waypoint { area_km, speed_kmh, pause_s } => area(area_km)
                .or_else(|| span("speed_kmh", *speed_kmh, 0.01))
                .or_else(|| span("pause_s", *pause_s, 0.0)),
            Path::Convoy { area_km, speed_kmh, spacing_m, straggle_m, .. } => area(area_km)
                .or_else(|| span("speed_kmh", *speed_kmh, 0.01))
                .or_else(|| span("spacing_m", *spacing_m, 0.0))
                .or_else(|| (*straggle_m < 0.0).then(|| "straggle_m must be at least 0".into())),
        }
    }
}

/// One person's way from random place to random place.
fn wander(
    area_km: [f64; 2],
    speed_kmh: Span,
    pause_s: Span,
    seconds: usize,
    rng: &mut ChaCha20Rng,
) -> Vec<Place> {
    let spot = |rng: &mut ChaCha20Rng| (area_km[0] * 1e3 * unit(rng), area_km[1] * 1e3 * unit(rng));
    let mut way = Vec::with_capacity(seconds + 1);
    let (mut here, mut goal) = (spot(rng), spot(rng));
    let mut speed = speed_kmh.draw(rng) / 3.6;
    let mut pause = 0.0;
    while way.len() <= seconds {
        way.push(here);
        if pause >= 1.0 {
            pause -= 1.0;
            continue;
        }
        let left = distance(here, goal);
        if left > speed {
            let share = speed / left;
            here = (here.0 + (goal.0 - here.0) * share, here.1 + (goal.1 - here.1) * share);
        } else {
            (here, goal) = (goal, spot(rng));
            speed = speed_kmh.draw(rng) / 3.6;
            pause = pause_s.draw(rng);
        }
    }
    way
}

/// A convoy on the leader's trail.
fn follow(
    leader: Vec<Place>,
    people: usize,
    spacing_m: Span,
    straggle_m: f64,
    rng: &mut ChaCha20Rng,
) -> Vec<Vec<Place>> {
    // How far the leader has come at each second.
    let mut come = vec![0.0_f64; leader.len()];
    for second in 1..leader.len() {
        come[second] = come[second - 1] + distance(leader[second - 1], leader[second]);
    }
    let mut behind = 0.0;
    let mut ways = vec![leader.clone()];
    for _ in 1..people {
        behind += spacing_m.draw(rng);
        // Two slow waves of its own: it falls back and closes up.
        let phase = std::f64::consts::TAU * unit(rng);
        let period = between(rng, 60, 240) as f64;
        let way = (0..leader.len()).map(|second| {
            let wave = (1.0 + (second as f64 * std::f64::consts::TAU / period + phase).sin()) / 2.0;
            along(&leader, &come, come[second] - behind - straggle_m * wave)
        });
        ways.push(way.collect());
    }
    ways.truncate(people);
    ways
}

/// The place on a trail after so many metres; its beginning before 0.
fn along(trail: &[Place], come: &[f64], metres: f64) -> Place {
    let after = come.partition_point(|at| *at < metres).min(trail.len() - 1);
    let Some(before) = after.checked_sub(1) else { return trail[0] };
    let (low, high) = (come[before], come[after]);
    let share = if high > low { ((metres - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
    let (a, b) = (trail[before], trail[after]);
    (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share)
}

/// Metres between two places.
#[must_use]
pub fn distance(a: Place, b: Place) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// Latitude and longitude of a place on the plane.
#[must_use]
pub fn on_earth(place: Place) -> (f64, f64) {
    let lat = ORIGIN_DEG[0] + place.1 / METRES_PER_DEGREE;
    (lat, ORIGIN_DEG[1] + place.0 / (METRES_PER_DEGREE * ORIGIN_DEG[0].to_radians().cos()))
}

#[cfg(test)]
mod tests;
