//! The direct frame: from one member to another over their own connection, or the handshake that makes them so.
//!
//! ```text
//!  0           8         9      10           n
//!  +-----------+---------+------+------------+
//!  | route tag | version | kind | body       |
//!  +-----------+---------+------+------------+
//!
//!  before the proof
//!  kind 32 hello       | nonce, 32 |
//!  kind 33 proof       | device, 32 | nonce of the verifier, 32 | signature, 64 |
//!  kind 34 unknown     | count u16 | head of the log, 32 | ...     "your signature is good, my log does not know you"
//!  kind 35 introduce   | blobs: signed operations |              the answer to a proven peer's `unknown`
//!  kind 36 farewell    | blobs: signed operations | blobs: signed rows of the board |
//!                                                                "my log removed you, here is the Remove, its past, who saw it"
//!
//!  after the proof
//!  kind 1..10          a parcel, its kind byte included
//!  kind 40 sync        | realm u8 | step u8 | session u32 | step 1, 2: message of the reconciliation
//!                                                         | step 3: keyed id, 32 | ...          "send me these"
//!  kind 41 epochs      | weight u64 | commit id, 32 | count u16 | epoch tag, 8 | ...
//!                                      rank of my current epoch, then the epochs that I can open, newest first
//!  kind 42 signal      | HPKE seal to the receiver's box key |   signalling of the media endpoint
//!  kind 43 call        | HPKE seal to the receiver's box key |   keys of the call
//!  kind 44 welcome     | HPKE seal to the receiver's box key |   MLS Welcome, for a member whose branch was lost
//!  kind 45 stranded    (nothing)                             "none of your epochs leads to mine, and mine outranks yours"
//!  kind 46 rejoin      | MLS KeyPackage |                    "add me again by this"
//!  kind 47 heads       | count u16 | head of the log, 32 | ... | count u16 | newest content, 32 | ...
//!                                      "something was handed to me that you may lack; if you do, compare with me"
//! ```
//!
//! The route tag tells a driver with several engines whose frame it is: the first eight bytes of a hash of the group id. A
//! stranger who learned the group id can make it; it opens nothing.

use halloo_crypto::id::{DeviceId, GroupId, MessageId, OpId, Signature};
use halloo_crypto::kdf;

use super::bytes::{Reader, put_blobs};
use super::parcel::{Parcel, ParcelKind};
use super::{MAX_DIRECT_BYTES, MAX_ITEMS, VERSION, WireError};

/// Length of the route tag.
pub const ROUTE_BYTES: usize = 8;
/// Bytes before the body.
const HEAD_BYTES: usize = ROUTE_BYTES + 2;
/// Most heads in an `unknown` or in each list of a `heads`, and most tags in an `epochs`; a log rarely has more than 8 heads, an epoch tree 64 nodes.
pub const MAX_NAMES: usize = 128;
/// Longest operation in an `introduce` or `farewell`; the log's own limit is lower.
const MAX_OPERATION_BYTES: usize = 64 * 1024;
/// Longest key package in a `rejoin`; MLS checks for less.
const MAX_PACKAGE_BYTES: usize = 4 * 1024;
/// Length of an epoch tag.
pub const TAG_BYTES: usize = 8;

/// The first bytes of every direct frame of a group.
pub fn route_tag(group: &GroupId) -> [u8; ROUTE_BYTES] {
    let hash = kdf::hash("direct route", &[group.as_bytes()]);
    *hash.first_chunk().expect("a hash has 32 bytes")
}

/// Reads the route tag of a frame; `None` when the bytes are too short.
pub fn peek_route(bytes: &[u8]) -> Option<[u8; ROUTE_BYTES]> {
    bytes.first_chunk().copied()
}

/// Which set a reconciliation is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Realm {
    /// Operations of the log.
    Operations = 1,
    /// Rows of the acknowledgement board.
    Acknowledgements = 2,
    /// Contents.
    Contents = 3,
}

impl Realm {
    /// All realms, in the order in which they are reconciled: who is a member must be known before who wrote what.
    pub const ALL: [Realm; 3] = [Realm::Operations, Realm::Acknowledgements, Realm::Contents];

    /// The realm of a wire byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|realm| *realm as u8 == byte)
    }
}

/// Which side of a reconciliation speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Step {
    /// From the side that began.
    Ask = 1,
    /// From the side that answers.
    Answer = 2,
    /// From the side that began: what it lacks, by the session's names.
    Want = 3,
}

/// One message of a reconciliation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncFrame {
    /// Which set.
    pub realm: Realm,
    /// Who speaks.
    pub step: Step,
    /// Chosen by the side that began; frames of older sessions are dropped.
    pub session: u32,
    /// For `halloo_crdt::sync`.
    pub message: Vec<u8>,
}

/// A direct frame whose shape is known, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DirectFrame {
    /// Kind 32: a fresh nonce for the peer's proof.
    Hello {
        /// To be signed by the peer.
        nonce: [u8; 32],
    },
    /// Kind 33: who the peer is.
    Proof(ProofFrame),
    /// Kind 34: the peer is who it says, and not in the sender's log.
    Unknown {
        /// Heads of the sender's log.
        heads: Vec<OpId>,
    },
    /// Kind 35: operations that make the sender a member.
    Introduce(Vec<Vec<u8>>),
    /// Kind 36: what unmade the receiver a member.
    Farewell {
        /// The removals and their past.
        operations: Vec<Vec<u8>>,
        /// Who acknowledged them.
        acknowledgements: Vec<Vec<u8>>,
    },
    /// Kinds 1 to 8.
    Parcel(Parcel),
    /// Kind 40.
    Sync(SyncFrame),
    /// Kind 41: where the sender stands.
    Epochs(EpochsFrame),
    /// Kind 42: sealed signalling.
    Signal(Vec<u8>),
    /// Kind 43: sealed call keys.
    Call(Vec<u8>),
    /// Kind 44: a sealed welcome to the branch that won.
    Welcome(Vec<u8>),
    /// Kind 45: none of the receiver's epochs leads to the sender's, which outranks it.
    Stranded,
    /// Kind 46: a fresh key package of the sender, to be added again by.
    Rejoin(Vec<u8>),
    /// Kind 47: the newest of what the sender holds.
    Heads(HeadsFrame),
}

/// The newest of what a member holds. Whoever lacks any of it lacks something that the member has; who knows all of it may still lack some,
/// where there are more heads than are named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeadsFrame {
    /// Heads of its log, at most [`MAX_NAMES`].
    pub operations: Vec<OpId>,
    /// Contents that no other depends on, at most [`MAX_NAMES`].
    pub contents: Vec<MessageId>,
}

/// Where a member stands in the epoch tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EpochsFrame {
    /// Weight of its current epoch.
    pub weight: u64,
    /// Commit that began its current epoch.
    pub commit: [u8; 32],
    /// Tags of the epochs that it can open, newest first, at most [`MAX_NAMES`].
    pub tags: Vec<[u8; TAG_BYTES]>,
}

/// The fields of a proof; what is signed is drawn in [`super::proof`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProofFrame {
    /// Who claims.
    pub device: DeviceId,
    /// The verifier's nonce, so that a late proof of an earlier try is told from a forged one.
    pub nonce: [u8; 32],
    /// By the device, domain "membership proof".
    pub signature: Signature,
}

impl DirectFrame {
    fn kind(&self) -> u8 {
        match self {
            DirectFrame::Hello { .. } => 32,
            DirectFrame::Proof(_) => 33,
            DirectFrame::Unknown { .. } => 34,
            DirectFrame::Introduce(_) => 35,
            DirectFrame::Farewell { .. } => 36,
            DirectFrame::Parcel(parcel) => parcel.kind as u8,
            DirectFrame::Sync(_) => 40,
            DirectFrame::Epochs(_) => 41,
            DirectFrame::Stranded => 45,
            DirectFrame::Rejoin(_) => 46,
            DirectFrame::Heads(_) => 47,
            DirectFrame::Signal(_) => 42,
            DirectFrame::Call(_) => 43,
            DirectFrame::Welcome(_) => 44,
        }
    }

    /// Whether the frame may come from a peer that has not proven membership.
    pub fn precedes_proof(&self) -> bool {
        (32..=36).contains(&self.kind())
    }

    /// The bytes drawn above, for the engine of this route tag.
    pub fn to_bytes(&self, route: [u8; ROUTE_BYTES]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + 160);
        out.extend_from_slice(&route);
        out.push(VERSION);
        if let DirectFrame::Parcel(parcel) = self {
            out.extend_from_slice(&parcel.to_bytes());
            return out;
        }
        out.push(self.kind());
        match self {
            DirectFrame::Hello { nonce } => out.extend_from_slice(nonce),
            DirectFrame::Proof(proof) => {
                out.extend_from_slice(proof.device.as_bytes());
                out.extend_from_slice(&proof.nonce);
                out.extend_from_slice(proof.signature.as_bytes());
            }
            DirectFrame::Unknown { heads } => {
                put_names(&mut out, heads.iter().map(|h| h.as_bytes().as_slice()))
            }
            DirectFrame::Introduce(operations) => put_blobs(&mut out, operations),
            DirectFrame::Farewell { operations, acknowledgements } => {
                put_blobs(&mut out, operations);
                put_blobs(&mut out, acknowledgements);
            }
            DirectFrame::Parcel(_) => unreachable!("returned above"),
            DirectFrame::Sync(sync) => {
                out.push(sync.realm as u8);
                out.push(sync.step as u8);
                out.extend_from_slice(&sync.session.to_be_bytes());
                out.extend_from_slice(&sync.message);
            }
            DirectFrame::Epochs(EpochsFrame { weight, commit, tags }) => {
                out.extend_from_slice(&weight.to_be_bytes());
                out.extend_from_slice(commit);
                put_names(&mut out, tags.iter().map(|t| t.as_slice()));
            }
            DirectFrame::Heads(HeadsFrame { operations, contents }) => {
                put_names(&mut out, operations.iter().map(|id| id.as_bytes().as_slice()));
                put_names(&mut out, contents.iter().map(|id| id.as_bytes().as_slice()));
            }
            DirectFrame::Stranded => {}
            DirectFrame::Signal(seal)
            | DirectFrame::Call(seal)
            | DirectFrame::Welcome(seal)
            | DirectFrame::Rejoin(seal) => out.extend_from_slice(seal),
        }
        out
    }

    /// Reads a frame for the engine of this route tag.
    ///
    /// # Errors
    /// The peer's; [`WireError::UnknownKey`] for the route tag of another engine.
    pub fn parse(bytes: &[u8], route: [u8; ROUTE_BYTES]) -> Result<Self, WireError> {
        if bytes.len() > MAX_DIRECT_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        if reader.array::<ROUTE_BYTES>()? != route {
            return Err(WireError::UnknownKey);
        }
        reader.version(VERSION)?;
        let kind = reader.u8()?;
        if ParcelKind::from_byte(kind).is_some() {
            return Parcel::parse(&bytes[HEAD_BYTES - 1..]).map(DirectFrame::Parcel);
        }
        let frame = Self::parse_body(kind, &mut reader)?;
        reader.finish()?;
        Ok(frame)
    }

    fn parse_body(kind: u8, reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match kind {
            32 => DirectFrame::Hello { nonce: reader.array()? },
            33 => DirectFrame::Proof(ProofFrame {
                device: DeviceId::from_bytes(reader.array()?),
                nonce: reader.array()?,
                signature: Signature::from_bytes(reader.array()?),
            }),
            34 => DirectFrame::Unknown { heads: names(reader)?.into_iter().map(OpId::from_bytes).collect() },
            35 => DirectFrame::Introduce(reader.blobs(MAX_ITEMS, MAX_OPERATION_BYTES)?),
            36 => DirectFrame::Farewell {
                operations: reader.blobs(MAX_ITEMS, MAX_OPERATION_BYTES)?,
                acknowledgements: reader.blobs(MAX_ITEMS, MAX_OPERATION_BYTES)?,
            },
            40 => {
                let realm = reader.u8()?;
                let realm = Realm::from_byte(realm).ok_or(WireError::Kind(realm))?;
                let step = match reader.u8()? {
                    1 => Step::Ask,
                    2 => Step::Answer,
                    3 => Step::Want,
                    other => return Err(WireError::Kind(other)),
                };
                DirectFrame::Sync(SyncFrame {
                    realm,
                    step,
                    session: reader.u32()?,
                    message: reader.rest().to_vec(),
                })
            }
            41 => DirectFrame::Epochs(EpochsFrame {
                weight: reader.u64()?,
                commit: reader.array()?,
                tags: names(reader)?,
            }),
            42 => DirectFrame::Signal(sealed(reader)?),
            43 => DirectFrame::Call(sealed(reader)?),
            44 => DirectFrame::Welcome(reader.rest().to_vec()),
            45 => DirectFrame::Stranded,
            46 => match reader.rest() {
                package if package.len() <= MAX_PACKAGE_BYTES => DirectFrame::Rejoin(package.to_vec()),
                _ => return Err(WireError::TooLong),
            },
            47 => DirectFrame::Heads(HeadsFrame {
                operations: names(reader)?.into_iter().map(OpId::from_bytes).collect(),
                contents: names(reader)?.into_iter().map(MessageId::from_bytes).collect(),
            }),
            other => return Err(WireError::Kind(other)),
        })
    }
}

fn sealed(reader: &mut Reader<'_>) -> Result<Vec<u8>, WireError> {
    let seal = reader.rest();
    if seal.len() > super::MAX_SIGNAL_BYTES + halloo_crypto::sealed::SEALED_OVERHEAD_BYTES {
        return Err(WireError::TooLong);
    }
    Ok(seal.to_vec())
}

fn put_names<'a>(out: &mut Vec<u8>, names: impl ExactSizeIterator<Item = &'a [u8]>) {
    let count = names.len();
    assert!(count <= MAX_NAMES, "our own lists of names are cut to their limit");
    out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    names.for_each(|name| out.extend_from_slice(name));
}

fn names<const N: usize>(reader: &mut Reader<'_>) -> Result<Vec<[u8; N]>, WireError> {
    let count = usize::from(reader.u16()?);
    if count > MAX_NAMES {
        return Err(WireError::TooLong);
    }
    (0..count).map(|_| reader.array::<N>()).collect()
}

#[cfg(test)]
mod tests;
