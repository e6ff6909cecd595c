//! The gossip frame: a parcel under the beacon's seal, which is the outer check before a frame is forwarded.
//!
//! ```text
//!  0         1           9             25           33           49                n-16   n
//!  +---------+-----------+-------------+------------+------------+-----------------+-------+
//!  | version | tag of    | incarnation | counter    | commitment | parcel,         | AEAD  |
//!  |         | beacon, 8 | 16          | 8          | 16         | encrypted       | tag   |
//!  +---------+-----------+-------------+------------+------------+-----------------+-------+
//!            \---------------- data seal of halloo-crypto under the beacon's keys --------/
//! ```
//!
//! The seal says that a holder of the beacon secret wrote the frame, so a neighbour without it can neither read nor inject.
//! It is no proof of membership of today: a removed member holds the old beacon until its topic is given up. What is inside
//! carries its own signature or the seal of an epoch. Associated data: the version byte and the topic.

use halloo_crypto::data::{DataError, DataKeys, DataSealer};

use super::parcel::Parcel;
use super::{MAX_GOSSIP_BYTES, VERSION, WireError};

/// Bytes that the frame adds to its parcel.
pub const GOSSIP_OVERHEAD_BYTES: usize = 1 + halloo_crypto::data::DATA_OVERHEAD_BYTES;

fn associated(topic: &[u8; 32]) -> [u8; 33] {
    let mut aad = [VERSION; 33];
    aad[1..].copy_from_slice(topic);
    aad
}

/// A gossip frame whose version and size fit, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct GossipFrame<'a> {
    seal: &'a [u8],
}

impl<'a> GossipFrame<'a> {
    /// Checks version and size.
    ///
    /// # Errors
    /// The peer's.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_GOSSIP_BYTES {
            return Err(WireError::TooLong);
        }
        match bytes.split_first() {
            None => Err(WireError::Short),
            Some((&VERSION, seal)) if seal.len() >= halloo_crypto::data::DATA_OVERHEAD_BYTES => {
                Ok(GossipFrame { seal })
            }
            Some((&VERSION, _)) => Err(WireError::Short),
            Some((&version, _)) => Err(WireError::Version(version)),
        }
    }

    /// Opens the outer seal: a holder of the beacon wrote this parcel for this topic.
    ///
    /// # Errors
    /// The peer's: [`WireError::UnknownKey`], [`WireError::BrokenSeal`], or a broken parcel.
    pub fn open(&self, beacon: &DataKeys, topic: &[u8; 32]) -> Result<Parcel, WireError> {
        let opened = beacon.open(&associated(topic), self.seal).map_err(|error| match error {
            DataError::OtherEpoch => WireError::UnknownKey,
            _ => WireError::BrokenSeal,
        })?;
        let parcel = Parcel::parse(&opened.plaintext)?;
        if !parcel.kind.may_gossip() {
            return Err(WireError::Kind(parcel.kind as u8));
        }
        Ok(parcel)
    }
}

/// Seals a parcel for the topic of a beacon.
///
/// # Errors
/// [`WireError::TooLong`] if the frame would exceed [`MAX_GOSSIP_BYTES`]: such a parcel goes by the direct lane only.
pub fn seal(
    sealer: &mut DataSealer,
    beacon: &DataKeys,
    topic: &[u8; 32],
    parcel: &Parcel,
) -> Result<Vec<u8>, WireError> {
    assert!(parcel.kind.may_gossip(), "boxed parcels are for one receiver");
    let plaintext = parcel.to_bytes();
    if plaintext.len() + GOSSIP_OVERHEAD_BYTES > MAX_GOSSIP_BYTES {
        return Err(WireError::TooLong);
    }
    let seal = sealer.seal(beacon, &associated(topic), &plaintext).map_err(|_| WireError::TooLong)?;
    let mut frame = Vec::with_capacity(1 + seal.len());
    frame.push(VERSION);
    frame.extend_from_slice(&seal);
    assert!(frame.len() <= MAX_GOSSIP_BYTES, "checked before sealing");
    Ok(frame)
}

#[cfg(test)]
mod tests;
