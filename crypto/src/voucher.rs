//! Vouchers: a plan of a coordinator for so many days, signed where nothing is online, checked by the public key alone.
//!
//! ```text
//!  0         1            7          9              13     21             85
//!  | version | plan tag 6 | days u16 | last day u32 | id 8 | signature 64 |     domain "halloo v1 voucher"
//! ```
//!
//! It says nothing of who bought it. The id is drawn at random and tells two vouchers apart; that each counts once is for the coordinator to
//! remember, until the last day on which it can be used. Numbers are big-endian.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::id::Signature;
use crate::identity::{self, Domain};
use crate::kdf;
use crate::mailbox::Day;
use crate::secret::Secret;

const VERSION: u8 = 1;
/// All before the signature.
const HEAD_BYTES: usize = 21;

/// What a plan is called in vouchers: the beginning of a hash of its id. Whoever sets plans sees to it that no two are alike.
pub type PlanTag = [u8; 6];

/// The tag of a plan.
///
/// # Panics
/// Never: a hash is longer.
#[must_use]
pub fn plan_tag(id: &str) -> PlanTag {
    *kdf::hash("plan", &[id.as_bytes()]).first_chunk().expect("32 bytes hold 6")
}

/// Why a voucher is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoucherError {
    /// The bytes are of a version that we do not know.
    #[error("the voucher is of an unknown version; the coordinator is older than it")]
    Version,
    /// Another key signed it, or nobody did.
    #[error("the voucher was not made for this coordinator, or was changed")]
    BadSignature,
}

/// A plan for so many days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Voucher {
    /// Which plan.
    pub plan: PlanTag,
    /// For how many days.
    pub days: u16,
    /// The last day on which it can be used.
    pub last: Day,
    /// Drawn at random.
    pub id: [u8; 8],
}

impl Voucher {
    /// Length in bytes.
    pub const LEN: usize = HEAD_BYTES + 64;

    /// A new one.
    #[must_use]
    pub fn draw(plan: PlanTag, days: u16, last: Day, rng: &mut ChaCha20Rng) -> Self {
        let mut id = [0; 8];
        rng.fill_bytes(&mut id);
        Voucher { plan, days, last, id }
    }

    fn head(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[0] = VERSION;
        head[1..7].copy_from_slice(&self.plan);
        head[7..9].copy_from_slice(&self.days.to_be_bytes());
        head[9..13].copy_from_slice(&self.last.0.to_be_bytes());
        head[13..].copy_from_slice(&self.id);
        head
    }

    /// Reads one that this key has signed; whether it counts still is for others to say.
    ///
    /// # Errors
    /// [`VoucherError`].
    ///
    /// # Panics
    /// Never: the fields lie within the head.
    pub fn check(bytes: &[u8; Self::LEN], by: &VoucherKey) -> Result<Self, VoucherError> {
        let (head, signature) = bytes.split_first_chunk::<HEAD_BYTES>().expect("85 bytes hold 21");
        if head[0] != VERSION {
            return Err(VoucherError::Version);
        }
        let signature = Signature(signature.try_into().expect("64 bytes are left"));
        identity::verify_key(&by.0, Domain::Voucher, head, &signature)
            .map_err(|_| VoucherError::BadSignature)?;
        Ok(Voucher {
            plan: head[1..7].try_into().expect("6 bytes"),
            days: u16::from_be_bytes(head[7..9].try_into().expect("2 bytes")),
            last: Day(u32::from_be_bytes(head[9..13].try_into().expect("4 bytes"))),
            id: head[13..].try_into().expect("8 bytes"),
        })
    }

    /// What it is remembered by once it was used: it cannot be made from that again.
    ///
    /// # Panics
    /// Never: a hash is longer.
    #[must_use]
    pub fn name(&self) -> [u8; 16] {
        *kdf::hash("voucher", &[&self.head()]).first_chunk().expect("32 bytes hold 16")
    }
}

/// What vouchers are checked with: an Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoucherKey([u8; 32]);

impl VoucherKey {
    /// From its bytes; nothing where they are no key that can sign.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&bytes).ok()?;
        (!key.is_weak()).then_some(VoucherKey(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What signs vouchers. It never comes near a coordinator.
#[derive(Clone)]
pub struct VoucherSecret(SigningKey);

impl VoucherSecret {
    /// The key of a seed.
    #[must_use]
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Self {
        VoucherSecret(SigningKey::from_bytes(seed.expose()))
    }

    /// What a coordinator is told.
    #[must_use]
    pub fn public(&self) -> VoucherKey {
        VoucherKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a voucher.
    #[must_use]
    pub fn sign(&self, voucher: &Voucher) -> [u8; Voucher::LEN] {
        let head = voucher.head();
        let signature = self.0.sign(&Domain::Voucher.message(&head));
        let mut bytes = [0; Voucher::LEN];
        bytes[..HEAD_BYTES].copy_from_slice(&head);
        bytes[HEAD_BYTES..].copy_from_slice(&signature.to_bytes());
        bytes
    }
}

impl std::fmt::Debug for VoucherSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VoucherSecret").field(&self.public()).finish()
    }
}

#[cfg(test)]
mod tests;
