//! One epoch of one branch: its keys, its place in the order of rivals, its bytes in the store.

use core::cell::OnceCell;
use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::data::DataKeys;
use halloo_crypto::group::{CommitId, EpochTag, Export, GroupError, GroupSession};
use halloo_crypto::id::{DeviceId, EpochId, OpId};
use halloo_crypto::secret::Secret;

use super::resting::Resting;
use crate::wire::WireError;
use crate::wire::bytes::{Reader, put_blob};

/// One epoch of one branch.
#[derive(Clone, Debug)]
pub struct Node {
    /// The MLS state. Commits are prepared on clones. Of all epochs but the current one it is at rest.
    pub session: Resting,
    /// Data keys of the epoch.
    pub keys: DataKeys,
    /// What calls are keyed by, once it was asked for.
    pub(super) call: OnceCell<Secret<[u8; 32]>>,
    /// The epoch before; `None` at a root.
    pub parent: Option<EpochId>,
    /// Operations in the closure of the heads that the commit realises.
    pub weight: u64,
    /// Whether this device has committed from here: it does so once.
    pub spent: bool,
    /// Whether this device made the commit that began it.
    pub own: bool,
    /// Whether its leaves are the roster of the log at its heads, by all acknowledgements known by now. One that came is fit;
    /// acknowledgements that come later may change that.
    pub fit: bool,
    /// Who made the commit that began it, if that was seen.
    pub committer: Option<DeviceId>,
    /// Its rivals over which it is anchored.
    pub(super) anchored_over: BTreeSet<EpochId>,
    /// When it came, Unix milliseconds of our clock.
    pub seen_ms: u64,
    pub(super) commit_id: CommitId,
    pub(super) tag: EpochTag,
    pub(super) depth: u64,
    /// Who has a leaf, and its MLS signature key: asked far more often than a session at rest should be woken.
    pub leaves: Leaves,
    /// The log heads that it realises.
    pub heads: Vec<OpId>,
}

/// The leaves of an epoch: device, and the leaf's MLS signature key.
pub type Leaves = BTreeMap<DeviceId, [u8; 32]>;

/// The leaves of a session.
pub fn leaves_of(session: &GroupSession) -> Leaves {
    session.roster().into_iter().map(|(device, leaf)| (device, leaf.leaf_key)).collect()
}

impl Node {
    /// An epoch that was just entered.
    ///
    /// # Errors
    /// None that a caller can cause: a session that has lost its data secret.
    pub fn new(
        session: GroupSession,
        parent: Option<EpochId>,
        weight: u64,
        seen_ms: u64,
    ) -> Result<Self, GroupError> {
        let keys = DataKeys::new(session.export_secret(Export::Data)?, session.epoch_id());
        let (commit_id, tag, depth) = (session.commit_id(), session.tag(), session.depth());
        let (leaves, heads) = (leaves_of(&session), session.heads());
        Ok(Node {
            session: Resting::new(session),
            keys,
            call: OnceCell::new(),
            parent,
            weight,
            spent: false,
            own: false,
            fit: true,
            committer: None,
            anchored_over: BTreeSet::new(),
            seen_ms,
            commit_id,
            tag,
            depth,
            leaves,
            heads,
        })
    }

    /// What calls are keyed by. Kept, because the epoch before the current one is asked for it with every change of the log, and its
    /// session would have to be woken each time.
    pub fn call_secret(&self) -> Option<Secret<[u8; 32]>> {
        if let Some(secret) = self.call.get() {
            return Some(secret.clone());
        }
        let secret = self.session.export_secret(Export::Call).ok()?;
        Some(self.call.get_or_init(|| secret).clone())
    }

    /// Which epoch.
    pub fn id(&self) -> EpochId {
        self.keys.epoch()
    }

    /// Its name to others. The session knows it too, but would have to be woken.
    pub fn tag(&self) -> EpochTag {
        self.tag
    }

    /// The place in the order of rivals: smaller wins, and what is not fit comes last.
    pub(super) fn rank(&self) -> (bool, Reverse<u64>, CommitId) {
        (!self.fit, Reverse(self.weight), self.commit_id)
    }

    /// For the store.
    ///
    /// ```text
    ///  0         1       2           34       42        50
    ///  | version | flags | parent 32 | weight | seen ms | committer 32, if flag 8 | session: len u32, bytes |
    ///  flags: 1 has parent, 2 spent, 4 own, 8 has committer
    /// ```
    ///
    /// # Errors
    /// None that a caller can cause; MLS errors are passed on.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GroupError> {
        let session = self.session.to_bytes()?;
        let known = u8::from(self.parent.is_some()) | u8::from(self.committer.is_some()) << 3;
        let flags = known | u8::from(self.spent) << 1 | u8::from(self.own) << 2;
        let mut out = vec![crate::wire::VERSION, flags];
        out.extend_from_slice(self.parent.unwrap_or(EpochId::from_bytes([0; 32])).as_bytes());
        out.extend_from_slice(&self.weight.to_be_bytes());
        out.extend_from_slice(&self.seen_ms.to_be_bytes());
        self.committer.iter().for_each(|device| out.extend_from_slice(device.as_bytes()));
        put_blob(&mut out, session.expose());
        Ok(out)
    }

    /// Reads what [`Self::to_bytes`] wrote, from a store that authenticates it.
    ///
    /// # Errors
    /// [`WireError`] for bytes that it did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version(crate::wire::VERSION)?;
        let flags = reader.u8()?;
        let parent = EpochId::from_bytes(reader.array()?);
        let (weight, seen_ms) = (reader.u64()?, reader.u64()?);
        let committer = (flags & 8 != 0).then(|| reader.array().map(DeviceId::from_bytes)).transpose()?;
        let session =
            GroupSession::from_bytes(reader.blob(usize::MAX)?).map_err(|_| WireError::NotCanonical)?;
        reader.finish()?;
        let parent = (flags & 1 != 0).then_some(parent);
        let node = Node::new(session, parent, weight, seen_ms).map_err(|_| WireError::NotCanonical)?;
        Ok(Node { spent: flags & 2 != 0, own: flags & 4 != 0, committer, ..node })
    }
}
