//! Who moves: positions, places of the links, and radio range.

use super::Work;
use crate::chance::unit;
use crate::host::WALL_ORIGIN_MS;
use crate::net::links::HostId;
use crate::plan::Act;
use crate::scenario::ScenarioError;
use crate::scenario::clock::us;
use crate::scenario::gpx::{Place, Track};
use crate::scenario::links::Delay;
use crate::scenario::mobility::{Moves, Sharpness, distance, on_earth};
use crate::world::START_US;
use halloo_crdt::live::{Fix, Precision};
use std::collections::BTreeMap;

/// How exact a phone is, metres.
const ACCURACY_M: f64 = 5.0;
/// Between two places that links are told, seconds: nobody moves far enough in between to matter.
const LINKS_TOLD_S: usize = 5;

impl Work<'_> {
    /// Everything about moving.
    pub(super) fn motion(&mut self, files: &BTreeMap<String, String>) -> Result<(), ScenarioError> {
        let mut ways: BTreeMap<HostId, Vec<Place>> = BTreeMap::new();
        let seconds = self.scenario.seconds.ceil() as usize;
        for (n, moves) in self.scenario.moves.iter().enumerate() {
            let key = format!("moves[{n}]");
            let mut rng = self.rng(&key);
            let track = moves.path.file().map(|file| read_track(&key, file, files)).transpose()?;
            let hosts = self.find(&format!("{key}.who"), &moves.who)?.hosts;
            let each = moves.path.ways(hosts.len(), seconds, track.as_ref(), &mut rng);
            for (host, way) in hosts.into_iter().zip(each) {
                self.positions(moves, host, &way, unit(&mut rng));
                ways.insert(host, way);
            }
        }
        if matches!(self.scenario.links.delay, Delay::Plane { .. }) {
            for (host, way) in &ways {
                for (second, place) in way.iter().enumerate().step_by(LINKS_TOLD_S) {
                    self.acts.push((us(second as f64), Act::Move(*host, (place.0 / 1e3, place.1 / 1e3))));
                }
            }
        }
        if let Some(radio) = self.scenario.radio {
            self.cuts.range(radio, &ways);
        }
        Ok(())
    }

    fn positions(&mut self, moves: &Moves, host: HostId, way: &[Place], phase: f64) {
        if let Some(from) = moves.share_from_s {
            let lasts = (self.scenario.seconds - from).max(1.0) as u64 + 1;
            let precision = match moves.precision {
                Sharpness::Exact => Precision::Exact,
                Sharpness::Approximate => Precision::Approximate,
                Sharpness::City => Precision::City,
            };
            if precision != Precision::Exact {
                self.act(us(from), Act::Precision(host, precision));
            }
            self.act(us(from), Act::Share(host, Some(lasts)));
        }
        if moves.fix_every_s <= 0.0 {
            return;
        }
        let mut at = moves.share_from_s.unwrap_or(0.0) + phase * moves.fix_every_s;
        while at < self.scenario.seconds {
            self.act(us(at), Act::Fix(host, fix(way, at)));
            at += moves.fix_every_s;
        }
    }
}

fn read_track(key: &str, file: &str, files: &BTreeMap<String, String>) -> Result<Track, ScenarioError> {
    let wrong = |what: String| ScenarioError::Key { key: format!("{key}.path.file"), what };
    let text =
        files.get(file).ok_or_else(|| wrong(format!("{file} was not read; put it beside the scenario")))?;
    Track::read(text).map_err(|what| wrong(format!("{file}: {what}")))
}

/// What the device measures at this second.
fn fix(way: &[Place], at_s: f64) -> Fix {
    let second = (at_s as usize).min(way.len() - 1);
    let (a, b) = (way[second], way[(second + 1).min(way.len() - 1)]);
    let share = at_s.fract();
    let (lat_deg, lon_deg) = on_earth((a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share));
    let speed = distance(a, b);
    let heading = (b.0 - a.0).atan2(b.1 - a.1).to_degrees().rem_euclid(360.0);
    Fix {
        lat_deg,
        lon_deg,
        accuracy_m: ACCURACY_M,
        altitude_m: None,
        speed_mps: Some(speed),
        heading_deg: (speed > 0.1).then_some(heading),
        // By the satellites' clock: right even where the device's own is not.
        time_ms: WALL_ORIGIN_MS + (START_US + us(at_s)) / 1_000,
    }
}
