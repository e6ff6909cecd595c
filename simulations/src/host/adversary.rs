//! A host that breaks the rules: the real engine of a real member, whose outputs are bent on their way out, and who does more than it
//! is asked to.
//!
//! What it does is in the trace as `broke` and among the figures as `counts.adversary_...`. No judge looks at it: what is judged is what
//! honest members make of it.

mod forger;
mod spammer;
mod twins;

use super::Host;
use crate::chance;
use crate::plan::{Adversary, START_US};
use crate::seen::Seen;
use crate::stage::Stage;
use forger::Forger;
use halloo_engine::input::Command;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Output, Verdict};
use halloo_engine::snapshot::Snapshot;
use halloo_engine::wire::direct::{DirectFrame, Step, SyncFrame, peek_route};
use halloo_mesh::Topic;
use halloo_vtime::now_us;
use rand_chacha::ChaCha20Rng;
use spammer::Spammer;
use std::collections::BTreeSet;
use twins::Twins;

/// Between two lies of a forger, microseconds: each kind comes round every few seconds, which leaves an honest CPU its rest.
const FORGERY_EVERY_US: u64 = 250_000;

/// How a running process breaks the rules.
pub(super) struct Crook {
    rng: ChaCha20Rng,
    /// When it does something of its own accord.
    due_us: u64,
    way: Way,
}

enum Way {
    Twins(Box<Twins>),
    Spammer(Spammer),
    Forger(Box<Forger>),
    Withholder,
}

/// Something that no engine wished for.
#[derive(Clone, PartialEq, Debug)]
enum Deed {
    Direct(PeerKey, Vec<u8>),
    Gossip([u8; 32], Vec<u8>),
    Pair(PeerKey, Vec<u8>),
    Command(Command),
}

/// What a crook knows of where it is.
struct Around<'a> {
    /// First bytes of its group's direct frames.
    route: [u8; 8],
    /// Who is connected.
    peers: Vec<PeerKey>,
    /// What it follows.
    topics: &'a BTreeSet<[u8; 32]>,
}

impl Crook {
    /// At the start of a process. `before` is what its disk holds.
    pub(super) fn new(
        kind: Adversary,
        rng: ChaCha20Rng,
        identity: &halloo_engine::start::Identity,
        before: Option<&Snapshot>,
    ) -> Self {
        let now = now_us();
        let (due_us, way) = match kind {
            Adversary::Equivocator => (now + twins::PART_AFTER_US, Way::Twins(Box::default())),
            Adversary::Spammer { per_s } => {
                let spammer = Spammer::new(per_s);
                (now + spammer.gap_us(), Way::Spammer(spammer))
            }
            Adversary::Forger => {
                let mut forger = Forger::new(identity.device.clone());
                before.into_iter().flat_map(|before| &before.pairs).for_each(|(k, v)| forger.learn(k, v));
                (now + FORGERY_EVERY_US, Way::Forger(Box::new(forger)))
            }
            Adversary::Withholder => (u64::MAX, Way::Withholder),
        };
        Crook { rng, due_us, way }
    }

    /// When it wants to be polled, microseconds.
    pub(super) fn due_us(&self) -> Option<u64> {
        let twin = match &self.way {
            Way::Twins(twins) => twins.due_us(),
            _ => None,
        };
        Some(self.due_us).filter(|due| *due < u64::MAX).into_iter().chain(twin).min()
    }
}

impl Host {
    /// What becomes of a wish: an honest engine's is granted as it is.
    pub(super) fn bend(&mut self, output: Output, stage: &mut Stage) -> Option<Output> {
        let Some(crook) = self.node.as_mut().and_then(|node| node.crook.as_mut()) else {
            return Some(output);
        };
        let (bent, deed) = match &mut crook.way {
            Way::Withholder => withhold(output),
            Way::Twins(twins) => (twins.bend(output, now_us()), None),
            Way::Spammer(spammer) => {
                spammer.remember(&output);
                (Some(output), None)
            }
            Way::Forger(forger) => {
                forger.remember(&output);
                (Some(output), None)
            }
        };
        if let Some(what) = deed {
            self.broke(what, stage);
        }
        bent
    }

    /// A forger hears everything.
    pub(super) fn overhear(&mut self, from: PeerKey, lane: &Lane, bytes: &[u8]) {
        if let Some(Way::Forger(forger)) = self.way() {
            forger.overhear(from, lane, bytes);
        }
    }

    fn way(&mut self) -> Option<&mut Way> {
        Some(&mut self.node.as_mut()?.crook.as_mut()?.way)
    }

    pub(super) fn broke(&mut self, what: &'static str, stage: &mut Stage) {
        stage.see(self.at(), &Seen::Broke(what));
    }

    /// Does what is due of its own accord; whether anything was.
    pub(super) fn poll_crook(&mut self, stage: &mut Stage) -> bool {
        let mut moved = self.poll_twins(stage);
        if now_us() >= START_US + stage.plan.rest_us
            && let Some(crook) = self.node.as_mut().and_then(|node| node.crook.as_mut())
        {
            crook.due_us = u64::MAX;
        }
        while self.engine().is_some()
            && let Some(crook) = self.node.as_mut().and_then(|node| node.crook.as_mut())
            && crook.due_us <= now_us()
        {
            moved = true;
            let gap_us = match &crook.way {
                Way::Twins(_) => self.lie(stage),
                Way::Spammer(spammer) => {
                    let gap_us = spammer.gap_us();
                    self.misbehave(stage);
                    gap_us
                }
                Way::Forger(_) => {
                    self.misbehave(stage);
                    FORGERY_EVERY_US
                }
                Way::Withholder => u64::MAX,
            };
            if let Some(crook) = self.node.as_mut().and_then(|node| node.crook.as_mut()) {
                crook.due_us = now_us().saturating_add(gap_us);
            }
        }
        moved
    }

    /// One deed of a spammer or a forger.
    fn misbehave(&mut self, stage: &mut Stage) {
        let Some(node) = self.node.as_mut() else { return };
        let (Some(engine), Some(crook)) = (node.engine.as_ref(), node.crook.as_mut()) else { return };
        let peers = node.connected.iter().copied().collect();
        let around = Around { route: engine.route_tag(), peers, topics: &node.topics };
        let deed = match &mut crook.way {
            Way::Spammer(spammer) => spammer.next(&mut crook.rng, &around),
            Way::Forger(forger) => forger.next(&mut crook.rng, &around, &engine.group(), self.identity.peer),
            Way::Twins(_) | Way::Withholder => None,
        };
        if let Some((what, deed)) = deed
            && self.do_deed(deed, stage)
        {
            self.broke(what, stage);
        }
    }

    /// Whether the mesh took it.
    fn do_deed(&mut self, deed: Deed, stage: &mut Stage) -> bool {
        let Some(node) = self.node.as_mut() else { return false };
        let mesh = node.mesh();
        let key = |peer: PeerKey| halloo_mesh::PeerKey(peer.0);
        match deed {
            Deed::Direct(to, bytes) => mesh.send_direct(key(to), bytes).is_ok(),
            Deed::Gossip(topic, bytes) => mesh.publish(Topic(topic), bytes).is_ok(),
            Deed::Pair(to, bytes) => mesh.send_pair(key(to), bytes).is_ok(),
            Deed::Command(command) => self.ask(command, stage).is_some(),
        }
    }
}

/// A member that takes and gives nothing: no frame is passed on, no comparison answered, nothing handed over.
fn withhold(output: Output) -> (Option<Output>, Option<&'static str>) {
    match output {
        Output::Verdict(Verdict::Accept) => {
            (Some(Output::Verdict(Verdict::Ignore)), Some("adversary passed nothing on"))
        }
        Output::Send { lane: Lane::Direct, ref bytes, .. } if gives(bytes) => {
            (None, Some("adversary answered nothing"))
        }
        output => (Some(output), None),
    }
}

/// Whether a frame hands something over, or says what there is.
fn gives(bytes: &[u8]) -> bool {
    match read(bytes) {
        Some(DirectFrame::Parcel(_)) => true,
        Some(DirectFrame::Sync(SyncFrame { step, .. })) => step == Step::Answer,
        _ => false,
    }
}

/// A direct frame of whatever group.
fn read(bytes: &[u8]) -> Option<DirectFrame> {
    DirectFrame::parse(bytes, peek_route(bytes)?).ok()
}

/// One of a list, or nothing of an empty one.
fn one_of<'a, T>(rng: &mut ChaCha20Rng, list: &'a [T]) -> Option<&'a T> {
    let last = list.len().checked_sub(1)?;
    list.get(usize::try_from(chance::between(rng, 0, last as u64)).ok()?)
}

/// The same bytes but for one.
fn tampered(rng: &mut ChaCha20Rng, bytes: &[u8], from: usize) -> Option<Vec<u8>> {
    let last = bytes.len().checked_sub(1).filter(|last| from <= *last)?;
    let mut changed = bytes.to_vec();
    let at = usize::try_from(chance::between(rng, from as u64, last as u64)).ok()?;
    changed[at] ^= 1 << chance::between(rng, 0, 7);
    Some(changed)
}
