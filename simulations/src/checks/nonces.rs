//! No nonce is used twice: no (incarnation, counter) of a seal, no incarnation in two lives, no counter of a voice key, no two commits
//! of one device out of one epoch; across crashes and restores as well.

use super::{Check, End, Findings};
use crate::book::Book;
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_crypto::data::DATA_OVERHEAD_BYTES;
use halloo_engine::lane::Lane;
use halloo_engine::output::Output;
use halloo_engine::wire::direct::DirectFrame;
use halloo_engine::wire::parcel::{Parcel, ParcelKind};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "nonces";
/// Where a data seal has its incarnation and its counter, see `halloo_crypto::data`.
const INCARNATION_AT: usize = 8;
const COUNTER_AT: usize = 24;
/// Bytes of the tag of the epoch that a commit follows.
const PARENT_BYTES: usize = 8;

type Mark = [u8; 8];
type Incarnation = [u8; 16];

/// The judge.
#[derive(Default)]
pub struct Nonces {
    seals: BTreeMap<Incarnation, Seals>,
    /// Commits seen so far: the first to show one has made it.
    commits: BTreeSet<Mark>,
    made: BTreeMap<(HostId, [u8; PARENT_BYTES]), Mark>,
    voices: BTreeMap<HostId, Voice>,
}

/// What one incarnation sealed.
#[derive(Debug)]
struct Seals {
    /// Host and life that it belongs to.
    owner: (HostId, u32),
    /// By number from 0 on, as far as they came in order; what came out of order is beside.
    in_order: Vec<Mark>,
    beside: BTreeMap<u64, Mark>,
}

impl Seals {
    /// Whether this number stands for this text alone.
    fn take(&mut self, counter: u64, mark: Mark) -> bool {
        if counter == self.in_order.len() as u64 && !self.beside.contains_key(&counter) {
            self.in_order.push(mark);
            return true;
        }
        let known = usize::try_from(counter).ok().and_then(|at| self.in_order.get(at));
        *known.unwrap_or_else(|| self.beside.entry(counter).or_insert(mark)) == mark
    }
}

/// How far a host has come under its voice key.
#[derive(Debug, Default)]
struct Voice {
    /// The key of the newest plan, and the one in use.
    planned: Option<Mark>,
    active: Option<Mark>,
    spent: BTreeSet<Mark>,
    kid: u64,
    counter: Option<u64>,
    frame: Mark,
}

impl Check for Nonces {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, _: &Book, findings: &mut Findings) {
        match seen {
            Seen::Output { output: Output::Publish { topic, bytes }, engine } => {
                self.outer(at, bytes.get(1..).unwrap_or_default(), findings);
                match engine.reads_gossip(topic, bytes) {
                    Some(parcel) => self.parcel(at, &parcel, findings),
                    None => findings.add(NAME, at, "publishes what it cannot read itself"),
                }
            }
            Seen::Output { output: Output::Send { lane: Lane::Direct, bytes, .. }, engine } => {
                if let Ok(DirectFrame::Parcel(parcel)) = DirectFrame::parse(bytes, engine.route_tag()) {
                    self.parcel(at, &parcel, findings);
                }
            }
            Seen::Output { output: Output::Plan(plan), .. } => {
                let voice = self.voices.entry(at.host).or_default();
                voice.planned = plan.seal.as_ref().map(|key| key.print());
            }
            Seen::VoiceOut { payload, .. } => self.voice(at, payload, findings),
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

impl Nonces {
    /// A parcel that goes by the direct lane or inside a gossip frame. Members hand on contents, never others' seals: they seal anew.
    pub fn parcel(&mut self, at: At, parcel: &Parcel, findings: &mut Findings) {
        for item in &parcel.items {
            match parcel.kind {
                ParcelKind::Contents | ParcelKind::Live | ParcelKind::Beacons => {
                    self.outer(at, item, findings)
                }
                ParcelKind::Commits => self.commit(at, item, findings),
                _ => {}
            }
        }
    }

    /// A data seal leaves.
    pub fn outer(&mut self, at: At, seal: &[u8], findings: &mut Findings) {
        if seal.len() < DATA_OVERHEAD_BYTES {
            return;
        }
        let incarnation: Incarnation = seal[INCARNATION_AT..COUNTER_AT].try_into().expect("16 bytes");
        let counter = u64::from_be_bytes(seal[COUNTER_AT..COUNTER_AT + 8].try_into().expect("8 bytes"));
        let life = (at.host, at.life);
        let seals = self.seals.entry(incarnation).or_insert_with(|| Seals {
            owner: life,
            in_order: Vec::new(),
            beside: BTreeMap::new(),
        });
        if seals.owner != life {
            let (host, life) = seals.owner;
            findings.add(NAME, at, format!("the incarnation of host {host} life {life} seals again"));
        }
        if !seals.take(counter, mark(seal)) {
            findings.add(NAME, at, format!("seal number {counter} of one incarnation stands for two texts"));
        }
    }

    /// A commit leaves.
    pub fn commit(&mut self, at: At, commit: &[u8], findings: &mut Findings) {
        let mark = mark(commit);
        let Some(parent) = commit.first_chunk().filter(|_| self.commits.insert(mark)) else { return };
        if let Some(other) = self.made.insert((at.host, *parent), mark) {
            findings.add(NAME, at, format!("two commits out of one epoch: {other:02x?} and {mark:02x?}"));
        }
    }

    /// A voice frame leaves for one of the others.
    pub fn voice(&mut self, at: At, payload: &[u8], findings: &mut Findings) {
        let Some((kid, counter)) = header(payload) else {
            return findings.add(NAME, at, "a voice frame without an SFrame header leaves");
        };
        let (voice, frame) = (self.voices.entry(at.host).or_default(), mark(payload));
        let copy = voice.counter == Some(counter) && voice.frame == frame && voice.kid == kid;
        if copy {
            return;
        }
        let grows = voice.kid == kid && voice.counter.is_some_and(|last| counter > last);
        if !grows {
            // A counter begins anew only under a key that has never been used.
            let fresh = voice.planned.filter(|key| Some(*key) != voice.active && !voice.spent.contains(key));
            match fresh {
                Some(key) => {
                    voice.spent.extend(voice.active.replace(key));
                }
                None => {
                    findings.add(NAME, at, format!("voice counter {counter} of key id {kid:x} comes again"))
                }
            }
        }
        (voice.kid, voice.counter, voice.frame) = (kid, Some(counter), frame);
    }

    /// A plan names the key for voice.
    pub fn plan(&mut self, host: HostId, print: [u8; 8]) {
        self.voices.entry(host).or_default().planned = Some(print);
    }
}

fn mark(bytes: &[u8]) -> Mark {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    *hash.first_chunk().expect("a hash has 32 bytes")
}

/// Key id and counter of an SFrame header (RFC 9605, 4.3).
fn header(bytes: &[u8]) -> Option<(u64, u64)> {
    let (config, rest) = bytes.split_first()?;
    let (kid, rest) = field(config >> 4, rest)?;
    let (counter, _) = field(config & 15, rest)?;
    Some((kid, counter))
}

fn field(bits: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    if bits & 8 == 0 {
        return Some((u64::from(bits & 7), rest));
    }
    let (bytes, rest) = rest.split_at_checked(usize::from(bits & 7) + 1)?;
    Some((bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest))
}

#[cfg(test)]
mod tests;
