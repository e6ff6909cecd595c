//! Sends what is not its to send: operations, contents, commits with a changed byte, contents in another's name, acts that it has no
//! right to, frames of others under its own name, frames of other groups, other people's proofs.
//!
//! Boxes are sealed as they should be, so that what is false is found where it is looked at, and not at the first seal.

use super::{Around, Deed, one_of, read, tampered};
use halloo_crdt::content::SignedContent;
use halloo_crdt::log::{OpContext, OpKind, SignedOp};
use halloo_crypto::id::BoxPublic;
use halloo_crypto::id::{DeviceId, GroupId, Signature};
use halloo_crypto::identity::{DeviceSecret, Domain};
use halloo_crypto::sealed;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Event, Output};
use halloo_engine::snapshot::Table;
use halloo_engine::wire::direct::{DirectFrame, ProofFrame, ROUTE_BYTES, route_tag};
use halloo_engine::wire::parcel::{Parcel, ParcelKind};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::collections::{BTreeMap, VecDeque};

/// Frames and items of each kind that are remembered.
const REMEMBERED_MAX: usize = 64;
/// Kinds of forgery, which come in turn.
const KINDS: u64 = 10;
/// Every which round it claims a right: such operations are well signed, so they stay in the log for ever, as void.
const CLAIM_ROUNDS: u64 = 8;
/// What boxes are sealed for, and the bytes before an item in them: as `docs/spec/wire.md` has it.
const BOX_INFO: &[u8] = b"halloo v1 boxed parcel";
/// Version byte before the signature of a content.
const CONTENT_VERSION: u8 = 1;

/// What it has seen.
pub(super) struct Forger {
    device: DeviceSecret,
    turn: u64,
    operations: VecDeque<SignedOp>,
    contents: VecDeque<Vec<u8>>,
    commits: VecDeque<Vec<u8>>,
    /// Devices behind transports, and their box keys.
    devices: BTreeMap<PeerKey, DeviceId>,
    boxes: BTreeMap<DeviceId, BoxPublic>,
    direct: VecDeque<(PeerKey, Vec<u8>)>,
    gossip: VecDeque<([u8; 32], Vec<u8>)>,
}

type Forgery = Option<(&'static str, Deed)>;

impl Forger {
    pub(super) fn new(device: DeviceSecret) -> Self {
        Forger {
            device,
            turn: 0,
            operations: VecDeque::new(),
            contents: VecDeque::new(),
            commits: VecDeque::new(),
            devices: BTreeMap::new(),
            boxes: BTreeMap::new(),
            direct: VecDeque::new(),
            gossip: VecDeque::new(),
        }
    }

    /// Takes in a record of its own disk.
    pub(super) fn learn(&mut self, key: &[u8], value: &[u8]) {
        match key.first() {
            Some(table) if *table == Table::Content as u8 => keep(&mut self.contents, value.to_vec()),
            Some(table) if *table == Table::Operation as u8 => {
                let Ok(op) = SignedOp::from_bytes(value) else { return };
                for grant in op.grants() {
                    self.boxes.insert(grant.certificate.device, grant.certificate.box_key);
                }
                keep(&mut self.operations, op);
            }
            _ => {}
        }
    }

    /// Keeps what its own engine does.
    pub(super) fn remember(&mut self, output: &Output) {
        match output {
            Output::Write(batch) => batch.puts.iter().for_each(|(key, value)| self.learn(key, value)),
            Output::Event(Event::PeerProven { peer, device, .. }) => {
                self.devices.insert(*peer, *device);
            }
            _ => {}
        }
    }

    /// Keeps what others send.
    pub(super) fn overhear(&mut self, from: PeerKey, lane: &Lane, bytes: &[u8]) {
        match lane {
            Lane::Gossip(topic) => keep(&mut self.gossip, (*topic, bytes.to_vec())),
            Lane::Direct => {
                if let Some(DirectFrame::Parcel(Parcel { kind: ParcelKind::Commits, items })) = read(bytes) {
                    items.into_iter().for_each(|commit| keep(&mut self.commits, commit));
                }
                keep(&mut self.direct, (from, bytes.to_vec()));
            }
            Lane::Pair => {}
        }
    }

    /// The next forgery.
    pub(super) fn next(
        &mut self,
        rng: &mut ChaCha20Rng,
        around: &Around<'_>,
        group: &GroupId,
        own: PeerKey,
    ) -> Forgery {
        self.turn += 1;
        let to = *one_of(rng, &around.peers)?;
        let parcel = |kind, item| {
            Deed::Direct(to, DirectFrame::Parcel(Parcel::new(kind, vec![item])).to_bytes(around.route))
        };
        match self.turn % KINDS {
            0 => {
                let op = one_of(rng, self.operations.make_contiguous())?.to_bytes();
                let changed = tampered(rng, &op, 0)?;
                Some(("adversary forged operations", parcel(ParcelKind::Operations, changed)))
            }
            1 if (self.turn / KINDS).is_multiple_of(CLAIM_ROUNDS) => {
                let op = self.claim(rng, group)?.to_bytes();
                Some(("adversary claimed rights", parcel(ParcelKind::Operations, op)))
            }
            1 | 2 => {
                let content = one_of(rng, self.contents.make_contiguous())?.clone();
                let changed = tampered(rng, &content, 1)?;
                let sealed = self.boxed(rng, group, to, changed)?;
                Some(("adversary forged contents", parcel(ParcelKind::BoxedContents, sealed)))
            }
            3 => {
                let content = self.in_anothers_name(rng)?;
                let sealed = self.boxed(rng, group, to, content)?;
                Some(("adversary forged names", parcel(ParcelKind::BoxedContents, sealed)))
            }
            4 => {
                let (_, bytes) =
                    one_of(rng, self.direct.make_contiguous()).filter(|(from, _)| *from != to)?.clone();
                Some(("adversary replayed frames", Deed::Direct(to, bytes)))
            }
            5 => {
                let (topic, bytes) = one_of(rng, self.gossip.make_contiguous())?.clone();
                Some(("adversary forged gossip", Deed::Gossip(topic, tampered(rng, &bytes, 1)?)))
            }
            6 => {
                let topics: Vec<[u8; 32]> = around.topics.iter().copied().collect();
                let (topic, bytes) = one_of(rng, self.gossip.make_contiguous())?.clone();
                let other = *one_of(rng, &topics).filter(|other| **other != topic)?;
                Some(("adversary replayed gossip", Deed::Gossip(other, bytes)))
            }
            7 => Some(("adversary named other groups", Deed::Direct(to, self.of_another_group(rng)?))),
            8 => {
                let commit = one_of(rng, self.commits.make_contiguous())?.clone();
                let changed = tampered(rng, &commit, ROUTE_BYTES)?;
                Some(("adversary forged commits", parcel(ParcelKind::Commits, changed)))
            }
            _ => {
                let proof = self.stolen_proof(rng, own)?;
                Some(("adversary stole proofs", Deed::Direct(to, proof.to_bytes(around.route))))
            }
        }
    }

    /// A well signed act against somebody, which a plain member has no right to.
    fn claim(&mut self, rng: &mut ChaCha20Rng, group: &GroupId) -> Option<SignedOp> {
        let newest = self.operations.iter().max_by_key(|op| (op.seq(), op.id()))?;
        let whom: Vec<_> = self.operations.iter().filter_map(SignedOp::subject).collect();
        let context = OpContext {
            group: *group,
            parents: vec![newest.id()],
            seq: newest.seq() + 1,
            at_ms: newest.at_ms() + 1,
        };
        let kind = OpKind::Remove { account: *one_of(rng, &whom)? };
        Some(SignedOp::sign(context, kind, &self.device))
    }

    /// A content that names somebody else as its author; the signature is its own.
    fn in_anothers_name(&mut self, rng: &mut ChaCha20Rng) -> Option<Vec<u8>> {
        let known = one_of(rng, self.contents.make_contiguous())?;
        let mut content = SignedContent::parse(known).ok()?.content().clone();
        let others: Vec<DeviceId> = self.boxes.keys().copied().filter(|id| *id != self.device.id()).collect();
        content.author = *one_of(rng, &others)?;
        rng.fill_bytes(&mut content.salt);
        let signature = self.device.sign(Domain::Content, content.id().as_bytes());
        Some([&[CONTENT_VERSION], signature.as_bytes().as_slice(), &content.to_bytes()].concat())
    }

    /// ```text
    ///  0         2       6
    ///  | count 1 | n u32 | item, n |       plaintext of a box with one item
    /// ```
    fn boxed(&self, rng: &mut ChaCha20Rng, group: &GroupId, to: PeerKey, item: Vec<u8>) -> Option<Vec<u8>> {
        let device = self.devices.get(&to)?;
        let key = self.boxes.get(device)?;
        let kind = [ParcelKind::BoxedContents as u8];
        let own = self.device.id();
        let aad = [group.as_bytes().as_slice(), &kind, own.as_bytes(), device.as_bytes()].concat();
        let length = u32::try_from(item.len()).ok()?.to_be_bytes();
        let plain = [[0, 1].as_slice(), &length, &item].concat();
        sealed::seal_to(rng, key, BOX_INFO, &aad, &plain).ok()
    }

    /// A frame that it heard, for a group that nobody here is in.
    fn of_another_group(&mut self, rng: &mut ChaCha20Rng) -> Option<Vec<u8>> {
        let (_, frame) = one_of(rng, self.direct.make_contiguous())?;
        let mut group = [0; 32];
        rng.fill_bytes(&mut group);
        Some([route_tag(&GroupId(group)).as_slice(), frame.get(ROUTE_BYTES..)?].concat())
    }

    /// Somebody else's proof, or one in somebody else's name.
    fn stolen_proof(&mut self, rng: &mut ChaCha20Rng, own: PeerKey) -> Option<DirectFrame> {
        let heard = self.direct.iter().rev().find_map(|(_, bytes)| match read(bytes) {
            Some(DirectFrame::Proof(proof)) => Some(proof),
            _ => None,
        });
        let others: Vec<DeviceId> = self.boxes.keys().copied().filter(|id| *id != self.device.id()).collect();
        let device = *one_of(rng, &others)?;
        let mut nonce = own.0;
        rng.fill_bytes(&mut nonce);
        let signature: Signature = self.device.sign(Domain::MembershipProof, &nonce);
        Some(DirectFrame::Proof(heard.unwrap_or(ProofFrame { device, nonce, signature })))
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED_MAX {
        list.pop_front();
    }
    list.push_back(item);
}
