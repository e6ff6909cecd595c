//! Scale: what a node costs with its engine, beside the same Swarms without one that carry the very same traffic.
//!
//! ```text
//!   engines: groups of ten come in by pairing -> window: CPU time, resident bytes, a tape of every wish for the mesh
//!   bare:    the same hosts, links and pairs of connected peers, the same behaviours -> window: the tape is played
//! ```
//!
//! Each is a process of its own with one thread that works; a bare Swarm forwards whatever comes, so that the wire carries the same.

pub mod bare;
pub mod engines;
pub mod tape;

use crate::scenario::{Loaded, ScenarioError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Members of a group.
pub const GROUP: u32 = 10;
/// Virtual seconds until everybody is in its group and all is quiet: groups begin within the first twenty, members follow each other
/// by a second and a half at most, and a commit of nine is settled after that.
const SETUP_S: u32 = 70;
/// Messages begin this long before what is measured, on both sides.
const WARM_S: u32 = 5;
/// After what is measured, so that everything under way arrives before the judges look.
const REST_S: u32 = 15;
/// More than this share of the Swarms' own speed is promised.
pub const SHARE: f64 = 0.6;
/// Resident bytes of a node at ten thousand nodes, at most.
pub const NODE_BYTES: f64 = 650_000.0;

/// What the members do while it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Load {
    /// Nothing: presence and heartbeats only.
    Idle,
    /// One message a second in each group, and the receipts for it.
    Group,
    /// One message a second of each member, and the receipts for them.
    Member,
}

/// What is run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Size {
    /// Members in all.
    pub nodes: u32,
    /// What they do.
    pub load: Load,
    /// Virtual seconds that are measured.
    pub window_s: u32,
    /// The seed.
    pub seed: u64,
}

/// What one side cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Hosts that run.
    pub nodes: u32,
    /// Connections of a host, on average.
    pub connections: f64,
    /// CPU seconds from nothing to the window.
    pub setup_cpu_s: f64,
    /// CPU seconds of the window.
    pub window_cpu_s: f64,
    /// Resident bytes of the process at the end, less what it had before the first host, for each host.
    pub node_bytes: f64,
    /// Virtual seconds of all hosts in the window, for each CPU second.
    pub node_s_per_s: f64,
    /// Gossip frames that came in within the window, copies left out.
    pub gossip: u64,
    /// Messages written since the beginning, and their deliveries; none without engines.
    pub messages: [u64; 2],
    /// Hosts whose member is in a group of [`GROUP`] with one key; none without engines.
    pub members: u32,
    /// Steps of the voice path; calls alone make them.
    pub voice_steps: u64,
    /// What judges found.
    pub findings: Vec<String>,
}

impl Size {
    /// When everybody is in, when the window begins and when it ends, virtual microseconds since the run began.
    #[must_use]
    pub fn times_us(&self) -> [u64; 3] {
        [SETUP_S, SETUP_S + WARM_S, SETUP_S + WARM_S + self.window_s].map(|at| u64::from(at) * 1_000_000)
    }

    /// The scenario of this size.
    ///
    /// # Errors
    /// If it cannot be, which is a slip of ours.
    pub fn scenario(&self) -> Result<Loaded, ScenarioError> {
        let quiet = SETUP_S + WARM_S + self.window_s;
        let seconds = quiet + REST_S;
        let groups = self.nodes.div_ceil(GROUP).max(1);
        let says = match self.load {
            Load::Idle => String::new(),
            Load::Group => says("founders", quiet),
            Load::Member => says("everybody", quiet),
        };
        let text = format!(
            "why = \"What a node costs.\"\nseconds = {seconds}\nsettle_s = 0\n\
             [[groups]]\nmembers = {GROUP}\ncopies = {groups}\nfound_s = [0, 20]\n\
             [links]\ndelay = {{ uniform-ms = [10, 100] }}\n{says}"
        );
        Loaded::new("scale".to_owned(), text, BTreeMap::new())
    }
}

fn says(who: &str, to_s: u32) -> String {
    format!(
        "[[says]]\nwho = \"{who}\"\nwhen = {{ every_s = 1, random = true, from_s = {SETUP_S}, to_s = {to_s} }}\n"
    )
}

/// Resident bytes of this process, as the kernel counts them; 0 where it does not say.
#[must_use]
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests;
