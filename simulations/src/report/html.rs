//! The page of a folder of results: one file, no script, nothing fetched.

use super::folder::About;
use super::plots::Plot;
use super::statistics::median;
use crate::record::{Better, RunResult, meaning};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Violations that the page shows; all are in `results.jsonl`.
const VIOLATIONS_SHOWN: usize = 200;
/// Seeds that the page lists; all are in `results.jsonl`.
const SEEDS_SHOWN: usize = 1_000;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--soft:#8881;--good:#0a7d4f;--bad:#c43b00}\
body{font:15px/1.5 system-ui,sans-serif;max-width:1060px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2.2rem}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}\
th.n,td.n{text-align:right;white-space:nowrap}td.m{font-size:.85em;opacity:.8}\
code,pre,td.c{font-family:ui-monospace,monospace;font-size:.88em}\
pre{background:var(--soft);padding:.8rem;overflow:auto}\
figure{margin:1.2rem 0;background:#fff;border:1px solid var(--line)}figure svg{display:block;width:100%;height:auto}\
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}.wide{overflow-x:auto}";

/// The page.
pub(super) fn page(about: &About, results: &[RunResult], plots: &[Plot]) -> String {
    let mut out = String::new();
    let name = escaped(&about.name);
    let not_ok = results.iter().filter(|result| !result.ok).count();
    let verdict = if not_ok == 0 {
        format!("<span class=good>All {} seeds are ok.</span>", results.len())
    } else {
        format!("<span class=bad>{not_ok} of {} seeds are not ok.</span>", results.len())
    };
    // A String takes everything, here and below.
    let _ = write!(
        out,
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{name}: halloo-sim</title><style>{STYLE}</style></head><body><h1>{name}</h1><p>{}</p><p>{verdict}</p>",
        escaped(&about.why)
    );
    violations(&mut out, results);
    if !plots.is_empty() {
        out.push_str("<h2>Plots</h2>");
    }
    for plot in plots {
        let _ = write!(out, "<figure role=img aria-label=\"{}\">{}</figure>", escaped(&plot.title), plot.svg);
    }
    figures(&mut out, results);
    seeds(&mut out, results);
    let text = escaped(&about.text);
    let _ = write!(
        out,
        "<h2>Scenario</h2><pre>{text}</pre><p>Tables, units and meanings: <code>COLUMNS.md</code>.</p>"
    );
    out.push_str("</body></html>\n");
    out
}

fn violations(out: &mut String, results: &[RunResult]) {
    let all: Vec<_> =
        results.iter().flat_map(|r| r.violations.iter().map(move |broken| (r.seed, broken))).collect();
    if all.is_empty() {
        return;
    }
    out.push_str("<h2>Broken rules</h2><div class=wide><table><tr><th class=n>seed<th>judge<th class=n>at, s<th class=n>host<th>what");
    for (seed, broken) in all.iter().take(VIOLATIONS_SHOWN) {
        let host = broken.host.map_or(String::new(), |host| host.to_string());
        let (check, what) = (escaped(&broken.check), escaped(&broken.what));
        let at = broken.at_us as f64 / 1e6;
        let _ = write!(
            out,
            "<tr><td class=n>{seed}<td>{check}<td class=n>{at:.3}<td class=n>{host}<td class=c>{what}"
        );
    }
    out.push_str("</table></div>");
    if all.len() > VIOLATIONS_SHOWN {
        let _ =
            write!(out, "<p>{} more are in <code>results.jsonl</code>.</p>", all.len() - VIOLATIONS_SHOWN);
    }
}

fn figures(out: &mut String, results: &[RunResult]) {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in results.iter().flat_map(|result| &result.figures) {
        by_name.entry(name).or_default().push(*value);
    }
    let _ = write!(
        out,
        "<h2>Figures over {} seeds</h2><div class=wide><table><tr><th>figure<th class=n>median<th class=n>least<th class=n>most\
         <th class=n>seeds<th>meaning",
        results.len()
    );
    for (name, values) in by_name {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (arrow, about) = match meaning(name) {
            Some((Better::Lower, about)) => ("less is better: ", about),
            Some((Better::Higher, about)) => ("more is better: ", about),
            Some((Better::Neither, about)) => ("", about),
            None => ("", ""),
        };
        let _ = write!(
            out,
            "<tr><td class=c>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=m>{arrow}{about}",
            escaped(name),
            number(median(&values)),
            number(least),
            number(most),
            values.len()
        );
    }
    out.push_str("</table></div>");
}

fn seeds(out: &mut String, results: &[RunResult]) {
    out.push_str("<h2>Seeds</h2><div class=wide><table><tr><th class=n>seed<th>verdict<th>hash of the trace");
    for result in results.iter().take(SEEDS_SHOWN) {
        let verdict = if result.ok { "<td class=good>ok" } else { "<td class=bad>not ok" };
        let _ = write!(out, "<tr><td class=n>{}{verdict}<td class=c>{}", result.seed, escaped(&result.hash));
    }
    out.push_str("</table></div>");
    if results.len() > SEEDS_SHOWN {
        let _ = write!(out, "<p>{} more are in <code>results.jsonl</code>.</p>", results.len() - SEEDS_SHOWN);
    }
}

/// A number with four digits that matter.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e15 {
        return format!("{value:.0}");
    }
    let digits = 3 - size.log10().floor().clamp(-9.0, 3.0) as i32;
    format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
