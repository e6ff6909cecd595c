//! Set reconciliation between two members: which messages do you have that I lack, and which do I have that you lack.
//!
//! Range-based set reconciliation by `negentropy` (A. Meyer, "Range-Based Set Reconciliation", 2023; protocol version 1). The
//! caller keeps one [`Session`] per peer and lane and carries frames; this machine neither sends nor waits.
//!
//! ```text
//!   initiator                                   responder
//!   initiate(key, items) -- frame -->           respond(key, items)
//!                        <-- frame --           handle -> reply
//!   handle -> reply      -- frame -->           ...until the initiator's step is `done`
//!   sends `have` contents, asks for `need` by keyed id     resolves keyed ids, sends those contents
//! ```
//!
//! Deviation from the protocol: ids are `kdf::hash("sync", key, MessageId)` under a key of this session, so that whoever sees
//! two sessions cannot tell which messages they share, and times are whole seconds.

use std::collections::BTreeSet;

use halloo_crypto::id::MessageId;
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use negentropy::{Id, Negentropy, NegentropyStorageVector};

/// Longest frame that is made, bytes; `negentropy` splits what is longer into more rounds.
pub const MAX_FRAME_BYTES: usize = 32 * 1024;
/// Longest frame that is read, bytes: `negentropy` of other builds may overshoot its limit by one range.
pub const MAX_FRAME_IN_BYTES: usize = 36 * 1024;
/// Most frames that one session reads. A million messages that differ entirely need about 1,000 frames of 32 KiB, in 32 sessions;
/// ordinary differences need two or three.
pub const MAX_ROUNDS: u32 = 64;
/// Most messages that one session looks at, oldest left out by the caller.
pub const MAX_ITEMS: usize = 1_000_000;
/// Most ids that one session reports in each direction; a further session finds the rest.
pub const MAX_FOUND: usize = 65_536;

const VERSION: u8 = 1;

/// A message id as this session names it; says nothing outside it.
pub type KeyedId = [u8; 32];

/// Why a session ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// Peer: not a frame of this protocol.
    #[error("a reconciliation frame is malformed")]
    Malformed,
    /// Peer: a version that this build does not read.
    #[error("reconciliation version {0} is newer than this halloo: update to use it")]
    Version(u8),
    /// Peer: more frames than [`MAX_ROUNDS`].
    #[error("reconciliation did not end within {MAX_ROUNDS} rounds")]
    TooManyRounds,
    /// Caller: more than [`MAX_ITEMS`].
    #[error("more than {MAX_ITEMS} messages in one session")]
    TooManyItems,
}

/// What one frame brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// To send to the peer.
    pub reply: Option<Vec<u8>>,
    /// Initiator only: nothing more will come; [`Session::have`] and [`Session::need`] are whole.
    pub done: bool,
}

/// One reconciliation with one peer.
pub struct Session {
    machine: Negentropy<'static, NegentropyStorageVector>,
    key: Secret<[u8; 32]>,
    /// In the order of their keyed ids, which are made again where they are needed: an answer is kept for a while, and there may be one for
    /// every neighbour.
    named: Vec<MessageId>,
    have: BTreeSet<MessageId>,
    need: BTreeSet<KeyedId>,
    rounds: u32,
    done: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("items", &self.named.len())
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Begins as the one who will learn the difference. `key` is a secret of both sides, fresh for this session (an exporter
    /// secret with both nonces); `items` are `(Unix milliseconds, id)` of what this peer is entitled to: `Messages::sync_items`,
    /// filtered. Returns the first frame.
    pub fn initiate(
        key: &[u8; 32],
        items: impl IntoIterator<Item = (u64, MessageId)>,
    ) -> Result<(Self, Vec<u8>), SyncError> {
        let mut session = Self::respond(key, items)?;
        let first = session.machine.initiate().map_err(|_| SyncError::Malformed)?;
        Ok((session, framed(&first)))
    }

    /// Begins as the one who answers.
    pub fn respond(
        key: &[u8; 32],
        items: impl IntoIterator<Item = (u64, MessageId)>,
    ) -> Result<Self, SyncError> {
        let items = items.into_iter();
        let (about, _) = items.size_hint();
        let mut names: Vec<(KeyedId, MessageId)> = Vec::with_capacity(about);
        let mut storage = NegentropyStorageVector::with_capacity(about);
        for (time_ms, id) in items {
            if names.len() == MAX_ITEMS {
                return Err(SyncError::TooManyItems);
            }
            let keyed = keyed(key, &id);
            names.push((keyed, id));
            // Never the protocol's own infinity, whatever the author's clock said.
            let inserted = storage.insert(time_ms / 1000, Id::from_byte_array(keyed));
            inserted.expect("a new storage takes items until it is sealed");
        }
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0].0 != w[1].0), "the caller names each message once");
        storage.seal().expect("a storage is sealed once");
        let machine = Negentropy::owned(storage, MAX_FRAME_BYTES as u64)
            .expect("the frame limit is above negentropy's least");
        let named = names.into_iter().map(|(_, id)| id).collect();
        let (have, need) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { machine, key: Secret::new(*key), named, have, need, rounds: 0, done: false })
    }

    /// Reads one frame of the peer. After an error the session is over; what was found so far stays readable.
    pub fn handle(&mut self, frame: &[u8]) -> Result<Step, SyncError> {
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(SyncError::TooManyRounds);
        }
        if frame.len() > MAX_FRAME_IN_BYTES {
            return Err(SyncError::Malformed);
        }
        let message = match frame.split_first() {
            Some((&VERSION, message)) => message,
            Some((&newer, _)) if newer > VERSION => return Err(SyncError::Version(newer)),
            _ => return Err(SyncError::Malformed),
        };
        if !self.machine.is_initiator() {
            let reply = self.machine.reconcile(message).map_err(|_| SyncError::Malformed)?;
            return Ok(Step { reply: Some(framed(&reply)), done: false });
        }
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = self
            .machine
            .reconcile_with_ids(message, &mut have, &mut need)
            .map_err(|_| SyncError::Malformed)?;
        let have = have.iter().filter_map(|id| self.resolve(id.as_bytes())).collect::<Vec<_>>();
        self.have.extend(have);
        self.need.extend(need.into_iter().map(Id::to_bytes));
        let full = self.have.len() > MAX_FOUND || self.need.len() > MAX_FOUND;
        while self.have.len() > MAX_FOUND {
            self.have.pop_last();
        }
        while self.need.len() > MAX_FOUND {
            self.need.pop_last();
        }
        assert!(self.have.len() <= MAX_FOUND && self.need.len() <= MAX_FOUND, "what is found is bounded");
        self.done = full || next.is_none();
        let reply = if full { None } else { next.map(|message| framed(&message)) };
        Ok(Step { reply, done: self.done })
    }

    /// What we have and the peer lacks, ascending: send it, best in `Messages::in_causal_order`.
    pub fn have(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.have.iter().copied()
    }

    /// What the peer has and we lack, ascending, by this session's names: ask the peer for it.
    pub fn need(&self) -> impl Iterator<Item = KeyedId> + '_ {
        self.need.iter().copied()
    }

    /// Which of our messages the peer means.
    pub fn resolve(&self, name: &KeyedId) -> Option<MessageId> {
        let at = self.named.binary_search_by(|id| keyed(self.key.expose(), id).cmp(name)).ok()?;
        self.named.get(at).copied()
    }

    /// Whether this message is one of those that this session began with.
    pub fn names(&self, id: &MessageId) -> bool {
        self.resolve(&keyed(self.key.expose(), id)).is_some()
    }

    /// Whether the initiator knows the whole difference.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Frames read so far.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }
}

fn keyed(key: &[u8; 32], id: &MessageId) -> KeyedId {
    kdf::hash("sync", &[key, id.as_bytes()])
}

/// ```text
///   0      1
///   +------+------------------------------------------------+
///   | 0x01 | negentropy message, protocol version 0x61 first |
///   +------+------------------------------------------------+
/// ```
fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + message.len());
    out.push(VERSION);
    out.extend_from_slice(message);
    out
}
