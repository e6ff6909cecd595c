//! The frames of `/halloo/pair/1`: what a stranger may ask and what a member answers.
//!
//! ```text
//!  request   0         1      2                                        reply   0         1      2
//!            | version | kind | door              | body                       | version | kind | body
//!
//!  door      | 1 | nameplate u16 BE |   or   | 2 | invite id 16 |
//!
//!  request   1 probe     |                                             reply   0x81 offered   | commitment 32 |
//!            2 pake      | commitment 32 | message 33 |                        0x82 answer    | message 33 |
//!            3 confirm   | confirmation 32 |                                   0x83 confirmed | confirmation 32 | sealed grant |
//!            4 request   | sealed join request |                               0x84 wait      |
//!            5 fetch     | offset u32 BE |                                     0x85 chunk     | total u32 | offset u32 | bytes |
//!                                                                              0xff refused   | why u8 | detail u8 |
//! ```
//!
//! `refused` keeps its shape in every version, so that a joiner of another version learns why.

use halloo_crypto::id::InviteId;
use halloo_crypto::invite::code::Nameplate;
use halloo_crypto::pake::{
    CONFIRMATION_BYTES, Commitment, Door, LINE_OVERHEAD_BYTES, LINE_PLAINTEXT_MAX_BYTES, PAIR_VERSION,
    PAKE_MESSAGE_BYTES,
};

use crate::wire::WireError;
use crate::wire::bytes::Reader;

/// First byte of every frame.
pub(crate) const VERSION: u8 = PAIR_VERSION as u8;
/// Longest request: the lane takes no more from strangers.
const REQUEST_MAX_BYTES: usize = 8 * 1024;
/// Longest reply that the lane carries.
const REPLY_MAX_BYTES: usize = 64 * 1024;
/// Bytes of the bundle in one reply.
pub const CHUNK_BYTES: usize = 60 * 1024;
/// Longest bundle with its seals.
pub(super) const TOTAL_MAX_BYTES: usize = LINE_PLAINTEXT_MAX_BYTES + LINE_OVERHEAD_BYTES;

/// Why a host refuses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RefusedWhy {
    /// No invite of this door is open here.
    NotMine,
    /// The words are wrong; so many tries are left.
    WrongWords {
        /// Tries left; 0 burns the code.
        left: u8,
    },
    /// Three wrong tries burned the code.
    Burned,
    /// The code or the invite ran out of time.
    Expired,
    /// Everybody whom the invite admits is in, or another joiner took the code.
    UsedUp,
    /// The inviter closed the invite.
    Closed,
    /// Too many joiners at once; ask again in a moment.
    Busy,
    /// The request makes no sense at this point: begin again.
    Broken,
    /// The group does not admit this account, or its request was not valid.
    NotAdmitted,
    /// The host speaks this version only.
    Version(u8),
}

impl RefusedWhy {
    fn encode(self) -> [u8; 2] {
        match self {
            Self::NotMine => [1, 0],
            Self::WrongWords { left } => [2, left],
            Self::Burned => [3, 0],
            Self::Expired => [4, 0],
            Self::UsedUp => [5, 0],
            Self::Closed => [6, 0],
            Self::Busy => [7, 0],
            Self::Broken => [8, 0],
            Self::NotAdmitted => [9, 0],
            Self::Version(version) => [10, version],
        }
    }

    fn decode(why: u8, detail: u8) -> Option<Self> {
        Some(match why {
            1 => Self::NotMine,
            2 => Self::WrongWords { left: detail },
            3 => Self::Burned,
            4 => Self::Expired,
            5 => Self::UsedUp,
            6 => Self::Closed,
            7 => Self::Busy,
            8 => Self::Broken,
            9 => Self::NotAdmitted,
            10 => Self::Version(detail),
            _ => return None,
        })
    }
}

/// What a joiner asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// Is this door yours?
    Probe,
    /// First message of the exchange.
    Pake {
        /// Hides the joiner's device until the words are proven.
        commitment: Commitment,
        /// SPAKE2.
        message: [u8; PAKE_MESSAGE_BYTES],
    },
    /// Proof that the joiner knows the words.
    Confirm([u8; CONFIRMATION_BYTES]),
    /// The join request, sealed.
    Request(Vec<u8>),
    /// The bundle from this offset on.
    Fetch(u32),
}

/// A request with the door that it knocks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) door: Door,
    pub(super) ask: Ask,
}

/// What a host answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// The door is ours.
    Offered(Commitment),
    /// Second message of the exchange.
    Answer([u8; PAKE_MESSAGE_BYTES]),
    /// Proof that the host knows the words, and what the joiner needs to ask.
    Confirmed { confirmation: [u8; CONFIRMATION_BYTES], grant: Vec<u8> },
    /// Not ready yet: fetch again.
    Wait,
    /// A piece of the bundle.
    Chunk { total: u32, offset: u32, bytes: Vec<u8> },
    /// No, and why.
    Refused(RefusedWhy),
}

fn put_door(out: &mut Vec<u8>, door: Door) {
    match door {
        Door::Nameplate(Nameplate(number)) => {
            out.push(1);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Door::Invite(InviteId(id)) => {
            out.push(2);
            out.extend_from_slice(&id);
        }
    }
}

fn take_door(reader: &mut Reader<'_>) -> Result<Door, WireError> {
    match reader.u8()? {
        1 => Ok(Door::Nameplate(Nameplate(reader.u16()?))),
        2 => Ok(Door::Invite(InviteId(reader.array()?))),
        kind => Err(WireError::Kind(kind)),
    }
}

/// The door that a request knocks at, for routing among the engines of a process; `None` for anything else.
pub fn peek_door(bytes: &[u8]) -> Option<Door> {
    let mut reader = Reader::new(bytes);
    reader.take(2).ok()?;
    take_door(&mut reader).ok()
}

/// The reply of a node none of whose engines has that door.
pub fn not_mine() -> Vec<u8> {
    Reply::Refused(RefusedWhy::NotMine).to_bytes()
}

impl Request {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.ask {
            Ask::Probe => 1,
            Ask::Pake { .. } => 2,
            Ask::Confirm(_) => 3,
            Ask::Request(_) => 4,
            Ask::Fetch(_) => 5,
        };
        let mut out = vec![VERSION, kind];
        put_door(&mut out, self.door);
        match &self.ask {
            Ask::Probe => {}
            Ask::Pake { commitment, message } => {
                out.extend_from_slice(&commitment.0);
                out.extend_from_slice(message);
            }
            Ask::Confirm(confirmation) => out.extend_from_slice(confirmation),
            Ask::Request(sealed) => out.extend_from_slice(sealed),
            Ask::Fetch(offset) => out.extend_from_slice(&offset.to_be_bytes()),
        }
        assert!(out.len() <= REQUEST_MAX_BYTES, "a request fits the lane");
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > REQUEST_MAX_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let kind = reader.u8()?;
        let door = take_door(&mut reader)?;
        let ask = match kind {
            1 => Ask::Probe,
            2 => Ask::Pake { commitment: Commitment(reader.array()?), message: reader.array()? },
            3 => Ask::Confirm(reader.array()?),
            4 => Ask::Request(reader.rest().to_vec()),
            5 => Ask::Fetch(reader.u32()?),
            kind => return Err(WireError::Kind(kind)),
        };
        reader.finish()?;
        Ok(Self { door, ask })
    }
}

const REFUSED: u8 = 0xff;

impl Reply {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        match self {
            Self::Offered(commitment) => {
                out.push(0x81);
                out.extend_from_slice(&commitment.0);
            }
            Self::Answer(message) => {
                out.push(0x82);
                out.extend_from_slice(message);
            }
            Self::Confirmed { confirmation, grant } => {
                out.push(0x83);
                out.extend_from_slice(confirmation);
                out.extend_from_slice(grant);
            }
            Self::Wait => out.push(0x84),
            Self::Chunk { total, offset, bytes } => {
                out.push(0x85);
                out.extend_from_slice(&total.to_be_bytes());
                out.extend_from_slice(&offset.to_be_bytes());
                out.extend_from_slice(bytes);
            }
            Self::Refused(why) => {
                out.push(REFUSED);
                out.extend_from_slice(&why.encode());
            }
        }
        assert!(out.len() <= REPLY_MAX_BYTES, "a reply fits the lane");
        out
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > REPLY_MAX_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        let kind = reader.u8()?;
        if version != VERSION {
            let refused = kind == REFUSED;
            return if refused {
                Ok(Self::Refused(RefusedWhy::Version(version)))
            } else {
                Err(WireError::Version(version))
            };
        }
        let reply = match kind {
            0x81 => Self::Offered(Commitment(reader.array()?)),
            0x82 => Self::Answer(reader.array()?),
            0x83 => Self::Confirmed { confirmation: reader.array()?, grant: reader.rest().to_vec() },
            0x84 => Self::Wait,
            0x85 => Self::chunk(&mut reader)?,
            REFUSED => {
                let [why, detail] = reader.array()?;
                Self::Refused(RefusedWhy::decode(why, detail).ok_or(WireError::Kind(why))?)
            }
            kind => return Err(WireError::Kind(kind)),
        };
        reader.finish()?;
        Ok(reply)
    }

    fn chunk(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let total = reader.u32()?;
        let offset = reader.u32()?;
        let bytes = reader.rest().to_vec();
        let end = u64::from(offset) + bytes.len() as u64;
        if total as usize > TOTAL_MAX_BYTES || bytes.len() > CHUNK_BYTES {
            return Err(WireError::TooLong);
        }
        if bytes.is_empty() || end > u64::from(total) {
            return Err(WireError::NotCanonical);
        }
        Ok(Self::Chunk { total, offset, bytes })
    }
}

#[cfg(test)]
mod tests;
