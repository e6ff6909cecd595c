//! The frames by which a device that came out of a backup is let in again, on the same lane as pairing.
//!
//! ```text
//!  request   0         1      2      3         19                    reply   0         1      2
//!            | version | kind | 0x10 | tag 16  | body                        | version | kind | body
//!
//!  0x11 find    | nth u16 BE | proof 64 |                                    0x91 found | state u8 | group 32 | height u64 BE |
//!                                                                                       | heads: n u16, n x 32 | group's name | own name |
//!  0x12 return  | group 32 | certificate 233 | operation | key package |     0x84 wait, 0x85 chunk, as in `frames`
//!  0x13 fetch   | group 32 | offset u32 BE |                                 0xff refused, as in `frames`
//!
//!  a name, an operation, a key package: len u32 BE, bytes
//!  tag   = hash("readmission tag", account 32 ++ asker's transport key 32 ++ answerer's transport key 32), its first 16 bytes
//!  proof = the account key's signature, domain "readmission", over | version | asker's transport key | answerer's |
//!  state : 1 the account is a member, 2 it was one
//! ```
//!
//! To a stranger the tag and the proof are noise: who knows the account tells it by the tag, and by the proof that the asker holds its
//! key. Both name the two transports, which the lane has proven, so a copy of them is worth nothing on another connection. `nth` counts the groups
//! of the answerer in which the account is or was.

use halloo_crypto::id::{AccountId, GroupId, OpId, Signature};
use halloo_crypto::identity::{self, AccountSecret, DeviceCertificate, Domain};
use halloo_crypto::kdf;

use super::frames::{RefusedWhy, Reply, VERSION};
use crate::lane::PeerKey;
use crate::output::MAX_NAME_BYTES;
use crate::wire::WireError;
use crate::wire::bytes::{Reader, put_blob};

/// Stands where a pairing has its door.
const DOOR: u8 = 0x10;
const FIND: u8 = 0x11;
const RETURN: u8 = 0x12;
const FETCH: u8 = 0x13;
const FOUND: u8 = 0x91;
/// Heads that are named: as many as an operation has parents.
pub(crate) const HEADS_MAX: usize = 64;
/// Longest operation in a request: one grant and 64 parents fit.
const OPERATION_MAX: usize = 6 * 1024;
/// Longest key package in a request.
const PACKAGE_MAX: usize = 1024;
/// Longest request: the lane takes no more from strangers.
const REQUEST_MAX_BYTES: usize = 8 * 1024;

/// What only who knows the account recognises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag(pub [u8; 16]);

impl Tag {
    /// Of an account, between these two.
    pub fn of(account: &AccountId, asker: &PeerKey, answerer: &PeerKey) -> Self {
        let hash = kdf::hash("readmission tag", &[account.as_bytes(), &asker.0, &answerer.0]);
        Tag(*hash.first_chunk().expect("32 bytes hold 16"))
    }
}

fn proven(asker: &PeerKey, answerer: &PeerKey) -> Vec<u8> {
    [&[VERSION], asker.0.as_slice(), &answerer.0].concat()
}

/// The account key's word for this connection.
pub(crate) fn prove(account: &AccountSecret, asker: &PeerKey, answerer: &PeerKey) -> Signature {
    account.sign(Domain::Readmission, &proven(asker, answerer))
}

/// Whether the asker on this connection holds the account key.
pub(crate) fn is_proven(account: &AccountId, asker: &PeerKey, answerer: &PeerKey, proof: &Signature) -> bool {
    identity::verify_account(account, Domain::Readmission, &proven(asker, answerer), proof).is_ok()
}

/// Which engine of a process a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knock {
    /// The so-manieth of those that know the account.
    Nth(Tag, u16),
    /// The one of this group, if it knows the account.
    Group(Tag, GroupId),
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// In which group of yours am I?
    Find {
        /// The account key's word.
        proof: Signature,
    },
    /// Let me in.
    Return {
        /// The device that asks, certified by the account.
        certificate: Box<DeviceCertificate>,
        /// Its DeviceAdd, signed by itself.
        operation: Vec<u8>,
        /// What it can be welcomed by.
        key_package: Vec<u8>,
    },
    /// The bundle from this offset on.
    Fetch(u32),
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    pub(crate) knock: Knock,
    pub(crate) ask: Ask,
}

/// A group that the answerer shares with the account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// Whether the account is a member now.
    pub(crate) member: bool,
    pub(crate) group: GroupId,
    /// One more than the highest of the heads.
    pub(crate) height: u64,
    pub(crate) heads: Vec<OpId>,
    pub(crate) group_name: String,
    /// How the account is called there.
    pub(crate) own_name: String,
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// There is such a group.
    Found(Box<Found>),
    /// As in a pairing.
    Paired(Reply),
}

/// Whom a request is for, for routing among the engines of a process; `None` for anything else.
pub fn peek_knock(bytes: &[u8]) -> Option<Knock> {
    Request::parse(bytes).ok().map(|request| request.knock)
}

/// Whether these bytes are of this family at all, whatever their version.
pub(crate) fn is_readmission(bytes: &[u8]) -> bool {
    bytes.get(2) == Some(&DOOR)
}

impl Request {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.ask {
            Ask::Find { .. } => FIND,
            Ask::Return { .. } => RETURN,
            Ask::Fetch(_) => FETCH,
        };
        let mut out = vec![VERSION, kind, DOOR];
        match &self.knock {
            Knock::Nth(tag, nth) => {
                out.extend_from_slice(&tag.0);
                out.extend_from_slice(&nth.to_be_bytes());
            }
            Knock::Group(tag, group) => {
                out.extend_from_slice(&tag.0);
                out.extend_from_slice(group.as_bytes());
            }
        }
        match &self.ask {
            Ask::Find { proof } => out.extend_from_slice(proof.as_bytes()),
            Ask::Return { certificate, operation, key_package } => {
                out.extend_from_slice(&certificate.to_bytes());
                put_blob(&mut out, operation);
                put_blob(&mut out, key_package);
            }
            Ask::Fetch(offset) => out.extend_from_slice(&offset.to_be_bytes()),
        }
        assert!(out.len() <= REQUEST_MAX_BYTES, "a request fits the lane");
        out
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > REQUEST_MAX_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let kind = reader.u8()?;
        if reader.u8()? != DOOR {
            return Err(WireError::Kind(kind));
        }
        let tag = Tag(reader.array()?);
        let (knock, ask) = if kind == FIND {
            let nth = reader.u16()?;
            (Knock::Nth(tag, nth), Ask::Find { proof: Signature::from_bytes(reader.array()?) })
        } else {
            let knock = Knock::Group(tag, GroupId::from_bytes(reader.array()?));
            let ask = match kind {
                RETURN => {
                    let certificate = DeviceCertificate::from_bytes(reader.take(DeviceCertificate::LEN)?)
                        .map_err(|_| WireError::NotCanonical)?;
                    let operation = reader.blob(OPERATION_MAX)?.to_vec();
                    let key_package = reader.blob(PACKAGE_MAX)?.to_vec();
                    Ask::Return { certificate: Box::new(certificate), operation, key_package }
                }
                FETCH => Ask::Fetch(reader.u32()?),
                kind => return Err(WireError::Kind(kind)),
            };
            (knock, ask)
        };
        reader.finish()?;
        Ok(Request { knock, ask })
    }
}

impl Answer {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let found = match self {
            Answer::Paired(reply) => return reply.to_bytes(),
            Answer::Found(found) => found,
        };
        assert!(found.heads.len() <= HEADS_MAX, "cut to the limit by who names them");
        let mut out = vec![VERSION, FOUND, if found.member { 1 } else { 2 }];
        out.extend_from_slice(found.group.as_bytes());
        out.extend_from_slice(&found.height.to_be_bytes());
        let heads = u16::try_from(found.heads.len()).expect("at most 64");
        out.extend_from_slice(&heads.to_be_bytes());
        found.heads.iter().for_each(|head| out.extend_from_slice(head.as_bytes()));
        put_blob(&mut out, found.group_name.as_bytes());
        put_blob(&mut out, found.own_name.as_bytes());
        out
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.get(1) != Some(&FOUND) || bytes.first() != Some(&VERSION) {
            return Reply::parse(bytes).map(Answer::Paired);
        }
        let mut reader = Reader::new(&bytes[2..]);
        let member = match reader.u8()? {
            1 => true,
            2 => false,
            state => return Err(WireError::Kind(state)),
        };
        let group = GroupId::from_bytes(reader.array()?);
        let height = reader.u64()?;
        let count = usize::from(reader.u16()?);
        if count > HEADS_MAX {
            return Err(WireError::TooLong);
        }
        let mut heads = Vec::new();
        for _ in 0..count {
            heads.push(OpId::from_bytes(reader.array()?));
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| WireError::NotCanonical);
        let group_name = text(reader.blob(2 * MAX_NAME_BYTES)?)?;
        let own_name = text(reader.blob(2 * MAX_NAME_BYTES)?)?;
        reader.finish()?;
        if !heads.is_sorted_by(|a, b| a < b) {
            return Err(WireError::NotCanonical);
        }
        Ok(Answer::Found(Box::new(Found { member, group, height, heads, group_name, own_name })))
    }

    /// A refusal.
    pub(crate) fn refused(why: RefusedWhy) -> Self {
        Answer::Paired(Reply::Refused(why))
    }
}

#[cfg(test)]
mod tests;
