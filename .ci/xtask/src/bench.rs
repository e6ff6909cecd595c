//! The figures: every number that the documents quote is printed by one of these programs.

use crate::setup;
use crate::shell::{capture, cargo, target};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// One program that prints figures, one JSON object a line.
struct Bench {
    name: &'static str,
    what: &'static str,
    from: Program,
}

/// Where the lines come from.
enum Program {
    /// An example of a crate: its package, its name, its features.
    Example(&'static str, &'static str, &'static [&'static str]),
    /// Something of more than one program.
    Steps(fn() -> Result<String>),
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "group",
        what: "MLS: commits, welcomes, messages at 8, 50 and 500 members",
        from: Program::Example("halloo-crypto", "group_figures", &["group"]),
    },
    Bench {
        name: "seal",
        what: "seal and open of a frame of voice and of a message",
        from: Program::Example("halloo-crypto", "seal_figures", &["media", "group"]),
    },
    Bench {
        name: "crdt",
        what: "merge of 10,000 messages, reconciliation, load",
        from: Program::Example("halloo-crdt", "figures", &[]),
    },
    Bench {
        name: "load",
        what: "start of a member with 10,000 messages and 1,000 members",
        from: Program::Example("halloo-engine", "load_figures", &[]),
    },
    Bench {
        name: "live",
        what: "everybody's place at 1 Hz: bytes of each member, age where it is shown",
        from: Program::Example("halloo-engine", "live_figures", &[]),
    },
    Bench {
        name: "heal",
        what: "what it costs to heal: a merge, a race, what was missed, 500 members who come and go; bytes",
        from: Program::Example("halloo-engine", "heal_figures", &[]),
    },
    Bench {
        name: "voice",
        what: "one step of the voice path",
        from: Program::Example("halloo-node", "voice_figures", &[]),
    },
    Bench {
        name: "vad",
        what: "voice activation against labelled clips, F1",
        from: Program::Example("halloo-node", "vad_figures", &[]),
    },
    Bench {
        name: "media",
        what: "connections between members: set-up, cost, memory",
        from: Program::Example("halloo-node", "media_figures", &[]),
    },
    Bench {
        name: "coordinator",
        what: "the coordinator as it is handed out: file, memory idle and of 15,000 waiting sockets, a million durable deposits, tickets and logins a second, answers at a steady pace",
        from: Program::Steps(coordinator),
    },
    Bench {
        name: "turn",
        what: "TURN: relayed packets of voice a CPU-second, ours against coturn under the same load",
        from: Program::Steps(turn),
    },
    Bench {
        name: "blind",
        what: "what somebody who copies the disk of a coordinator can tell of who is in one group",
        from: Program::Example("halloo-coordinator", "blind_figures", &[]),
    },
    Bench {
        name: "scale",
        what: "the simulator: node-seconds a second and bytes a node, beside the same Swarms without engines; the abstract tier",
        from: Program::Steps(crate::simulator::scale::figures),
    },
    Bench {
        name: "speech-loss",
        what: "PESQ-WB of a call of two processes over a lossy link, ours against plain concealment on the same losses",
        from: Program::Steps(crate::speech::figures),
    },
];

/// `bench [NAME] [--json] [--list]`.
pub fn run(args: &[String]) -> Result<()> {
    let flag = |name: &str| args.iter().any(|a| a == name);
    let wanted = args.iter().find(|a| !a.starts_with("--"));
    if flag("--list") {
        BENCHES.iter().for_each(|b| println!("{:<14} {}", b.name, b.what));
        return Ok(());
    }
    for figure in collect(wanted.map(String::as_str))? {
        if flag("--json") { println!("{figure}") } else { print_row(&figure) }
    }
    Ok(())
}

/// The figures of one program, or of all.
pub fn collect(wanted: Option<&str>) -> Result<Vec<Value>> {
    let chosen: Vec<_> = BENCHES.iter().filter(|b| wanted.is_none_or(|w| w == b.name)).collect();
    if chosen.is_empty() {
        bail!("no figures of that name; `cargo xtask bench --list` names them");
    }
    setup::for_build()?;
    let mut all = Vec::new();
    for bench in chosen {
        all.extend(figures(bench)?);
    }
    Ok(all)
}

/// Runs one program and completes each line it prints to the common shape.
fn figures(bench: &Bench) -> Result<Vec<Value>> {
    let text = match &bench.from {
        Program::Steps(steps) => steps()?,
        Program::Example(package, name, features) => example(package, name, features)?,
    };
    let command = format!("cargo xtask bench {}", bench.name);
    let mut rows = Vec::new();
    for line in text.lines() {
        let Ok(Value::Object(found)) = serde_json::from_str(line) else { continue };
        // Rows without a figure are the raw material of those that have one.
        if found.contains_key("ours") {
            rows.push(complete(found, &command));
        }
    }
    if rows.is_empty() {
        bail!("`{command}` printed no figure");
    }
    Ok(rows)
}

fn example(package: &str, name: &str, features: &[&str]) -> Result<String> {
    example_with(package, name, features, &[])
}

fn example_with(package: &str, name: &str, features: &[&str], told: &[&str]) -> Result<String> {
    let features = features.join(",");
    let mut args = vec![
        "run",
        "--quiet",
        "--locked",
        "--release",
        "-p",
        package,
        "--features",
        &features,
        "--example",
        name,
        "--",
    ];
    args.extend(told);
    capture(&cargo(), &args)
}

/// The coordinator by the profile that it is handed out in.
fn coordinator() -> Result<String> {
    let args = [
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "dist",
        "-p",
        "halloo-coordinator",
        "--bin",
        "halloo-coordinator",
    ];
    capture(&cargo(), &args)?;
    let program = target().join("dist/halloo-coordinator");
    let program = program.to_str().context("the path of the project is not Unicode")?;
    example_with("halloo-coordinator", "coordinator_figures", &[], &[program])
}

/// Against coturn, which has to be there.
fn turn() -> Result<String> {
    setup::for_turn()?;
    example("halloo-coordinator", "turn_figures", &[])
}

fn complete(mut found: Map<String, Value>, command: &str) -> Value {
    let ratio = match (found.get("ours").and_then(Value::as_f64), found.get("other").and_then(Value::as_f64))
    {
        (Some(ours), Some(other)) if other != 0.0 => json!(ours / other),
        _ => Value::Null,
    };
    for (key, value) in [("other", Value::Null), ("ratio", ratio), ("command", json!(command))] {
        found.entry(key).or_insert(value);
    }
    Value::Object(found)
}

fn print_row(figure: &Value) {
    let text = |key: &str| match &figure[key] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, significant),
        other => other.to_string(),
    };
    let other = if figure["other"].is_null() {
        String::new()
    } else {
        format!("  against {} (x{})", text("other"), text("ratio"))
    };
    println!("{:<48} {:>12} {:<10}{other}", text("name"), text("ours"), text("unit"));
}

/// Four significant digits: more would pretend a precision that a shared machine does not have.
fn significant(number: f64) -> String {
    let digits = if number == 0.0 { 0 } else { (3 - number.abs().log10().floor() as i32).max(0) as usize };
    format!("{number:.digits$}")
}
