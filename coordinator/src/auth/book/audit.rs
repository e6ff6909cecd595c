//! The audit log: what was done to accounts, in rows that each hold the hash of the one before; nothing of what was said or named.
//!
//! ```text
//!  key      "ag" | number u64                            numbers go up by one
//!  value    1 | what u8 | time ms u64 | account 16 | hash 32                       what its owner did, or who tried its door
//!           2 | what u8 | time ms u64 | subject 16 | by u8 | who 16 | hash 32      what another did to an account or an API key:
//!                                                                                  by 1 who hosts (who: zeros), 2 an account, 3 a key
//!  hash     SHA-256, under a label of ours, of number | value before the hash | hash of the row before, or zeros before the first row
//!  anchor   "ah" -> number u64 | hash 32                 of the last row that was forgotten by age, where one was
//!  head     "ai" -> number u64 | hash 32                 of the last row
//! ```
//! A row that is changed, moved or missing breaks the chain there, also at its end. Who rewrites all rows after it, and the head, is seen by
//! whoever noted the last hash.

use super::super::access::Id;
use super::super::rights::{By, Role};
use halloo_crypto::kdf;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::{Record, Store};
use serde::Serialize;
use utoipa::ToSchema;

const ROWS: &[u8] = b"ag";
const ANCHOR: &[u8] = b"ah";
const HEAD: &[u8] = b"ai";
const OWN: u8 = 1;
const OWN_BYTES: usize = 26;
const BY_ANOTHER: u8 = 2;
const BY_ANOTHER_BYTES: usize = 43;
/// Rows that are read at once: some 70 kB.
const PAGE: usize = 1_024;
/// Rows that one step forgets.
pub const FORGET_STEP: usize = 256;

/// What was done. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
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
    /// The role of an account was taken away.
    RoleTaken = 15,
    /// An account became one that looks.
    MadeReadonly = 16,
    /// An account became one of support.
    MadeSupport = 17,
    /// An account became an operator.
    MadeOperator = 18,
    /// An account was suspended.
    Suspended = 19,
    /// It was let in again.
    Unsuspended = 20,
    /// All its sessions were ended.
    SessionsEnded = 21,
    /// An API key was made.
    KeyMade = 22,
    /// An API key was revoked.
    KeyRevoked = 23,
}

/// All that is ever noted.
const ALL: [What; 23] = [
    What::Registered,
    What::LoggedIn,
    What::LoggedOut,
    What::RefreshReused,
    What::SessionRevoked,
    What::DeviceRevoked,
    What::ProfileChanged,
    What::Forgotten,
    What::PasswordChanged,
    What::LoggedInByPassword,
    What::LoginRefused,
    What::TotpEnrolled,
    What::TotpRemoved,
    What::RecoveryUsed,
    What::RoleTaken,
    What::MadeReadonly,
    What::MadeSupport,
    What::MadeOperator,
    What::Suspended,
    What::Unsuspended,
    What::SessionsEnded,
    What::KeyMade,
    What::KeyRevoked,
];

impl What {
    /// That an account has this role now.
    #[must_use]
    pub fn became(role: Option<Role>) -> Self {
        match role {
            None => What::RoleTaken,
            Some(Role::Readonly) => What::MadeReadonly,
            Some(Role::Support) => What::MadeSupport,
            Some(Role::Operator) => What::MadeOperator,
        }
    }

    fn of(number: u8) -> Option<Self> {
        ALL.into_iter().find(|what| *what as u8 == number)
    }
}

/// Something to note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub what: What,
    /// Of which account, or of which API key.
    pub subject: Id,
    /// Who did it, where that was not the owner of the account.
    pub by: Option<By>,
}

impl Event {
    /// Something that the owner of an account did, or somebody who tried to come in as that.
    #[must_use]
    pub fn own(what: What, account: Id) -> Self {
        Event { what, subject: account, by: None }
    }

    fn write(&self, now_ms: u64) -> Vec<u8> {
        let form = if self.by.is_some() { BY_ANOTHER } else { OWN };
        let mut body = vec![form, self.what as u8];
        body.extend_from_slice(&now_ms.to_be_bytes());
        body.extend_from_slice(&self.subject);
        if let Some(by) = self.by {
            let (kind, who) = match by {
                By::Host => (1, Id::default()),
                By::Account(account) => (2, account),
                By::Key(key) => (3, key),
            };
            body.push(kind);
            body.extend_from_slice(&who);
        }
        body
    }
}

/// A row that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number.
    pub number: u64,
    /// When, Unix milliseconds.
    pub time_ms: u64,
    /// What was done.
    pub event: Event,
}

impl Noted {
    /// Reads a row; nothing where it is none, or of a form that came later.
    fn read((key, value): &Record) -> Option<Self> {
        let (body, _) = split(value)?;
        let (what, rest) = body[1..].split_first()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (subject, rest) = rest.split_first_chunk()?;
        let by = match rest.split_first() {
            None => None,
            Some((1, _)) => Some(By::Host),
            Some((2, who)) => Some(By::Account(who.try_into().ok()?)),
            Some((3, who)) => Some(By::Key(who.try_into().ok()?)),
            Some(_) => return None,
        };
        let event = Event { what: What::of(*what)?, subject: *subject, by };
        Some(Noted { number: number_of(key)?, time_ms: u64::from_be_bytes(*time), event })
    }
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

/// What a row says, and its hash; nothing where it has none of the forms.
fn split(value: &[u8]) -> Option<(&[u8], [u8; 32])> {
    let bytes = match *value.first()? {
        OWN => OWN_BYTES,
        BY_ANOTHER => BY_ANOTHER_BYTES,
        _ => return None,
    };
    let (body, hash) = value.split_at_checked(bytes)?;
    Some((body, hash.try_into().ok()?))
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
    let (body, hash) = split(value).ok_or(Broken::Row(number))?;
    let computed = chained(number, body, &before.hash);
    if hash == computed { Ok(Head { number, hash: computed }) } else { Err(Broken::Row(number)) }
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
            let hash = split(value).map(|(_, hash)| hash).unwrap_or_default();
            head = Head { number: number_of(last).unwrap_or(head.number), hash };
            after = Some(last.clone());
        }
    }

    /// Writes rows behind the last one.
    pub fn append(&mut self, batch: &mut Batch, events: &[Event], now_ms: u64) {
        for event in events {
            self.number += 1;
            let mut value = event.write(now_ms);
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
        last = number_of(key).zip(split(value));
    }
    if let Some((number, (_, hash))) = last {
        batch.put(ANCHOR, Head { number, hash }.write());
    }
    Ok(batch)
}

/// At most so many rows before this one, the newest first, and the number of the last of them where there are more.
pub fn newest(
    store: &dyn Store,
    before: Option<u64>,
    limit: usize,
) -> Result<(Vec<Noted>, Option<u64>), StoreError> {
    let before = before.map_or_else(|| Head::find(store).map(|head| head.number.saturating_add(1)), Ok)?;
    // One more than is shown says whether there are more.
    let window = limit.saturating_add(1);
    let first = before.saturating_sub(u64::try_from(window).unwrap_or(u64::MAX)).max(1);
    let mut records = store.page(ROWS, Some(&row_key(first - 1)), window)?;
    records.retain(|(key, _)| number_of(key).is_some_and(|number| number < before));
    let next = if records.len() > limit {
        records.remove(0);
        records.first().and_then(|(key, _)| number_of(key))
    } else {
        None
    };
    Ok((records.iter().rev().filter_map(Noted::read).collect(), next))
}

#[cfg(test)]
mod tests;
