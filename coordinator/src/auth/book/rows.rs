//! The rows of accounts in the store.
//!
//! ```text
//!  key                                       value
//!  "au" | account 16                         version | postcard of Account
//!  "an" | tag of the username 32             account 16
//!  "ad" | device key 32                      version | postcard of Device
//!  "al" | account 16 | device key 32         nothing
//!  "as" | account 16                         role and suspension, drawn in `standing`
//!  "ak" | key id 16                          version | postcard of ApiKey, drawn in `api_key`
//!  "ag" | number u64                         a row of the audit log, drawn in `audit`
//!  "av" | id 8                               uses of an invitation, drawn in `invitation`
//! ```
//! Days are all that is known of times, outside the audit log. Names that people give are sealed (AES-256-GCM, bound to the row) under a
//! key that derives from the coordinator's seed, which lies in the same store: it keeps them out of greps, not from who takes all.

use super::super::access::Id;
use super::refresh::{Presented, Refresh};
use halloo_crypto::aead::{AeadKey, NONCE_BYTES};
use halloo_crypto::id::ClientId;
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// Before all accounts.
pub const ACCOUNTS: &[u8] = b"au";
/// Before all devices.
pub const DEVICES: &[u8] = b"ad";

/// Where an account lies.
#[must_use]
pub fn account_key(account: &Id) -> Vec<u8> {
    [ACCOUNTS, account].concat()
}

/// Where it lies whose a username is.
#[must_use]
pub fn name_key(tag: &[u8; 32]) -> Vec<u8> {
    [b"an", &tag[..]].concat()
}

/// Where a device lies.
#[must_use]
pub fn device_key(device: &ClientId) -> Vec<u8> {
    [DEVICES, &device.0].concat()
}

/// Before the devices of an account.
#[must_use]
pub fn listed_of(account: &Id) -> Vec<u8> {
    [b"al", &account[..]].concat()
}

/// Where it is noted that an account has a device.
#[must_use]
pub fn listed_key(account: &Id, device: &ClientId) -> Vec<u8> {
    [b"al", &account[..], &device.0].concat()
}

/// The device of such a note.
#[must_use]
pub fn listed_device(key: &[u8]) -> Option<ClientId> {
    key.get(18..)?.try_into().ok().map(ClientId)
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The day on which it began.
    pub created: u32,
    /// [`Names`], sealed.
    pub names: Vec<u8>,
    /// What opens it where no key is.
    pub password: Option<Password>,
    /// What else a password needs.
    pub second: Option<Second>,
}

/// A password, as Argon2id leaves it (RFC 9106).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    /// What it was stretched with.
    pub cost: Cost,
    /// Drawn for it.
    pub salt: [u8; 16],
    /// What came out.
    pub hash: [u8; 32],
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Password").field("cost", &self.cost).finish_non_exhaustive()
    }
}

/// How much work one guess is; always in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

/// An authenticator, and what stands in for it once it is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Its secret, sealed.
    pub secret: Vec<u8>,
    /// Whether a code of it was seen: only then one is asked for.
    pub confirmed: bool,
    /// The step of the last code that was taken: none counts twice.
    pub step: u64,
    /// Hashes of recovery codes that are left.
    pub recovery: Vec<[u8; 32]>,
}

/// What people give to be found by.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// What its owner logs in by where no key is.
    pub username: Option<String>,
    /// Where to write to; nobody has checked it.
    pub email: Option<String>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names(..)")
    }
}

/// A device of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Whose it is.
    pub account: Id,
    /// What its owner calls it, sealed.
    pub name: Vec<u8>,
    /// The day on which it came.
    pub added: u32,
    /// The session that is open.
    pub session: Option<Session>,
}

/// A session of a device: a family of refresh tokens of which one is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: Id,
    /// The day on which it began.
    pub since: u32,
    /// The day on which it was continued.
    pub used: u32,
    /// Hash of the token that is good.
    pub current: [u8; 32],
    /// Hash of the one before, and what its successor was derived with.
    pub previous: Option<([u8; 32], [u8; 32])>,
}

impl Session {
    /// What a token of this session is to it.
    #[must_use]
    pub fn present(&self, token: &Refresh) -> Presented {
        let hash = token.hash();
        match &self.previous {
            _ if kdf::equal(&hash, &self.current) => Presented::Current,
            Some((consumed, salt)) if kdf::equal(&hash, consumed) => Presented::Consumed(*salt),
            _ => Presented::Reused,
        }
    }

    /// Consumes the token that is good; the one that is good now.
    pub fn rotate(&mut self, token: &Refresh, secret: &Secret<[u8; 32]>, rng: &mut ChaCha20Rng) -> Refresh {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let successor = token.successor(secret, &salt);
        self.previous = Some((self.current, salt));
        self.current = successor.hash();
        successor
    }
}

pub(super) fn write<T: Serialize>(row: &T) -> Vec<u8> {
    postcard::to_extend(row, vec![VERSION]).expect("rows have a form in bytes")
}

pub(super) fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    let (version, body) = value.split_first()?;
    let (row, rest) = postcard::take_from_bytes(body).ok().filter(|_| *version == VERSION)?;
    rest.is_empty().then_some(row)
}

impl Account {
    /// A new one.
    #[must_use]
    pub fn new(today: Day, names: Vec<u8>) -> Self {
        Account { created: today.0, names, password: None, second: None }
    }

    /// As it lies in the store.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        write(self)
    }
}

impl Device {
    /// As it lies in the store.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        write(self)
    }
}

/// The secrets of the rows.
#[derive(Debug)]
pub struct Rows {
    tags: Secret<[u8; 32]>,
    seal: Secret<[u8; 32]>,
}

impl Rows {
    /// From a seed.
    #[must_use]
    pub fn new(seed: &Secret<[u8; 32]>) -> Self {
        Rows {
            tags: kdf::derive(seed.expose(), "username tags", &[]),
            seal: kdf::derive(seed.expose(), "account rows", &[]),
        }
    }

    /// The blinded name of a username.
    #[must_use]
    pub fn tag(&self, username: &str) -> [u8; 32] {
        kdf::mac(self.tags.expose(), &[username.as_bytes()])
    }

    /// Seals what people gave, bound to whose it is.
    #[must_use]
    pub fn seal<T: Serialize + ?Sized>(&self, whose: &[u8], what: &T, rng: &mut ChaCha20Rng) -> Vec<u8> {
        let plain = postcard::to_allocvec(what).expect("names have a form in bytes");
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let sealed = AeadKey::new(self.seal.expose()).seal(&nonce, whose, &plain);
        [&nonce[..], &sealed].concat()
    }

    /// Opens what was sealed; nothing where it is damaged.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, whose: &[u8], sealed: &[u8]) -> Option<T> {
        let (nonce, sealed) = sealed.split_first_chunk()?;
        let plain = AeadKey::new(self.seal.expose()).open(nonce, whose, sealed).ok()?;
        postcard::from_bytes(&plain).ok()
    }

    /// An account.
    pub fn account(&self, store: &dyn Store, account: &Id) -> Result<Option<Account>, StoreError> {
        Ok(store.get(&account_key(account))?.and_then(|value| read(&value)))
    }

    /// A device.
    pub fn device(&self, store: &dyn Store, device: &ClientId) -> Result<Option<Device>, StoreError> {
        Ok(store.get(&device_key(device))?.and_then(|value| read(&value)))
    }
}
