//! What stands in for a key: a password under a username, codes of an authenticator, and recovery codes for when that is lost.

use super::super::access::Id;
use super::super::totp;
use super::audit::{Event, What};
use super::rows::{self, Account, Password, Second};
use super::{Book, Change, Opened, Refused};
use halloo_crypto::id::ClientId;
use halloo_crypto::kdf;
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// Recovery codes of an account: a sheet of paper holds them, and nobody loses a phone ten times.
pub const RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code: 80 bits are not guessed, so that a plain hash hides them.
const RECOVERY_BYTES: usize = 10;

/// A password that was found good, and what it does.
pub struct Checked<'a> {
    /// Of which account.
    pub account: Id,
    /// The row that it was checked against.
    pub kept: &'a Password,
    /// The same password at the cost of today, where that is another.
    pub renewed: Option<Password>,
    /// A code of the authenticator, or a recovery code, where one was given.
    pub code: Option<&'a str>,
}

fn recovery_hash(account: &Id, text: &str) -> [u8; 32] {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    kdf::hash("recovery code", &[account, plain.to_ascii_uppercase().as_bytes()])
}

impl Book {
    /// The account of a username, if there is one.
    pub fn named(&self, store: &dyn Store, tag: &[u8; 32]) -> Result<Option<(Id, Account)>, Refused> {
        let id = store.get(&rows::name_key(tag))?.and_then(|id| Id::try_from(id).ok());
        let Some(id) = id else { return Ok(None) };
        Ok(self.rows.account(store, &id)?.map(|account| (id, account)))
    }

    /// A session for a key by a password that was found good: a key that is new here becomes a device of the account.
    pub fn login_by_password(
        &self,
        store: &dyn Store,
        (device, name): (ClientId, &str),
        checked: Checked<'_>,
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Result<(Change, Result<Opened, Refused>), Refused> {
        let id = checked.account;
        let mut account = self.rows.account(store, &id)?.ok_or(Refused::Unknown)?;
        if account.password.as_ref() != Some(checked.kept) {
            return Err(Refused::Moved);
        }
        let mut change = Change::default();
        if account.second.as_ref().is_some_and(|second| second.confirmed) {
            let code = checked.code.ok_or(Refused::CodeNeeded)?;
            match self.take_code(&id, &mut account, code, now_ms) {
                Some(used) => change.events.extend(used),
                None => return Ok((Self::refused(id), Err(Refused::Unknown))),
            }
        }
        self.admit(store, &id)?;
        if checked.renewed.is_some() {
            account.password = checked.renewed;
        }
        change.batch.put(rows::account_key(&id), account.write());
        change.note(What::LoggedInByPassword, id);
        let opened = match self.rows.device(store, &device)? {
            Some(row) if row.account != id => return Err(Refused::KeyTaken),
            Some(_) => {
                let (login, opened) = self.login(store, device, (now_ms, rng))?;
                change.batch.append(login.batch);
                opened
            }
            None if self.devices(store, &id)?.len() >= super::DEVICES_MAX => return Err(Refused::Devices),
            None => self.add_device(&mut change, (id, device), name, (now_ms, rng)),
        };
        Ok((change, Ok(opened)))
    }

    /// What is noted of a password or a code that was wrong.
    pub fn refused(account: Id) -> Change {
        Change { events: vec![Event::own(What::LoginRefused, account)], ..Change::default() }
    }

    /// Uses up a code; what is to be noted of it, or nothing where it is wrong.
    fn take_code(&self, id: &Id, account: &mut Account, text: &str, now_ms: u64) -> Option<Option<Event>> {
        let second = account.second.as_mut()?;
        let secret: Vec<u8> = self.rows.open(id, &second.secret)?;
        if let Some(step) = totp::step_of(&secret, text, second.step, now_ms) {
            second.step = step;
            return Some(None);
        }
        let hash = recovery_hash(id, text);
        let at = second.recovery.iter().position(|kept| kdf::equal(kept, &hash))?;
        second.recovery.remove(at);
        Some(Some(Event::own(What::RecoveryUsed, *id)))
    }

    /// Sets the password of an account, or takes it away.
    pub fn set_password(
        &self,
        store: &dyn Store,
        id: &Id,
        password: Option<Password>,
    ) -> Result<(Change, ()), Refused> {
        let mut account = self.rows.account(store, id)?.ok_or(Refused::Absent)?;
        if password.is_some() && self.profile(store, id)?.0.username.is_none() {
            return Err(Refused::NameNeeded);
        }
        account.password = password;
        let mut change = Change::default();
        change.batch.put(rows::account_key(id), account.write());
        change.note(What::PasswordChanged, *id);
        Ok((change, ()))
    }

    /// A secret for an authenticator; it counts once a code of it was seen.
    pub fn enrol(
        &self,
        store: &dyn Store,
        id: &Id,
        rng: &mut ChaCha20Rng,
    ) -> Result<(Change, [u8; totp::SECRET_BYTES]), Refused> {
        let mut account = self.rows.account(store, id)?.ok_or(Refused::Absent)?;
        if account.second.as_ref().is_some_and(|second| second.confirmed) {
            return Err(Refused::Enrolled);
        }
        let mut secret = [0; totp::SECRET_BYTES];
        rng.fill_bytes(&mut secret);
        let sealed = self.rows.seal(id, secret.as_slice(), rng);
        account.second = Some(Second { secret: sealed, confirmed: false, step: 0, recovery: Vec::new() });
        let mut change = Change::default();
        change.batch.put(rows::account_key(id), account.write());
        Ok((change, secret))
    }

    /// Takes the first code of an authenticator; the recovery codes, told this once.
    pub fn confirm(
        &self,
        store: &dyn Store,
        (id, text): (&Id, &str),
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Result<(Change, Result<Vec<String>, Refused>), Refused> {
        let mut account = self.rows.account(store, id)?.ok_or(Refused::Absent)?;
        let second = account.second.as_mut().ok_or(Refused::Absent)?;
        if second.confirmed {
            return Err(Refused::Enrolled);
        }
        let secret: Vec<u8> = self.rows.open(id, &second.secret).ok_or(Refused::Absent)?;
        let Some(step) = totp::step_of(&secret, text, second.step, now_ms) else {
            return Ok((Self::refused(*id), Err(Refused::Unknown)));
        };
        let codes: Vec<String> = (0..RECOVERY_CODES)
            .map(|_| {
                let mut bytes = [0; RECOVERY_BYTES];
                rng.fill_bytes(&mut bytes);
                totp::base32(&bytes)
            })
            .collect();
        let recovery = codes.iter().map(|code| recovery_hash(id, code)).collect();
        (second.confirmed, second.step, second.recovery) = (true, step, recovery);
        let mut change = Change::default();
        change.batch.put(rows::account_key(id), account.write());
        change.note(What::TotpEnrolled, *id);
        Ok((change, Ok(codes)))
    }

    /// Forgets the authenticator of an account.
    pub fn unenrol(&self, store: &dyn Store, id: &Id) -> Result<(Change, ()), Refused> {
        let mut account = self.rows.account(store, id)?.ok_or(Refused::Absent)?;
        account.second.take().ok_or(Refused::Absent)?;
        let mut change = Change::default();
        change.batch.put(rows::account_key(id), account.write());
        change.note(What::TotpRemoved, *id);
        Ok((change, ()))
    }
}

#[cfg(test)]
mod tests;
