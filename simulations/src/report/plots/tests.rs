//! What `plots` promises, tried.

use super::chart::{Chart, Line, short};
use super::*;
use crate::record::schemas;
use crate::record::table::{Cell, Table};

fn real(value: f64) -> Cell<'static> {
    Cell::Real(value)
}

/// A result with some of everything.
pub(in super::super) fn result(seed: u64) -> RunResult {
    let mut result = RunResult {
        scenario: "made up".into(),
        seed,
        hash: format!("{seed:064x}"),
        ok: true,
        violations: Vec::new(),
        figures: [("messages.written".to_owned(), 40.0)].into(),
        series: schemas::ALL.into_iter().map(Table::new).collect(),
    };
    let mut push = |name: &str, cells: &[Cell<'_>]| {
        let table = result.series.iter_mut().find(|table| table.schema.name == name);
        table.expect("it is one of ours").push(cells);
    };
    for n in 0..40_u32 {
        let x = f64::from(n);
        let ms = 20.0 + x * x / 10.0 + seed as f64;
        push(
            "deliveries",
            &[n.into(), 0_u32.into(), 1_u32.into(), real(x), real(ms), Cell::Flag(n % 10 == 9)],
        );
        push("places", &[0_u32.into(), 1_u32.into(), real(x), real(ms * 100.0), real(f64::NAN)]);
        let zero = Cell::Int(0);
        push(
            "samples",
            &[real(x), zero, zero, zero, Cell::Int(900 + i64::from(n)), zero, zero, zero, zero, zero],
        );
        let (lat, lon) = (46.5 + x / 1e3, 7.9 + (x / 5.0).sin() / 1e3);
        push("positions", &[real(x), (n % 3).into(), real(lat), real(lon), real(f64::NAN), real(f64::NAN)]);
    }
    push("heals", &[real(9.0), Cell::Text("link"), 1_u32.into(), 2_u32.into(), real(1.5)]);
    push("heals", &[real(19.0), Cell::Text("partition"), 1_u32.into(), 2_u32.into(), real(f64::NAN)]);
    push("heals", &[real(29.0), Cell::Text("partition"), 1_u32.into(), 2_u32.into(), real(3.0)]);
    for listener in 0..4_u32 {
        let frames = [Cell::Int(100); 6];
        let rest = [real(80.0), real(120.0), real(85.0), real(4.0 + f64::from(listener) / 10.0)];
        let row: Vec<Cell<'_>> =
            [listener.into(), 9_u32.into()].into_iter().chain(frames).chain(rest).collect();
        push("voice", &row);
    }
    result
}

#[test]
fn what_was_recorded_becomes_plots() {
    let plots = all(&[result(1), result(2)]).expect("they can be drawn");
    let names: Vec<&str> = plots.iter().map(|plot| plot.name).collect();
    assert_eq!(names, ["delivery", "places", "bytes", "heals", "map", "voice"]);
    for plot in &plots {
        assert!(plot.svg.starts_with("<svg") && plot.svg.contains(&plot.title[..10]), "{}", plot.name);
        assert!(plot.png.starts_with(b"\x89PNG"), "{}", plot.name);
        assert!(
            !plot.svg.contains("http") || plot.svg.matches("http").count() == 1,
            "only the name of SVG itself"
        );
    }
}

#[test]
fn a_run_of_nothing_has_no_plots() {
    let mut empty = result(1);
    empty.series = schemas::ALL.into_iter().map(Table::new).collect();
    assert!(all(&[empty]).expect("nothing to draw").is_empty());
    assert!(all(&[]).expect("nothing to draw").is_empty());
}

#[test]
fn those_away_are_not_in_the_delivery_of_those_within_reach() {
    let chart = shapes::arrivals(&[result(1)], &shapes::DELIVERIES).expect("there are deliveries");
    let line = chart.lines.last().expect("there is one");
    assert_eq!(line.label.as_deref(), Some("36 of 1 seeds"));
    assert_eq!(line.points.last().map(|(_, share)| *share), Some(1.0));
}

#[test]
fn what_never_heals_keeps_the_line_below_one() {
    let chart = shapes::heals(&[result(1)]).expect("there are heals");
    let ends: Vec<f64> = chart.lines.iter().filter_map(|line| Some(line.points.last()?.1)).collect();
    assert_eq!(ends, [1.0, 0.5]);
}

#[test]
fn numbers_on_axes_are_short() {
    let texts: Vec<String> = [0.0, 0.25, 1.5, 20.0, 1234.0, 25_000.0, 3.2e6].into_iter().map(short).collect();
    assert_eq!(texts, ["0", "0.25", "1.5", "20", "1234", "25k", "3.2M"]);
}

#[test]
fn a_legend_of_pixels_stays_inside_its_picture() {
    let label = Some("the median of twenty seeds, and a band around it".to_owned());
    let lines = vec![Line { label, points: vec![(0.0, 0.0), (1.0, 1.0)], ..Line::default() }];
    let chart = Chart { name: "long", lines, ..Chart::default() };
    let picture = chart.png().expect("it can be drawn");
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info().expect("it is a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it is small")];
    let row = reader.next_frame(&mut pixels).expect("it is whole").line_size;
    let last_column = |row: &[u8]| row[row.len() - 3..].iter().any(|value| *value < 255);
    assert!(!pixels.chunks(row).any(last_column), "letters run over the edge");
}
