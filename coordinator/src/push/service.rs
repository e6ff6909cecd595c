//! What is registered for mailboxes: takes, gives and forgets sealed tokens. Store and time are arguments.
//!
//! ```text
//!  key                                                     value
//!  'p' 'r' | address 32                                    day of expiry u32 | n u16 | gateway n | sealed token 1,024
//!  'p' 'x' | day of expiry u32 | address 32                nothing                                what to look at on that day
//! ```
//! Numbers are big-endian; n = 0: this coordinator is the gateway. Nothing says when a row came, within its day. Which addresses are
//! registered is known in memory too, so that what comes for any other costs the store nothing.
//!
//! [`queue`] says when what is sent and sent again, [`gateway`] is the other role: it opens tokens. A change is prepared under the
//! caller's lock and made durable by the caller, in the order in which it was prepared.

pub mod gateway;
pub mod queue;
mod rows;

use halloo_crypto::id::MailboxAddress;
use halloo_crypto::mailbox::{Day, is_address};
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use halloo_wire::origin::Origin;
use halloo_wire::push::SealedToken;
use rows::Row;
use std::collections::BTreeSet;

/// Rows that are read from the store at once.
const READ_AT_ONCE: usize = 256;
/// Rows that one step of the expiry forgets: what comes meanwhile waits no longer than this takes.
const EXPIRY_STEP: usize = 256;

/// What is registered for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// By which gateway; none: this coordinator.
    pub gateway: Option<Origin>,
    /// With what.
    pub token: Box<SealedToken>,
}

/// Why a registration was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// That is no address that anybody could own.
    #[error("this is no address of a mailbox")]
    NoAddress,
    /// The room holds as many as it may.
    #[error("there is no room for another registration")]
    Full,
}

/// All registrations of a coordinator.
#[derive(Debug)]
pub struct Registrations {
    most: usize,
    known: BTreeSet<MailboxAddress>,
}

impl Registrations {
    /// Opens what lies in a store; at most so many.
    pub fn open(store: &dyn Store, most: usize) -> Result<Self, StoreError> {
        let mut known = BTreeSet::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.page(rows::REGISTERED, after.as_deref(), READ_AT_ONCE)?;
            let Some((last, _)) = page.last() else { break };
            known.extend(page.iter().filter_map(|(key, _)| rows::address_of(key)));
            after = Some(last.clone());
        }
        Ok(Registrations { most, known })
    }

    /// How many there are, as far as they are durable or about to be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether something is registered for an address.
    #[must_use]
    pub fn has(&self, address: &MailboxAddress) -> bool {
        self.known.contains(address)
    }

    /// Takes a registration in the place of what there was; it counts from now on, and is true once the batch is durable.
    pub fn register(
        &mut self,
        store: &dyn Store,
        (address, registered): (MailboxAddress, Registered),
        days: u8,
        now_ms: u64,
    ) -> Result<Result<Batch, Refused>, StoreError> {
        if !is_address(&address) {
            return Ok(Err(Refused::NoAddress));
        }
        let known = self.known.contains(&address);
        if !known && self.known.len() >= self.most {
            return Ok(Err(Refused::Full));
        }
        let expires = Day::of_ms(now_ms).after(u32::from(days) + 1);
        let mut batch = Batch::new();
        let before = store.get(&rows::registered_key(&address))?;
        if let Some(row) = before.and_then(|value| Row::read(&value)) {
            batch.del(rows::expiry_key(row.expires, &address));
        }
        batch.put(rows::registered_key(&address), Row { expires, registered }.write());
        batch.put(rows::expiry_key(expires, &address), Vec::new());
        self.known.insert(address);
        Ok(Ok(batch))
    }

    /// A change to an address was not made durable: what counts is what lies in the store.
    pub fn failed(&mut self, store: &dyn Store, address: &MailboxAddress) {
        // A store that cannot be read either is looked at again when something comes.
        let is_there = store.get(&rows::registered_key(address)).is_ok_and(|value| value.is_some());
        if is_there {
            self.known.insert(*address)
        } else {
            self.known.remove(address)
        };
    }

    /// What is registered for an address today.
    pub fn look(
        store: &dyn Store,
        address: &MailboxAddress,
        now_ms: u64,
    ) -> Result<Option<Registered>, StoreError> {
        let row = store.get(&rows::registered_key(address))?.and_then(|value| Row::read(&value));
        Ok(row.filter(|row| row.expires > Day::of_ms(now_ms)).map(|row| row.registered))
    }

    /// Forgets what is registered for an address, or only this token of it; nothing to write where nothing is there.
    pub fn forget(
        &mut self,
        store: &dyn Store,
        address: &MailboxAddress,
        only: Option<&SealedToken>,
    ) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        let key = rows::registered_key(address);
        let Some(value) = store.get(&key)? else { return Ok(batch) };
        if let Some(row) = Row::read(&value) {
            // A device that has registered anew meanwhile keeps what it registered.
            if only.is_some_and(|only| *only != *row.registered.token) {
                return Ok(batch);
            }
            batch.del(rows::expiry_key(row.expires, address));
        }
        batch.del(key);
        self.known.remove(address);
        Ok(batch)
    }

    /// One step of forgetting what has expired; nothing when nothing is left to do today.
    pub fn expire(&mut self, store: &dyn Store, now_ms: u64) -> Result<Option<Batch>, StoreError> {
        let today = Day::of_ms(now_ms);
        let mut batch = Batch::new();
        for (key, _) in store.page(rows::EXPIRY, None, EXPIRY_STEP)? {
            let Some((day, address)) = rows::expiry_of(&key) else { continue };
            if day > today {
                break;
            }
            batch.del(key);
            let row = store.get(&rows::registered_key(&address))?.and_then(|value| Row::read(&value));
            if row.is_none_or(|row| row.expires <= today) {
                batch.del(rows::registered_key(&address));
                self.known.remove(&address);
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}

#[cfg(test)]
mod tests;
