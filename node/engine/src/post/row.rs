//! The row of a thing in the store, by which it is left for those who lack it even if the process dies before.
//!
//! ```text
//!  key 'p' ++ name 32
//!  0         1      2         6           14          16                   16+32n
//!  | version | kind | day u32 | order u64 | n u16     | device 32, n times | the thing itself, of kinds 6 to 8 |
//!  n = 0xffff: everybody, and no list
//! ```

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::DeviceId;
use halloo_crypto::mailbox::Day;

use super::{Kind, MAX_THINGS, PRESENT_PATIENCE, Post, START_PATIENCE, Thing};
use crate::time::Time;
use crate::wire::bytes::Reader;
use crate::wire::{VERSION, WireError};

/// The count that stands for everybody.
const EVERYBODY: u16 = u16::MAX;

/// The name of what is known by eight bytes.
pub(super) fn of_tag(tag: &[u8; 8]) -> [u8; 32] {
    let mut name = [0; 32];
    name[..8].copy_from_slice(tag);
    name
}

/// Those eight bytes.
pub(super) fn tag_of(name: &[u8; 32]) -> [u8; 8] {
    *name.first_chunk().expect("32 bytes hold 8")
}

impl Thing {
    pub(super) fn to_bytes(&self, order: u64) -> Vec<u8> {
        let mut out = vec![VERSION, self.kind as u8];
        out.extend_from_slice(&self.day.0.to_be_bytes());
        out.extend_from_slice(&order.to_be_bytes());
        assert!(
            self.carried.is_empty() || self.kind.is_carried(),
            "what is kept elsewhere is not kept twice"
        );
        // More devices than a log takes: everybody is looked at again.
        let listed = self.owed.as_ref().filter(|owed| owed.len() < usize::from(EVERYBODY));
        let count =
            listed.map_or(EVERYBODY, |owed| u16::try_from(owed.len()).expect("it was just looked at"));
        out.extend_from_slice(&count.to_be_bytes());
        listed.into_iter().flatten().for_each(|device| out.extend_from_slice(device.as_bytes()));
        out.extend_from_slice(&self.carried);
        out
    }

    fn from_bytes(name: [u8; 32], bytes: &[u8], now: Time) -> Result<(u64, Self), WireError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let byte = reader.u8()?;
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == byte).ok_or(WireError::Kind(byte))?;
        let day = Day(reader.u32()?);
        let order = reader.u64()?;
        let owed = match reader.u16()? {
            EVERYBODY => None,
            count => Some(
                (0..count)
                    .map(|_| reader.array().map(DeviceId::from_bytes))
                    .collect::<Result<BTreeSet<_>, _>>()?,
            ),
        };
        let carried = if kind.is_carried() { reader.rest().to_vec() } else { Vec::new() };
        reader.finish()?;
        let (due, late) = (now.after(START_PATIENCE), now.after(PRESENT_PATIENCE));
        Ok((order, Thing { kind, name, carried, day, due, late, owed }))
    }
}

impl Post {
    /// After a restart.
    ///
    /// # Errors
    /// [`WireError`] for a damaged row.
    pub(crate) fn restore<'a>(
        rows: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        now: Time,
    ) -> Result<Self, WireError> {
        let mut things = BTreeMap::new();
        for (name, row) in rows.take(MAX_THINGS) {
            let name = name.try_into().map_err(|_| WireError::Short)?;
            let (order, thing) = Thing::from_bytes(name, row, now)?;
            things.insert(order, thing);
        }
        let made = things.keys().next_back().copied().unwrap_or(0);
        assert!(things.len() <= MAX_THINGS, "no more than were noted");
        Ok(Post { things, made, ..Post::default() })
    }
}
