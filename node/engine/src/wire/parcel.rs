//! What members tell each other, on whichever lane: operations, commits, acknowledgements, sealed contents, live cells, beacons.
//!
//! ```text
//!  0      1          3        7            7+n
//!  +------+----------+--------+------------+-----
//!  | kind | count u16| n u32  | item, n    | ...    count times
//!  +------+----------+--------+------------+-----
//!
//!  kind 1  operations        item = signed operation of the log
//!  kind 2  commits           item = epoch tag of the parent (8) ++ MLS commit
//!  kind 3  acknowledgements  item = signed row of the board
//!  kind 4  contents          item = data seal (current epoch, aad "content") of a content frame
//!  kind 5  live cells        item = data seal (current epoch, aad "live") of a batch of cells
//!  kind 6  beacons           item = data seal (current epoch, aad "beacon") of a beacon record
//!  kind 7  boxed contents    item = HPKE seal to the receiver's box key of a content frame; direct lane only
//!  kind 8  boxed beacons     item = HPKE seal to the receiver's box key of a beacon record; direct lane only
//!  kind 9  nacks             item = signed Nack, see `nack.rs`
//!  kind 10 welcomes          item = welcome of a member, see `bundle.rs`, for who signed a Nack and is no neighbour
//! ```

use super::bytes::{Reader, put_blobs};
use super::{MAX_DIRECT_BYTES, MAX_ITEMS, WireError};

/// A parcel whose shape is known, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parcel {
    /// What the items are.
    pub kind: ParcelKind,
    /// The items, at most [`MAX_ITEMS`].
    pub items: Vec<Vec<u8>>,
}

/// What the items of a parcel are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum ParcelKind {
    /// Signed operations of the log.
    Operations = 1,
    /// MLS commits behind the epoch tag of their parent.
    Commits = 2,
    /// Signed rows of the acknowledgement board.
    Acknowledgements = 3,
    /// Contents, sealed to the sender's current epoch.
    Contents = 4,
    /// Batches of live cells, sealed to the sender's current epoch.
    Live = 5,
    /// Beacon records, sealed to the sender's current epoch.
    Beacons = 6,
    /// Contents, sealed to the receiver's box key.
    BoxedContents = 7,
    /// Beacon records, sealed to the receiver's box key.
    BoxedBeacons = 8,
    /// Signed Nacks: commits that their devices cannot apply.
    Nacks = 9,
    /// Welcomes of members who signed a Nack; MLS seals them.
    Welcomes = 10,
}

impl ParcelKind {
    /// All kinds.
    pub const ALL: [ParcelKind; 10] = [
        ParcelKind::Operations,
        ParcelKind::Commits,
        ParcelKind::Acknowledgements,
        ParcelKind::Contents,
        ParcelKind::Live,
        ParcelKind::Beacons,
        ParcelKind::BoxedContents,
        ParcelKind::BoxedBeacons,
        ParcelKind::Nacks,
        ParcelKind::Welcomes,
    ];

    /// The kind of a wire byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Whether the kind may travel by gossip.
    pub fn may_gossip(self) -> bool {
        !matches!(self, ParcelKind::BoxedContents | ParcelKind::BoxedBeacons)
    }
}

impl Parcel {
    /// A parcel of one kind.
    pub fn new(kind: ParcelKind, items: Vec<Vec<u8>>) -> Self {
        assert!(items.len() <= MAX_ITEMS, "our own parcels are cut to their limits");
        Parcel { kind, items }
    }

    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        let size: usize = self.items.iter().map(|item| item.len() + 4).sum();
        let mut out = Vec::with_capacity(3 + size);
        out.push(self.kind as u8);
        put_blobs(&mut out, &self.items);
        debug_assert_eq!(out.len(), 3 + size, "as drawn");
        out
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The peer's: shape or limits broken, or an unknown kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_DIRECT_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        let kind = ParcelKind::from_byte(kind).ok_or(WireError::Kind(kind))?;
        let items = reader.blobs(MAX_ITEMS, MAX_DIRECT_BYTES)?;
        reader.finish()?;
        Ok(Parcel { kind, items })
    }
}

#[cfg(test)]
mod tests;
