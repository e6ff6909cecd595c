//! The keyring of the operating system: it keeps the key that wraps the data keys of a home, in the care of the login.
//!
//! On Linux and other free desktops that is the Secret Service (GNOME Keyring, KWallet, KeePassXC) on the session bus. Elsewhere, and
//! in builds without the feature `keyring`, there is none, which is an error like a service that does not answer: the caller
//! then keeps the key in a file, and says so. Each call has a thread and a connection of its own, so that it may be made from
//! anywhere and leaves nothing behind.

#[cfg(all(feature = "keyring", target_os = "linux"))]
mod service;

use halloo_crypto::secret::Secret;

/// Length of the name of a key.
pub const ID: usize = 16;

/// Why the keyring does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It was not asked for.
    #[error("the keyring is switched off by HALLOO_KEYRING; unset it")]
    Off,
    /// This build or system has none.
    #[error("this build of halloo knows no keyring of this system; a passphrase closes a home as well")]
    Unsupported,
    /// Nothing answers.
    #[error(
        "no keyring service answers ({0}); log in to the desktop, or start one, for instance gnome-keyring"
    )]
    NoService(String),
    /// It is locked, and nobody opened it.
    #[error(
        "the keyring is locked; unlock it (log in to the desktop, or use its password manager) and try again"
    )]
    Locked,
    /// It is open and does not hold the key.
    #[error(
        "the keyring does not hold the key of this home; it belongs to another login, or the entry was deleted"
    )]
    Missing,
    /// It holds something else than was put into it.
    #[error("the keyring gives back other bytes than it was given; use a passphrase instead")]
    Wrong,
}

/// Whether the keyring of the system may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyring {
    /// Never: tests, demonstrations, and whoever says so.
    Off,
    /// Where it answers.
    System,
}

/// Whether the person may be asked to unlock it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A window may come up.
    Person,
    /// Nobody is disturbed: a locked keyring is an error.
    Nobody,
}

impl Keyring {
    /// `HALLOO_KEYRING=off` switches it off.
    pub fn from_env() -> Self {
        let off = std::env::var_os("HALLOO_KEYRING").is_some_and(|word| word == "off");
        if off { Self::Off } else { Self::System }
    }

    /// Puts a key in and reads it back; durable when it returns.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn put(
        self,
        id: &[u8; ID],
        label: &str,
        key: &Secret<[u8; 32]>,
        ask: Ask,
    ) -> Result<(), KeyringError> {
        system::put(self.on()?, id, label, key, ask)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn get(self, id: &[u8; ID], ask: Ask) -> Result<Secret<[u8; 32]>, KeyringError> {
        system::get(self.on()?, id, ask)
    }

    /// Takes a key out; one that is not there is no error.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn forget(self, id: &[u8; ID]) -> Result<(), KeyringError> {
        system::forget(self.on()?, id)
    }

    /// Whether a new key could be put in now, without disturbing anybody.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn answers(self) -> Result<(), KeyringError> {
        system::answers(self.on()?)
    }

    fn on(self) -> Result<On, KeyringError> {
        if self == Self::Off { Err(KeyringError::Off) } else { Ok(On) }
    }
}

/// Says that the keyring may be used.
struct On;

#[cfg(all(feature = "keyring", target_os = "linux"))]
use service as system;

/// No keyring.
#[cfg(not(all(feature = "keyring", target_os = "linux")))]
mod system {
    use super::{Ask, ID, KeyringError, On, Secret};

    pub(super) fn put(
        _: On,
        _: &[u8; ID],
        _: &str,
        _: &Secret<[u8; 32]>,
        _: Ask,
    ) -> Result<(), KeyringError> {
        Err(KeyringError::Unsupported)
    }

    pub(super) fn get(_: On, _: &[u8; ID], _: Ask) -> Result<Secret<[u8; 32]>, KeyringError> {
        Err(KeyringError::Unsupported)
    }

    pub(super) fn forget(_: On, _: &[u8; ID]) -> Result<(), KeyringError> {
        Err(KeyringError::Unsupported)
    }

    pub(super) fn answers(_: On) -> Result<(), KeyringError> {
        Err(KeyringError::Unsupported)
    }
}
