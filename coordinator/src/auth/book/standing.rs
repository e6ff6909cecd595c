//! What who hosts says of an account: the role that it has, and whether it is suspended; and what is done to accounts by others.
//!
//! ```text
//!  key      "as" | account 16                            there is none for an account of which nothing is said
//!  value    1 | role u8 | suspended since day u32         role 0 none, 1 readonly, 2 support, 3 operator; day 0 not suspended
//! ```
//! A row that cannot be read, as one that a later version wrote, suspends: what it took away is not given back by a mistake.

use super::super::access::Id;
use super::super::rights::{Hand, Role};
use super::audit::{Event, What};
use super::rows::{self, Account};
use super::{Book, Change, Refused};
use halloo_crypto::id::ClientId;
use halloo_crypto::mailbox::Day;
use halloo_store::store::Store;

/// Before all of them.
const ROWS: &[u8] = b"as";
const VERSION: u8 = 1;
/// Rows that are read at once where all are.
const READ_AT_ONCE: usize = 256;

/// Where the standing of an account lies.
pub(super) fn key(account: &Id) -> Vec<u8> {
    [ROWS, account].concat()
}

/// What who hosts says of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What it may do to others.
    pub role: Option<Role>,
    /// The day since which it is suspended.
    pub suspended: Option<u32>,
}

impl Standing {
    /// Since a day that was before all of this, so that it is written as a suspension again.
    const UNREADABLE: Standing = Standing { role: None, suspended: Some(1) };

    fn read(value: &[u8]) -> Self {
        let [VERSION, role, day @ ..] = value else { return Self::UNREADABLE };
        let Ok(day) = <[u8; 4]>::try_from(day).map(u32::from_be_bytes) else { return Self::UNREADABLE };
        let known = Role::of_number(*role);
        if known.is_none() && *role != 0 {
            return Self::UNREADABLE;
        }
        Standing { role: known, suspended: Some(day).filter(|day| *day != 0) }
    }

    fn write(self) -> Vec<u8> {
        let role = self.role.map_or(0, |role| role as u8);
        [&[VERSION, role][..], &self.suspended.unwrap_or(0).to_be_bytes()].concat()
    }

    /// The role by which it acts: none while it is suspended.
    #[must_use]
    pub fn acts(self) -> Option<Role> {
        self.role.filter(|_| self.suspended.is_none())
    }
}

/// Some accounts, and behind which the next page begins, if there is one.
type AccountPage = (Vec<(Id, Account)>, Option<Id>);

impl Book {
    /// What is said of an account.
    pub fn standing(&self, store: &dyn Store, account: &Id) -> Result<Standing, Refused> {
        Ok(store.get(&key(account))?.map_or_else(Standing::default, |value| Standing::read(&value)))
    }

    /// Whether an account is let in.
    pub fn admit(&self, store: &dyn Store, account: &Id) -> Result<(), Refused> {
        if self.standing(store, account)?.suspended.is_some() { Err(Refused::Suspended) } else { Ok(()) }
    }

    /// Whether a key is let in, which need not have an account.
    pub fn admit_device(&self, store: &dyn Store, device: &ClientId) -> Result<(), Refused> {
        self.rows.device(store, device)?.map_or(Ok(()), |row| self.admit(store, &row.account))
    }

    /// All accounts that have a role.
    pub fn with_roles(&self, store: &dyn Store) -> Result<Vec<Id>, Refused> {
        let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = store.page(ROWS, after.as_deref(), READ_AT_ONCE)?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after = Some(last.clone());
            let named = page.iter().filter(|(_, value)| Standing::read(value).role.is_some());
            found.extend(named.filter_map(|(key, _)| Id::try_from(key.get(ROWS.len()..)?).ok()));
        }
    }

    /// An account that this hand reaches.
    fn reached(&self, store: &dyn Store, account: &Id, hand: Hand) -> Result<(Account, Standing), Refused> {
        let row = self.account(store, account)?;
        let standing = self.standing(store, account)?;
        // Who knows which role it had.
        if standing == Standing::UNREADABLE && hand != Hand::Host {
            return Err(Refused::Protected);
        }
        if hand.reaches(standing.role) { Ok((row, standing)) } else { Err(Refused::Protected) }
    }

    fn stand(account: &Id, standing: Standing, (what, hand): (What, Hand)) -> Change {
        let mut change = Change::default();
        if standing == Standing::default() {
            change.batch.del(key(account));
        } else {
            change.batch.put(key(account), standing.write());
        }
        change.events.push(Event { what, subject: *account, by: Some(hand.by()) });
        change
    }

    /// Gives an account another role, or none.
    pub fn set_role(
        &self,
        store: &dyn Store,
        account: &Id,
        role: Option<Role>,
        hand: Hand,
    ) -> Result<(Change, ()), Refused> {
        let (_, standing) = self.reached(store, account, hand)?;
        if standing.role == role {
            return Ok((Change::default(), ()));
        }
        let standing = Standing { role, ..standing };
        Ok((Self::stand(account, standing, (What::became(role), hand)), ()))
    }

    /// Suspends an account from this day on, or lets it in again; its sessions stay as they are, and open nothing meanwhile.
    pub fn set_suspended(
        &self,
        store: &dyn Store,
        account: &Id,
        since: Option<Day>,
        hand: Hand,
    ) -> Result<(Change, ()), Refused> {
        let (_, standing) = self.reached(store, account, hand)?;
        if standing.suspended.is_some() == since.is_some() {
            return Ok((Change::default(), ()));
        }
        let what = if since.is_some() { What::Suspended } else { What::Unsuspended };
        let standing = Standing { suspended: since.map(|day| day.0.max(1)), ..standing };
        Ok((Self::stand(account, standing, (what, hand)), ()))
    }

    /// Ends all sessions of an account whose devices are these; their keys log in again.
    pub fn end_sessions(
        &self,
        store: &dyn Store,
        account: &Id,
        devices: &[ClientId],
        hand: Hand,
    ) -> Result<(Change, ()), Refused> {
        self.reached(store, account, hand)?;
        let mut change = Change::default();
        for (device, mut row) in self.devices_are(store, account, devices)? {
            if row.session.take().is_some() {
                change.batch.put(rows::device_key(&device), row.write());
            }
        }
        if !change.batch.is_empty() {
            change.events.push(Event { what: What::SessionsEnded, subject: *account, by: Some(hand.by()) });
        }
        Ok((change, ()))
    }

    /// Forgets an account whose devices are these, by another than its owner.
    pub fn forget_by(
        &self,
        store: &dyn Store,
        account: &Id,
        devices: &[ClientId],
        hand: Hand,
    ) -> Result<(Change, ()), Refused> {
        self.reached(store, account, hand)?;
        Ok((self.forget(store, account, devices)?.by(hand), ()))
    }

    /// An account.
    pub fn account(&self, store: &dyn Store, account: &Id) -> Result<Account, Refused> {
        self.rows.account(store, account)?.ok_or(Refused::Absent)
    }

    /// At most so many accounts behind this one, in the order of their names, and behind which the next page begins, if there is one. Rows
    /// that cannot be read are left out.
    pub fn accounts(
        &self,
        store: &dyn Store,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<AccountPage, Refused> {
        let after = after.map(rows::account_key);
        let mut page = store.page(rows::ACCOUNTS, after.as_deref(), limit.saturating_add(1))?;
        let more = page.len() > limit;
        page.truncate(limit);
        let id = |key: &[u8]| Id::try_from(key.get(rows::ACCOUNTS.len()..)?).ok();
        let next = page.last().filter(|_| more).and_then(|(key, _)| id(key));
        let read = |(key, value): (Vec<u8>, Vec<u8>)| Some((id(&key)?, rows::read(&value)?));
        Ok((page.into_iter().filter_map(read).collect(), next))
    }
}

#[cfg(test)]
mod tests;
