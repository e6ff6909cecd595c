//! The YAML file: only mappings, lists and quoted scalars, so that it is written by hand without a library.

use super::{LEAD_US, Machine, Process};
use crate::plan::Plan;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The whole file.
pub(super) fn write(
    scenario: &str,
    why: &str,
    plan: &Plan,
    machines: &[Machine],
    missing: &BTreeSet<String>,
) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&format!("# {scenario}, seed {}, for Shadow 3: shadow shadow.yaml", plan.seed));
    line(&format!("# {}", why.replace('\n', " ")));
    line("# `halloo` and `sh` must be on the PATH of whoever runs it.");
    if !missing.is_empty() {
        line("# What Shadow cannot express, and what happens instead:");
        missing.iter().for_each(|what| line(&format!("#   {what}")));
    }
    line("general:");
    line(&format!("  stop_time: {}", micros(plan.end_us + LEAD_US)));
    // Shadow's seeds have 32 bits.
    line(&format!("  seed: {}", plan.seed % (1 << 32)));
    line("  model_unblocked_syscall_latency: true");
    line("network:");
    line("  use_shortest_path: false");
    line("  graph:");
    line("    type: gml");
    line("    file:");
    line("      path: \"network.gml\"");
    line("hosts:");
    for machine in machines {
        line(&format!("  {}:", quoted(&machine.name)));
        line(&format!("    network_node_id: {}", machine.node));
        line(&format!("    ip_addr: {}", quoted(&machine.address)));
        if let Some(bps) = machine.uplink_bps {
            line(&format!("    bandwidth_up: {}", quoted(&format!("{bps} bit"))));
        }
        if machine.processes.is_empty() {
            line("    processes: []");
            continue;
        }
        line("    processes:");
        machine.processes.iter().for_each(|each| line(process(each).trim_end()));
    }
    out
}

fn process(process: &Process) -> String {
    let path = if process.shell { "sh" } else { "halloo" };
    let args: Vec<String> = process.args.iter().map(|word| quoted(word)).collect();
    let mut out = format!("    - path: {}\n      args: [{}]\n", quoted(path), args.join(", "));
    // A String takes everything.
    let _ = writeln!(out, "      environment: {{ HALLOO_KEYRING: \"off\" }}");
    let _ = writeln!(out, "      start_time: {}", micros(process.start_us));
    if let Some(killed) = process.killed_us {
        let _ = writeln!(out, "      shutdown_time: {}", micros(killed));
        let _ = writeln!(out, "      shutdown_signal: \"SIGKILL\"");
        let _ = writeln!(out, "      expected_final_state: {{ signaled: \"SIGKILL\" }}");
    } else if process.daemon {
        let _ = writeln!(out, "      expected_final_state: \"running\"");
    }
    out
}

/// A span as Shadow reads it.
fn micros(us: u64) -> String {
    quoted(&format!("{us} us"))
}

/// A text in double quotes: what JSON escapes, YAML reads alike.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}
