//! SFrame frames of one key: sealed to constant size classes, opened once.
//!
//! Suite AES_128_GCM_SHA256_128 (0x0004), the full tag (RFC 9605, 7.2 on short tags). The frame on the wire:
//!
//! ```text
//!  0        1       3             3+c                      n-16   n
//!  | config | kid   | counter     | payload 0x80 0x00..    | tag  |
//! ```
//!
//! config and counter as in RFC 9605, 4.3 (c is 0 to 8 bytes). The plaintext is the payload, one 0x80 and zeros up to a
//! size class: what is said shows in the length of variable-rate frames otherwise (White et al., 2011).

use sframe::CipherSuite;
use sframe::crypto::{DecryptionBufferView, EncryptionBufferView};
use sframe::key::{DecryptionKey, EncryptionKey};

use super::header::{HEADER_MAX_BYTES, Header};
use super::{Kid, MediaError, MediaKey};

const SUITE: CipherSuite = CipherSuite::AesGcm128Sha256;
const TAG_BYTES: usize = 16;
/// End of the payload inside the padding (ISO/IEC 7816-4).
const PAD_MARK: u8 = 0x80;

/// Sizes of the padded plaintext. About half again from one to the next: few enough to hide the words, close enough
/// to waste less than a third; the last keeps a frame with its RTP and UDP headers below 1,280 bytes.
pub const FRAME_CLASSES_BYTES: [usize; 7] = [96, 160, 240, 360, 540, 800, 1_160];
/// Longest payload of a frame.
pub const PAYLOAD_MAX_BYTES: usize = FRAME_CLASSES_BYTES[6] - 1;
/// Most that sealing adds to the padded plaintext: 17 bytes of header and the tag.
pub const FRAME_OVERHEAD_MAX_BYTES: usize = HEADER_MAX_BYTES + TAG_BYTES;
/// Longest frame that is looked at.
const FRAME_MAX_BYTES: usize = FRAME_CLASSES_BYTES[6] + FRAME_OVERHEAD_MAX_BYTES;

/// Reads the key id of a frame without opening it; `None` when the bytes are no frame.
#[must_use]
pub fn peek_kid(bytes: &[u8]) -> Option<Kid> {
    if bytes.len() > FRAME_MAX_BYTES {
        return None;
    }
    Header::parse(bytes).map(|header| Kid(header.kid))
}

/// The sealing half of a key, with its counter. Not `Clone`: a second copy would repeat nonces.
pub struct MediaSealer {
    key: EncryptionKey,
    next: u64,
    floor_bytes: usize,
    padded: Vec<u8>,
}

impl MediaSealer {
    /// Starts at counter 0; call it once per key.
    #[must_use]
    pub fn new(key: &MediaKey) -> Self {
        Self {
            key: EncryptionKey::derive_from(SUITE, key.kid().0, key.material())
                .expect("HKDF expands 32 bytes to a key and a salt"),
            next: 0,
            floor_bytes: 0,
            padded: Vec::with_capacity(FRAME_MAX_BYTES),
        }
    }

    /// How many frames were sealed: the counter of the next.
    #[must_use]
    pub const fn sealed(&self) -> u64 {
        self.next
    }

    /// Pads every frame at least to the class that holds `bytes`, so that a codec's ups and downs do not show.
    pub fn set_floor(&mut self, bytes: usize) {
        self.floor_bytes = bytes.min(PAYLOAD_MAX_BYTES);
    }

    /// Seals one payload into `out` (cleared first) and returns its counter. No allocation once `out` has capacity.
    ///
    /// # Errors
    /// [`MediaError::TooLong`].
    pub fn seal(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<u64, MediaError> {
        let wanted = payload.len().max(self.floor_bytes) + 1;
        let class = FRAME_CLASSES_BYTES.iter().find(|class| **class >= wanted).ok_or(MediaError::TooLong)?;
        self.seal_to_length(payload, *class, out)
    }

    /// Seals a payload without padding: for one whose length follows from what is seen of the frames before it anyway.
    ///
    /// # Errors
    /// [`MediaError::TooLong`].
    pub fn seal_exact(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<u64, MediaError> {
        let length = Some(payload.len() + 1).filter(|length| *length <= PAYLOAD_MAX_BYTES);
        self.seal_to_length(payload, length.ok_or(MediaError::TooLong)?, out)
    }

    fn seal_to_length(
        &mut self,
        payload: &[u8],
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<u64, MediaError> {
        self.padded.clear();
        self.padded.extend_from_slice(payload);
        self.padded.push(PAD_MARK);
        self.padded.resize(length, 0);
        let counter = self.next;
        self.next = counter.checked_add(1).expect("a call of 2^64 frames does not happen");
        seal_raw(&self.key, counter, &self.padded, &[], out)?;
        Ok(counter)
    }
}

/// The SFrame encryption itself (RFC 9605, 4.4.3), into `out`; metadata is for the published vectors.
pub(super) fn seal_raw(
    key: &EncryptionKey,
    counter: u64,
    plaintext: &[u8],
    metadata: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), MediaError> {
    out.clear();
    Header::write(key.key_id(), counter, out);
    let header_len = out.len();
    out.extend_from_slice(metadata);
    let aad_len = out.len();
    out.extend_from_slice(plaintext);
    let end = out.len();
    out.resize(end + TAG_BYTES, 0);
    let (aad, rest) = out.split_at_mut(aad_len);
    let (data, tag) = rest.split_at_mut(plaintext.len());
    let view = EncryptionBufferView { aad, data, tag };
    key.encrypt(view, counter).map_err(|_| MediaError::TooLong)?;
    // Metadata is authenticated and travels elsewhere.
    out.drain(header_len..aad_len);
    Ok(())
}

/// The SFrame decryption itself (RFC 9605, 4.4.4), into `out`.
pub(super) fn open_raw(
    key: &DecryptionKey,
    header: &Header,
    bytes: &[u8],
    metadata: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), MediaError> {
    let (header_bytes, ciphertext) = bytes.split_at(header.len);
    out.clear();
    out.extend_from_slice(header_bytes);
    out.extend_from_slice(metadata);
    let aad_len = out.len();
    out.extend_from_slice(ciphertext);
    let (aad, data) = out.split_at_mut(aad_len);
    key.decrypt(DecryptionBufferView { aad, data }, header.counter).map_err(|_| MediaError::DoesNotOpen)?;
    let end = out.len() - TAG_BYTES;
    out.copy_within(aad_len..end, 0);
    out.truncate(end - aad_len);
    Ok(())
}

/// The opening half of a key, with its replay window.
pub struct MediaOpener {
    key: DecryptionKey,
    kid: Kid,
    window: Window,
}

impl MediaOpener {
    /// Ready for the first frame of the key.
    #[must_use]
    pub fn new(key: &MediaKey) -> Self {
        Self {
            key: DecryptionKey::derive_from(SUITE, key.kid().0, key.material())
                .expect("HKDF expands 32 bytes to a key and a salt"),
            kid: key.kid(),
            window: Window::default(),
        }
    }

    /// Opens one frame into `out` (cleared first) and returns its counter. Only an authentic frame moves the window.
    ///
    /// # Errors
    /// [`MediaError::Malformed`], [`MediaError::UnknownKey`], [`MediaError::Replayed`], [`MediaError::DoesNotOpen`].
    pub fn open(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<u64, MediaError> {
        let seen = |window: &Window, counter| {
            if window.contains(counter) { Err(MediaError::Replayed) } else { Ok(()) }
        };
        let counter = self.open_if(bytes, out, seen)?;
        self.window.insert(counter);
        Ok(counter)
    }

    /// Opens one frame whatever its number, and moves no window: for signed words, which prove themselves and which nobody can silence
    /// by using up their numbers.
    ///
    /// # Errors
    /// [`MediaError::Malformed`], [`MediaError::UnknownKey`], [`MediaError::DoesNotOpen`].
    pub fn open_again(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<u64, MediaError> {
        self.open_if(bytes, out, |_, _| Ok(()))
    }

    fn open_if(
        &self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        wanted: impl FnOnce(&Window, u64) -> Result<(), MediaError>,
    ) -> Result<u64, MediaError> {
        out.clear();
        if bytes.len() > FRAME_MAX_BYTES {
            return Err(MediaError::Malformed);
        }
        let header = Header::parse(bytes).ok_or(MediaError::Malformed)?;
        if header.kid != self.kid.0 {
            return Err(MediaError::UnknownKey);
        }
        if bytes.len() < header.len + TAG_BYTES {
            return Err(MediaError::Malformed);
        }
        wanted(&self.window, header.counter)?;
        let opened = open_raw(&self.key, &header, bytes, &[], out);
        let Some(payload_len) = opened.is_ok().then(|| unpadded(out)).flatten() else {
            out.clear();
            return Err(opened.err().unwrap_or(MediaError::Malformed));
        };
        out.truncate(payload_len);
        Ok(header.counter)
    }
}

/// Length without the padding; `None` when the mark is missing.
fn unpadded(plaintext: &[u8]) -> Option<usize> {
    let mark = plaintext.iter().rposition(|byte| *byte != 0)?;
    (plaintext[mark] == PAD_MARK).then_some(mark)
}

/// Counters kept: at 10 ms frames 2.5 s, longer than any jitter buffer waits.
const WINDOW: u64 = 256;
const WORDS: usize = (WINDOW / 64) as usize;

/// Sliding window of the counters seen (after RFC 4303, appendix A2): `top` is one past the newest.
#[derive(Default)]
struct Window {
    top: u64,
    seen: [u64; WORDS],
}

impl Window {
    fn contains(&self, counter: u64) -> bool {
        if counter >= self.top {
            return counter == u64::MAX;
        }
        self.top - counter > WINDOW || self.word(counter) & Self::bit(counter) != 0
    }

    fn insert(&mut self, counter: u64) {
        debug_assert!(!self.contains(counter), "screened by the caller");
        if counter >= self.top {
            let fresh = (counter + 1 - self.top).min(WINDOW);
            for at in (counter + 1 - fresh)..=counter {
                let slot = Self::slot(at);
                self.seen[slot] &= !Self::bit(at);
            }
            self.top = counter + 1;
        }
        self.seen[Self::slot(counter)] |= Self::bit(counter);
    }

    fn word(&self, counter: u64) -> u64 {
        self.seen[Self::slot(counter)]
    }

    const fn slot(counter: u64) -> usize {
        (counter % WINDOW / 64) as usize
    }

    const fn bit(counter: u64) -> u64 {
        1 << (counter % 64)
    }
}

impl std::fmt::Debug for MediaSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MediaSealer(next {})", self.next)
    }
}

impl std::fmt::Debug for MediaOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MediaOpener({:?}, top {})", self.kid, self.window.top)
    }
}

#[cfg(test)]
mod tests;
