//! The mailbox item: parcels for a member who is away, sealed to its device and padded to one of four sizes.
//!
//! ```text
//!  before sealing
//!  0         1       2
//!  +---------+-------+----------------------+-----
//!  | version | n u8  | parcel: blob         | ...    n times, 1 to 16; then zeros up to the size of its class
//!  +---------+-------+----------------------+-----
//!
//!  sealed    HPKE to the device's box key, purpose "halloo v1 mailbox item", associated data group 32 ++ device 32;
//!            1, 4, 16 or 48 KiB in all
//! ```
//!
//! The parcels are those of `parcel.rs`, of the kinds that prove themselves whoever brings them ([`ParcelKind::may_mail`]). The item is the
//! box, so a content frame lies in a parcel of kind 7 as it is. Who left an item is not said and not asked.

use halloo_crypto::id::{BoxPublic, DeviceId, GroupId};
use halloo_crypto::identity::DeviceSecret;
use halloo_crypto::mailbox::SizeClass;
use halloo_crypto::sealed::{self, SEALED_OVERHEAD_BYTES, SealedError};
use rand_chacha::ChaCha20Rng;

use super::bytes::{Reader, put_blob};
use super::parcel::{Parcel, ParcelKind};
use super::{VERSION, WireError};

/// Parcels in one item: one or two of each kind are usual.
pub const MAX_PARCELS: usize = 16;
/// Bytes that the parcels of one item may take, each with its four length bytes.
pub const ITEM_ROOM: usize = SizeClass::Huge.bytes() - SEALED_OVERHEAD_BYTES - 2;
/// Purpose of the seal.
const INFO: &[u8] = b"halloo v1 mailbox item";

/// An item whose shape is known, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// 1 to [`MAX_PARCELS`].
    pub parcels: Vec<Parcel>,
}

fn aad(group: &GroupId, device: &DeviceId) -> Vec<u8> {
    [group.as_bytes().as_slice(), device.as_bytes()].concat()
}

impl Item {
    /// The bytes drawn above, padded so that the sealed item has exactly the size of a class. `None` if they are too many.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let count =
            u8::try_from(self.parcels.len()).ok().filter(|n| (1..=MAX_PARCELS).contains(&usize::from(*n)))?;
        let mut out = vec![VERSION, count];
        self.parcels.iter().for_each(|parcel| put_blob(&mut out, &parcel.to_bytes()));
        let class = SizeClass::holding(out.len() + SEALED_OVERHEAD_BYTES)?;
        assert!(out.len() - 2 <= ITEM_ROOM, "it fits the largest class");
        out.resize(class.bytes() - SEALED_OVERHEAD_BYTES, 0);
        Some(out)
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The sender's: shape or limits broken, or a kind that needs a neighbour who has proven itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > SizeClass::Huge.bytes() {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let count = usize::from(reader.u8()?);
        if !(1..=MAX_PARCELS).contains(&count) {
            return Err(WireError::TooLong);
        }
        let mut parcels = Vec::new();
        for _ in 0..count {
            let parcel = Parcel::parse(reader.blob(SizeClass::Huge.bytes())?)?;
            if !parcel.kind.may_mail() {
                return Err(WireError::Kind(parcel.kind as u8));
            }
            parcels.push(parcel);
        }
        if reader.rest().iter().any(|padding| *padding != 0) {
            return Err(WireError::NotCanonical);
        }
        Ok(Item { parcels })
    }

    /// Seals to a device.
    ///
    /// # Errors
    /// [`SealedError::BadKey`]; [`SealedError::TooLong`] for more than [`ITEM_ROOM`].
    pub fn seal(
        &self,
        rng: &mut ChaCha20Rng,
        group: &GroupId,
        (device, key): (&DeviceId, &BoxPublic),
    ) -> Result<Vec<u8>, SealedError> {
        assert!(self.parcels.iter().all(|parcel| parcel.kind.may_mail()), "our own items are read by others");
        let plaintext = self.to_bytes().ok_or(SealedError::TooLong)?;
        let sealed = sealed::seal_to(rng, key, INFO, &aad(group, device), &plaintext)?;
        assert!(SizeClass::of(sealed.len()).is_some(), "padded to a class");
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for this device.
    ///
    /// # Errors
    /// [`WireError::BrokenSeal`], or as [`Self::parse`].
    pub fn open(bytes: &[u8], group: &GroupId, device: &DeviceSecret) -> Result<Self, WireError> {
        if SizeClass::of(bytes.len()).is_none() {
            return Err(WireError::NotCanonical);
        }
        let plaintext = device.open_sealed(INFO, &aad(group, &device.id()), bytes);
        Self::parse(plaintext.map_err(|_| WireError::BrokenSeal)?.expose())
    }
}

impl ParcelKind {
    /// Whether the kind may lie in a mailbox: each item of it is believed for what it is itself, whoever brings it.
    pub fn may_mail(self) -> bool {
        match self {
            ParcelKind::Operations
            | ParcelKind::Commits
            | ParcelKind::Acknowledgements
            | ParcelKind::Beacons
            | ParcelKind::BoxedContents
            | ParcelKind::Nacks
            | ParcelKind::Welcomes => true,
            // What is true just now is true no more; contents are boxed; a beacon that no epoch vouches for needs a member who does.
            ParcelKind::Live | ParcelKind::Contents | ParcelKind::BoxedBeacons => false,
        }
    }
}

#[cfg(test)]
mod tests;
