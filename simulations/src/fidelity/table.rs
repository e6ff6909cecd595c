//! The published table of the simulator of gossipsub's author, beside ours.
//!
//! "Preliminary EPISUB results", vyzo, 2022: gossipsub 1.0 in Gerbil Scheme and virtual time. The settings were fixed from the text of
//! that table before anything ran here, and are not fitted: a figure that does not fit is reported as a miss.

use super::band::Band;
use super::bed::{Bed, Setting, Spec, choose, mean_degree};
use crate::chance::{between, generator};
use crate::net::links::{Latency, LinkSpec};
use crate::world::on_own_thread;
use halloo_vtime::now_us;

/// Others that each node dials.
pub const DIALS: u32 = 20;
/// Nodes that publish.
pub const SOURCES: u32 = 5;
/// Messages in all.
pub const MESSAGES: u32 = 60;
/// Between two messages.
const PAUSE_US: u64 = 1_000_000;
/// After the last one, for what gossip still brings.
const AFTER_US: u64 = 10_000_000;
/// Width of a bin.
const BIN_US: u64 = 100_000;

/// What was published for one size.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Nodes.
    pub nodes: u32,
    /// Deliveries by 100 ms of latency.
    pub bins: [u32; 4],
    /// Messages that came in at all nodes, copies included.
    pub data: u32,
    /// Messages of the protocol by which a node takes another into its mesh.
    pub grafts: u32,
}

/// The table.
pub const PUBLISHED: [Published; 3] = [
    Published { nodes: 250, bins: [878, 10_109, 3_915, 38], data: 96_320, grafts: 961 },
    Published { nodes: 500, bins: [1_028, 12_986, 15_234, 692], data: 189_451, grafts: 1_844 },
    Published { nodes: 1_000, bins: [1_334, 20_818, 36_508, 1_280], data: 377_370, grafts: 3_695 },
];

/// What one run of ours gave.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Nodes.
    pub nodes: u32,
    /// Deliveries by 100 ms of latency; the last bin holds all that came later.
    pub bins: [u64; 5],
    /// Messages that came in, copies included.
    pub data: u64,
    /// Mean degree of the mesh in the middle of the run.
    pub degree: f64,
    /// Links of the mesh that only one end believes in, a share.
    pub one_sided: f64,
    /// Copies of a message over those that a node needs.
    pub copies: f64,
}

/// One run.
#[must_use]
pub fn run(seed: u64, nodes: u32) -> Run {
    on_own_thread(seed, move || {
        let links = LinkSpec {
            latency: Latency::Uniform { low_us: 10_000, high_us: 150_000 },
            jitter_share: 0.1,
            ..LinkSpec::constant(0)
        };
        let mut bed =
            Bed::settled(Spec { seed, nodes, dials: DIALS, links, setting: Setting::CLASSIC, mute: 0 });
        let mut rng = generator(seed, "sources");
        let sources: Vec<u32> = choose(&mut rng, nodes, SOURCES, None).into_iter().collect();
        let mut sent = Vec::new();
        let (mut degree, mut one_sided) = (0.0, 0.0);
        for round in 0..MESSAGES {
            let since = now_us();
            sent.push((bed.publish(sources[(round % SOURCES) as usize]), since));
            bed.run_until(since + between(&mut rng, PAUSE_US / 2, PAUSE_US * 3 / 2));
            if round == MESSAGES / 2 {
                let mesh = bed.mesh();
                degree = mean_degree(&mesh);
                one_sided = one_sided_share(&mesh);
            }
        }
        bed.run_until(now_us() + AFTER_US);
        let mut bins = [0; 5];
        for (message, since) in sent {
            let source = sources[(message % SOURCES) as usize];
            for (_, at) in bed.heard(message).into_iter().filter(|(node, _)| *node != source) {
                bins[usize::try_from((at - since) / BIN_US).map_or(4, |bin| bin.min(4))] += 1;
            }
        }
        let delivered: u64 = bins.iter().sum();
        let copies = bed.received() as f64 / delivered.max(1) as f64;
        Run { seed, nodes, bins, data: bed.received(), degree, one_sided, copies }
    })
}

fn one_sided_share(mesh: &[Vec<u32>]) -> f64 {
    let links =
        mesh.iter().zip(0_u32..).flat_map(|(peers, node)| peers.iter().map(move |peer| (node, *peer)));
    let (mut all, mut alone) = (0_u32, 0_u32);
    for (node, peer) in links {
        all += 1;
        alone += u32::from(!mesh[peer as usize].contains(&node));
    }
    f64::from(alone) / f64::from(all.max(1))
}

/// One figure of the table beside ours.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Row {
    /// Nodes.
    pub nodes: u32,
    /// Which figure.
    pub figure: &'static str,
    /// As published.
    pub theirs: f64,
    /// As here.
    pub ours: Band,
    /// Whether the published figure lies in the band.
    pub holds: bool,
}

/// The rows of one size.
#[must_use]
pub fn rows(published: &Published, runs: &[Run]) -> Vec<Row> {
    let deliveries = f64::from(MESSAGES * (published.nodes - 1));
    let mut rows = Vec::new();
    let mut row = |figure, theirs: f64, of: &dyn Fn(&Run) -> f64| {
        let ours = Band::of(&runs.iter().map(of).collect::<Vec<_>>());
        rows.push(Row { nodes: published.nodes, figure, theirs, ours, holds: ours.holds(theirs) });
    };
    let names = ["0-100 ms", "100-200 ms", "200-300 ms", "300-400 ms"];
    for (bin, name) in names.into_iter().enumerate() {
        row(name, f64::from(published.bins[bin]), &|run| run.bins[bin] as f64);
    }
    row("after 400 ms", 0.0, &|run| run.bins[4] as f64);
    row("data messages", f64::from(published.data), &|run| run.data as f64);
    row("copies a delivery", f64::from(published.data) / deliveries, &|run| run.copies);
    rows
}

#[cfg(test)]
mod tests;
