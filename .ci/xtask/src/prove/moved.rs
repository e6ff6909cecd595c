//! A machine that gets another address in the middle of a call: voice flows again both ways, and new links name the new place.

use super::Size;
use super::homes::Homes;
use super::people::{self, Person, clip, frames_played};
use anyhow::{Context, Result, bail};
use halloo_lab::Lab;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long voice may be away; a promise of the full size only.
const PROMISED: Duration = Duration::from_secs(10);

/// Frames that count as voice that flows: half a second.
const FLOWING: usize = 25;

/// `prove first-halloo.9`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let (still, mut mover) = (lab.host("a")?, lab.host("b")?);
    let runs = if size == Size::Full { 5 } else { 1 };
    let mut away_ms = Vec::new();
    for run in 0..runs {
        let folder = Homes::open()?;
        let record = folder.path().to_string_lossy().into_owned();
        let host = mover.clone();
        let mut a =
            Person::new(&bin, folder.path(), "a", Some(&still)).with(&["--record", &record, "--label", "a"]);
        let mut b =
            Person::new(&bin, folder.path(), "b", Some(&host)).with(&["--record", &record, "--label", "b"]);
        a.up()?;
        b.up()?;
        let code = b.begin("Sunday ride")?;
        a.ask(&["join", &code])?;
        a.ask(&["talk", "--in", &clip(run), "--out", "null", "--repeat"])?;
        b.ask(&["talk", "--in", &clip(run + 1), "--out", "null", "--repeat"])?;
        flows(folder.path())?;
        mover.unplug()?;
        mover.readdress([10, 77, 0, 200 + u8::try_from(run)?].into())?;
        mover.plug()?;
        let began = Instant::now();
        flows(folder.path())?;
        away_ms.push(began.elapsed().as_secs_f64() * 1e3);
        let invite = b.ask(&["invite"])?;
        let qr = invite["invite"]["qr"].as_str().context("the invite has no text for a QR")?;
        if !qr.contains(&mover.ip().to_string()) {
            bail!("a link made after the move does not name the new address: {qr}");
        }
    }
    let worst = away_ms.iter().copied().fold(0.0, f64::max);
    println!(
        "{}",
        json!({"name": "new address to voice both ways", "ours": worst, "unit": "ms", "runs": runs})
    );
    if size == Size::Full && worst > PROMISED.as_secs_f64() * 1e3 {
        bail!("voice was away for {worst:.0} ms, more than {PROMISED:?}");
    }
    Ok(())
}

/// Waits until both have heard more of each other than now.
pub(super) fn flows(folder: &Path) -> Result<()> {
    let played = || -> Result<[usize; 2]> { Ok([frames_played(folder, "a")?, frames_played(folder, "b")?]) };
    let before = played()?;
    let began = Instant::now();
    loop {
        let now = played()?;
        if now.iter().zip(before).all(|(now, before)| *now >= before + FLOWING) {
            return Ok(());
        }
        if began.elapsed() > people::PATIENCE + people::PATIENCE {
            bail!("voice does not flow: {before:?} frames before, {now:?} now");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
