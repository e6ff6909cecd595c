//! Which data become which chart.

use super::chart::{Chart, Line};
use crate::record::RunResult;
use std::collections::BTreeMap;

/// Points of a line of arrivals.
const STEPS: usize = 200;
/// Longest tail, in medians, that is drawn on an even scale.
const EVEN_TAIL: f64 = 12.0;
/// Hosts on a map; more are a carpet.
const MAP_HOSTS: usize = 60;
/// Points of one host on a map.
const MAP_POINTS: usize = 2_000;

/// A column of times that becomes a line of arrivals.
pub(super) struct Arrivals {
    name: &'static str,
    title: &'static str,
    table: &'static str,
    column: &'static str,
    x: &'static str,
    /// Rows in which this flag is set are left out.
    without: Option<&'static str>,
    /// Rows without a time count as never.
    never: bool,
    /// Rows of zero are the thing itself, not an arrival.
    positive: bool,
}

pub(super) const DELIVERIES: Arrivals = Arrivals {
    name: "delivery",
    title: "Delivery of messages: from the wish to write to the eyes of those within reach",
    table: "deliveries",
    column: "latency_ms",
    x: "milliseconds",
    without: Some("away"),
    never: false,
    positive: false,
};
pub(super) const PLACES: Arrivals = Arrivals {
    name: "places",
    title: "Delivery of positions: from the measurement to the map of another",
    table: "places",
    column: "latency_ms",
    x: "milliseconds",
    without: None,
    never: false,
    positive: false,
};
pub(super) const JOINS: Arrivals = Arrivals {
    name: "joins",
    title: "Newcomers: from the first question to being a member",
    table: "joins",
    column: "took_s",
    x: "seconds",
    without: None,
    never: true,
    positive: false,
};
pub(super) const EPOCHS: Arrivals = Arrivals {
    name: "epochs",
    title: "Group keys: from the first host in an epoch to each other one",
    table: "epochs",
    column: "after_first_ms",
    x: "milliseconds",
    without: None,
    never: false,
    positive: true,
};

/// The share that has arrived by a time: each seed pale, all together bold.
pub(super) fn arrivals(results: &[RunResult], of: &Arrivals) -> Option<Chart> {
    let mut lines = Vec::new();
    let mut all = Vec::new();
    for result in results {
        let Some(table) = result.table(of.table) else { continue };
        let left_out = of.without.map(|flag| table.numbers(flag)).unwrap_or_default();
        let mut values = table.numbers(of.column);
        let mut row = 0;
        values.retain(|value| {
            let out = left_out.get(row).is_some_and(|flag| *flag != 0.0);
            row += 1;
            !(out || !of.never && value.is_nan() || of.positive && *value <= 0.0)
        });
        if results.len() > 1 && !values.is_empty() {
            lines.push(Line { pale: true, points: shares(&mut values), ..Line::default() });
        }
        all.extend(values);
    }
    if all.iter().filter(|value| !value.is_nan()).count() < 2 {
        return None;
    }
    let label = format!("{} of {} seeds", all.len(), results.len());
    let points = shares(&mut all);
    let (middle, last) = (points[points.len() / 2].0, points[points.len() - 1].0);
    let log_x = last > EVEN_TAIL * middle && points[0].0 > 0.0;
    lines.push(Line { label: Some(label), points, ..Line::default() });
    let (title, y) = (of.title.to_owned(), "share that has arrived");
    Some(Chart { name: of.name, title, x: of.x, y, log_x, y_max: Some(1.0), lines, ..Chart::default() })
}

/// Times and the share of values up to each; what never came is counted and has no time.
fn shares(values: &mut [f64]) -> Vec<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let whole = values.len() as f64;
    let there = values.iter().take_while(|value| !value.is_nan()).count();
    let steps = STEPS.min(there);
    (1..=steps).map(|step| step * there / steps - 1).map(|at| (values[at], (at + 1) as f64 / whole)).collect()
}

/// Bytes a second that a running host sends: median of the seeds, and the band in which all lie.
pub(super) fn bytes(results: &[RunResult]) -> Option<Chart> {
    let mut seconds: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for table in results.iter().filter_map(|result| result.table("samples")) {
        let (at, hosts) = (table.numbers("at_s"), table.numbers("running"));
        let (streams, datagrams) = (table.numbers("stream_bytes"), table.numbers("datagram_bytes"));
        for row in 0..table.rows() {
            let each = (streams[row] + datagrams[row]) / hosts[row].max(1.0);
            seconds.entry(at[row].round() as u64).or_default().push(each);
        }
    }
    if seconds.len() < 2 {
        return None;
    }
    let (mut points, mut band) = (Vec::new(), Vec::new());
    for (second, mut values) in seconds {
        values.sort_by(f64::total_cmp);
        points.push((second as f64, values[values.len() / 2]));
        band.push((second as f64, values[0], values[values.len() - 1]));
    }
    let label = Some(format!("median of {} seeds; band: all of them", results.len()));
    Some(Chart {
        name: "bytes",
        title: "Bytes over time: what a running host sends in a second, headers included".into(),
        x: "virtual seconds",
        y: "bytes a second",
        band,
        lines: vec![Line { label, points, ..Line::default() }],
        ..Chart::default()
    })
}

/// The share of returns after which all views agreed within a time, by what returned.
pub(super) fn heals(results: &[RunResult]) -> Option<Chart> {
    let mut causes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for table in results.iter().filter_map(|result| result.table("heals")) {
        for (cause, took) in table.words("cause").iter().zip(table.numbers("took_s")) {
            causes.entry(cause).or_default().push(took);
        }
    }
    let mut lines = Vec::new();
    for (color, (cause, mut took)) in causes.into_iter().enumerate() {
        let healed = took.iter().filter(|took| !took.is_nan()).count();
        let label = Some(format!("{cause}: {healed} of {} healed", took.len()));
        let mut points = shares(&mut took);
        if let Some((first, _)) = points.first().copied() {
            points.insert(0, (first, 0.0));
            lines.push(Line { label, color, points, ..Line::default() });
        }
    }
    (!lines.is_empty()).then(|| Chart {
        name: "heals",
        title: "Convergence after a heal: from the last return until all views agree".into(),
        x: "seconds",
        y: "share of returns that have healed",
        y_max: Some(1.0),
        lines,
        ..Chart::default()
    })
}

/// Where everybody went in the first seed.
pub(super) fn map(results: &[RunResult]) -> Option<Chart> {
    let result = results.first()?;
    let table = result.table("positions")?;
    let (hosts, lat, lon) =
        (table.numbers("host"), table.numbers("latitude_deg"), table.numbers("longitude_deg"));
    let (xs, ys) = (table.numbers("x_km"), table.numbers("y_km"));
    let globe = lat.iter().any(|lat| !lat.is_nan());
    let first = lat.iter().zip(&lon).find(|(lat, _)| !lat.is_nan());
    let origin = first.map_or((0.0, 0.0), |(lat, lon)| (*lat, *lon));
    let mut tracks: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for row in 0..table.rows() {
        let point = if globe { flat(origin, (lat[row], lon[row])) } else { (xs[row], ys[row]) };
        if !point.0.is_nan() {
            tracks.entry(hosts[row] as u64).or_default().push(point);
        }
    }
    let count = tracks.len();
    let mut lines = Vec::new();
    for (color, (host, track)) in tracks.into_iter().take(MAP_HOSTS).enumerate() {
        let every = track.len().div_ceil(MAP_POINTS).max(1);
        let label = (count <= 8).then(|| format!("host {host}"));
        let begin = vec![track[0]];
        let points: Vec<(f64, f64)> = track.into_iter().step_by(every).collect();
        lines.push(Line { label, color, points, ..Line::default() });
        lines.push(Line { color, points: begin, dots: true, ..Line::default() });
    }
    let shown = count.min(MAP_HOSTS);
    (!lines.is_empty()).then(|| Chart {
        name: "map",
        title: format!(
            "Map of movement: {shown} of {count} hosts, seed {}; a dot is a beginning",
            result.seed
        ),
        x: "kilometres east",
        y: "kilometres north",
        map: true,
        lines,
        ..Chart::default()
    })
}

/// Kilometres east and north of an origin, on a plane that touches the globe there.
fn flat((lat0, lon0): (f64, f64), (lat, lon): (f64, f64)) -> (f64, f64) {
    const KM_PER_DEGREE: f64 = 111.195;
    ((lon - lon0) * KM_PER_DEGREE * lat0.to_radians().cos(), (lat - lat0) * KM_PER_DEGREE)
}

/// How good voice was at each listener: mean over speakers and seeds, and the worst and best of them.
pub(super) fn voice(results: &[RunResult]) -> Option<Chart> {
    let mut listeners: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for table in results.iter().filter_map(|result| result.table("voice")) {
        for (listener, mos) in table.numbers("listener").iter().zip(table.numbers("mos")) {
            if !mos.is_nan() {
                listeners.entry(*listener as u64).or_default().push(mos);
            }
        }
    }
    if listeners.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    let mut means = Vec::new();
    for (listener, values) in &listeners {
        let x = *listener as f64;
        let ends = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        lines.push(Line { pale: true, points: vec![(x, ends.0), (x, ends.1)], ..Line::default() });
        means.push((x, values.iter().sum::<f64>() / values.len() as f64));
    }
    let label = Some("mean over speakers and seeds; line: worst to best".to_owned());
    lines.push(Line { label, points: means, dots: true, ..Line::default() });
    Some(Chart {
        name: "voice",
        title: "Voice at each listener: mean opinion score by the E-model (ITU-T G.107)".into(),
        x: "listening host",
        y: "mean opinion score, 1 to 4.5",
        y_max: Some(4.6),
        lines,
        ..Chart::default()
    })
}
