//! One chart: axes, lines, bands and dots, drawn by plotters on SVG or on pixels.

use super::super::raster::{self, Raster};
use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Size of every plot, pixels.
const SIZE: (u32, u32) = (960, 540);
/// Size of its letters, pixels.
const LETTERS_PX: u32 = 15;
/// Size of the title's letters, pixels.
const TITLE_PX: u32 = 17;
/// Lines of the legend; more would hide the plot.
const LEGEND_MAX: usize = 10;

/// Colours that people with any colour vision tell apart (Okabe and Ito, 2008); yellow is left out, it is hard to see on white.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(80, 80, 80),
];

/// A line, or a row of dots.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Line {
    /// Its name in the legend; lines without one are not there.
    pub label: Option<String>,
    /// Which of the colours.
    pub color: usize,
    /// Drawn pale and thin: one of many.
    pub pale: bool,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Dots instead of a line.
    pub dots: bool,
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Chart {
    /// The file's name without its end.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What goes to the right.
    pub x: &'static str,
    /// What goes up.
    pub y: &'static str,
    /// The abscissa is logarithmic.
    pub log_x: bool,
    /// The ordinate does not begin at zero, and both axes have one scale: a map.
    pub map: bool,
    /// The end of the ordinate; that of the data when not given.
    pub y_max: Option<f64>,
    /// Bands between two lines: abscissa, low, high.
    pub band: Vec<(f64, f64, f64)>,
    /// What is drawn.
    pub lines: Vec<Line>,
}

impl Chart {
    /// As SVG with the fonts of whoever looks.
    pub(super) fn svg(&self) -> Result<String> {
        let mut out = String::new();
        self.draw(SVGBackend::with_string(&mut out, SIZE).into_drawing_area(), "")?;
        Ok(out)
    }

    /// As PNG with letters of our own.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let mut pixels = vec![255; (SIZE.0 * SIZE.1 * 3) as usize];
        self.draw(Raster::new(&mut pixels, SIZE).into_drawing_area(), " ")?;
        let mut out = Vec::new();
        raster::png(&mut out, &pixels, SIZE)?;
        Ok(out)
    }

    fn across(&self, x: f64) -> f64 {
        if self.log_x { x.max(f64::MIN_POSITIVE).log10() } else { x }
    }

    /// The ranges of both axes.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let points = self.lines.iter().flat_map(|line| line.points.iter().copied());
        let band = self.band.iter().flat_map(|(x, low, high)| [(*x, *low), (*x, *high)]);
        let (mut xs, mut ys) = ((f64::MAX, f64::MIN), (f64::MAX, f64::MIN));
        for (x, y) in points.chain(band).filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let x = self.across(x);
            xs = (xs.0.min(x), xs.1.max(x));
            ys = (ys.0.min(y), ys.1.max(y));
        }
        if xs.0 > xs.1 {
            return ((0.0, 1.0), (0.0, 1.0));
        }
        if self.map {
            return square(xs, ys);
        }
        let y_max = self.y_max.unwrap_or(ys.1 * 1.05);
        (widened(if self.log_x { xs } else { (xs.0.min(0.0), xs.1) }), widened((ys.0.min(0.0), y_max)))
    }

    /// `room` stands behind a name in the legend once for each of its letters: plotters guesses the width of a text without asking the
    /// backend, and our letters of pixels are about twice as wide as it believes.
    fn draw<B: DrawingBackend>(&self, area: DrawingArea<B, Shift>, room: &str) -> Result<()>
    where
        B::ErrorType: 'static,
    {
        let failed =
            |error: DrawingAreaErrorKind<B::ErrorType>| anyhow!("{} could not be drawn: {error}", self.name);
        area.fill(&WHITE).map_err(failed)?;
        let ((x0, x1), (y0, y1)) = self.ranges();
        let letters = ("sans-serif", LETTERS_PX).into_font();
        let area = area.titled(&self.title, ("sans-serif", TITLE_PX)).map_err(failed)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(74)
            .build_cartesian_2d(x0..x1, y0..y1)
            .map_err(failed)?;
        let x_name = |x: &f64| short(if self.log_x { 10_f64.powf(*x) } else { *x });
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&x_name)
            .y_label_formatter(&|y: &f64| short(*y))
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(224, 224, 224))
            .label_style(letters.clone())
            .axis_desc_style(letters.clone())
            .draw()
            .map_err(failed)?;
        if !self.band.is_empty() {
            let low = self.band.iter().map(|(x, low, _)| (self.across(*x), *low));
            let high = self.band.iter().rev().map(|(x, _, high)| (self.across(*x), *high));
            let band = Polygon::new(low.chain(high).collect::<Vec<_>>(), COLORS[0].mix(0.2).filled());
            chart.draw_series(std::iter::once(band)).map_err(failed)?;
        }
        for line in &self.lines {
            let points = line.points.iter().map(|(x, y)| (self.across(*x), *y));
            let color = COLORS[line.color % COLORS.len()];
            let style = if line.pale { color.mix(0.35).stroke_width(1) } else { color.stroke_width(2) };
            let drawn = if line.dots {
                chart.draw_series(points.map(|point| Circle::new(point, 4, color.filled())))
            } else {
                chart.draw_series(LineSeries::new(points, style))
            };
            let drawn = drawn.map_err(failed)?;
            if let Some(label) = &line.label {
                drawn
                    .label(format!("{label}{}", room.repeat(label.chars().count())))
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
            }
        }
        let named = self.lines.iter().filter(|line| line.label.is_some()).count();
        if (1..=LEGEND_MAX).contains(&named) {
            let labels = &mut chart.configure_series_labels();
            labels
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(160, 160, 160))
                .label_font(letters);
            let place =
                if self.map { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight };
            labels.position(place).draw().map_err(failed)?;
        }
        area.present().map_err(failed)
    }
}

/// A range that is not a point.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    if high - low > f64::EPSILON * high.abs() { (low, high) } else { (low - 0.5, high + 0.5) }
}

/// Ranges in which a kilometre is as long in both directions.
fn square(xs: (f64, f64), ys: (f64, f64)) -> ((f64, f64), (f64, f64)) {
    let shape = f64::from(SIZE.0 - 100) / f64::from(SIZE.1 - 100);
    let tall = (ys.1 - ys.0).max((xs.1 - xs.0) / shape).max(0.001) * 1.1;
    let ((x, y), wide) = (((xs.0 + xs.1) / 2.0, (ys.0 + ys.1) / 2.0), tall * shape);
    ((x - wide / 2.0, x + wide / 2.0), (y - tall / 2.0, y + tall / 2.0))
}

/// A number as an axis shows it.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let (divided, end) = match size {
        s if s >= 1e9 => (value / 1e9, "G"),
        s if s >= 1e6 => (value / 1e6, "M"),
        s if s >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = match divided.abs() {
        d if d >= 100.0 || d == 0.0 => format!("{divided:.0}"),
        d if d >= 10.0 => format!("{divided:.1}"),
        d if d >= 1.0 => format!("{divided:.2}"),
        _ => format!("{divided:.3}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{end}")
}
