//! The part of a scenario that says what the network does.

use super::clock::us;
use crate::chance::unit;
use crate::net::links::{Latency, LinkSpec, Loss};
use rand_chacha::ChaCha20Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Mean radius of the earth, kilometres.
const EARTH_KM: f64 = 6_371.0;
/// Microseconds for each kilometre of light in fibre, with a detour of one half.
const FIBRE_US_PER_KM: f64 = 7.5;

/// One-way delay between two members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Delay {
    /// The same between all, milliseconds.
    ConstantMs(f64),
    /// Drawn once for each pair between these two, milliseconds.
    UniformMs([f64; 2]),
    /// `matrix-ms[site of the sender][site of the receiver]`, milliseconds; groups name their sites.
    MatrixMs(Vec<Vec<f64>>),
    /// Sites are places on the earth: the delay is the great circle through fibre with a detour, and a floor.
    Geography {
        /// Latitude and longitude of each site, degrees.
        places: Vec<[f64; 2]>,
        /// Least, milliseconds.
        floor_ms: f64,
    },
    /// Members are spread over a plane (or move over it): the delay grows with the distance.
    Plane {
        /// Width and height, kilometres.
        area_km: [f64; 2],
        /// Least, milliseconds.
        floor_ms: f64,
        /// Microseconds for each kilometre.
        us_per_km: f64,
    },
}

/// How packets are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossSpec {
    /// Not at all.
    #[default]
    None,
    /// Each on its own with this probability.
    Random(f64),
    /// Gilbert-Elliott: good and bad times, counted in packets.
    Bursts {
        /// Probability, per packet, that a bad time begins.
        enter: f64,
        /// Probability, per packet, that it ends.
        leave: f64,
        /// Probability that a packet is lost in it.
        lose: f64,
    },
}

/// What all links have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinksSpec {
    /// One-way delay.
    pub delay: Delay,
    /// Up to this share of the delay more, drawn for each packet.
    pub jitter_share: f64,
    /// Up to this much more, drawn for each packet, milliseconds.
    pub jitter_ms: f64,
    /// Whether datagrams overtake each other when jitter lets them.
    pub reorder: bool,
    /// Loss.
    pub loss: LossSpec,
    /// Probability that a byte of a packet is changed.
    pub corrupt: f64,
    /// Probability that a datagram arrives twice.
    pub duplicate: f64,
    /// What a member can send, kilobit a second; no limit without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uplink_kbps: Option<u64>,
    /// What waits for the uplink, kilobytes; datagrams that do not fit are dropped.
    pub queue_kb: u64,
}

impl Default for LinksSpec {
    fn default() -> Self {
        LinksSpec {
            delay: Delay::UniformMs([2.0, 20.0]),
            jitter_share: 0.0,
            jitter_ms: 0.0,
            reorder: false,
            loss: LossSpec::None,
            corrupt: 0.0,
            duplicate: 0.0,
            uplink_kbps: None,
            queue_kb: 256,
        }
    }
}

impl LinksSpec {
    /// What the simulated links are told; places on a plane are drawn.
    pub fn spec(&self, hosts: usize, rng: &mut ChaCha20Rng) -> LinkSpec {
        LinkSpec {
            latency: self.delay.latency(hosts, rng),
            jitter_share: self.jitter_share,
            jitter_us: us(self.jitter_ms / 1e3),
            reorder: self.reorder,
            loss: match self.loss {
                LossSpec::None => Loss::None,
                LossSpec::Random(share) => Loss::Random { share },
                LossSpec::Bursts { enter, leave, lose } => Loss::Bursts { enter, leave, lose },
            },
            corrupt: self.corrupt,
            duplicate: self.duplicate,
            uplink_bps: self.uplink_kbps.map(|kbps| kbps * 1_000),
            queue_bytes: self.queue_kb * 1_024,
        }
    }

    /// Sites that there are; `None` where every site is as good as another.
    #[must_use]
    pub fn sites(&self) -> Option<usize> {
        match &self.delay {
            Delay::MatrixMs(table) => Some(table.len()),
            Delay::Geography { places, .. } => Some(places.len()),
            _ => None,
        }
    }

    /// Why it cannot be, if it cannot: the key below and what to write.
    pub(super) fn wrong(&self) -> Option<(&'static str, String)> {
        let loss = match self.loss {
            LossSpec::None => vec![],
            LossSpec::Random(share) => vec![share],
            LossSpec::Bursts { enter, leave, lose } => vec![enter, leave, lose],
        };
        let share = |value: &f64| (0.0..=1.0).contains(value);
        if !loss.iter().all(share) {
            return Some((".loss", "probabilities go from 0 to 1".into()));
        }
        for (key, value) in [(".corrupt", self.corrupt), (".duplicate", self.duplicate)] {
            if !share(&value) {
                return Some((key, "probabilities go from 0 to 1".into()));
            }
        }
        for (key, value) in [(".jitter_share", self.jitter_share), (".jitter_ms", self.jitter_ms)] {
            if !(0.0..=600_000.0).contains(&value) {
                return Some((key, "must be from 0 to 600000".into()));
            }
        }
        if self.uplink_kbps == Some(0) || self.uplink_kbps.is_some_and(|kbps| kbps > 100_000_000) {
            return Some((".uplink_kbps", "must be from 1 to 100000000; leave it out for no limit".into()));
        }
        self.delay.wrong().map(|what| (".delay", what))
    }
}

/// Great-circle distance of two places given in degrees, kilometres.
#[must_use]
pub fn distance_km(from: [f64; 2], to: [f64; 2]) -> f64 {
    let (lat_a, lat_b) = (from[0].to_radians(), to[0].to_radians());
    let (half_lat, half_lon) = ((lat_b - lat_a) / 2.0, (to[1] - from[1]).to_radians() / 2.0);
    let chord = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_KM * chord.sqrt().min(1.0).asin()
}

impl Delay {
    fn latency(&self, hosts: usize, rng: &mut ChaCha20Rng) -> Latency {
        let ms = |ms: f64| us(ms / 1e3);
        match self {
            Delay::ConstantMs(value) => Latency::Constant { us: ms(*value) },
            Delay::UniformMs([low, high]) => Latency::Uniform { low_us: ms(*low), high_us: ms(*high) },
            Delay::MatrixMs(table) => Latency::Matrix {
                table: table.iter().map(|row| row.iter().map(|v| ms(*v)).collect()).collect(),
            },
            Delay::Geography { places, floor_ms } => {
                let row = |from: &[f64; 2]| {
                    let to =
                        |to: &[f64; 2]| ms(*floor_ms) + (distance_km(*from, *to) * FIBRE_US_PER_KM) as u64;
                    places.iter().map(to).collect()
                };
                Latency::Matrix { table: places.iter().map(row).collect() }
            }
            Delay::Plane { area_km: [width, height], floor_ms, us_per_km } => Latency::Plane {
                places_km: (0..hosts).map(|_| (width * unit(rng), height * unit(rng))).collect(),
                floor_us: ms(*floor_ms),
                us_per_km: *us_per_km,
            },
        }
    }

    fn wrong(&self) -> Option<String> {
        let sound = |ms: &f64| (0.0..=600_000.0).contains(ms);
        match self {
            Delay::ConstantMs(ms) => (!sound(ms)).then(|| "must be from 0 to 600000 ms".into()),
            Delay::UniformMs([low, high]) => (!(sound(low) && sound(high) && low <= high))
                .then(|| "must be two delays from 0 to 600000 ms, the smaller first".into()),
            Delay::MatrixMs(table) => {
                let square = !table.is_empty() && table.iter().all(|row| row.len() == table.len());
                (!(square && table.iter().flatten().all(sound)))
                    .then(|| "must be a square of delays from 0 to 600000 ms, a row for each site".into())
            }
            Delay::Geography { places, floor_ms } => {
                let on_earth = |place: &[f64; 2]| place[0].abs() <= 90.0 && place[1].abs() <= 180.0;
                (places.is_empty() || !places.iter().all(on_earth) || !sound(floor_ms))
                    .then(|| "needs at least one place, as [latitude, longitude] in degrees".into())
            }
            Delay::Plane { area_km, floor_ms, us_per_km } => {
                let area = area_km.iter().all(|km| (0.0..=40_000.0).contains(km));
                (!(area && sound(floor_ms) && (0.0..=10_000.0).contains(us_per_km)))
                    .then(|| "needs an area of 0 to 40000 km and 0 to 10000 us_per_km".into())
            }
        }
    }
}
