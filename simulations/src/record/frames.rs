//! Frames by what they are for: reconciliation, proofs, parcels, signalling, gossip.

use super::schemas;
use super::table::{Cell, Table};
use halloo_engine::lane::Lane;
use halloo_engine::output::Output;
use std::collections::BTreeMap;

/// Where the kind of a direct frame stands, after route tag and version.
const KIND_AT: usize = 9;
/// Where the step of a reconciliation stands: after the kind and the realm.
const STEP_AT: usize = 11;
/// The kind of reconciliation frames.
const SYNC: u8 = 40;
/// The step with which a reconciliation begins.
const STEP_ASK: u8 = 1;

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: u64,
    bytes: u64,
}

/// All frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    direct: BTreeMap<u8, Sum>,
    pair: Sum,
    gossip: Sum,
    gossip_in: u64,
    sessions: u64,
    items: (u64, u64),
}

impl Frames {
    /// A member wishes to send.
    pub(super) fn out(&mut self, output: &Output) {
        let (sum, length) = match output {
            Output::Send { lane: Lane::Direct, bytes, .. } => {
                let kind = bytes.get(KIND_AT).copied().unwrap_or(0);
                let begins = kind == SYNC && bytes.get(STEP_AT) == Some(&STEP_ASK);
                self.sessions += u64::from(begins);
                (self.direct.entry(kind).or_default(), bytes.len())
            }
            Output::Send { lane: Lane::Pair, bytes, .. } => (&mut self.pair, bytes.len()),
            Output::Publish { bytes, .. } => (&mut self.gossip, bytes.len()),
            _ => return,
        };
        sum.count += 1;
        sum.bytes += length as u64;
    }

    /// A gossip frame came in, once however many copies there were.
    pub(super) fn gossip_came(&mut self) {
        self.gossip_in += 1;
    }

    /// A reconciliation ended.
    pub(super) fn reconciled(&mut self, received: u32, sent: u32) {
        self.items.0 += u64::from(received);
        self.items.1 += u64::from(sent);
    }

    /// Gossip frames that came in.
    pub(super) fn gossip_in(&self) -> u64 {
        self.gossip_in
    }

    pub(super) fn figures(&self, figures: &mut super::Figures) {
        let sync = self.direct.get(&SYNC).copied().unwrap_or_default();
        figures.put("reconcile.sessions", self.sessions as f64);
        figures.put("reconcile.frames", sync.count as f64);
        figures.put("reconcile.bytes", sync.bytes as f64);
        figures.put("reconcile.items", self.items.0 as f64);
        figures.put("gossip.published", self.gossip.count as f64);
        figures.put("gossip.published_bytes", self.gossip.bytes as f64);
        figures.put("gossip.received", self.gossip_in as f64);
        let direct = self.direct.values().fold(Sum::default(), |all, sum| Sum {
            count: all.count + sum.count,
            bytes: all.bytes + sum.bytes,
        });
        figures.put("direct.frames", direct.count as f64);
        figures.put("direct.bytes", direct.bytes as f64);
        figures.put("pair.frames", self.pair.count as f64);
    }

    pub(super) fn into_rows(self) -> Table {
        let mut rows = Table::new(&schemas::FRAMES);
        let direct = self.direct.into_iter().map(|(kind, sum)| ("direct", name_of(kind), sum));
        for (lane, kind, sum) in
            direct.chain([("pair", "pairing", self.pair), ("gossip", "all", self.gossip)])
        {
            rows.push(&[Cell::Text(lane), Cell::Text(kind), sum.count.into(), sum.bytes.into()]);
        }
        rows
    }
}

/// What a kind of direct frame is for, as `docs/spec` names it.
fn name_of(kind: u8) -> &'static str {
    match kind {
        1 => "operations",
        2 => "commits",
        3 => "acknowledgements",
        4 => "contents",
        5 => "live cells",
        6 => "beacons",
        7 => "boxed contents",
        8 => "boxed beacons",
        9 => "nacks",
        10 => "welcomes by gossip",
        32 => "hello",
        33 => "proof",
        34 => "unknown",
        35 => "introduce",
        36 => "farewell",
        40 => "reconciliation",
        41 => "epochs",
        42 => "signal",
        43 => "call",
        44 => "welcome",
        45 => "stranded",
        46 => "rejoin",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
