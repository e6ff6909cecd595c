//! The data seal: what a group writes (messages, operations, live cells), sealed to one epoch.
//!
//! ```text
//!  0           8             24           32           48            n-16   n
//!  | epoch tag | incarnation | counter BE | commitment | ciphertext  | tag  |
//! ```
//!
//! * epoch tag: keyed by the exporter over the 32-byte epoch id; tells a receiver which key to try, and nothing else.
//! * key = HKDF(exporter, incarnation), AES-256-GCM, nonce = 4 zero bytes || counter. The counter belongs to the
//!   incarnation, not to the key: over all epochs and branches no (key, nonce) can repeat (INV-3).
//! * commitment: HMAC under a second key of the same derivation over the first 32 bytes. GCM alone commits to no key: a
//!   frame could be made that opens to two texts under two keys. 16 bytes leave 2^64 work for a collision, and each
//!   trial needs an exporter secret of a real epoch.
//! * associated data of the AEAD: the first 48 bytes, then the caller's.
//!
//! Forward secrecy comes only from forgetting the epoch: whoever holds the exporter secret opens every frame of it.

use core::cell::RefCell;

use zeroize::Zeroizing;

use crate::aead::{self, AeadKey, counter_nonce};
use crate::id::{EpochId, Incarnation};
use crate::kdf;
use crate::secret::Secret;

/// Length of the epoch tag.
pub const TAG_BYTES: usize = 8;
const INCARNATION_AT: usize = TAG_BYTES;
const COUNTER_AT: usize = INCARNATION_AT + Incarnation::LEN;
const COMMITMENT_AT: usize = COUNTER_AT + 8;
const COMMITMENT_BYTES: usize = 16;
const CIPHERTEXT_AT: usize = COMMITMENT_AT + COMMITMENT_BYTES;
/// Bytes that sealing adds.
pub const DATA_OVERHEAD_BYTES: usize = CIPHERTEXT_AT + aead::TAG_BYTES;
/// Longest plaintext: contents are far smaller, larger things are blobs under their own keys.
pub const DATA_PLAINTEXT_MAX_BYTES: usize = 1 << 20;
/// Seals of one incarnation: 2^48 last nine years at a million a second, and stay below the limits of GCM.
const SEALS_MAX: u64 = 1 << 48;

/// Senders of one epoch whose keys are kept once derived: with 50 members nobody is derived twice. Each takes about 600 bytes; beyond
/// this the one that was kept first goes, and is derived again.
const SENDERS_MAX: usize = 64;

/// Why sealing or opening failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Too short or too long to be a seal.
    #[error("the bytes are no data seal")]
    Malformed,
    /// The epoch tag is not of these keys; another epoch may know it.
    #[error("sealed in another epoch")]
    OtherEpoch,
    /// The tag fits, the rest does not: changed on the way, other associated data, or made by a liar.
    #[error("the data seal does not open")]
    DoesNotOpen,
    /// The caller's plaintext is longer than [`DATA_PLAINTEXT_MAX_BYTES`].
    #[error("the plaintext is too long to seal")]
    TooLong,
}

/// The keyed tag that names an epoch to those who are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochTag(pub [u8; TAG_BYTES]);

/// Reads the epoch tag of a seal without opening it; `None` when the bytes are too short to be one.
#[must_use]
pub fn peek_tag(bytes: &[u8]) -> Option<EpochTag> {
    if bytes.len() < DATA_OVERHEAD_BYTES {
        return None;
    }
    bytes.first_chunk().copied().map(EpochTag)
}

/// What a seal held, and under which number it was sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The engine start that sealed it; any member could have written any value here, the signature inside decides.
    pub incarnation: Incarnation,
    /// Number of the seal within its incarnation.
    pub counter: u64,
    /// The plaintext.
    pub plaintext: Vec<u8>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("incarnation", &self.incarnation)
            .field("counter", &self.counter)
            .field("plaintext_bytes", &self.plaintext.len())
            .finish()
    }
}

/// The keys of one epoch, from the exporter secret `"halloo data"` of its group session. What was derived from it for single senders
/// is kept inside and goes with it.
pub struct DataKeys {
    exporter: Secret<[u8; 32]>,
    epoch: EpochId,
    tag: EpochTag,
    /// Of those who sealed here or whose seal opened here, in the order of coming: a stranger's word puts nobody in. At most
    /// [`SENDERS_MAX`].
    senders: RefCell<Vec<Sender>>,
}

/// Boxed, so that no copy of a key is left behind where the table grew.
struct Sender {
    incarnation: Incarnation,
    keys: Box<SenderKeys>,
}

struct SenderKeys {
    cipher: AeadKey,
    commitment: Zeroizing<[u8; 32]>,
}

impl DataKeys {
    /// Derives the keys of `epoch`.
    #[must_use]
    pub fn new(exporter_secret: Secret<[u8; 32]>, epoch: EpochId) -> Self {
        let key = kdf::derive(exporter_secret.expose(), "data epoch tag", &[]);
        let full = kdf::mac(key.expose(), &[&epoch.0]);
        let tag = EpochTag(*full.first_chunk().expect("a MAC has 32 bytes"));
        Self { exporter: exporter_secret, epoch, tag, senders: RefCell::default() }
    }

    /// The tag that every seal of this epoch starts with.
    #[must_use]
    pub const fn tag(&self) -> EpochTag {
        self.tag
    }

    /// The epoch that these keys belong to.
    #[must_use]
    pub const fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// Does something with the keys of a sender, which are kept if it came to good.
    fn with_sender<R>(
        &self,
        incarnation: &Incarnation,
        does: impl FnOnce(&SenderKeys) -> Result<R, DataError>,
    ) -> Result<R, DataError> {
        let mut senders = self.senders.borrow_mut();
        if let Some(known) = senders.iter().find(|sender| sender.incarnation == *incarnation) {
            return does(&known.keys);
        }
        let keys = Box::new(self.derive_sender(incarnation));
        let result = does(&keys)?;
        if senders.len() >= SENDERS_MAX {
            senders.remove(0);
        }
        senders.push(Sender { incarnation: *incarnation, keys });
        assert!(senders.len() <= SENDERS_MAX, "whoever comes to a full table takes a place");
        Ok(result)
    }

    /// Forgets what was derived for single senders; it is derived again where a seal comes. For an epoch that is kept for what comes
    /// late: fewer secrets lie about, and less memory.
    pub fn forget_senders(&self) {
        self.senders.borrow_mut().clear();
    }

    fn derive_sender(&self, incarnation: &Incarnation) -> SenderKeys {
        let mut both = Zeroizing::new([0_u8; 64]);
        kdf::expand(self.exporter.expose(), "data sender", &incarnation.0, both.as_mut());
        let (key, commitment) = both.split_first_chunk::<32>().expect("64 bytes hold two keys");
        SenderKeys {
            cipher: AeadKey::new(key),
            commitment: Zeroizing::new(commitment.try_into().expect("the other 32 bytes")),
        }
    }

    /// Opens a seal of this epoch.
    ///
    /// # Errors
    /// [`DataError::Malformed`], [`DataError::OtherEpoch`] or [`DataError::DoesNotOpen`].
    pub fn open(&self, aad: &[u8], bytes: &[u8]) -> Result<Opened, DataError> {
        if bytes.len() > DATA_PLAINTEXT_MAX_BYTES + DATA_OVERHEAD_BYTES {
            return Err(DataError::Malformed);
        }
        let tag = peek_tag(bytes).ok_or(DataError::Malformed)?;
        if !kdf::equal(&tag.0, &self.tag.0) {
            return Err(DataError::OtherEpoch);
        }
        let (header, ciphertext) = bytes.split_at(CIPHERTEXT_AT);
        let incarnation = Incarnation(chunk(header, INCARNATION_AT));
        let counter = u64::from_be_bytes(chunk(header, COUNTER_AT));
        self.with_sender(&incarnation, |keys| {
            let expected = keys.commit(&header[..COMMITMENT_AT]);
            if !kdf::equal(&expected, &header[COMMITMENT_AT..]) {
                return Err(DataError::DoesNotOpen);
            }
            let aad = [header, aad].concat();
            let opened = keys.cipher.open(&counter_nonce(counter), &aad, ciphertext);
            let plaintext = opened.map_err(|_| DataError::DoesNotOpen)?;
            Ok(Opened { incarnation, counter, plaintext })
        })
    }
}

/// The copy derives for itself: two owners of one table would be one that outlives its epoch.
impl Clone for DataKeys {
    fn clone(&self) -> Self {
        Self {
            exporter: self.exporter.clone(),
            epoch: self.epoch,
            tag: self.tag,
            senders: RefCell::default(),
        }
    }
}

impl SenderKeys {
    fn commit(&self, header: &[u8]) -> [u8; COMMITMENT_BYTES] {
        let full = kdf::mac(&self.commitment, &[header]);
        *full.first_chunk().expect("a MAC has 32 bytes")
    }
}

fn chunk<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    header[at..at + N].try_into().expect("the header has its full length")
}

impl std::fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DataKeys").field(&self.epoch).finish()
    }
}

/// The sealing side of one engine start: its incarnation and the one counter for all epochs.
///
/// Deliberately neither `Clone` nor serialisable: a second copy would repeat nonces.
#[derive(Debug)]
pub struct DataSealer {
    incarnation: Incarnation,
    next: u64,
}

impl DataSealer {
    /// For an incarnation drawn at this start; never for one that was used before.
    #[must_use]
    pub const fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, next: 0 }
    }

    /// The incarnation that seals.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Seals to the epoch of `keys`; `aad` is authenticated and not sent.
    ///
    /// # Errors
    /// [`DataError::TooLong`].
    pub fn seal(&mut self, keys: &DataKeys, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, DataError> {
        if plaintext.len() > DATA_PLAINTEXT_MAX_BYTES {
            return Err(DataError::TooLong);
        }
        assert!(self.next < SEALS_MAX, "an incarnation ran out of nonces");
        let counter = self.next;
        self.next += 1;
        keys.with_sender(&self.incarnation, |sender| {
            let mut bytes = Vec::with_capacity(DATA_OVERHEAD_BYTES + plaintext.len());
            bytes.extend_from_slice(&keys.tag.0);
            bytes.extend_from_slice(&self.incarnation.0);
            bytes.extend_from_slice(&counter.to_be_bytes());
            let commitment = sender.commit(&bytes);
            bytes.extend_from_slice(&commitment);
            let aad = [&bytes, aad].concat();
            bytes.extend_from_slice(&sender.cipher.seal(&counter_nonce(counter), &aad, plaintext));
            Ok(bytes)
        })
    }
}

#[cfg(test)]
mod tests;
