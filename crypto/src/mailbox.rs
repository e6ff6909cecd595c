//! Mailboxes: addresses that change every day, that anybody who knows the mailbox computes, and for which only its owner signs.
//!
//! Key blinding as Tor's onion services do it (rend-spec-v3, appendix A.2): the address of a day is a public key, so a coordinator needs
//! no list of owners, and two addresses of one mailbox look like two strangers to it.
//!
//! ```text
//!   owner's seed --SHA-512, clamped--> a, prefix        A = a B            published: A, blinding
//!   h(day)       = H(blinding, A, day) mod L            address(day) = h A
//!   a(day)       = h a                                  prefix(day)  = H(prefix, blinding, day)
//!
//!   published mailbox          0         1            33          65
//!                              | version | A          | blinding  |
//!   day = Unix ms / 86,400,000
//! ```
//!
//! Deviations from rend-spec-v3: h is reduced from 64 bytes of HKDF instead of being clamped (no cofactor games are needed: `A` is checked to
//! be of prime order), and the labels are ours. Signatures are plain Ed25519 under the address, checked as strictly as all others.

use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use crate::chance;
use crate::id::{MailboxAddress, MailboxItem, Signature};
use crate::identity::{self, Domain, IdentityError};
use crate::kdf;
use crate::secret::Secret;

/// Version byte of what is stored and published.
const VERSION: u8 = 1;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// A day of Unix time, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The day of a moment, Unix milliseconds.
    #[must_use]
    pub fn of_ms(unix_ms: u64) -> Self {
        Day(u32::try_from(unix_ms / DAY_MS).unwrap_or(u32::MAX))
    }

    /// So many days later.
    #[must_use]
    pub fn after(self, days: u32) -> Self {
        Day(self.0.saturating_add(days))
    }

    /// So many days earlier, not before 1970.
    #[must_use]
    pub fn before(self, days: u32) -> Self {
        Day(self.0.saturating_sub(days))
    }

    /// Its first millisecond, Unix.
    #[must_use]
    pub fn begins_ms(self) -> u64 {
        u64::from(self.0) * DAY_MS
    }
}

/// Why the bytes of a mailbox were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// The bytes are no mailbox of a version that we know.
    #[error("the mailbox is malformed or of an unknown version")]
    Malformed,
    /// The owner's key is no point of prime order: others could sign for its addresses.
    #[error("the mailbox has an owner's key that is not usable")]
    BadKey,
}

/// What the owner keeps: whoever has it fetches and deletes.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxSecret {
    seed: Secret<[u8; 32]>,
    blinding: Secret<[u8; 32]>,
}

/// What the owner tells those who may leave something for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    owner: [u8; 32],
    blinding: Secret<[u8; 32]>,
}

/// What signs for one address: the owner's key of one day.
#[derive(Clone, PartialEq, Eq)]
pub struct DayKey {
    address: MailboxAddress,
    scalar: Secret<[u8; 32]>,
    prefix: Secret<[u8; 32]>,
}

fn factor(owner: &[u8; 32], blinding: &Secret<[u8; 32]>, day: Day) -> Scalar {
    let mut context = [0_u8; 36];
    context[..32].copy_from_slice(owner);
    context[32..].copy_from_slice(&day.0.to_be_bytes());
    let mut wide = Zeroizing::new([0_u8; 64]);
    kdf::expand(blinding.expose(), "mailbox address", &context, wide.as_mut());
    let factor = Scalar::from_bytes_mod_order_wide(&wide);
    assert_ne!(factor, Scalar::ZERO, "one in 2^252");
    factor
}

impl MailboxSecret {
    /// Length of [`Self::to_bytes`].
    pub const LEN: usize = 65;

    /// Makes a new mailbox.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        Self { seed: chance::secret(rng), blinding: chance::secret(rng) }
    }

    fn expanded(&self) -> ExpandedSecretKey {
        let mut hash: [u8; 64] = Sha512::digest(self.seed.expose()).into();
        let expanded = ExpandedSecretKey::from_bytes(&hash);
        hash.zeroize();
        expanded
    }

    /// What the owner publishes.
    #[must_use]
    pub fn public(&self) -> Mailbox {
        let owner = VerifyingKey::from(&self.expanded()).to_bytes();
        Mailbox { owner, blinding: self.blinding.clone() }
    }

    /// What signs for the address of a day.
    #[must_use]
    pub fn day_key(&self, day: Day) -> DayKey {
        let expanded = self.expanded();
        let owner = VerifyingKey::from(&expanded).to_bytes();
        let mut scalar = factor(&owner, &self.blinding, day) * expanded.scalar;
        let prefix = kdf::derive(&expanded.hash_prefix, "mailbox nonce", &{
            let mut context = [0_u8; 36];
            context[..32].copy_from_slice(self.blinding.expose());
            context[32..].copy_from_slice(&day.0.to_be_bytes());
            context
        });
        let address = (&scalar * ED25519_BASEPOINT_TABLE).compress().to_bytes();
        let key = Secret::filled(|key: &mut [u8; 32]| *key = *scalar.as_bytes());
        scalar.zeroize();
        DayKey { address: MailboxAddress(address), scalar: key, prefix }
    }

    /// For storage: version, seed, blinding.
    #[must_use]
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.seed.expose());
        bytes.extend_from_slice(self.blinding.expose());
        Secret::new(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`MailboxError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MailboxError> {
        let (seed, blinding) = halves(bytes)?;
        Ok(Self { seed: Secret::new(*seed), blinding: Secret::new(*blinding) })
    }
}

/// Version, 32 bytes, 32 bytes, and nothing more.
fn halves(bytes: &[u8]) -> Result<(&[u8; 32], &[u8; 32]), MailboxError> {
    let Some((&[VERSION], rest)) = bytes.split_first_chunk::<1>() else {
        return Err(MailboxError::Malformed);
    };
    let (first, rest) = rest.split_first_chunk::<32>().ok_or(MailboxError::Malformed)?;
    Ok((first, rest.try_into().map_err(|_| MailboxError::Malformed)?))
}

impl Mailbox {
    /// Length of [`Self::to_bytes`].
    pub const LEN: usize = 65;

    /// Where it is on a day.
    #[must_use]
    pub fn address(&self, day: Day) -> MailboxAddress {
        let owner = CompressedEdwardsY(self.owner).decompress().expect("checked when it was made or read");
        MailboxAddress((factor(&self.owner, &self.blinding, day) * owner).compress().to_bytes())
    }

    /// The bytes drawn above.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [VERSION; Self::LEN];
        bytes[1..33].copy_from_slice(&self.owner);
        bytes[33..].copy_from_slice(self.blinding.expose());
        bytes
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The publisher's: [`MailboxError::Malformed`], [`MailboxError::BadKey`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MailboxError> {
        let (owner, blinding) = halves(bytes)?;
        let point = CompressedEdwardsY(*owner).decompress().ok_or(MailboxError::BadKey)?;
        let canonical = point.compress().to_bytes() == *owner;
        if !canonical || point.is_small_order() || !point.is_torsion_free() {
            return Err(MailboxError::BadKey);
        }
        Ok(Self { owner: *owner, blinding: Secret::new(*blinding) })
    }
}

impl DayKey {
    /// The address that it signs for.
    #[must_use]
    pub fn address(&self) -> MailboxAddress {
        self.address
    }

    /// Signs a request about this address, in [`Domain::Mailbox`].
    #[must_use]
    pub fn sign(&self, request: &[u8]) -> Signature {
        let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(*self.scalar.expose()));
        let scalar = scalar.expect("written from a scalar");
        let key = ExpandedSecretKey { scalar, hash_prefix: *self.prefix.expose() };
        let address = VerifyingKey::from_bytes(&self.address.0).expect("made as a point");
        Signature(raw_sign::<Sha512>(&key, &Domain::Mailbox.message(request), &address).to_bytes())
    }
}

/// How large an item is once padded: four sizes say little about what is inside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SizeClass {
    /// 1 KiB: a line of chat, a receipt.
    Small,
    /// 4 KiB: a commit, a few lines.
    Medium,
    /// 16 KiB: an evening's lines.
    Large,
    /// 48 KiB: as much as a gossip frame carries; below the 64 KiB that a store takes.
    Huge,
}

impl SizeClass {
    /// All, the smallest first.
    pub const ALL: [SizeClass; 4] = [SizeClass::Small, SizeClass::Medium, SizeClass::Large, SizeClass::Huge];

    /// Bytes of an item of this class.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            SizeClass::Small => 1 << 10,
            SizeClass::Medium => 4 << 10,
            SizeClass::Large => 16 << 10,
            SizeClass::Huge => 48 << 10,
        }
    }

    /// The smallest class that holds so many bytes.
    #[must_use]
    pub fn holding(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|class| bytes <= class.bytes())
    }

    /// The class of exactly so many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|class| bytes == class.bytes())
    }
}

/// Checks that the owner of an address signed a request.
///
/// # Errors
/// [`IdentityError::BadSignature`].
pub fn verify(address: &MailboxAddress, request: &[u8], signature: &Signature) -> Result<(), IdentityError> {
    identity::verify_key(&address.0, Domain::Mailbox, request, signature)
}

/// Whether this can be an address at all: a point in its one spelling under which somebody could sign.
#[must_use]
pub fn is_address(address: &MailboxAddress) -> bool {
    let point = CompressedEdwardsY(address.0).decompress();
    point.is_some_and(|point| !point.is_small_order() && point.compress().to_bytes() == address.0)
}

/// An address that nobody owns and nobody can tell from one that somebody does: what fills a batch up.
#[must_use]
pub fn nobodys(rng: &mut ChaCha20Rng) -> MailboxAddress {
    let mut wide = [0_u8; 64];
    rng.fill_bytes(&mut wide);
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    MailboxAddress((&scalar * ED25519_BASEPOINT_TABLE).compress().to_bytes())
}

impl MailboxItem {
    /// Draws the name of an item.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        let mut bytes = [0_u8; Self::LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl std::fmt::Debug for MailboxSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailboxSecret(..)")
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox(..)")
    }
}

impl std::fmt::Debug for DayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DayKey").field(&self.address).finish()
    }
}

#[cfg(test)]
mod tests;
