//! The keys of what a home has on disk: data keys that seal everything, wrapped by one key that a keyring, a passphrase or a
//! file keeps.
//!
//! ```text
//! wrapped keys, inside the vault file (drawn in `wrapping`)
//!  0        1        2          34
//!  | before | number | key (32) |                        one data key
//!  | before | number | key (32) | number | key (32) |    while a rotation runs: the one in use, then the one that takes its place
//! ```
//! `before` is the number of the key that the one in use replaced, 0 for none: what its folder left behind may go.
//!
//! **Rotation.** [`Vault::begin_rotation`] adds the next key (and wraps both by a fresh wrapping key, unless a passphrase makes it).
//! Files are sealed by the newest key from then on; the store is copied, value by value, into the folder of the next key
//! (`storage`). [`Vault::finish_rotation`] writes the vault file with the next key alone: that one rename makes the new folder the store
//! and the old key gone, together. A crash before it finds both keys and goes on; a crash after it finds the new store.

mod data_key;
mod wrapping;

pub use data_key::{DataKey, OVERHEAD};
pub use wrapping::{CloseBy, Place};

use crate::home::{Home, HomeError};
use crate::keyring::{Ask, Keyring, KeyringError};
use data_key::KEY;
use halloo_crypto::secret::Secret;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use wrapping::Wrapping;
use zeroize::Zeroizing;

const FILE: &str = "vault";

/// What can be wrong with a vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The home is closed by a passphrase and none, or a wrong one, was given.
    #[error("this home is closed by a passphrase; give the right one in HALLOO_PASSPHRASE")]
    Passphrase,
    /// Nothing is no passphrase.
    #[error("an empty passphrase closes nothing; choose a longer one")]
    Empty,
    /// The key file is gone.
    #[error("the key file vault.key is missing from this home; put it back from your backup")]
    KeyFile,
    /// The keyring does not give the key, or does not take it.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The vault file was cut or changed.
    #[error("the vault file of this home is damaged; put it back from your backup")]
    Damaged,
    /// A sealed value does not open: changed, exchanged or of another key.
    #[error("a stored value does not open ({0}); restore the last backup of this home")]
    Value(String),
    /// The disk failed in the middle of a change of the wrapping key.
    #[error(
        "the disk failed while the keys of this home changed; stop halloo, check the disk, start it again"
    )]
    Unsettled,
    /// 254 folders of other keys are there.
    #[error(
        "every key number has a folder already; move the store folders that are not yours out of this home"
    )]
    NoNumber,
    /// The machine gives no randomness.
    #[error("the system gives no randomness; restart the machine")]
    NoRandomness,
    /// The home itself.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// What may be used to open a home, and to close a new one.
#[derive(Clone, Debug)]
pub struct Unlock {
    /// The passphrase, if there is one.
    pub passphrase: Option<Zeroizing<String>>,
    /// The keyring.
    pub keyring: Keyring,
}

impl Unlock {
    /// A key file and nothing else: for tests and demonstrations.
    pub fn by_key_file() -> Self {
        Unlock { passphrase: None, keyring: Keyring::Off }
    }

    /// As `HALLOO_PASSPHRASE` and `HALLOO_KEYRING` say.
    pub fn from_env() -> Self {
        let passphrase = std::env::var("HALLOO_PASSPHRASE").ok().map(Zeroizing::new);
        Unlock { passphrase, keyring: Keyring::from_env() }
    }
}

/// The data keys.
#[derive(Clone, Debug)]
struct Keys {
    before: u8,
    current: Arc<DataKey>,
    next: Option<Arc<DataKey>>,
}

/// Who changes the vault file, one at a time.
struct Closed {
    wrapping: Wrapping,
    /// A change of the wrapping key failed half way: the file on the disk is not what is known here.
    unsettled: bool,
}

/// The opened keys of a home.
pub struct Vault {
    home: Home,
    keyring: Keyring,
    note: Option<String>,
    /// Held over a change of the wrapping key, which may wait for a person.
    changing: Mutex<()>,
    closed: Mutex<Closed>,
    keys: RwLock<Keys>,
}

impl Vault {
    /// Opens the vault of a home, or makes one: closed by the passphrase if there is one, else by the keyring if one answers
    /// without disturbing anybody, else by a key file, which [`Self::note`] then says.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(home: &Home, unlock: &Unlock) -> Result<Self, VaultError> {
        let Some(file) = home.read(FILE)? else { return Self::create(home, unlock) };
        let (wrapping, plain) = Wrapping::open(home, &file, unlock)?;
        let keys = Keys::decode(file[0], &plain).ok_or(VaultError::Damaged)?;
        Ok(Self::with(home, unlock.keyring, wrapping, keys))
    }

    fn create(home: &Home, unlock: &Unlock) -> Result<Self, VaultError> {
        let (wrapping, note) = match Wrapping::fresh(home, &first_close(unlock)) {
            Err(VaultError::Keyring(error)) => {
                (Wrapping::fresh(home, &CloseBy::KeyFile)?, Some(fallen_back(&error)))
            }
            wrapping => (wrapping?, None),
        };
        let keys = Keys { before: 0, current: Arc::new(DataKey::fresh(1)?), next: None };
        wrapping.lay(home)?;
        home.write_private(FILE, &wrapping.wrap(&keys.encode())?)?;
        wrapping.settle(home)?;
        Ok(Vault { note, ..Self::with(home, unlock.keyring, wrapping, keys) })
    }

    fn with(home: &Home, keyring: Keyring, wrapping: Wrapping, keys: Keys) -> Self {
        let closed = Mutex::new(Closed { wrapping, unsettled: false });
        let keys = RwLock::new(keys);
        Vault { home: home.clone(), keyring, note: None, changing: Mutex::new(()), closed, keys }
    }

    /// Where the wrapping key of a home lies, without opening it; `None` for a home without a vault.
    ///
    /// # Errors
    /// [`VaultError::Home`] and [`VaultError::Damaged`].
    pub fn place_in(home: &Home) -> Result<Option<Place>, VaultError> {
        let file = home.read(FILE)?;
        file.map(|file| Place::of(&file).ok_or(VaultError::Damaged)).transpose()
    }

    /// Where the wrapping key lies.
    pub fn place(&self) -> Place {
        self.closed().wrapping.place
    }

    /// The keyring that this vault may use.
    pub fn keyring(&self) -> Keyring {
        self.keyring
    }

    /// What the person should know about a vault that was made just now.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The key that the store is sealed by.
    pub fn current(&self) -> Arc<DataKey> {
        Arc::clone(&self.keys().current)
    }

    /// The key that takes its place, while a rotation runs.
    pub fn next(&self) -> Option<Arc<DataKey>> {
        self.keys().next
    }

    /// The number of the key that the one in use replaced; 0 for none.
    pub fn before(&self) -> u8 {
        self.keys().before
    }

    /// Seals a file of the home, by the newest key.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys();
        keys.next.unwrap_or(keys.current).seal(place, plaintext)
    }

    /// Opens a value by whichever key of this vault sealed it.
    ///
    /// # Errors
    /// [`VaultError::Value`].
    pub fn open_value(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys();
        match keys.next {
            Some(next) if value.first() == Some(&next.number()) => next.open(place, value),
            _ => keys.current.open(place, value),
        }
    }

    /// Adds the next key, durably; one that is there already is kept. The wrapping key is made anew too, for who has the old one
    /// must not open what is written from now on; a passphrase stays what it is.
    ///
    /// # Errors
    /// [`VaultError`]; nothing has changed then.
    pub fn begin_rotation(&self) -> Result<(), VaultError> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.next().is_some() {
            return Ok(());
        }
        let fresh = match self.place() {
            Place::Passphrase => None,
            Place::KeyFile => Some(Wrapping::fresh(&self.home, &CloseBy::KeyFile)?),
            Place::Keyring => {
                Some(Wrapping::fresh(&self.home, &CloseBy::Keyring(self.keyring, Ask::Nobody))?)
            }
        };
        let mut closed = self.closed();
        let keys = self.keys();
        let number = free_number(keys.current.number(), &self.home.stores()?)?;
        let keys = Keys { next: Some(Arc::new(DataKey::fresh(number)?)), ..keys };
        self.write(&mut closed, fresh, keys)
    }

    /// Makes the next key the only one, durably: the old one is gone.
    ///
    /// # Errors
    /// [`VaultError`]. Which of the two a start after it would find is then not known: nothing may be acknowledged before this
    /// call was repeated with success.
    pub fn finish_rotation(&self) -> Result<(), VaultError> {
        let mut closed = self.closed();
        let keys = self.keys();
        let Some(next) = keys.next else { return Ok(()) };
        let keys = Keys { before: keys.current.number(), current: next, next: None };
        self.write(&mut closed, None, keys)
    }

    /// Wraps the same keys by another wrapping key: nothing that is stored changes.
    ///
    /// # Errors
    /// [`VaultError`]; the home is then closed as it was.
    pub fn close_by(&self, by: &CloseBy) -> Result<(), VaultError> {
        if matches!(by, CloseBy::Passphrase(text) if text.is_empty()) {
            return Err(VaultError::Empty);
        }
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Wrapping::fresh(&self.home, by)?;
        let mut closed = self.closed();
        let keys = self.keys();
        self.write(&mut closed, Some(fresh), keys)
    }

    /// The same for somebody who must know the passphrase that closes the home now, if one does: an open home is no permission
    /// to shut its owner out.
    ///
    /// # Errors
    /// [`VaultError`]; the home is then closed as it was.
    pub fn close_by_asker(&self, passphrase: Option<&str>, by: &CloseBy) -> Result<(), VaultError> {
        if self.place() == Place::Passphrase && !passphrase.is_some_and(|text| self.is_closed_by(text)) {
            return Err(VaultError::Passphrase);
        }
        self.close_by(by)
    }

    /// Whether this home is closed by this passphrase.
    pub fn is_closed_by(&self, passphrase: &str) -> bool {
        self.closed().wrapping.is_by(passphrase)
    }

    /// One atomic change of the vault file, and of the wrapping key with it.
    fn write(&self, closed: &mut Closed, fresh: Option<Wrapping>, keys: Keys) -> Result<(), VaultError> {
        let Some(fresh) = fresh else {
            self.home.replace_secret(FILE, &closed.wrapping.wrap(&keys.encode())?)?;
            self.set(keys);
            return Ok(());
        };
        if closed.unsettled {
            return Err(VaultError::Unsettled);
        }
        // The key in use may still lie where the next one is laid, if it could not be put in its place before.
        closed.wrapping.settle(&self.home)?;
        let file = fresh.wrap(&keys.encode())?;
        let written = fresh.lay(&self.home).and_then(|()| Ok(self.home.replace_secret(FILE, &file)?));
        if let Err(error) = written {
            // The file may be the new one although its folder was not synced: the next start then needs both wrapping keys.
            let still_old = self.home.read(FILE).is_ok_and(|there| there.as_deref() != Some(file.as_slice()));
            closed.unsettled = !still_old;
            if still_old {
                fresh.forget(self.keyring);
            }
            return Err(error);
        }
        let old = std::mem::replace(&mut closed.wrapping, fresh);
        self.set(keys);
        if let Err(error) = closed.wrapping.settle(&self.home) {
            // Both keys lie there; the next change or the next start puts that right.
            tracing::warn!("the old wrapping key could not be taken away yet: {error}");
        }
        old.forget(self.keyring);
        Ok(())
    }

    fn set(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn closed(&self) -> MutexGuard<'_, Closed> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(1 + 2 * (1 + KEY)));
        plain.push(self.before);
        for key in [Some(&self.current), self.next.as_ref()].into_iter().flatten() {
            plain.push(key.number());
            plain.extend_from_slice(key.secret().expose());
        }
        plain
    }

    fn decode(version: u8, plain: &[u8]) -> Option<Self> {
        let key = |part: &[u8]| -> Option<Arc<DataKey>> {
            let (number, secret) = part.split_first()?;
            let secret = Secret::new(<[u8; KEY]>::try_from(secret).ok()?);
            (*number > 0).then(|| Arc::new(DataKey::new(*number, secret)))
        };
        if version == wrapping::ONE_KEY {
            let secret = Secret::new(<[u8; KEY]>::try_from(plain).ok()?);
            return Some(Keys { before: 0, current: Arc::new(DataKey::new(1, secret)), next: None });
        }
        let (before, rest) = plain.split_first()?;
        let (current, next) = rest.split_at_checked(1 + KEY)?;
        let next = if next.is_empty() { None } else { Some(key(next)?) };
        (version == wrapping::VERSION).then_some(())?;
        Some(Keys { before: *before, current: key(current)?, next })
    }
}

/// How a new home is closed.
fn first_close(unlock: &Unlock) -> CloseBy {
    match (&unlock.passphrase, unlock.keyring) {
        (Some(text), _) if !text.is_empty() => CloseBy::Passphrase(text.clone()),
        (_, Keyring::Off) => CloseBy::KeyFile,
        (_, Keyring::System) => CloseBy::Keyring(Keyring::System, Ask::Nobody),
    }
}

fn fallen_back(error: &KeyringError) -> String {
    format!(
        "{error}. Until then the key of this home lies in vault.key beside the data; `halloo key keyring` or `halloo key passphrase` \
         moves it"
    )
}

/// The number after this one, from 1 to 255, whose folder is not there.
fn free_number(current: u8, taken: &[u8]) -> Result<u8, VaultError> {
    let after = (1..u8::MAX).scan(current, |number, _| {
        *number = if *number == u8::MAX { 1 } else { *number + 1 };
        Some(*number)
    });
    let mut free = after.filter(|number| !taken.contains(number));
    free.next().ok_or(VaultError::NoNumber)
}

/// Fresh chance from the system.
///
/// # Errors
/// [`VaultError::NoRandomness`].
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
