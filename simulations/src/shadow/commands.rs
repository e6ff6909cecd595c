//! What people do in a plan as `halloo` commands of their hosts.

use super::{Graph, LEAD_US, Machine, Process, address, missing_act};
use crate::net::links::HostId;
use crate::plan::{Act, HostPlan, Plan};
use halloo_crdt::live::Precision;
use halloo_crdt::log::History;
use std::collections::BTreeSet;

/// The port that every daemon listens on: each host is a machine of its own.
const PORT: u16 = 4_100;
/// From the question for a code until the newcomer uses it.
const CODE_US: u64 = 1_000_000;
/// Where codes are handed over: a file on the machine that runs Shadow, which all hosts see.
const CODES: &str = "../../../codes";
/// The home of a host, in the folder that Shadow gives it.
const HOME: &str = "home";

/// The hosts with everything that runs on them; adds what has no form to `missing`.
pub(super) fn machines(plan: &Plan, graph: &Graph, missing: &mut BTreeSet<String>) -> Vec<Machine> {
    let machine = |(number, host): (HostId, &HostPlan)| Machine {
        name: name(host, number),
        node: graph.node_of[number as usize],
        address: address(number),
        uplink_bps: plan.links.uplink_bps,
        processes: Vec::new(),
    };
    let mut machines: Vec<Machine> = (0..).zip(&plan.hosts).map(machine).collect();
    for (at, act) in &plan.acts {
        missing.extend(missing_act(act).map(str::to_owned));
        add(plan, &mut machines, *at, act);
    }
    for machine in &mut machines {
        machine.processes.sort_by_key(|process| process.start_us);
    }
    machines
}

/// Names of hosts consist of letters, digits and hyphens; numbers keep them apart.
fn name(host: &HostPlan, number: HostId) -> String {
    let kept: String = host.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("{}-h{number}", kept.to_ascii_lowercase().trim_matches('-'))
}

fn add(plan: &Plan, machines: &mut [Machine], at: u64, act: &Act) {
    let person = |who: &HostId| plan.hosts[*who as usize].name.clone();
    let mut tell = |who: HostId, args: &[&str]| command(&mut machines[who as usize], at, args);
    match act {
        Act::Say(who, text) => tell(*who, &["say", text]),
        Act::Share(who, Some(seconds)) => tell(*who, &["share", &format!("{seconds}s")]),
        Act::Share(who, None) => tell(*who, &["share", "off"]),
        Act::Precision(who, precision) => tell(*who, &["precision", word(*precision)]),
        Act::Call(who, true) => tell(*who, &["talk", "--in", "null", "--out", "null"]),
        Act::Call(who, false) => tell(*who, &["hush"]),
        Act::Mute(who, true) => tell(*who, &["mute"]),
        Act::Mute(who, false) => tell(*who, &["mute", "--off"]),
        Act::Remove { by, whom } => tell(*by, &["remove", &person(whom)]),
        Act::Role { by, whom, role } => {
            tell(*by, &["role", &person(whom), &format!("{role:?}").to_lowercase()]);
        }
        Act::History(who, History { lines: 0, .. }) => tell(*who, &["history", "none"]),
        Act::History(who, History { lines, days: 0 }) => tell(*who, &["history", &lines.to_string()]),
        Act::History(who, History { days, .. }) => tell(*who, &["history", &format!("{days}d")]),
        Act::Leave(who) => tell(*who, &["leave"]),
        Act::Rename(who, name) => tell(*who, &["name", name]),
        Act::Fix(who, fix) => {
            let (latitude, longitude) = (format!("{:.7}", fix.lat_deg), format!("{:.7}", fix.lon_deg));
            tell(*who, &["fix", &latitude, &longitude]);
        }
        Act::Found(who) => {
            daemon(plan, machines, at, *who);
            let group = format!("group {}", plan.hosts[*who as usize].group);
            let args = ["new", &group, "--as", &person(who), "--no-live"];
            command(&mut machines[*who as usize], at, &args);
        }
        Act::Join { who, via } => {
            daemon(plan, machines, at, *who);
            let file = format!("{CODES}/{who}.json");
            let invite =
                format!("mkdir -p {CODES} && halloo --home {HOME} --json invite --expires 10m > {file}");
            shell(&mut machines[*via as usize], at, &invite);
            let code = format!("$(sed -n 's/.*\"code\":\"\\([^\"]*\\)\".*/\\1/p' {file})");
            let join = format!("halloo --home {HOME} join \"{code}\" --as '{}' --no-live", person(who));
            shell(&mut machines[*who as usize], at + CODE_US, &join);
        }
        Act::Start(who) => daemon(plan, machines, at, *who),
        Act::Stop(who, _) => {
            let alive = |process: &&mut Process| process.daemon && process.killed_us.is_none();
            if let Some(daemon) = machines[*who as usize].processes.iter_mut().rfind(alive) {
                daemon.killed_us = Some(at + LEAD_US);
            }
        }
        Act::Speak(..)
        | Act::Sleep(..)
        | Act::Partition(_)
        | Act::Cut(..)
        | Act::Meet(..)
        | Act::Links(_)
        | Act::Move(..)
        | Act::Skew(..)
        | Act::DiskStuck(..)
        | Act::Note(_) => {}
    }
}

fn word(precision: Precision) -> &'static str {
    match precision {
        Precision::Exact => "exact",
        Precision::Approximate => "approximate",
        Precision::City => "city",
    }
}

/// A life of a host's process, which starts before its commands.
fn daemon(plan: &Plan, machines: &mut [Machine], at: u64, who: HostId) {
    let mut args: Vec<String> =
        ["--home", HOME, "--quiet", "up", "--no-mdns", "--in", "null", "--out", "null"]
            .map(str::to_owned)
            .to_vec();
    args.extend(["--port".to_owned(), PORT.to_string()]);
    for (_, other) in &plan.hosts[who as usize].finds {
        args.extend(["--peer".to_owned(), format!("/ip4/{}/udp/{PORT}/quic-v1", address(*other))]);
    }
    let process = Process { start_us: at, args, shell: false, killed_us: None, daemon: true };
    machines[who as usize].processes.push(process);
}

fn command(machine: &mut Machine, at: u64, args: &[&str]) {
    let args = ["--home", HOME].iter().chain(args).map(|word| (*word).to_owned()).collect();
    let start_us = at + LEAD_US;
    machine.processes.push(Process { start_us, args, shell: false, killed_us: None, daemon: false });
}

fn shell(machine: &mut Machine, at: u64, line: &str) {
    let args = vec!["-c".to_owned(), line.to_owned()];
    let start_us = at + LEAD_US;
    machine.processes.push(Process { start_us, args, shell: true, killed_us: None, daemon: false });
}
