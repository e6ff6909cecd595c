//! What lies in mailboxes: takes batches, gives pages, forgets what was acknowledged or has expired. Store and time are arguments.
//!
//! ```text
//!  key                                                     value
//!  'm' | address 32 | item id 16                           day of expiry u32 | bytes         an item
//!  'q' | address 32                                        items u32 | bytes u64 | first day u32 | last day u32
//!  'x' | day of expiry u32 | address 32                    nothing                           what to look at on that day
//! ```
//! Numbers are big-endian. Nothing says when an item came, within its day, or who left it; items of one address lie in the order of
//! their names, which are drawn at random. A mailbox that is emptied leaves no row behind.
//!
//! A change is prepared (what is to be written), made durable by the caller, and settled. Between the two it counts already, so that
//! many may be under way at once: quotas hold, and what is left twice meanwhile lies there once.

mod pending;
mod rows;

use halloo_crypto::id::{MailboxAddress, MailboxItem};
use halloo_crypto::mailbox::{Day, is_address};
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use halloo_wire::mailbox::{Deposit, Outcome, PAGE_BYTES_MAX, Page};
use pending::Pending;
use rows::{Row, Tally};
use std::collections::BTreeSet;

/// Records that are read from the store at once: 16 of the largest are less than a megabyte.
const READ_AT_ONCE: usize = 16;
/// Addresses that one step of the expiry looks at: what comes meanwhile waits no longer than this takes.
const EXPIRY_STEP: usize = 64;

/// How much is kept for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Whole days that an item is kept if nobody fetches it.
    pub days: u32,
    /// Items of one address.
    pub items_per_address: u32,
    /// Bytes of one address.
    pub bytes_per_address: u64,
    /// Bytes of all addresses together.
    pub bytes: u64,
}

/// All mailboxes of a coordinator.
#[derive(Debug)]
pub struct Mailboxes {
    limits: Limits,
    bytes: u64,
    pending: Pending,
}

/// A change that is to be made durable, then settled.
#[derive(Debug, Default)]
#[must_use]
pub struct Prepared {
    /// What is to be written, in the order in which changes were prepared.
    pub batch: Batch,
    /// What to settle with.
    pub receipt: Receipt,
}

/// What a change under way touches.
#[derive(Debug, Default)]
#[must_use]
pub struct Receipt {
    touched: Vec<MailboxAddress>,
    grown: u64,
    shrunk: u64,
}

impl Receipt {
    /// The addresses that it changes, by name.
    #[must_use]
    pub fn touched(&self) -> &[MailboxAddress] {
        &self.touched
    }
}

impl Mailboxes {
    /// Opens what lies in a store.
    pub fn open(store: &dyn Store, limits: Limits) -> Result<Self, StoreError> {
        let mut bytes = 0_u64;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.page(&[rows::TALLY], after.as_deref(), 1_024)?;
            let Some((last, _)) = page.last() else { break };
            bytes = page
                .iter()
                .filter_map(|(_, value)| Tally::read(value))
                .map(|t| t.bytes)
                .fold(bytes, u64::saturating_add);
            after = Some(last.clone());
        }
        Ok(Mailboxes { limits, bytes, pending: Pending::default() })
    }

    /// Bytes of all items, as far as they are durable or about to be.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a batch; the outcomes are true once it is durable, and are in the order of the batch.
    pub fn deposit(
        &mut self,
        store: &dyn Store,
        deposits: Vec<Deposit>,
        now_ms: u64,
    ) -> Result<(Prepared, Vec<Outcome>), StoreError> {
        let today = Day::of_ms(now_ms);
        let mut change = Change::default();
        let mut outcomes = Vec::with_capacity(deposits.len());
        for deposit in deposits {
            match self.deposit_one(store, &mut change, deposit, today) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    self.settle(&change.prepared().receipt, false);
                    return Err(error);
                }
            }
        }
        Ok((change.prepared(), outcomes))
    }

    fn deposit_one(
        &mut self,
        store: &dyn Store,
        change: &mut Change,
        deposit: Deposit,
        today: Day,
    ) -> Result<Outcome, StoreError> {
        let expires = today.after(self.limits.days + 1);
        let Deposit { address, item, bytes } = deposit;
        let mut tally = self.tally(store, &address)?;
        // Where something lies the address has been looked at before: whether it is a point of the curve costs 10 us.
        if tally.items == 0 && !is_address(&address) {
            return Ok(Outcome::NoAddress);
        }
        let key = rows::item_key(&address, &item);
        let mut replaced = None;
        match self.pending.knows(&address, &item) {
            Some(true) => {
                // It is on its way to the disk: written again, so that this answer does not hang on the other's success.
                change.batch.put(key, Row { expires, bytes }.write());
                self.touch(change, address);
                return Ok(Outcome::Stored);
            }
            Some(false) => {}
            None if tally.items == 0 => {}
            None => replaced = store.get(&key)?.and_then(Row::read),
        }
        let mut freed = 0;
        match replaced {
            Some(row) if row.expires > today => return Ok(Outcome::Stored),
            // Expired and not swept away yet: this one takes its place.
            Some(row) => {
                freed = row.bytes.len() as u64;
                tally.take(freed);
            }
            None => {}
        }
        let (size, others) = (bytes.len() as u64, self.bytes.saturating_sub(freed));
        let fits = tally.items < self.limits.items_per_address
            && tally.bytes.saturating_add(size) <= self.limits.bytes_per_address
            && others.saturating_add(size) <= self.limits.bytes;
        if !fits {
            return Ok(Outcome::Full);
        }
        if tally.add(size, expires) {
            change.batch.put(rows::expiry_key(expires, &address), Vec::new());
        }
        self.bytes = others.saturating_add(size);
        change.grown += size;
        change.shrunk += freed;
        change.batch.put(key, Row { expires, bytes }.write());
        change.batch.put(rows::tally_key(&address), tally.write());
        self.touch(change, address);
        self.pending.note(&address, item, true, tally);
        Ok(Outcome::Stored)
    }

    /// What lies at an address behind `after`, at most `limit` items and a page of bytes.
    pub fn fetch(
        store: &dyn Store,
        address: &MailboxAddress,
        after: Option<&MailboxItem>,
        limit: u8,
        now_ms: u64,
    ) -> Result<Page, StoreError> {
        let (today, limit) = (Day::of_ms(now_ms), usize::from(limit));
        let prefix = rows::items_of(address);
        let mut after = after.map(|item| rows::item_key(address, item));
        let mut page = Page::default();
        let mut bytes = 0;
        loop {
            let records = store.page(&prefix, after.as_deref(), READ_AT_ONCE)?;
            let Some((last, _)) = records.last() else { return Ok(page) };
            after = Some(last.clone());
            for (key, value) in records {
                let (Some(item), Some(row)) = (rows::item_of(&key), Row::read(value)) else { continue };
                if row.expires <= today {
                    continue;
                }
                if page.items.len() == limit || bytes + row.bytes.len() > PAGE_BYTES_MAX {
                    page.more = true;
                    return Ok(page);
                }
                bytes += row.bytes.len();
                page.items.push((item, row.bytes));
            }
        }
    }

    /// Forgets items that have arrived; what is not there is gone already.
    pub fn acknowledge(
        &mut self,
        store: &dyn Store,
        address: &MailboxAddress,
        items: &[MailboxItem],
    ) -> Result<Prepared, StoreError> {
        let mut change = Change::default();
        let mut tally = self.tally(store, address)?;
        for item in items.iter().collect::<BTreeSet<_>>() {
            let key = rows::item_key(address, item);
            // Only what is durable was fetched, so only that is acknowledged.
            if self.pending.knows(address, item) == Some(false) {
                continue;
            }
            let Some(row) = store.get(&key)?.and_then(Row::read) else { continue };
            change.batch.del(key);
            let size = row.bytes.len() as u64;
            tally.take(size);
            self.bytes = self.bytes.saturating_sub(size);
            change.shrunk += size;
            self.touch(&mut change, *address);
            self.pending.note(address, *item, false, tally);
        }
        if change.touched.is_empty() {
            return Ok(change.prepared());
        }
        rows::write_tally(&mut change.batch, address, &tally);
        Ok(change.prepared())
    }

    /// Whether there is something to forget today.
    pub fn is_due(store: &dyn Store, now_ms: u64) -> Result<bool, StoreError> {
        let first = store.page(&[rows::EXPIRY], None, 1)?;
        let day = first.first().and_then(|(key, _)| rows::expiry_of(key));
        Ok(day.is_some_and(|(day, _)| day <= Day::of_ms(now_ms)))
    }

    /// One step of forgetting what has expired; nothing when nothing is left to do today.
    pub fn expire(&mut self, store: &dyn Store, now_ms: u64) -> Result<Option<Prepared>, StoreError> {
        let today = Day::of_ms(now_ms);
        let due = store.page(&[rows::EXPIRY], None, EXPIRY_STEP)?;
        let mut change = Change::default();
        for (key, _) in due {
            let Some((day, address)) = rows::expiry_of(&key) else { continue };
            if day > today {
                break;
            }
            // An address that is being changed is looked at in the next round: its rows are not what they will be.
            if self.pending.is_busy(&address) {
                continue;
            }
            change.batch.del(key);
            self.expire_one(store, &mut change, &address, today)?;
        }
        Ok((!change.touched.is_empty()).then(|| change.prepared()))
    }

    /// Forgets the expired items of an address and counts what is left anew.
    fn expire_one(
        &mut self,
        store: &dyn Store,
        change: &mut Change,
        address: &MailboxAddress,
        today: Day,
    ) -> Result<(), StoreError> {
        let before = self.tally(store, address)?;
        self.touch(change, *address);
        let mut left = before.again(today);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let records = store.page(&rows::items_of(address), after.as_deref(), READ_AT_ONCE)?;
            let Some((last, _)) = records.last() else { break };
            after = Some(last.clone());
            for (key, value) in records {
                match Row::read(value) {
                    Some(row) if row.expires > today => left.count(row.bytes.len() as u64),
                    // What cannot be read has no day to wait for.
                    _ => {
                        if let Some(item) = rows::item_of(&key) {
                            self.pending.note(address, item, false, left);
                        }
                        change.batch.del(key);
                    }
                }
            }
        }
        self.bytes = self.bytes.saturating_sub(before.bytes).saturating_add(left.bytes);
        change.shrunk += before.bytes;
        change.grown += left.bytes;
        rows::write_tally(&mut change.batch, address, &left);
        self.pending.note_tally(address, left);
        Ok(())
    }

    /// A change is durable, or has failed and counts for nothing; what it touched is read from the store again.
    pub fn settle(&mut self, receipt: &Receipt, durable: bool) {
        receipt.touched.iter().for_each(|address| self.pending.settled(address));
        if !durable {
            self.bytes = self.bytes.saturating_sub(receipt.grown).saturating_add(receipt.shrunk);
        }
    }

    fn tally(&self, store: &dyn Store, address: &MailboxAddress) -> Result<Tally, StoreError> {
        if let Some(tally) = self.pending.tally(address) {
            return Ok(tally);
        }
        let kept = store.get(&rows::tally_key(address))?;
        Ok(kept.and_then(|value| Tally::read(&value)).unwrap_or_default())
    }

    fn touch(&mut self, change: &mut Change, address: MailboxAddress) {
        if change.touched.insert(address) {
            self.pending.begin(&address);
        }
    }
}

#[derive(Debug, Default)]
struct Change {
    batch: Batch,
    touched: BTreeSet<MailboxAddress>,
    grown: u64,
    shrunk: u64,
}

impl Change {
    fn prepared(self) -> Prepared {
        let touched = self.touched.into_iter().collect();
        Prepared { batch: self.batch, receipt: Receipt { touched, grown: self.grown, shrunk: self.shrunk } }
    }
}

#[cfg(test)]
mod tests;
