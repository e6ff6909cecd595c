//! The keys of a home: account, device, transport and display name; made silently at the first start, sealed by the vault.

use crate::home::{Home, HomeError};
use crate::vault::{Vault, VaultError, random};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret, IdentityError, Vouch};
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use halloo_engine::lane::PeerKey;
use halloo_engine::start::Identity;
use libp2p::identity::ed25519;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const FILE: &str = "identity";
const VERSION: u8 = 1;

/// What can be wrong with the keys of a home.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file does not decode, or its parts do not belong together.
    #[error("the identity file of this home is damaged; put it back from your backup")]
    Damaged,
    /// The vault refuses.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The home refuses.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// Who this home is.
pub struct Keys {
    /// The key of the account, in the home where the account was made. A device that a sibling added has none: who finds it
    /// certifies nothing by it.
    account: Option<AccountSecret>,
    device: DeviceSecret,
    certificate: DeviceCertificate,
    transport: Secret<[u8; 32]>,
    /// The display name that new groups get.
    pub name: String,
}

/// The file: postcard after one version byte, sealed as a whole.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Nothing where the home has no key of the account.
    account: Vec<u8>,
    device: Vec<u8>,
    certificate: Vec<u8>,
    transport: [u8; 32],
    name: String,
}

impl Keys {
    /// Opens the keys of a home, or makes them; `now_ms` is the wall clock for the certificate.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(home: &Home, vault: &Vault, now_ms: u64) -> Result<Self, KeysError> {
        match home.read(FILE)? {
            Some(sealed) => Self::decode(&vault.open_value(FILE.as_bytes(), &sealed)?),
            None => {
                let keys = Self::generate(now_ms)?;
                keys.save(home, vault)?;
                Ok(keys)
            }
        }
    }

    /// Whether a home has keys.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn are_in(home: &Home) -> Result<bool, HomeError> {
        Ok(home.read(FILE)?.is_some())
    }

    /// The keys of a new device of an account that came out of a backup; nothing but the account is what it was.
    ///
    /// # Errors
    /// [`KeysError::Vault`] without randomness.
    pub fn restored(account: AccountSecret, name: Option<String>, now_ms: u64) -> Result<Self, KeysError> {
        let mut rng = ChaCha20Rng::from_seed(random()?);
        let device = DeviceSecret::generate(&mut rng);
        let certificate = DeviceCertificate::issue(&account, &device, now_ms);
        let name = name.filter(|name| is_name(name)).unwrap_or_else(default_name);
        let account = Some(account);
        Ok(Keys { account, device, certificate, transport: Secret::new(random()?), name })
    }

    fn generate(now_ms: u64) -> Result<Self, KeysError> {
        let mut rng = ChaCha20Rng::from_seed(random()?);
        let (account, device) = (AccountSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
        let certificate = DeviceCertificate::issue(&account, &device, now_ms);
        let account = Some(account);
        Ok(Keys { account, device, certificate, transport: Secret::new(random()?), name: default_name() })
    }

    /// Writes the keys, for instance after a change of the name.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn save(&self, home: &Home, vault: &Vault) -> Result<(), KeysError> {
        let stored = Stored {
            account: self.account.as_ref().map(|key| key.to_bytes().expose().clone()).unwrap_or_default(),
            device: self.device.to_bytes().expose().clone(),
            certificate: self.certificate.to_bytes(),
            transport: *self.transport.expose(),
            name: self.name.clone(),
        };
        let mut plain = Zeroizing::new(vec![VERSION]);
        plain.extend(postcard::to_allocvec(&stored).map_err(|_| KeysError::Damaged)?);
        home.write_private(FILE, &vault.seal(FILE.as_bytes(), &plain)?)?;
        Ok(())
    }

    fn decode(plain: &[u8]) -> Result<Self, KeysError> {
        let Some((&VERSION, body)) = plain.split_first() else { return Err(KeysError::Damaged) };
        let stored: Stored = postcard::from_bytes(body).map_err(|_| KeysError::Damaged)?;
        let device = DeviceSecret::from_bytes(&stored.device).map_err(|_| KeysError::Damaged)?;
        let certificate =
            DeviceCertificate::from_bytes(&stored.certificate).map_err(|_| KeysError::Damaged)?;
        let account = match stored.account.as_slice() {
            [] => None,
            key => Some(AccountSecret::from_bytes(key).map_err(|_| KeysError::Damaged)?),
        };
        let other = account.as_ref().is_some_and(|account| certificate.account != account.id());
        if certificate.device != device.id() || other || certificate.verify().is_err() {
            return Err(KeysError::Damaged);
        }
        Ok(Keys { account, device, certificate, transport: Secret::new(stored.transport), name: stored.name })
    }

    /// The key of the account, where this home has it.
    pub fn account(&self) -> Option<&AccountSecret> {
        self.account.as_ref()
    }

    /// Becomes a device of the account that vouches for it, and forgets the account that it was made with.
    ///
    /// # Errors
    /// The vouch is not for this device.
    pub fn become_device(&mut self, vouch: &Vouch, name: String) -> Result<(), IdentityError> {
        self.certificate = vouch.accept(&self.device)?;
        self.account = None;
        self.name = name;
        Ok(())
    }

    /// The seed of the transport key.
    pub fn transport(&self) -> &Secret<[u8; 32]> {
        &self.transport
    }

    /// What the keys of this home at coordinators are derived from. Nothing that a coordinator sees leads back to the transport key.
    pub fn coordinator_secret(&self) -> Secret<[u8; 32]> {
        kdf::derive(self.transport.expose(), "coordinators of a home", &[])
    }

    /// The public transport key.
    pub fn peer(&self) -> PeerKey {
        let mut seed = Zeroizing::new(*self.transport.expose());
        let secret =
            ed25519::SecretKey::try_from_bytes(seed.as_mut()).expect("any 32 bytes are an Ed25519 seed");
        PeerKey(ed25519::Keypair::from(secret).public().to_bytes())
    }

    /// What an engine is told about its member.
    pub fn identity(&self) -> Identity {
        Identity {
            device: self.device.clone(),
            certificate: self.certificate.clone(),
            peer: self.peer(),
            name: self.name.clone(),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= halloo_engine::output::MAX_NAME_BYTES
}

/// The login name, as people of one household know each other; changed by `--as`.
fn default_name() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|key| std::env::var(key).ok());
    name.filter(|name| is_name(name)).unwrap_or_else(|| "someone".to_owned())
}

#[cfg(test)]
mod tests;
