//! The audit log: what was done to accounts, in rows that each hold the hash of the one before; nothing of what was said or named.
//!
//! ```text
//!  key      "ag" | number u64                            numbers go up by one
//!  value    version | what u8 | time ms u64 | account 16 | hash 32
//!  hash     SHA-256, under a label of ours, of number | value before the hash | hash of the row before, or zeros before the first row
//!  anchor   "ah" -> number u64 | hash 32                 of the last row that was forgotten by age, where one was
//!  head     "ai" -> number u64 | hash 32                 of the last row
//! ```
//! A row that is changed, moved or missing breaks the chain there, also at its end. Who rewrites all rows after it, and the head, is seen by
//! whoever noted the last hash.

use super::super::access::Id;
use halloo_crypto::kdf;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::{Record, Store};

const ROWS: &[u8] = b"ag";
const ANCHOR: &[u8] = b"ah";
const HEAD: &[u8] = b"ai";
const VERSION: u8 = 1;
const VALUE_BYTES: usize = 58;
const BODY_BYTES: usize = 26;
/// Rows that are read at once: some 70 kB.
const PAGE: usize = 1_024;
/// Rows that one step forgets.
pub const FORGET_STEP: usize = 256;

/// What was done. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    /// An account began.
    Registered = 1,
    /// A session began by the key of a device.
    LoggedIn = 2,
    /// A session was ended by its device.
    LoggedOut = 3,
    /// A consumed refresh token came again after its successor was used: the session was ended.
    RefreshReused = 4,
    /// A session was ended by a device of the account.
    SessionRevoked = 5,
    /// A device was taken away.
    DeviceRevoked = 6,
    /// Names of the account were changed.
    ProfileChanged = 7,
    /// The account was forgotten.
    Forgotten = 8,
    /// The password was set, changed or taken away.
    PasswordChanged = 9,
    /// A session began by a password.
    LoggedInByPassword = 10,
    /// A password or a code was wrong.
    LoginRefused = 11,
    /// Codes of an authenticator are needed from now on.
    TotpEnrolled = 12,
    /// Codes are no longer needed.
    TotpRemoved = 13,
    /// A recovery code was used up.
    RecoveryUsed = 14,
}

/// Something to note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub what: What,
    /// Of which account.
    pub account: Id,
}

/// The end of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the last row; nothing is numbered zero.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// A log that holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows that are there.
    pub rows: u64,
    /// The last of them.
    pub head: Head,
}

/// Why a log does not.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The first row that is not what was written, or does not follow the one before.
    #[error("row {0} of the audit log is not what was written, or does not follow the one before")]
    Row(u64),
    /// A row is gone.
    #[error("row {0} of the audit log is gone")]
    Gone(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn row_key(number: u64) -> Vec<u8> {
    [ROWS, &number.to_be_bytes()].concat()
}

fn number_of(key: &[u8]) -> Option<u64> {
    key.get(ROWS.len()..)?.try_into().ok().map(u64::from_be_bytes)
}

fn chained(number: u64, body: &[u8], before: &[u8; 32]) -> [u8; 32] {
    kdf::hash("audit row", &[&number.to_be_bytes(), body, before])
}

/// Hash of a row that follows another; nothing where it is no such row.
fn follows(before: &Head, (key, value): &Record) -> Result<Head, Broken> {
    let expected = before.number + 1;
    let number = number_of(key).ok_or(Broken::Row(expected))?;
    if number != expected {
        return Err(if number > expected { Broken::Gone(expected) } else { Broken::Row(number) });
    }
    let (body, hash) = value.split_at_checked(BODY_BYTES).ok_or(Broken::Row(number))?;
    let whole = value.len() == VALUE_BYTES && body[0] == VERSION;
    let computed = chained(number, body, &before.hash);
    if whole && hash == computed { Ok(Head { number, hash: computed }) } else { Err(Broken::Row(number)) }
}

impl Head {
    fn read(store: &dyn Store, key: &[u8]) -> Result<Option<Self>, StoreError> {
        let read = |value: Vec<u8>| {
            let (number, hash) = value.split_first_chunk()?;
            Some(Head { number: u64::from_be_bytes(*number), hash: hash.try_into().ok()? })
        };
        Ok(store.get(key)?.and_then(read))
    }

    fn write(&self) -> Vec<u8> {
        [&self.number.to_be_bytes()[..], &self.hash].concat()
    }

    /// The end of the log that lies in a store; where none is noted, behind the last row that is there, so that none is overwritten.
    pub fn find(store: &dyn Store) -> Result<Self, StoreError> {
        if let Some(head) = Self::read(store, HEAD)? {
            return Ok(head);
        }
        let (mut head, mut after) = (Self::read(store, ANCHOR)?.unwrap_or_default(), None::<Vec<u8>>);
        loop {
            let page = store.page(ROWS, after.as_deref(), PAGE)?;
            let Some((last, value)) = page.last() else { return Ok(head) };
            let hash = value.get(BODY_BYTES..).and_then(|hash| hash.try_into().ok()).unwrap_or_default();
            head = Head { number: number_of(last).unwrap_or(head.number), hash };
            after = Some(last.clone());
        }
    }

    /// Writes rows behind the last one.
    pub fn append(&mut self, batch: &mut Batch, events: &[Event], now_ms: u64) {
        for event in events {
            self.number += 1;
            let mut value = vec![VERSION, event.what as u8];
            value.extend_from_slice(&now_ms.to_be_bytes());
            value.extend_from_slice(&event.account);
            self.hash = chained(self.number, &value, &self.hash);
            value.extend_from_slice(&self.hash);
            batch.put(row_key(self.number), value);
        }
        if !events.is_empty() {
            batch.put(HEAD, self.write());
        }
    }
}

/// Reads the whole log; the last row's number and hash, or the first row that is wrong.
pub fn verify(store: &dyn Store) -> Result<Verified, Broken> {
    let mut head = Head::read(store, ANCHOR)?.unwrap_or_default();
    let noted = Head::read(store, HEAD)?.unwrap_or_default();
    let (first, mut after) = (head.number, None::<Vec<u8>>);
    loop {
        let page = store.page(ROWS, after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for record in &page {
            head = follows(&head, record)?;
        }
    }
    if noted == head {
        return Ok(Verified { rows: head.number - first, head });
    }
    Err(if noted.number > head.number { Broken::Gone(head.number + 1) } else { Broken::Row(head.number) })
}

/// Forgets some of the rows that are older than `before_ms`, the oldest first; never the last one.
pub fn forget(store: &dyn Store, before_ms: u64) -> Result<Batch, StoreError> {
    let page = store.page(ROWS, None, FORGET_STEP + 1)?;
    let mut batch = Batch::new();
    let mut last = None;
    for (key, value) in page.iter().take(page.len().saturating_sub(1)) {
        let time = value.get(2..10).and_then(|time| time.try_into().ok()).map(u64::from_be_bytes);
        if time.is_none_or(|time| time >= before_ms) {
            break;
        }
        batch.del(key.clone());
        last = number_of(key).zip(value.get(BODY_BYTES..));
    }
    if let Some((number, hash)) = last {
        batch.put(ANCHOR, [&number.to_be_bytes()[..], hash].concat());
    }
    Ok(batch)
}

#[cfg(test)]
mod tests;
