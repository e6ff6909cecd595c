//! One scenario twice: simulated, and by real processes behind emulated cables. How long messages travel must be the same.

use super::super::Size;
use super::super::people::{self, Events, Person};
use crate::shell::root;
use crate::simulator;
use anyhow::{Context, Result, bail, ensure};
use halloo_lab::{Host, Lab, LinkModel, Loss};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use toml_edit::DocumentMut;

/// What both run.
const SCENARIO: &str = "simulations/scenarios/six-cables.toml";
/// Seeds of the simulation; their means are compared.
const SEEDS: u64 = 5;
/// Real runs, each over cables of other seeds.
const RUNS: u64 = 3;
/// How long people write in one real run, at full and at small size.
const WRITE_FULL: Duration = Duration::from_secs(100);
const WRITE_SMALL: Duration = Duration::from_secs(6);
/// After the last message, in which it must arrive: several rounds of the slowest repair.
const TAIL: Duration = Duration::from_secs(8);
/// How far the two may be apart.
const APART: f64 = 0.15;

/// What the scenario says, as far as the laboratory needs it.
struct Plan {
    /// From each member's host to the bridge.
    cables: Vec<Duration>,
    /// Up to so much more on the way between two members.
    jitter: Duration,
    /// Share of frames lost on that way.
    loss: f64,
    /// Mean seconds between two messages of one member.
    every_s: f64,
    /// Characters of a message.
    characters: usize,
}

/// The part of `prove simulator.3` that needs a laboratory.
pub fn run(size: Size) -> Result<()> {
    let text = std::fs::read_to_string(root().join(SCENARIO)).context(SCENARIO)?;
    let plan = Plan::read(&text).with_context(|| format!("reading {SCENARIO}"))?;
    let bin = people::halloo(size)?;
    let runs = if size == Size::Full { RUNS } else { 1 };
    let mut real_ms = Vec::new();
    for seed in 1..=runs {
        let Some(lab) = Lab::or_skip() else { return Ok(()) };
        real_ms.extend(real(&plan, lab, seed, &bin, size)?);
    }
    real_ms.sort_by(f64::total_cmp);
    let simulated = simulated(size)?;
    let mut apart: f64 = 0.0;
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let other = quantile(&real_ms, share).context("no message was delivered")?;
        let ours = simulated[name];
        apart = apart.max((ours / other - 1.0).abs());
        println!(
            "{}",
            json!({"name": format!("travel of a message, {name}: simulated beside real processes"), "ours": ours,
                "other": other, "ratio": ours / other, "unit": "ms", "deliveries": real_ms.len(),
                "command": "cargo xtask prove simulator.3"})
        );
    }
    ensure!(size == Size::Small || apart <= APART, "{:.0} % apart; at most 15 % are promised", apart * 100.0);
    Ok(())
}

impl Plan {
    fn read(text: &str) -> Result<Self> {
        let scenario: DocumentMut = text.parse()?;
        let links = &scenario["links"];
        let number = |item: &toml_edit::Item| item.as_float().or(item.as_integer().map(|n| n as f64));
        let rows = links["delay"]["matrix-ms"].as_array().context("links.delay is no matrix")?;
        let matrix: Vec<Vec<f64>> = rows
            .iter()
            .filter_map(|row| {
                Some(row.as_array()?.iter().filter_map(|v| v.as_integer()).map(|n| n as f64).collect())
            })
            .collect();
        let cables: Vec<f64> = (0..matrix.len()).map(|n| matrix[n][n] / 2.0).collect();
        for (from, row) in cables.iter().zip(&matrix) {
            for (to, way) in cables.iter().zip(row) {
                ensure!(from + to == *way, "{way} ms is not the sum of two cables of {from} and {to} ms");
            }
        }
        let says =
            scenario["says"].as_array_of_tables().and_then(|says| says.get(0)).context("nobody writes")?;
        Ok(Plan {
            cables: cables.iter().map(|ms| Duration::from_secs_f64(ms / 1e3)).collect(),
            jitter: Duration::from_secs_f64(number(&links["jitter_ms"]).context("no jitter")? / 1e3),
            loss: number(&links["loss"]["random"]).context("no random loss")?,
            every_s: number(&says["when"]["every_s"]).context("no beat")?,
            characters: says["bytes"].as_integer().and_then(|n| n.try_into().ok()).context("no length")?,
        })
    }

    /// A cable whose two halves of a way add up to what the scenario says of the whole.
    fn cable(&self, number: usize, seed: u64) -> LinkModel {
        LinkModel {
            delay: self.cables[number],
            jitter: self.jitter / 2,
            loss: Loss::Random(1.0 - (1.0 - self.loss).sqrt()),
            ..LinkModel::perfect(seed * 100 + number as u64)
        }
    }
}

/// Real processes: milliseconds from the author's own device showing a message to each receiver's.
fn real(plan: &Plan, mut lab: Lab, seed: u64, bin: &Path, size: Size) -> Result<Vec<f64>> {
    let names = (0..plan.cables.len()).map(|n| format!("m{n}"));
    let hosts: Vec<Host> = names
        .enumerate()
        .map(|(n, name)| lab.host_behind(&name, plan.cable(n, seed)))
        .collect::<Result<_, _>>()?;
    let folder = tempfile::tempdir()?;
    let mut members: Vec<Person<'_>> =
        hosts.iter().map(|host| Person::new(bin, folder.path(), host.name(), Some(host))).collect();
    members.iter_mut().try_for_each(Person::up)?;
    gather(&members)?;
    let watchers: Vec<Events> = members.iter().map(Person::watch).collect::<Result<_>>()?;
    let until = Instant::now() + if size == Size::Full { WRITE_FULL } else { WRITE_SMALL };
    let (written, shown) = std::thread::scope(|scope| {
        let watched: Vec<_> =
            watchers.into_iter().map(|events| scope.spawn(move || messages(&events, until + TAIL))).collect();
        let writers: Vec<_> = members
            .iter()
            .enumerate()
            .map(|(n, member)| scope.spawn(move || write(member, plan, seed * 100 + n as u64, until)))
            .collect();
        let written = writers.into_iter().map(|w| w.join().expect("a writer does not panic"));
        let written: Result<Vec<usize>> = written.collect();
        let shown: Vec<_> =
            watched.into_iter().map(|w| w.join().expect("a watcher does not panic")).collect();
        (written, shown)
    });
    travels(written?.iter().sum(), &shown)
}

/// All in one group, each connected to each.
fn gather(members: &[Person<'_>]) -> Result<()> {
    let (founder, newcomers) = members.split_first().context("nobody is there")?;
    let mut code = founder.begin("Cables")?;
    for (joined, newcomer) in newcomers.iter().enumerate() {
        if joined > 0 {
            code = founder.next_code(&code)?;
        }
        newcomer.ask(&["join", &code])?;
    }
    for member in members {
        member.wait("all connected to all", &["members"], |answer| {
            let all = answer["members"].as_array().cloned().unwrap_or_default();
            let others: Vec<_> = all.iter().filter(|other| other["own"] == false).collect();
            others.len() == newcomers.len() && others.iter().all(|o| o["devices"][0]["connected"] == true)
        })?;
    }
    Ok(())
}

/// One member writes at random moments until the time is over; how many messages.
fn write(member: &Person<'_>, plan: &Plan, seed: u64, until: Instant) -> Result<usize> {
    let mut chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut written = 0;
    loop {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = ((chance >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        let gap = Duration::from_secs_f64(-unit.ln() * plan.every_s);
        // The beat of the scenario itself, not a wait for something to come true.
        std::thread::sleep(gap.min(until.saturating_duration_since(Instant::now())));
        if Instant::now() >= until {
            return Ok(written);
        }
        member.ask(&["say", &format!("{:0>1$}", written, plan.characters)])?;
        written += 1;
    }
}

/// The messages that a watcher tells of until then, by id: when, and whether it is the own one.
fn messages(events: &Events, until: Instant) -> BTreeMap<String, (Instant, bool)> {
    let mut all = BTreeMap::new();
    while let Some((at, event)) = events.next(until) {
        if event["event"] == "message"
            && let Some(id) = event["message"].as_str()
        {
            all.entry(id.to_owned()).or_insert((at, event["own"] == true));
        }
    }
    all
}

/// Every way that a message took.
fn travels(written: usize, shown: &[BTreeMap<String, (Instant, bool)>]) -> Result<Vec<f64>> {
    let mut ways = Vec::new();
    for own in shown.iter().flatten().filter(|(_, (_, own))| *own) {
        let (id, (from, _)) = own;
        for receiver in shown {
            match receiver.get(id) {
                Some((_, true)) => {}
                Some((at, false)) => ways.push(at.saturating_duration_since(*from).as_secs_f64() * 1e3),
                None => bail!("a message of {written} came not to everybody within {TAIL:?} of the last"),
            }
        }
    }
    ensure!(ways.len() == written * (shown.len() - 1), "{written} messages went {} ways", ways.len());
    Ok(ways)
}

/// The same simulated: the mean over seeds of each percentile.
fn simulated(size: Size) -> Result<BTreeMap<&'static str, f64>> {
    let bin = simulator::build(size == Size::Full)?;
    let seeds = if size == Size::Full { SEEDS } else { 1 };
    let verdicts = simulator::seeds(&bin, &root().join(SCENARIO), 1, seeds, None)?;
    simulator::demand_ok(&verdicts)?;
    let mean = |name: &'static str| {
        let figure = format!("messages.travel.{name}_ms");
        let values = verdicts.iter().map(|v| v.figures[&figure].as_f64().with_context(|| figure.clone()));
        let values: Vec<f64> = values.collect::<Result<_>>()?;
        Ok::<_, anyhow::Error>((name, values.iter().sum::<f64>() / values.len() as f64))
    };
    Ok(BTreeMap::from([mean("p50")?, mean("p99")?]))
}

/// The value at this share of sorted values, nearest rank as the simulator takes it.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}
