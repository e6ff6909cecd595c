//! Two homes behind NATs and a coordinator between them: how soon a newcomer hears somebody, and what the coordinator's death costs.

use super::Size;
use super::homes::Homes;
use super::join::{first_heard, mono_ns};
use super::moved::flows;
use super::office::Office;
use super::people::{self, Person, clip, texts};
use anyhow::{Context, Result, bail};
use halloo_lab::{Lab, Nat};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// First speech after `join`, at the 95th percentile; a promise of the full size only.
const SPEECH: Duration = Duration::from_secs(4);

/// Everyone is back after the coordinator is; a promise of the full size only.
const RETURN: Duration = Duration::from_secs(5);

/// The homes of a run, and whether theory lets their sockets find each other without help.
const HOMES: [([Nat; 2], bool); 3] = [
    ([Nat::PortRestricted, Nat::PortRestricted], true),
    ([Nat::Symmetric, Nat::Symmetric], false),
    ([Nat::PortRestricted, Nat::Symmetric], false),
];

/// What one run took, in milliseconds.
struct Took {
    speech: f64,
    back: f64,
}

/// `prove coordinator.1`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let runs = if size == Size::Full { 20 } else { 2 };
    let (mut speech, mut back) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
        let (nats, direct) = HOMES[run % HOMES.len()];
        let took = ride(size, &bin, &mut lab, (nats, direct), run).with_context(|| format!("{nats:?}"))?;
        speech.push(took.speech);
        back.push(took.back);
    }
    for (name, figures) in [
        ("join through a coordinator to first speech", &mut speech),
        ("coordinator up to both back and lines both ways", &mut back),
    ] {
        figures.sort_by(f64::total_cmp);
        let p95 = figures[(figures.len() * 95).div_ceil(100) - 1];
        println!(
            "{}",
            json!({"name": name, "ours": figures[figures.len() / 2], "p95": p95, "unit": "ms", "runs": runs})
        );
    }
    let p95 = |figures: &[f64]| figures[(figures.len() * 95).div_ceil(100) - 1];
    if size == Size::Full
        && (p95(&speech) > SPEECH.as_secs_f64() * 1e3 || p95(&back) > RETURN.as_secs_f64() * 1e3)
    {
        bail!(
            "the promise is {SPEECH:?} to first speech and {RETURN:?} to the return, at the 95th percentile"
        );
    }
    Ok(())
}

fn ride(size: Size, bin: &Path, lab: &mut Lab, (nats, direct): ([Nat; 2], bool), run: usize) -> Result<Took> {
    let folder = Homes::open()?;
    let public = lab.host("public")?;
    let homes = [lab.home("home-a", nats[0])?, lab.home("home-b", nats[1])?];
    let hosts = [lab.host_in(&homes[0], "a")?, lab.host_in(&homes[1], "b")?];
    let mut office = Office::open(size, folder.path(), &public)?;
    let record = folder.path().to_string_lossy().into_owned();
    let person = |name: &str, host| {
        Person::new(bin, folder.path(), name, Some(host)).with(&[
            "--no-mdns",
            "--record",
            &record,
            "--label",
            name,
        ])
    };
    let (mut a, mut b) = (person("a", &hosts[0]), person("b", &hosts[1]));
    a.up()?;
    b.up()?;
    let made = a.ask(&["new", "Sunday ride", "--via", office.origin()])?;
    let code = made["invite"]["code"].as_str().context("the group has no code")?;
    a.ask(&["talk", "--in", &clip(run), "--out", "null", "--repeat"])?;
    let began = mono_ns()?;
    b.ask(&["join", code])?;
    b.ask(&["talk", "--in", &clip(run + 1), "--out", "null", "--repeat"])?;
    let speech = first_heard(folder.path(), began)?;
    flows(folder.path())?;
    office.kill()?;
    if direct {
        // Found each other, they need nobody.
        flows(folder.path())?;
        written(&a, &b, "without a coordinator")?;
    }
    office.up()?;
    let up = Instant::now();
    written(&a, &b, "with it again")?;
    written(&b, &a, "so it is")?;
    for one in [&a, &b] {
        one.wait("the coordinator", &["status"], reachable)?;
    }
    let back = up.elapsed().as_secs_f64() * 1e3;
    flows(folder.path())?;
    Ok(Took { speech, back })
}

fn reachable(status: &Value) -> bool {
    status["coordinator"]["reachable"] == true
}

/// What one writes, the other has.
fn written(from: &Person<'_>, to: &Person<'_>, text: &str) -> Result<()> {
    from.ask(&["say", text])?;
    to.wait("a line", &["log"], |log| texts(log).iter().any(|line| line == text)).map(drop)
}
