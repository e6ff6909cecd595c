//! What devices in a call tell each other: that they are in it, that they leave it, and the current step of its chain.
//!
//! The engine seals each frame to the receiver's box key on the direct lane, so a key id is never seen by an outsider.
//! All integers big-endian.
//!
//! ```text
//! here    0     1      2             18     26     34       50      54     58          90
//!         +-----+------+-------------+------+------+--------+-------+------+-----------+
//!         | v=1 | 1    | incarnation | kid  | tag  | chain  | index | into | one-use   |
//!         +-----+------+-------------+------+------+--------+-------+------+-----------+
//! gone    | v=1 | 2    |
//! step    | v=1 | 3    | chain, 16 | into, 4 | HPKE seal of the step to the one-use key |
//!
//!   kid      u64, the SFrame key id of the sender's frames
//!   tag      names the epoch that the sender seals under
//!   chain    16 random bytes that name the call chain; zeros: the sender holds none
//!   index    step of the chain that the sender is in
//!   into     milliseconds since that step began
//!   one-use  X25519 key to which the sender wants the step of the receiver's chain sealed; zeros: it wants none
//! ```

use halloo_crypto::id::{BoxPublic, EpochId, Incarnation};
use halloo_crypto::kdf;
use halloo_crypto::media::Kid;
use thiserror::Error;

const VERSION: u8 = 1;
const HERE: u8 = 1;
const GONE: u8 = 2;
const STEP: u8 = 3;
const HERE_BYTES: usize = 90;
const STEP_HEAD_BYTES: usize = 22;

/// Longest sealed step: an HPKE seal of 37 bytes takes about 100.
const MAX_SEALED_STEP_BYTES: usize = 256;

/// Names a call chain. The lowest of several wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ChainId(pub [u8; 16]);

/// Where a device is in its chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainPlace {
    /// Which chain.
    pub chain: ChainId,
    /// Which step.
    pub index: u32,
    /// Milliseconds since the step began.
    pub into_ms: u32,
}

/// "I am in the call."
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Here {
    /// Of this start of the sender's engine; the salt of its SFrame keys.
    pub incarnation: Incarnation,
    /// Of the sender's frames.
    pub kid: Kid,
    /// Of the epoch that the sender seals under.
    pub tag: [u8; 8],
    /// Where the sender is in its chain, if it holds one.
    pub place: Option<ChainPlace>,
    /// To which the sender wants the receiver's step.
    pub wants: Option<BoxPublic>,
}

/// A call frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallFrame {
    /// Presence, keys, and perhaps a wish.
    Here(Here),
    /// "I leave the call."
    Gone,
    /// The step of the sender's chain.
    Step {
        /// Which chain.
        chain: ChainId,
        /// Milliseconds since the step began.
        into_ms: u32,
        /// For `CallStep::open`.
        sealed: Vec<u8>,
    },
}

/// Bytes that are no call frame; the peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the call frame is malformed")]
pub struct BadCallFrame;

impl CallFrame {
    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HERE_BYTES);
        out.push(VERSION);
        match self {
            CallFrame::Here(here) => {
                out.push(HERE);
                out.extend_from_slice(&here.incarnation.0);
                out.extend_from_slice(&here.kid.0.to_be_bytes());
                out.extend_from_slice(&here.tag);
                let none = ChainPlace { chain: ChainId([0; 16]), index: 0, into_ms: 0 };
                let place = here.place.unwrap_or(none);
                out.extend_from_slice(&place.chain.0);
                out.extend_from_slice(&place.index.to_be_bytes());
                out.extend_from_slice(&place.into_ms.to_be_bytes());
                out.extend_from_slice(&here.wants.map_or([0; 32], |key| key.0));
                assert_eq!(out.len(), HERE_BYTES, "as drawn");
            }
            CallFrame::Gone => out.push(GONE),
            CallFrame::Step { chain, into_ms, sealed } => {
                assert!(sealed.len() <= MAX_SEALED_STEP_BYTES, "a sealed step is short");
                out.push(STEP);
                out.extend_from_slice(&chain.0);
                out.extend_from_slice(&into_ms.to_be_bytes());
                out.extend_from_slice(sealed);
            }
        }
        out
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// [`BadCallFrame`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadCallFrame> {
        let (&[version, kind], body) = bytes.split_first_chunk::<2>().ok_or(BadCallFrame)?;
        match (version, kind) {
            (VERSION, HERE) if bytes.len() == HERE_BYTES => Ok(CallFrame::Here(parse_here(bytes)?)),
            (VERSION, GONE) if body.is_empty() => Ok(CallFrame::Gone),
            (VERSION, STEP)
                if (STEP_HEAD_BYTES + 1..=STEP_HEAD_BYTES + MAX_SEALED_STEP_BYTES).contains(&bytes.len()) =>
            {
                let chain = ChainId(field(bytes, 2)?);
                let into_ms = u32::from_be_bytes(field(bytes, 18)?);
                Ok(CallFrame::Step { chain, into_ms, sealed: bytes[STEP_HEAD_BYTES..].to_vec() })
            }
            _ => Err(BadCallFrame),
        }
    }
}

fn parse_here(bytes: &[u8]) -> Result<Here, BadCallFrame> {
    let chain = ChainId(field(bytes, 34)?);
    let place = ChainPlace {
        chain,
        index: u32::from_be_bytes(field(bytes, 50)?),
        into_ms: u32::from_be_bytes(field(bytes, 54)?),
    };
    let one_use: [u8; 32] = field(bytes, 58)?;
    let without_chain = chain.0 == [0; 16];
    if without_chain && (place.index, place.into_ms) != (0, 0) {
        return Err(BadCallFrame);
    }
    Ok(Here {
        incarnation: Incarnation(field(bytes, 2)?),
        kid: Kid(u64::from_be_bytes(field(bytes, 18)?)),
        tag: field(bytes, 26)?,
        place: (!without_chain).then_some(place),
        wants: (one_use != [0; 32]).then_some(BoxPublic(one_use)),
    })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], BadCallFrame> {
    bytes.get(at..at + N).and_then(|b| b.first_chunk()).copied().ok_or(BadCallFrame)
}

/// Names an epoch to those who know it.
pub fn epoch_tag(epoch: &EpochId) -> [u8; 8] {
    let hash = kdf::hash("call epoch", &[epoch.as_bytes()]);
    *hash.first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests;
