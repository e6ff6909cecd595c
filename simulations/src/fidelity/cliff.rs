//! The cliff: how many nodes that never pass anything on gossip survives. Published for the JVM's gossip: up to about 80 %.

use super::bed::{Bed, Setting, Spec};
use crate::chance::{between, generator};
use crate::net::links::{Latency, LinkSpec};
use crate::world::on_own_thread;
use halloo_vtime::now_us;

/// Shares of mute nodes, per cent.
pub const SHARES: [u32; 7] = [0, 50, 60, 70, 80, 85, 90];
/// Others that each node knows: it dials half of them, and as many dial it.
const DIALS: u32 = 10;
/// Messages a run.
const MESSAGES: u32 = 20;
/// Time that a message has; the cache of the gossip forgets it long before.
const PATIENCE_US: u64 = 20_000_000;
/// What counts as soon.
const SOON_US: u64 = 500_000;

/// What one run gave.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Nodes.
    pub nodes: u32,
    /// Mute ones, per cent.
    pub mute_percent: u32,
    /// Share of deliveries within half a second.
    pub soon: f64,
    /// Share of deliveries in the end.
    pub ever: f64,
}

/// One run.
#[must_use]
pub fn run(seed: u64, nodes: u32, mute_percent: u32) -> Run {
    on_own_thread(seed, move || {
        let links = LinkSpec {
            latency: Latency::Uniform { low_us: 1_000, high_us: 50_000 },
            ..LinkSpec::constant(0)
        };
        let mute = nodes * mute_percent / 100;
        let mut bed =
            Bed::settled(Spec { seed, nodes, dials: DIALS, links, setting: Setting::CLASSIC, mute });
        let mut rng = generator(seed, "sources");
        let (mut soon, mut ever) = (0_usize, 0_usize);
        for _ in 0..MESSAGES {
            let since = now_us();
            let from = loop {
                let drawn = u32::try_from(between(&mut rng, 0, u64::from(nodes) - 1)).expect("a node");
                if !bed.mutes().contains(&drawn) {
                    break drawn;
                }
            };
            let message = bed.publish(from);
            bed.run_until(since + PATIENCE_US);
            let heard = bed.heard(message);
            let heard = heard.iter().filter(|(node, _)| *node != from);
            ever += heard.clone().count();
            soon += heard.filter(|(_, at)| at - since <= SOON_US).count();
        }
        let all = f64::from(MESSAGES * (nodes - 1));
        Run { seed, nodes, mute_percent, soon: soon as f64 / all, ever: ever as f64 / all }
    })
}

/// Whether the cliff stands where it was published: nearly all are reached soon at 50 % and in the end at 80 %, not so at 90 %.
#[must_use]
pub fn holds(runs: &[Run]) -> bool {
    let mean = |percent: u32, of: fn(&Run) -> f64| {
        let these: Vec<f64> = runs.iter().filter(|run| run.mute_percent == percent).map(of).collect();
        these.iter().sum::<f64>() / these.len().max(1) as f64
    };
    mean(50, |run| run.soon) > 0.95
        && mean(80, |run| run.ever) > 0.9
        && mean(80, |run| run.soon) < 0.6
        && mean(90, |run| run.ever) < 0.8
        && mean(90, |run| run.soon) < 0.2
}

#[cfg(test)]
mod tests;
