//! Three hosts on a bridge without a default route: how soon a newcomer hears somebody, and what one who was away catches up on.

use super::Size;
use super::homes::Homes;
use super::people::{self, Person, clip, texts};
use anyhow::{Context, Result, bail};
use halloo_lab::Lab;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// `prove first-halloo.2`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let hosts = [lab.host("a")?, lab.host("b")?, lab.host("c")?];
    let runs = if size == Size::Full { 20 } else { 2 };
    let mut heard_ms = Vec::new();
    for run in 0..runs {
        let folder = Homes::open()?;
        let mut inviter = Person::new(&bin, folder.path(), "a", Some(&hosts[0]));
        let record = folder.path().to_string_lossy().into_owned();
        let mut joiner = Person::new(&bin, folder.path(), "b", Some(&hosts[1]))
            .with(&["--record", &record, "--label", "b"]);
        inviter.up()?;
        joiner.up()?;
        let code = inviter.begin("Sunday ride")?;
        inviter.ask(&["talk", "--in", &clip(run), "--out", "null", "--repeat"])?;
        let began = mono_ns()?;
        joiner.ask(&["join", &code])?;
        joiner.ask(&["talk", "--in", "null", "--out", "null"])?;
        heard_ms.push(first_heard(folder.path(), began)?);
        if run + 1 == runs {
            away(&bin, folder.path(), &hosts[2], &inviter, &joiner, &code)?;
        }
    }
    heard_ms.sort_by(f64::total_cmp);
    let (median, worst) = (heard_ms[heard_ms.len() / 2], heard_ms[heard_ms.len() - 1]);
    println!(
        "{}",
        json!({"name": "join to first frame heard", "ours": median, "max": worst, "unit": "ms", "runs": runs})
    );
    if size == Size::Full && (median > 2_000.0 || worst > 6_000.0) {
        bail!("the promise is a median of 2,000 ms and none over 6,000 ms");
    }
    Ok(())
}

/// A third host joins, loses its cable while the others write, and has everything soon after it is back.
fn away(
    bin: &Path,
    folder: &Path,
    host: &halloo_lab::Host,
    inviter: &Person<'_>,
    joiner: &Person<'_>,
    used: &str,
) -> Result<()> {
    let mut third = Person::new(bin, folder, "c", Some(host));
    third.up()?;
    third.ask(&["join", &inviter.next_code(used)?])?;
    inviter.ask(&["say", "before"])?;
    third.wait("the first message", &["log"], |log| texts(log).contains(&"before".to_owned()))?;
    host.unplug()?;
    inviter.ask(&["say", "while", "you", "were", "away"])?;
    joiner.ask(&["say", "me", "too"])?;
    joiner.wait("the message of the inviter", &["log"], |log| texts(log).len() == 3)?;
    if third.texts()?.len() != 1 {
        bail!("a host without a cable received a message");
    }
    host.plug()?;
    let log = third.wait("what was written meanwhile", &["log"], |log| texts(log).len() == 3)?;
    let mut found = texts(&log);
    found.sort();
    if found != ["before", "me too", "while you were away"] {
        bail!("wrong messages after the return: {found:?}");
    }
    Ok(())
}

/// The clock that stamps are taken from.
pub(super) fn mono_ns() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/uptime").context("no uptime")?;
    let seconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok((seconds * 1e9) as u64)
}

/// Milliseconds from a moment to the first frame of anybody at the newcomer's ear.
pub(super) fn first_heard(folder: &Path, began_ns: u64) -> Result<f64> {
    let path = folder.join("stamps-b.log");
    for _ in 0..people::PATIENCE.as_millis() / 25 {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let played =
            text.lines().filter_map(|line| line.strip_prefix("p ")?.split(' ').nth(2)?.parse::<u64>().ok());
        if let Some(at) = played.filter(|at| *at > began_ns).min() {
            return Ok((at - began_ns) as f64 / 1e6);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    bail!("nobody was heard")
}
