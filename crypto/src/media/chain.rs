//! The call chain and the keys derived from it: random at the start, stepped each minute, the old step erased.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::MediaError;
use crate::chance;
use crate::id::{BoxPublic, DeviceId, Incarnation};
use crate::kdf;
use crate::sealed::{self, BoxSecret};
use crate::secret::{Secret, wipe_stack};

/// How long a step is used: what a seized device can open reaches back at most this far and the old-key time.
pub const CALL_STEP_MS: u64 = 60_000;

/// Purpose string of the HPKE seal of a step.
const STEP_INFO: &[u8] = b"halloo v1 call step";
/// Version byte of a sealed step.
const VERSION: u8 = 1;

/// SFrame key id of a sender: random, two bytes on the wire, announced sealed. It names no person to an outsider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Kid(pub u64);

impl Kid {
    /// Smallest id drawn: below it the SFrame header would encode fewer bytes and frames would differ in size.
    pub const MIN: u64 = 0x100;
    /// Largest id drawn: the last that takes two bytes.
    pub const MAX: u64 = 0xffff;

    /// Draws an id for one (sender incarnation, branch). Collisions are harmless, see `MediaRing`.
    #[must_use]
    pub fn random(rng: &mut ChaCha20Rng) -> Self {
        let span = Self::MAX - Self::MIN + 1;
        Self(Self::MIN + u64::from(rng.next_u32()) % span)
    }
}

/// One step of a call chain. In memory only: never stored, never derivable from the group's state.
#[derive(PartialEq, Eq)]
pub struct CallStep {
    index: u32,
    secret: Secret<[u8; 32]>,
}

impl CallStep {
    /// Starts the chain of a call. The generator forgets it.
    #[must_use]
    pub fn random(rng: &mut ChaCha20Rng) -> Self {
        Self { index: 0, secret: chance::secret(rng) }
    }

    /// The next step; this one is erased. A step cannot be computed from a later one.
    #[must_use]
    pub fn next(self) -> Self {
        self.ahead()
    }

    /// The next step while this one stays: receivers hold the next keys before everybody's minute is over.
    #[must_use]
    pub fn ahead(&self) -> Self {
        Self {
            index: self.index.saturating_add(1),
            secret: kdf::derive(self.secret.expose(), "call chain next", &[]),
        }
    }

    /// Number of steps since the start of the call.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Seals this step to the one-use key of a joiner. `aad` names call, group and joiner.
    ///
    /// ```text
    ///  0         1          5        37      (inside the HPKE frame)
    ///  | version | index BE | secret |
    /// ```
    ///
    /// # Errors
    /// [`MediaError::Malformed`] when the joiner's key is a point of small order.
    pub fn seal_to(
        &self,
        rng: &mut ChaCha20Rng,
        joiner: &BoxPublic,
        aad: &[u8],
    ) -> Result<Vec<u8>, MediaError> {
        let sealed = self.sealed_to(rng, joiner, aad);
        wipe_stack();
        sealed
    }

    #[inline(never)]
    fn sealed_to(
        &self,
        rng: &mut ChaCha20Rng,
        joiner: &BoxPublic,
        aad: &[u8],
    ) -> Result<Vec<u8>, MediaError> {
        let mut plain = Zeroizing::new([0_u8; 37]);
        plain[0] = VERSION;
        plain[1..5].copy_from_slice(&self.index.to_be_bytes());
        plain[5..].copy_from_slice(self.secret.expose());
        let sealed = sealed::seal_to(rng, joiner, STEP_INFO, aad, plain.as_ref());
        // Out of the generator the other half of the seal's key could be computed again.
        chance::forget(rng);
        sealed.map_err(|_| MediaError::Malformed)
    }

    /// Opens a step with the joiner's one-use key, which is erased by it; an answer to an earlier key opens nothing and erases nothing.
    ///
    /// # Errors
    /// [`MediaError::DoesNotOpen`] or [`MediaError::Malformed`].
    pub fn open(key: &mut Option<BoxSecret>, aad: &[u8], bytes: &[u8]) -> Result<Self, MediaError> {
        let opened = Self::opened(key, aad, bytes);
        wipe_stack();
        opened
    }

    #[inline(never)]
    fn opened(key: &mut Option<BoxSecret>, aad: &[u8], bytes: &[u8]) -> Result<Self, MediaError> {
        let held = key.take().ok_or(MediaError::DoesNotOpen)?;
        let plain = held.try_open(STEP_INFO, aad, bytes).map_err(|(held, _)| {
            *key = Some(held);
            MediaError::DoesNotOpen
        })?;
        match plain.expose().as_slice() {
            [VERSION, i0, i1, i2, i3, secret @ ..] if secret.len() == 32 => Ok(Self {
                index: u32::from_be_bytes([*i0, *i1, *i2, *i3]),
                secret: Secret::filled(|own: &mut [u8; 32]| own.copy_from_slice(secret)),
            }),
            _ => Err(MediaError::Malformed),
        }
    }

    /// The key under which `device` seals its voice in this step, epoch and incarnation.
    ///
    /// HKDF over both secrets; the context is device || incarnation (the 16-byte salt that keeps a restored device
    /// from repeating a nonce) || step index || kid.
    #[must_use]
    pub fn media_key(
        &self,
        exporter: &Secret<[u8; 32]>,
        device: &DeviceId,
        incarnation: Incarnation,
        kid: Kid,
    ) -> MediaKey {
        let mut both = Zeroizing::new([0_u8; 64]);
        both[..32].copy_from_slice(self.secret.expose());
        both[32..].copy_from_slice(exporter.expose());
        let context =
            [device.0.as_slice(), &incarnation.0, &self.index.to_be_bytes(), &kid.0.to_be_bytes()].concat();
        MediaKey { kid, material: kdf::derive(both.as_ref(), "media key", &context) }
    }
}

impl std::fmt::Debug for CallStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallStep({})", self.index)
    }
}

/// What one sender's SFrame keys are expanded from, with its key id. A plain value: plans carry it.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaKey {
    kid: Kid,
    material: Secret<[u8; 32]>,
}

impl MediaKey {
    /// From raw material, for plans in tests and for vectors; calls use [`CallStep::media_key`].
    #[must_use]
    pub const fn from_parts(kid: Kid, material: Secret<[u8; 32]>) -> Self {
        Self { kid, material }
    }

    /// The key id in the header of every frame under this key.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    pub(super) fn material(&self) -> &[u8; 32] {
        self.material.expose()
    }

    /// Eight bytes that name the key in checkpoints; tells nothing about it.
    #[must_use]
    pub fn print(&self) -> [u8; 8] {
        let full = kdf::derive(self.material.expose(), "media key print", &[]);
        *full.expose().first_chunk().expect("32 bytes hold 8")
    }
}

impl std::fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MediaKey(kid {:x}, ..)", self.kid.0)
    }
}
