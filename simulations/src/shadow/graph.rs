//! The network graph: a node for each site where latency goes by sites, for each host otherwise, and an edge for each pair.

use super::{HOSTS_MAX, ShadowError};
use crate::net::links::{HostId, Latency, LinkSpec, Links, Loss};
use crate::plan::Plan;
use std::fmt::Write as _;

/// Shadow wants latencies above zero.
const LEAST_US: u64 = 1;
/// What hosts can receive, and send where the scenario has no limit, bits a second.
const OPEN_BPS: u64 = 1_000_000_000;

/// An edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// From this node.
    pub from: u32,
    /// To this one; the same for hosts of one node.
    pub to: u32,
    /// One way, microseconds.
    pub latency_us: u64,
    /// Share of packets.
    pub loss: f64,
}

/// The graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Nodes, numbered from 0.
    pub nodes: u32,
    /// One way each where directions differ.
    pub directed: bool,
    /// Edges; of undirected ones the lower number first.
    pub edges: Vec<Edge>,
    /// The node of each host.
    pub node_of: Vec<u32>,
    uplink_bps: u64,
}

impl Graph {
    /// The graph of a plan as it is at the beginning.
    ///
    /// # Errors
    /// If there are too many hosts for an edge of each pair.
    pub fn of(plan: &Plan) -> Result<Self, ShadowError> {
        let by_site = matches!(plan.links.latency, Latency::Constant { .. } | Latency::Matrix { .. });
        let sites = match &plan.links.latency {
            Latency::Matrix { table } => table.len(),
            Latency::Constant { .. } => {
                1 + plan.hosts.iter().map(|host| host.site as usize).max().unwrap_or(0)
            }
            _ => plan.hosts.len(),
        };
        if !by_site && plan.hosts.len() > HOSTS_MAX {
            return Err(ShadowError::TooMany(plan.hosts.len()));
        }
        let nodes = u32::try_from(sites).expect("sites are counted in 32 bits");
        let node_of: Vec<u32> =
            (0..).zip(&plan.hosts).map(|(number, host)| if by_site { host.site } else { number }).collect();
        let latency = latencies(plan, by_site, nodes);
        let directed = (0..nodes).any(|from| (0..from).any(|to| latency(from, to) != latency(to, from)));
        let loss = mean_loss(&plan.links);
        let edges = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        let edges = edges.filter(|(from, to)| directed || from <= to);
        let edges = edges.map(|(from, to)| {
            let latency_us = latency(from, to).max(LEAST_US);
            Edge { from, to, latency_us, loss: if from == to && !by_site { 0.0 } else { loss } }
        });
        let uplink_bps = plan.links.uplink_bps.unwrap_or(OPEN_BPS);
        let edges = edges.collect();
        Ok(Graph { nodes, directed, edges, node_of, uplink_bps })
    }

    /// As a file for Shadow.
    #[must_use]
    pub fn to_gml(&self) -> String {
        let mut out = format!("graph [\n  directed {}\n", u8::from(self.directed));
        for node in 0..self.nodes {
            // A String takes everything.
            let _ = write!(
                out,
                "  node [\n    id {node}\n    host_bandwidth_up \"{} bit\"\n    host_bandwidth_down \"{OPEN_BPS} bit\"\n  ]\n",
                self.uplink_bps
            );
        }
        for Edge { from, to, latency_us, loss } in &self.edges {
            let _ = write!(
                out,
                "  edge [\n    source {from}\n    target {to}\n    latency \"{latency_us} us\"\n    packet_loss {loss:?}\n  ]\n"
            );
        }
        out.push_str("]\n");
        out
    }
}

/// One-way latency from node to node.
fn latencies(plan: &Plan, by_site: bool, nodes: u32) -> impl Fn(HostId, HostId) -> u64 {
    // Where latency goes by sites, one host stands for each site.
    let mut links = Links::new(plan.links.clone(), nodes as usize, plan.seed);
    for node in (0..nodes).filter(|_| by_site) {
        links.place(node, node, crate::net::links::Nat::Open);
    }
    move |from, to| if from == to && !by_site { LEAST_US } else { links.latency_us(from, to) }
}

/// The share of packets that are lost in the long run.
fn mean_loss(links: &LinkSpec) -> f64 {
    match links.loss {
        Loss::None => 0.0,
        Loss::Random { share } => share,
        Loss::Bursts { enter, leave, lose } if enter + leave > 0.0 => lose * enter / (enter + leave),
        Loss::Bursts { .. } => 0.0,
    }
}
