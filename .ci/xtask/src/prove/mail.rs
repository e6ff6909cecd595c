//! Two who are never online together: what one writes lies at their coordinator until the other comes, and nowhere afterwards.

use super::Size;
use super::homes::Homes;
use super::office::Office;
use super::people::{self, Person, texts};
use anyhow::{Context, Result, bail};
use halloo_lab::Lab;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long nobody is online between the two.
const APART: Duration = Duration::from_secs(10);
/// Lines written each time.
const LINES: usize = 5;

/// More lines than are written; without it the newest fifty are shown.
const ALL: &str = "500";

/// `prove coordinator.2`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let hosts = [lab.host("a")?, lab.host("b")?, lab.host("c")?];
    let folder = Homes::open()?;
    let office = Office::open(size, folder.path(), &hosts[2])?;
    let mut ada = Person::new(&bin, folder.path(), "ada", Some(&hosts[0])).with(&["--no-mdns"]);
    let mut ben = Person::new(&bin, folder.path(), "ben", Some(&hosts[1])).with(&["--no-mdns"]);
    ada.up()?;
    ben.up()?;
    let made = ada.ask(&["new", "Sunday ride", "--via", office.origin()])?;
    let code = made["invite"]["code"].as_str().context("the group has no code")?;
    ben.ask(&["join", code])?;
    ada.ask(&["say", "both are here"])?;
    ben.wait("the line written together", &["log"], |log| texts(log).len() == 1)?;
    // What somebody made has arrived when nothing is undelivered: so has the word on where its mailbox is.
    let known = |status: &Value| count(status, "mailboxes") > 0 && status["undelivered"] == 0;
    ada.wait("word of one mailbox", &["status"], known)?;
    ben.wait("word of the other", &["status"], known)?;
    ben.stop()?;

    let (rounds, apart) = if size == Size::Full { (20, APART) } else { (2, Duration::ZERO) };
    let mut expected = vec!["both are here".to_owned()];
    let mut came_ms = Vec::new();
    for round in 0..rounds {
        // The one who wrote last is read by the other, who then writes.
        let (writer, reader) = if round % 2 == 0 { (&mut ada, &mut ben) } else { (&mut ben, &mut ada) };
        for line in 0..LINES {
            let text = format!("{round}.{line}");
            writer.ask(&["say", &text])?;
            expected.push(text);
        }
        // At once: what is not left yet is left before the node ends.
        writer.stop()?;
        std::thread::sleep(apart);
        let began = Instant::now();
        reader.up()?;
        reader.wait("what was written meanwhile", &["log", "-n", ALL], |log| {
            texts(log).len() >= expected.len()
        })?;
        came_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        if reader.texts()? != expected {
            bail!("round {round}: {:?} instead of {expected:?}", reader.texts()?);
        }
        reader.wait("the acknowledgement", &["status"], |status| count(status, "acknowledged") > 0)?;
        emptied(reader, &format!("round {round}"))?;
    }
    came_ms.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({
            "name": "from start of the reader to the last line left for it", "ours": came_ms[came_ms.len() / 2],
            "max": came_ms[came_ms.len() - 1], "unit": "ms", "runs": rounds, "lines": expected.len(),
        })
    );
    Ok(())
}

/// After a restart nothing is fetched any more: the rows are gone at the coordinator.
fn emptied(reader: &mut Person<'_>, at: &str) -> Result<()> {
    reader.stop()?;
    reader.up()?;
    let all = |status: &Value| {
        count(status, "mailboxes") > 0 && count(status, "looked") >= count(status, "mailboxes")
    };
    let status = reader.wait("a look into every mailbox", &["status"], all)?;
    if count(&status, "fetched") != 0 {
        bail!("{at}: what was acknowledged lies there still: {}", status["coordinator"]);
    }
    Ok(())
}

fn count(status: &Value, what: &str) -> u64 {
    status["coordinator"][what].as_u64().unwrap_or_default()
}
