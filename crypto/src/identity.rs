//! Who is who: an account key certifies device keys and revokes them, a device key signs what the device does.
//!
//! ```text
//!   account (Ed25519) --certificate--> device (Ed25519 + X25519 box) --signs--> operations, contents, proofs, checkpoints
//!           \---------revocation-----> device
//! ```
//!
//! Signatures are Ed25519 (RFC 8032), checked with the strict rules of `verify_strict`: no weak key, no weak R, canonical
//! S. Deviation from RFC 8032: the context is not Ed25519ctx but a prefix of the message, see [`Domain`].

mod vouch;

pub use vouch::Vouch;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use crate::id::{AccountId, BoxPublic, DeviceId, Signature};
use crate::secret::Secret;

/// Version byte of stored secrets, certificates and revocations.
const VERSION: u8 = 1;

/// What a signature is for. What is signed is `len(context) as u8 || context || message`, so a signature of one
/// domain never verifies in another, whatever the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// An account certifies a device.
    Certificate,
    /// A device agrees to be of an account.
    DeviceConsent,
    /// An account revokes a device.
    Revocation,
    /// An operation of the group log.
    LogOperation,
    /// A row of the acknowledgement board.
    Acknowledgement,
    /// A content: message or document change.
    Content,
    /// A live cell: location, presence, typing, mute.
    LiveCell,
    /// The MLS leaf key of a device.
    GroupLeaf,
    /// A device cannot apply a commit.
    Nack,
    /// A device proves membership to a peer over the direct lane.
    MembershipProof,
    /// A sender vouches for the voice frames of the last second.
    MediaCheckpoint,
    /// A device announces its voice key.
    MediaAnnouncement,
    /// Something only its own device may ask of a mailbox.
    Mailbox,
    /// A short-lived capability.
    Ticket,
    /// A client asks a coordinator for a ticket.
    TicketRequest,
    /// The holder of an invite's secret asks to be let in.
    InviteProof,
    /// A newcomer's request to join.
    JoinRequest,
    /// Call set-up between two devices.
    CallSignal,
    /// A device that came out of a backup asks after its groups, by the account key.
    Readmission,
    /// A device proves its key to the accounts of a coordinator.
    Login,
    /// Who sells plans of a coordinator hands one out.
    Voucher,
}

impl Domain {
    /// The context string; part of the protocol, never changed.
    #[must_use]
    pub const fn context(self) -> &'static str {
        match self {
            Self::Certificate => "halloo v1 device certificate",
            Self::DeviceConsent => "halloo v1 device consent",
            Self::Revocation => "halloo v1 device revocation",
            Self::LogOperation => "halloo v1 log operation",
            Self::Acknowledgement => "halloo v1 acknowledgement",
            Self::Content => "halloo v1 content",
            Self::LiveCell => "halloo v1 live cell",
            Self::GroupLeaf => "halloo v1 group leaf",
            Self::Nack => "halloo v1 nack",
            Self::MembershipProof => "halloo v1 membership proof",
            Self::MediaCheckpoint => "halloo v1 media checkpoint",
            Self::MediaAnnouncement => "halloo v1 media announcement",
            Self::Mailbox => "halloo v1 mailbox",
            Self::Ticket => "halloo v1 ticket",
            Self::TicketRequest => "halloo v1 ticket request",
            Self::InviteProof => "halloo v1 invite proof",
            Self::JoinRequest => "halloo v1 join request",
            Self::CallSignal => "halloo v1 call signal",
            Self::Readmission => "halloo v1 readmission",
            Self::Login => "halloo v1 login",
            Self::Voucher => "halloo v1 voucher",
        }
    }

    pub(crate) fn message(self, message: &[u8]) -> Vec<u8> {
        let context = self.context().as_bytes();
        let mut bytes = Vec::with_capacity(1 + context.len() + message.len());
        bytes.push(u8::try_from(context.len()).expect("contexts are short constants"));
        bytes.extend_from_slice(context);
        bytes.extend_from_slice(message);
        bytes
    }
}

/// Why an identity statement was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The peer's signature does not verify, or its key is weak or no curve point.
    #[error("the signature does not verify")]
    BadSignature,
    /// The bytes are no statement of a version that we know.
    #[error("the identity statement is malformed or of an unknown version")]
    Malformed,
}

fn sign_with(key: &SigningKey, domain: Domain, message: &[u8]) -> Signature {
    Signature(key.sign(&domain.message(message)).to_bytes())
}

pub(crate) fn verify_key(
    key: &[u8; 32],
    domain: Domain,
    message: &[u8],
    signature: &Signature,
) -> Result<(), IdentityError> {
    verify_raw(key, &domain.message(message), signature)
}

/// Without a domain: the published vectors come in here, and signatures whose message MLS makes.
pub(crate) fn verify_raw(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), IdentityError> {
    let check = || is_strictly_good(key, message, signature);
    #[cfg(feature = "memo")]
    let good = crate::memo::good(key, message, &signature.0, check);
    #[cfg(not(feature = "memo"))]
    let good = check();
    good.then_some(()).ok_or(IdentityError::BadSignature)
}

/// Strict Ed25519.
fn is_strictly_good(key: &[u8; 32], message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Checks what a device signed.
///
/// # Errors
/// [`IdentityError::BadSignature`] for anything but a strict signature of `device` in `domain`.
pub fn verify(
    device: &DeviceId,
    domain: Domain,
    message: &[u8],
    signature: &Signature,
) -> Result<(), IdentityError> {
    verify_key(&device.0, domain, message, signature)
}

/// Checks what an account signed.
///
/// # Errors
/// [`IdentityError::BadSignature`] for anything but a strict signature of `account` in `domain`.
pub fn verify_account(
    account: &AccountId,
    domain: Domain,
    message: &[u8],
    signature: &Signature,
) -> Result<(), IdentityError> {
    verify_key(&account.0, domain, message, signature)
}

fn draw(rng: &mut ChaCha20Rng) -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    rng.fill_bytes(seed.as_mut());
    seed
}

/// The key of a person; the only key in a backup.
#[derive(Clone)]
pub struct AccountSecret(SigningKey);

impl AccountSecret {
    /// Makes a new account.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        Self(SigningKey::from_bytes(&draw(rng)))
    }

    /// The public name of the account.
    #[must_use]
    pub fn id(&self) -> AccountId {
        AccountId(self.0.verifying_key().to_bytes())
    }

    /// Signs as the account.
    #[must_use]
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        sign_with(&self.0, domain, message)
    }

    /// For storage: version, then the 32-byte seed.
    #[must_use]
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.0.as_bytes());
        Secret::new(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`] for another length or version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        match bytes {
            [VERSION, seed @ ..] => {
                let seed = seed.try_into().map_err(|_| IdentityError::Malformed)?;
                Ok(Self(SigningKey::from_bytes(seed)))
            }
            _ => Err(IdentityError::Malformed),
        }
    }
}

impl std::fmt::Debug for AccountSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AccountSecret").field(&self.id()).finish()
    }
}

/// The keys of a device: Ed25519 to sign, X25519 to be sealed to.
#[derive(Clone)]
pub struct DeviceSecret {
    signing: SigningKey,
    pub(crate) box_key: x25519_dalek::StaticSecret,
}

impl DeviceSecret {
    /// Makes the keys of a new device.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        let signing = SigningKey::from_bytes(&draw(rng));
        let box_key = x25519_dalek::StaticSecret::from(*draw(rng));
        Self { signing, box_key }
    }

    /// The public name of the device.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId(self.signing.verifying_key().to_bytes())
    }

    /// The key that others seal to.
    #[must_use]
    pub fn box_public(&self) -> BoxPublic {
        BoxPublic(x25519_dalek::PublicKey::from(&self.box_key).to_bytes())
    }

    /// Signs as the device.
    #[must_use]
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        sign_with(&self.signing, domain, message)
    }

    /// For storage: version, 32-byte signing seed, 32-byte box key.
    #[must_use]
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.signing.as_bytes());
        bytes.extend_from_slice(self.box_key.as_bytes());
        Secret::new(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`] for another length or version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let Some((&[VERSION], keys)) = bytes.split_first_chunk::<1>() else {
            return Err(IdentityError::Malformed);
        };
        let Some((signing, box_key)) = keys.split_first_chunk::<32>() else {
            return Err(IdentityError::Malformed);
        };
        let box_key: [u8; 32] = box_key.try_into().map_err(|_| IdentityError::Malformed)?;
        Ok(Self {
            signing: SigningKey::from_bytes(signing),
            box_key: x25519_dalek::StaticSecret::from(box_key),
        })
    }
}

impl std::fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DeviceSecret").field(&self.id()).finish()
    }
}

/// An account's word that a device is its own, and the device's word that it agrees.
///
/// Without the second, anybody could certify somebody else's device as his own and be credited with what it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceCertificate {
    /// Who certifies.
    pub account: AccountId,
    /// The device certified.
    pub device: DeviceId,
    /// The key to seal to the device.
    pub box_key: BoxPublic,
    /// When, in Unix milliseconds by the issuer's clock; for display, decides nothing.
    pub created_ms: u64,
    /// The account's signature in [`Domain::Certificate`].
    pub signature: Signature,
    /// The device's signature in [`Domain::DeviceConsent`], over the same bytes.
    pub consent: Signature,
}

/// ```text
///  0         1          33         65          97            105
///  | version | account  | device   | box key   | created, BE |
/// ```
fn certified(account: &AccountId, device: &DeviceId, box_key: &BoxPublic, at_ms: u64) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&account.0);
    bytes.extend_from_slice(&device.0);
    bytes.extend_from_slice(&box_key.0);
    bytes.extend_from_slice(&at_ms.to_be_bytes());
    bytes
}

impl DeviceCertificate {
    /// Encoded length: version and fields of fixed size.
    pub const LEN: usize = 1 + 3 * 32 + 8 + 2 * 64;

    /// Certifies `device` as one of `account`.
    #[must_use]
    pub fn issue(account: &AccountSecret, device: &DeviceSecret, now_ms: u64) -> Self {
        let box_key = device.box_public();
        let bytes = certified(&account.id(), &device.id(), &box_key, now_ms);
        Self {
            account: account.id(),
            device: device.id(),
            box_key,
            created_ms: now_ms,
            signature: account.sign(Domain::Certificate, &bytes),
            consent: device.sign(Domain::DeviceConsent, &bytes),
        }
    }

    /// Checks both signatures. Whether the device is revoked, the group log knows.
    ///
    /// # Errors
    /// [`IdentityError::BadSignature`].
    pub fn verify(&self) -> Result<(), IdentityError> {
        let bytes = certified(&self.account, &self.device, &self.box_key, self.created_ms);
        verify_account(&self.account, Domain::Certificate, &bytes, &self.signature)?;
        verify(&self.device, Domain::DeviceConsent, &bytes, &self.consent)
    }

    /// The signed bytes followed by the two signatures.
    ///
    /// ```text
    ///  0         1         33       65        97            105         169       233
    ///  | version | account | device | box key | created, BE | signature | consent |
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = certified(&self.account, &self.device, &self.box_key, self.created_ms);
        bytes.extend_from_slice(&self.signature.0);
        bytes.extend_from_slice(&self.consent.0);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; signatures are not checked here.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`] for another length or version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        if bytes.len() != Self::LEN || bytes[0] != VERSION {
            return Err(IdentityError::Malformed);
        }
        Ok(Self {
            account: AccountId(field(bytes, 1)),
            device: DeviceId(field(bytes, 33)),
            box_key: BoxPublic(field(bytes, 65)),
            created_ms: u64::from_be_bytes(field(bytes, 97)),
            signature: Signature(field(bytes, 105)),
            consent: Signature(field(bytes, 169)),
        })
    }
}

/// Copies `N` bytes at `at`; callers have checked the length of the whole.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the whole length was checked by the caller")
}

/// An account's word that a device is no longer its own. Final.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revocation {
    /// Who revokes.
    pub account: AccountId,
    /// The device revoked.
    pub device: DeviceId,
    /// When, in Unix milliseconds by the issuer's clock; for display, decides nothing.
    pub revoked_ms: u64,
    /// The account's signature in [`Domain::Revocation`].
    pub signature: Signature,
}

impl Revocation {
    fn signed(account: &AccountId, device: &DeviceId, at_ms: u64) -> [u8; 73] {
        let mut bytes = [0_u8; 73];
        bytes[0] = VERSION;
        bytes[1..33].copy_from_slice(&account.0);
        bytes[33..65].copy_from_slice(&device.0);
        bytes[65..].copy_from_slice(&at_ms.to_be_bytes());
        bytes
    }

    /// Revokes `device`.
    #[must_use]
    pub fn issue(account: &AccountSecret, device: DeviceId, now_ms: u64) -> Self {
        let bytes = Self::signed(&account.id(), &device, now_ms);
        Self {
            account: account.id(),
            device,
            revoked_ms: now_ms,
            signature: account.sign(Domain::Revocation, &bytes),
        }
    }

    /// Checks the signature. It binds only devices that the same account certified.
    ///
    /// # Errors
    /// [`IdentityError::BadSignature`].
    pub fn verify(&self) -> Result<(), IdentityError> {
        let bytes = Self::signed(&self.account, &self.device, self.revoked_ms);
        verify_account(&self.account, Domain::Revocation, &bytes, &self.signature)
    }
}

/// Rounds of SHA-512 behind each half of a safety number: 5,200 as in Signal's numeric fingerprint, which make the
/// search for a second key with the same 30 digits 5,200 times dearer.
const SAFETY_ROUNDS: usize = 5_200;

/// Sixty digits in twelve groups of five that two people compare aloud; the same whoever asks.
///
/// Construction of Signal's `NumericFingerprintGenerator` (version 0, 30 digits a person, the lower half first);
/// deviation: the hashed input is our account key under our own label.
#[must_use]
pub fn safety_number(a: &AccountId, b: &AccountId) -> String {
    let mut halves = [safety_half(a), safety_half(b)];
    halves.sort();
    let groups: Vec<&str> =
        halves.iter().flat_map(|half| (0..6).map(|at| &half[at * 5..at * 5 + 5])).collect();
    groups.join(" ")
}

fn safety_half(account: &AccountId) -> String {
    let mut digest =
        Sha512::new().chain_update(b"halloo v1 safety number").chain_update(account.0).finalize();
    for _ in 1..SAFETY_ROUNDS {
        digest = Sha512::new().chain_update(digest).chain_update(account.0).finalize();
    }
    let mut digits = String::with_capacity(30);
    for chunk in digest[..30].chunks_exact(5) {
        let number = chunk.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        digits.push_str(&format!("{:05}", number % 100_000));
    }
    digits
}

#[cfg(test)]
mod tests;
