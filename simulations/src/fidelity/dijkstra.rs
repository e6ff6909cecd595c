//! A judge that shares no code with what it judges: shortest paths over a snapshot of the mesh must say when each message arrives.

use super::bed::{Bed, Setting, Spec, mean_degree};
use crate::chance::{between, generator};
use crate::net::links::{HostId, Latency, LinkSpec};
use crate::net::wire;
use crate::record::quantile;
use crate::world::on_own_thread;
use halloo_vtime::now_us;
use rand_chacha::ChaCha20Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What the measured and the computed latency may differ by, microseconds.
pub const TOLERANCE_US: u64 = 1_000;

/// Between two messages: longer than the longest path.
const PAUSE_US: u64 = 2_000_000;

/// Measured beside computed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    /// What ran.
    pub what: String,
    /// The seed.
    pub seed: u64,
    /// Nodes.
    pub nodes: u32,
    /// Deliveries compared.
    pub deliveries: usize,
    /// Mean degree of the mesh.
    pub degree: f64,
    /// p50, p99 and the longest, measured, microseconds.
    pub measured_us: [u64; 3],
    /// The same, computed.
    pub computed_us: [u64; 3],
    /// The largest difference of a single delivery.
    pub largest_us: u64,
}

impl Comparison {
    /// Whether all three figures are within the tolerance.
    #[must_use]
    pub fn holds(&self) -> bool {
        let pairs = self.measured_us.iter().zip(&self.computed_us);
        self.deliveries > 0 && pairs.into_iter().all(|(a, b)| a.abs_diff(*b) <= TOLERANCE_US)
    }

    pub(super) fn of(what: &str, seed: u64, pairs: &[(u64, u64)], mesh: &[Vec<HostId>]) -> Self {
        let sorted = |pick: fn(&(u64, u64)) -> u64| {
            let mut all: Vec<u64> = pairs.iter().map(pick).collect();
            all.sort_unstable();
            [0.5, 0.99, 1.0].map(|share| quantile(&all, share).unwrap_or(0))
        };
        Comparison {
            what: what.to_owned(),
            seed,
            nodes: u32::try_from(mesh.len()).expect("nodes are counted in 32 bits"),
            deliveries: pairs.len(),
            degree: mean_degree(mesh),
            measured_us: sorted(|pair| pair.0),
            computed_us: sorted(|pair| pair.1),
            largest_us: pairs.iter().map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0),
        }
    }
}

/// Shortest paths from one node: over `first` out of it, over `mesh` everywhere else.
#[must_use]
pub fn paths(
    mesh: &[Vec<HostId>],
    (from, first): (HostId, &[HostId]),
    latency_us: impl Fn(HostId, HostId) -> u64,
) -> Vec<Option<u64>> {
    let mut best: Vec<Option<u64>> = vec![None; mesh.len()];
    let mut heap = BinaryHeap::from([Reverse((0_u64, from))]);
    while let Some(Reverse((at, node))) = heap.pop() {
        if best[node as usize].is_some_and(|known| known <= at) {
            continue;
        }
        best[node as usize] = Some(at);
        let next = if node == from { first } else { &mesh[node as usize] };
        heap.extend(next.iter().map(|other| Reverse((at + latency_us(node, *other), *other))));
    }
    best
}

/// Raw gossipsub Swarms: `nodes` of them, each dialling 16, latencies of 10 to 150 ms, nothing else on the links.
#[must_use]
pub fn swarms(seed: u64, nodes: u32, messages: u32) -> Comparison {
    on_own_thread(seed, move || {
        let links = LinkSpec {
            latency: Latency::Uniform { low_us: 10_000, high_us: 150_000 },
            ..LinkSpec::constant(0)
        };
        // Without IHAVE: what it brings sooner than the mesh is no shortest path of the mesh.
        let setting = Setting { lazy: false, ..Setting::CLASSIC };
        let mut bed = Bed::settled(Spec { seed, nodes, dials: 16.min(nodes - 1), links, setting, mute: 0 });
        let mut rng = generator(seed, "sources");
        let mut pairs = Vec::new();
        let mut mesh = Vec::new();
        for _ in 0..messages {
            mesh = bed.mesh();
            let Some(from) = source(&mut rng, &mesh, setting.degree) else { break };
            let since = now_us();
            let message = bed.publish(from);
            bed.run_until(since + PAUSE_US);
            let first = mesh[from as usize].clone();
            let computed = paths(&mesh, (from, &first), latency);
            pairs.extend(bed.heard(message).into_iter().filter_map(|(node, at)| {
                computed[node as usize].map(|computed| (at - since, computed)).filter(|_| node != from)
            }));
        }
        Comparison::of("gossipsub swarms", seed, &pairs, &mesh)
    })
}

/// A publisher with a full mesh: to one with fewer, gossipsub adds others by lot, of which the snapshot knows nothing.
fn source(rng: &mut ChaCha20Rng, mesh: &[Vec<HostId>], degree: usize) -> Option<HostId> {
    let full: Vec<HostId> =
        (0..).zip(mesh).filter(|(_, peers)| peers.len() >= degree).map(|(node, _)| node).collect();
    let last = u64::try_from(full.len().checked_sub(1)?).expect("counted in 64 bits");
    Some(full[usize::try_from(between(rng, 0, last)).expect("below the length")])
}

pub(super) fn latency(from: HostId, to: HostId) -> u64 {
    wire::with(|wire| wire.links.latency_us(from, to))
}

#[cfg(test)]
mod tests;
