//! The rows of mailboxes in the store; they are drawn in the module above.

use halloo_crypto::id::{MailboxAddress, MailboxItem};
use halloo_crypto::mailbox::Day;
use halloo_store::batch::Batch;

/// First byte of items.
const ITEM: u8 = b'm';
/// First byte of tallies.
pub(super) const TALLY: u8 = b'q';
/// First byte of what is to be looked at on a day.
pub(super) const EXPIRY: u8 = b'x';
/// Most days that a tally spans when it is taken away; more are left to their own day.
const DAYS_MAX: u32 = 400;

/// Where the items of an address lie.
pub(super) fn items_of(address: &MailboxAddress) -> Vec<u8> {
    [&[ITEM], &address.0[..]].concat()
}

/// Where an item lies.
pub(super) fn item_key(address: &MailboxAddress, item: &MailboxItem) -> Vec<u8> {
    [&[ITEM], &address.0[..], &item.0[..]].concat()
}

/// The name of the item of a key.
pub(super) fn item_of(key: &[u8]) -> Option<MailboxItem> {
    key.get(33..).and_then(|item| item.try_into().ok()).map(MailboxItem)
}

/// Where the tally of an address lies.
pub(super) fn tally_key(address: &MailboxAddress) -> Vec<u8> {
    [&[TALLY], &address.0[..]].concat()
}

/// Where it is noted that something of an address expires on a day.
pub(super) fn expiry_key(day: Day, address: &MailboxAddress) -> Vec<u8> {
    [&[EXPIRY], &day.0.to_be_bytes()[..], &address.0[..]].concat()
}

/// Day and address of such a note.
pub(super) fn expiry_of(key: &[u8]) -> Option<(Day, MailboxAddress)> {
    let (day, address) = key.get(1..)?.split_first_chunk::<4>()?;
    Some((Day(u32::from_be_bytes(*day)), MailboxAddress(address.try_into().ok()?)))
}

/// An item.
#[derive(Debug)]
pub(super) struct Row {
    /// The first day on which it is no longer there.
    pub(super) expires: Day,
    /// Sealed and padded.
    pub(super) bytes: Vec<u8>,
}

impl Row {
    pub(super) fn write(&self) -> Vec<u8> {
        [&self.expires.0.to_be_bytes()[..], &self.bytes].concat()
    }

    pub(super) fn read(mut value: Vec<u8>) -> Option<Self> {
        let day = u32::from_be_bytes(*value.first_chunk()?);
        value.drain(..4);
        Some(Row { expires: Day(day), bytes: value })
    }
}

/// How much lies at an address, and between which days it expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) items: u32,
    pub(super) bytes: u64,
    first: u32,
    last: u32,
}

impl Tally {
    /// Counts an item; whether its day is to be noted, because it may not be yet.
    pub(super) fn add(&mut self, bytes: u64, expires: Day) -> bool {
        let new = self.items == 0 || self.last != expires.0;
        self.first = if self.items == 0 { expires.0 } else { self.first.min(expires.0) };
        self.last = self.last.max(expires.0);
        self.count(bytes);
        new
    }

    /// Counts an item whose day is noted.
    pub(super) fn count(&mut self, bytes: u64) {
        self.items = self.items.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Begins to count anew; the days on which something is noted are kept, but for those that have passed.
    pub(super) fn again(&self, today: Day) -> Self {
        Tally { items: 0, bytes: 0, first: self.first.max(today.0), last: self.last }
    }

    /// Counts an item that is gone.
    pub(super) fn take(&mut self, bytes: u64) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let (items, bytes) = (self.items.to_be_bytes(), self.bytes.to_be_bytes());
        [&items[..], &bytes[..], &self.first.to_be_bytes()[..], &self.last.to_be_bytes()[..]].concat()
    }

    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let (items, rest) = value.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let last = rest.try_into().ok()?;
        Some(Tally {
            items: u32::from_be_bytes(*items),
            bytes: u64::from_be_bytes(*bytes),
            first: u32::from_be_bytes(*first),
            last: u32::from_be_bytes(last),
        })
    }
}

/// Writes a tally, or takes away all that is noted of an address where nothing lies any more.
pub(super) fn write_tally(batch: &mut Batch, address: &MailboxAddress, tally: &Tally) {
    if tally.items > 0 {
        batch.put(tally_key(address), tally.write());
        return;
    }
    batch.del(tally_key(address));
    for day in (tally.first..=tally.last).take(DAYS_MAX as usize) {
        batch.del(expiry_key(Day(day), address));
    }
}
