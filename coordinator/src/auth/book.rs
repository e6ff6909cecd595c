//! The book of accounts: who may log in with which keys, and the sessions that are open. Store, time and chance are arguments.
//!
//! A change is worked out (what is to be written, what is noted of it), made durable by the caller, and true then. Whoever works on
//! an account, a device or a name keeps others from it meanwhile.

pub mod api_key;
pub mod audit;
pub mod by_password;
pub mod refresh;
pub mod rows;
pub mod standing;

use super::access::Id;
use super::invitation::InvitationError;
use super::rights::Hand;
use audit::{Event, What};
use halloo_crypto::id::ClientId;
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use refresh::{Presented, Refresh};
use rows::{Account, Device, Names, Password, Session};

/// Most devices of one account: a person's phones, tablets and computers, and a few forgotten ones.
pub const DEVICES_MAX: usize = 16;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nobody logs in by this.
    #[error("no account is opened by this")]
    Unknown,
    /// The key has an account already.
    #[error("this key has an account here already")]
    KeyTaken,
    /// Somebody has this name.
    #[error("this username is taken")]
    NameTaken,
    /// The session is no longer open.
    #[error("the session has ended")]
    Ended,
    /// There is nothing of this name.
    #[error("the account has nothing of this name")]
    Absent,
    /// A password without a name to log in by.
    #[error("a password needs a username: set one first, and take the password away before it")]
    NameNeeded,
    /// A code of the authenticator is needed as well.
    #[error("this account asks for a code of its authenticator too")]
    CodeNeeded,
    /// An authenticator is there already.
    #[error("the account has an authenticator already: remove it first")]
    Enrolled,
    /// An invitation that is no good.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// Who hosts has closed the account for now.
    #[error("this account is suspended")]
    Suspended,
    /// The account that asks may not do this to others.
    #[error("this account has no role that allows this")]
    RoleNeeded,
    /// The account has a role that who asks does not reach.
    #[error("this account has a role, and who asks has none above it")]
    Protected,
    /// No API key that is good.
    #[error("this is no API key of this coordinator, or it has ended")]
    KeyNeeded,
    /// The key was not made for this.
    #[error("this key was not made for this, or who made it may not do this any more")]
    ScopeNeeded,
    /// As many API keys as there may be.
    #[error(
        "there are at most {} API keys, {} of them for who hosts: revoke one",
        api_key::KEYS_MAX,
        api_key::KEYS_OF_HOST
    )]
    Keys,
    /// More devices than one account has.
    #[error("an account has at most {DEVICES_MAX} devices")]
    Devices,
    /// Something else changed it at the same moment.
    #[error("the account was changed at the same moment")]
    Moved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be made durable.
#[derive(Default)]
#[must_use]
pub struct Change {
    /// What is written.
    pub batch: Batch,
    /// What the audit log notes of it.
    pub events: Vec<Event>,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Change {
    fn note(&mut self, what: What, account: Id) {
        self.events.push(Event::own(what, account));
    }

    /// The same change, done by somebody else than the owner.
    fn by(mut self, hand: Hand) -> Self {
        self.events.iter_mut().for_each(|event| event.by = Some(hand.by()));
        self
    }
}

/// A session that has begun, or goes on.
#[derive(Debug)]
pub struct Opened {
    /// Of which account.
    pub account: Id,
    /// Its name.
    pub session: Id,
    /// What continues it.
    pub refresh: Refresh,
}

/// What a new account begins with.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Begin {
    /// What its owner calls it, and where to write to.
    pub names: Names,
    /// What opens it where no key is.
    pub password: Option<Password>,
    /// What its owner calls the device.
    pub device_name: String,
}

impl std::fmt::Debug for Begin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begin").field("password", &self.password).finish_non_exhaustive()
    }
}

/// The rules and secrets of the book.
#[derive(Debug)]
pub struct Book {
    pub(super) rows: rows::Rows,
    refresh: Secret<[u8; 32]>,
    session_days: u32,
}

fn drawn(rng: &mut ChaCha20Rng) -> Id {
    let mut id = [0; 16];
    rng.fill_bytes(&mut id);
    id
}

impl Book {
    /// A book whose secrets come from this seed; a session that is not continued for so many days ends.
    #[must_use]
    pub fn new(seed: &Secret<[u8; 32]>, session_days: u32) -> Self {
        Book {
            rows: rows::Rows::new(seed),
            refresh: kdf::derive(seed.expose(), "refresh tokens", &[]),
            session_days,
        }
    }

    /// A blinded name for a username: what its row is found by.
    #[must_use]
    pub fn tag(&self, username: &str) -> [u8; 32] {
        self.rows.tag(username)
    }

    /// A new account that a key opens.
    pub fn register(
        &self,
        store: &dyn Store,
        device: ClientId,
        begin: &Begin,
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Result<(Change, Opened), Refused> {
        if self.rows.device(store, &device)?.is_some() {
            return Err(Refused::KeyTaken);
        }
        let (account, today) = (drawn(rng), Day::of_ms(now_ms));
        let mut change = Change::default();
        if let Some(username) = &begin.names.username {
            let key = rows::name_key(&self.tag(username));
            if store.get(&key)?.is_some() {
                return Err(Refused::NameTaken);
            }
            change.batch.put(key, account.to_vec());
        }
        let names = self.rows.seal(&account, &begin.names, rng);
        let row = Account { password: begin.password.clone(), ..Account::new(today, names) };
        change.batch.put(rows::account_key(&account), row.write());
        change.note(What::Registered, account);
        let opened = self.add_device(&mut change, (account, device), &begin.device_name, (now_ms, rng));
        Ok((change, opened))
    }

    fn add_device(
        &self,
        change: &mut Change,
        (account, device): (Id, ClientId),
        name: &str,
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Opened {
        let today = Day::of_ms(now_ms);
        let (session, refresh) = self.begin_session(today, rng);
        let opened = Opened { account, session: session.id, refresh };
        let name = self.rows.seal(&device.0, &name, rng);
        let row = Device { account, name, added: today.0, session: Some(session) };
        change.batch.put(rows::device_key(&device), row.write());
        change.batch.put(rows::listed_key(&account, &device), Vec::new());
        opened
    }

    fn begin_session(&self, today: Day, rng: &mut ChaCha20Rng) -> (Session, Refresh) {
        let id = drawn(rng);
        let refresh = Refresh::draw(&self.refresh, id, rng);
        let session = Session { id, since: today.0, used: today.0, current: refresh.hash(), previous: None };
        (session, refresh)
    }

    /// A new session of a key that has an account; one that was open ends by it.
    pub fn login(
        &self,
        store: &dyn Store,
        device: ClientId,
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Result<(Change, Opened), Refused> {
        let mut row = self.rows.device(store, &device)?.ok_or(Refused::Unknown)?;
        self.admit(store, &row.account)?;
        let (session, refresh) = self.begin_session(Day::of_ms(now_ms), rng);
        let (account, id) = (row.account, session.id);
        row.session = Some(session);
        let mut change = Change::default();
        change.batch.put(rows::device_key(&device), row.write());
        change.note(What::LoggedIn, account);
        Ok((change, Opened { account, session: id, refresh }))
    }

    /// Whether a key opens an account.
    pub fn knows(&self, store: &dyn Store, device: &ClientId) -> Result<bool, Refused> {
        Ok(self.rows.device(store, device)?.is_some())
    }

    /// The session of a device, if this is the one that is open.
    pub fn session(
        &self,
        store: &dyn Store,
        device: &ClientId,
        id: &Id,
        now_ms: u64,
    ) -> Result<Device, Refused> {
        let row = self.rows.device(store, device)?.ok_or(Refused::Ended)?;
        let open = row.session.as_ref().is_some_and(|session| session.id == *id);
        if open && self.is_live(&row, now_ms) { Ok(row) } else { Err(Refused::Ended) }
    }

    fn is_live(&self, row: &Device, now_ms: u64) -> bool {
        row.session
            .as_ref()
            .is_some_and(|session| Day::of_ms(now_ms).0 <= session.used.saturating_add(self.session_days))
    }

    /// The session of a device that a token was given for, if it is the one that is open; which of its tokens this is was not looked at.
    pub fn continued(
        &self,
        store: &dyn Store,
        (device, token): (&ClientId, &Refresh),
        now_ms: u64,
    ) -> Result<Device, Refused> {
        if !token.is_ours(&self.refresh) {
            return Err(Refused::Ended);
        }
        self.session(store, device, &token.session(), now_ms)
    }

    /// Continues a session: the token that is presented is consumed and another takes its place. A repeat of the consumed one has the
    /// same successor for an answer, as long as nobody has used that: an answer was lost. After that it is reuse, and ends the session.
    pub fn refresh(
        &self,
        store: &dyn Store,
        (device, token): (&ClientId, &Refresh),
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Result<(Change, Result<Opened, Refused>), Refused> {
        let mut change = Change::default();
        let ended = |change| Ok((change, Err(Refused::Ended)));
        let mut row = match self.continued(store, (device, token), now_ms) {
            Ok(row) => row,
            Err(Refused::Ended) => return ended(change),
            // A client throws away a session that has ended, and a store that fails may work again.
            Err(error) => return Err(error),
        };
        let account = row.account;
        self.admit(store, &account)?;
        let Some(session) = &mut row.session else { return ended(change) };
        let id = session.id;
        let refresh = match session.present(token) {
            Presented::Current => {
                let refresh = session.rotate(token, &self.refresh, rng);
                session.used = Day::of_ms(now_ms).0;
                change.batch.put(rows::device_key(device), row.write());
                refresh
            }
            Presented::Consumed(salt) => token.successor(&self.refresh, &salt),
            Presented::Reused => {
                row.session = None;
                change.batch.put(rows::device_key(device), row.write());
                change.note(What::RefreshReused, account);
                return ended(change);
            }
        };
        Ok((change, Ok(Opened { account, session: id, refresh })))
    }

    /// Ends the session of a device.
    pub fn end_session(
        &self,
        store: &dyn Store,
        (device, session): (&ClientId, &Id),
        what: What,
    ) -> Result<Change, Refused> {
        let mut row = self.rows.device(store, device)?.ok_or(Refused::Absent)?;
        if row.session.as_ref().is_none_or(|open| open.id != *session) {
            return Err(Refused::Absent);
        }
        row.session = None;
        let mut change = Change::default();
        change.note(what, row.account);
        change.batch.put(rows::device_key(device), row.write());
        Ok(change)
    }

    /// The devices of an account.
    pub fn devices(&self, store: &dyn Store, account: &Id) -> Result<Vec<(ClientId, Device)>, Refused> {
        let listed = store.page(&rows::listed_of(account), None, DEVICES_MAX)?;
        let keys = listed.iter().filter_map(|(key, _)| rows::listed_device(key));
        let row = |key| Ok(self.rows.device(store, &key)?.map(|row| (key, row)));
        keys.filter_map(|key| row(key).transpose()).collect()
    }

    /// The devices of an account, if they are these: whoever works on all of them keeps others from these only.
    fn devices_are(
        &self,
        store: &dyn Store,
        account: &Id,
        devices: &[ClientId],
    ) -> Result<Vec<(ClientId, Device)>, Refused> {
        let there = self.devices(store, account)?;
        let same = there.len() == devices.len() && there.iter().all(|(key, _)| devices.contains(key));
        if same { Ok(there) } else { Err(Refused::Moved) }
    }

    /// Takes a device away from an account; whether the account is forgotten with it, being the last.
    pub fn revoke_device(
        &self,
        store: &dyn Store,
        (account, device): (&Id, &ClientId),
    ) -> Result<(Change, bool), Refused> {
        let row = self.rows.device(store, device)?.filter(|row| row.account == *account);
        if row.is_none() {
            return Err(Refused::Absent);
        }
        let by_password = self.rows.account(store, account)?.is_some_and(|row| row.password.is_some());
        if self.devices(store, account)?.len() == 1 && !by_password {
            return Ok((self.forget(store, account, &[*device])?, true));
        }
        let mut change = Change::default();
        change.batch.del(rows::device_key(device));
        change.batch.del(rows::listed_key(account, device));
        change.note(What::DeviceRevoked, *account);
        Ok((change, false))
    }

    /// Forgets an account whose devices are these.
    pub fn forget(&self, store: &dyn Store, account: &Id, devices: &[ClientId]) -> Result<Change, Refused> {
        let (names, _) = self.profile(store, account)?;
        self.devices_are(store, account, devices)?;
        let mut change = Change::default();
        change.batch.del(rows::account_key(account));
        change.batch.del(standing::key(account));
        if let Some(username) = &names.username {
            change.batch.del(rows::name_key(&self.tag(username)));
        }
        for device in devices {
            change.batch.del(rows::device_key(device));
            change.batch.del(rows::listed_key(account, device));
        }
        change.note(What::Forgotten, *account);
        Ok(change)
    }

    /// What the owner of an account has set, and the day on which it began.
    pub fn profile(&self, store: &dyn Store, account: &Id) -> Result<(Names, u32), Refused> {
        let row = self.rows.account(store, account)?.ok_or(Refused::Absent)?;
        Ok((self.rows.open(account, &row.names).unwrap_or_default(), row.created))
    }

    /// Sets it; the day on which the account began.
    pub fn set_profile(
        &self,
        store: &dyn Store,
        account: &Id,
        names: &Names,
        rng: &mut ChaCha20Rng,
    ) -> Result<(Change, u32), Refused> {
        let mut row = self.rows.account(store, account)?.ok_or(Refused::Absent)?;
        let before: Names = self.rows.open(account, &row.names).unwrap_or_default();
        if names.username.is_none() && row.password.is_some() {
            return Err(Refused::NameNeeded);
        }
        let mut change = Change::default();
        if before == *names {
            return Ok((change, row.created));
        }
        if before.username != names.username {
            if let Some(username) = &names.username {
                let key = rows::name_key(&self.tag(username));
                if store.get(&key)?.is_some() {
                    return Err(Refused::NameTaken);
                }
                change.batch.put(key, account.to_vec());
            }
            if let Some(username) = &before.username {
                change.batch.del(rows::name_key(&self.tag(username)));
            }
        }
        row.names = self.rows.seal(account, names, rng);
        change.batch.put(rows::account_key(account), row.write());
        change.note(What::ProfileChanged, *account);
        Ok((change, row.created))
    }

    /// Whether a session of this device is open now.
    #[must_use]
    pub fn open_session<'a>(&self, row: &'a Device, now_ms: u64) -> Option<&'a Session> {
        row.session.as_ref().filter(|_| self.is_live(row, now_ms))
    }

    /// What its owner calls a device.
    #[must_use]
    pub fn device_name(&self, device: &ClientId, row: &Device) -> String {
        self.rows.open(&device.0, &row.name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
