//! A scenario for Shadow 3: its network as a GML graph, its hosts and their `halloo` commands as a YAML file. Shadow runs the real
//! binary on simulated TCP and UDP, so what it finds is independent of this simulator.
//!
//! ```text
//!   plan --graph--> nodes (one a site, or one a host), latencies, loss
//!        --hosts--> a daemon for each life of a process, one command an act, at its time
//!        --------> what Shadow cannot express: comments at the head of the YAML
//! ```

mod commands;
mod graph;
mod yaml;

use crate::net::links::{HostId, Loss};
use crate::plan::{Act, End, Plan};
use std::collections::BTreeSet;

pub use graph::{Edge, Graph};

/// A daemon has this long to open its door before the first command.
const LEAD_US: u64 = 2_000_000;
/// Most hosts for which every pair gets an edge of its own.
pub const HOSTS_MAX: usize = 2_000;

/// Both files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// `shadow.yaml`.
    pub yaml: String,
    /// `network.gml`.
    pub gml: String,
}

/// A process of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    start_us: u64,
    /// `halloo` with arguments, or a line for the shell that contains it.
    args: Vec<String>,
    shell: bool,
    /// When it is killed; a daemon runs to the end without it.
    killed_us: Option<u64>,
    daemon: bool,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Machine {
    name: String,
    node: u32,
    address: String,
    uplink_bps: Option<u64>,
    processes: Vec<Process>,
}

/// Why a plan has no form for Shadow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShadowError {
    /// Too many.
    #[error(
        "{0} hosts each have a latency of their own to each other; Shadow gets at most {HOSTS_MAX}: write links.delay with matrix-ms, geography or constant-ms"
    )]
    TooMany(usize),
}

/// The files of a plan.
///
/// # Errors
/// If its network is too large to be written down.
pub fn export(scenario: &str, why: &str, plan: &Plan) -> Result<Export, ShadowError> {
    let graph = Graph::of(plan)?;
    let mut missing = missing_links(plan);
    let machines = commands::machines(plan, &graph, &mut missing);
    let yaml = yaml::write(scenario, why, plan, &machines, &missing);
    Ok(Export { yaml, gml: graph.to_gml() })
}

/// The address of a host: those that Shadow itself would give, without the ones that end in 0 or 255.
#[must_use]
pub fn address(host: HostId) -> String {
    let (low, rest) = (host % 254 + 1, host / 254);
    format!("11.{}.{}.{low}", rest / 256, rest % 256)
}

/// What of the links has no form there.
fn missing_links(plan: &Plan) -> BTreeSet<String> {
    let spec = &plan.links;
    let mut missing = BTreeSet::new();
    let mut say = |there: bool, what: &str| {
        if there {
            missing.insert(what.to_owned());
        }
    };
    say(spec.jitter_share > 0.0 || spec.jitter_us > 0, "jitter: Shadow's latencies are constant");
    say(spec.reorder, "reordering: Shadow keeps the order of packets of one path");
    say(
        matches!(spec.loss, Loss::Bursts { .. }),
        "bursts of loss: each packet is lost with their mean share",
    );
    say(spec.corrupt > 0.0, "changed bytes: left out");
    say(spec.duplicate > 0.0, "duplicated datagrams: left out");
    say(
        plan.hosts.iter().any(|host| host.nat != crate::net::links::Nat::Open),
        "NAT: every host can be dialled",
    );
    say(plan.hosts.iter().any(|host| host.skew_ms != 0), "wrong wall clocks: all are right");
    let finds = plan.hosts.iter().flat_map(|host| &host.finds);
    say(
        finds.count() > 0,
        "discovery: each daemon is given the addresses of those that it will find, from its start",
    );
    missing
}

/// What an act leaves out, if Shadow has no form for it.
fn missing_act(act: &Act) -> Option<&'static str> {
    Some(match act {
        Act::Sleep(..) => "sleeping devices: they stay awake",
        Act::Skew(..) => "wall clocks that jump: they do not",
        Act::Partition(_) => "partitions: links are never cut",
        Act::Cut(..) | Act::Meet(..) => "cut links: links are never cut",
        Act::Links(_) => "weather: links stay as they are at the beginning",
        Act::Move(..) => "distance: links stay as they are at the beginning",
        Act::DiskStuck(..) => "disks that hang: they do not",
        Act::Speak(..) => "who speaks when: those in a call send silence",
        Act::Stop(_, End::PowerCut) => "power cuts: the process is killed, its kernel tells the others",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
