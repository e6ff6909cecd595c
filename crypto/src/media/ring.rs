//! The keys of all senders of a call: which may open a frame, and until when.
//!
//! Rules: a direct path accepts only keys of its own device; a key that is replaced lives [`OLD_KEY_MS`] more, so that
//! frames on their way still play; the keys of a device that left or was removed are gone at once.

use std::collections::BTreeMap;

use super::frame::{MediaOpener, peek_kid};
use super::{Kid, MediaError, MediaKey};
use crate::id::DeviceId;

/// How long a replaced key still opens frames: more than any network delay that speech survives.
pub const OLD_KEY_MS: u64 = 2_000;
/// Keys tried for one frame when senders drew the same key id; a fifth sender with that id stays silent until its
/// next draw, and nobody can make a receiver do more work than this.
pub const KEYS_TRIED_MAX: usize = 4;
/// Keys kept for one device: this step, the next, and two that are running out.
pub const KEYS_PER_DEVICE_MAX: usize = 4;

struct Entry {
    key: MediaKey,
    print: [u8; 8],
    opener: MediaOpener,
    /// Set when the key was replaced.
    until_ms: Option<u64>,
}

/// What was opened, and whose key opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingOpened {
    /// The device whose key it is. Any member can compute the key: only checkpoints or a direct path prove who spoke.
    pub device: DeviceId,
    /// The key's name in checkpoints.
    pub print: [u8; 8],
    /// The frame's number under the key.
    pub counter: u64,
}

/// The opening keys of a call.
#[derive(Default)]
pub struct MediaRing {
    devices: BTreeMap<DeviceId, Vec<Entry>>,
}

impl MediaRing {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `keys` the keys of `device`: known ones keep their replay window, others of it run out in [`OLD_KEY_MS`].
    ///
    /// At most [`KEYS_PER_DEVICE_MAX`] stay, the newest; the rest is dropped, oldest first.
    pub fn set_keys(&mut self, device: DeviceId, keys: &[MediaKey], now_ms: u64) {
        let entries = self.devices.entry(device).or_default();
        for entry in entries.iter_mut() {
            if keys.contains(&entry.key) {
                entry.until_ms = None;
            } else if entry.until_ms.is_none() {
                entry.until_ms = Some(now_ms.saturating_add(OLD_KEY_MS));
            }
        }
        for key in keys {
            if !entries.iter().any(|entry| entry.key == *key) {
                entries.push(Entry {
                    opener: MediaOpener::new(key),
                    print: key.print(),
                    key: key.clone(),
                    until_ms: None,
                });
            }
        }
        while entries.len() > KEYS_PER_DEVICE_MAX {
            let oldest = entries.iter().position(|entry| entry.until_ms.is_some());
            entries.remove(oldest.unwrap_or(0));
        }
    }

    /// Forgets a device at once: it left the call or was removed.
    pub fn drop_device(&mut self, device: &DeviceId) {
        self.devices.remove(device);
    }

    /// Erases keys that have run out.
    pub fn expire(&mut self, now_ms: u64) {
        self.devices.retain(|_, entries| {
            entries.retain(|entry| entry.until_ms.is_none_or(|until| now_ms < until));
            !entries.is_empty()
        });
    }

    /// The devices that have keys.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.keys()
    }

    /// The prints of the keys of a device, by which checkpoints name them.
    #[must_use]
    pub fn prints(&self, device: &DeviceId) -> Vec<[u8; 8]> {
        self.devices.get(device).into_iter().flatten().map(|entry| entry.print).collect()
    }

    /// Opens a frame into `out`. `from` is the device at the other end of a direct path, `None` behind a forwarder.
    ///
    /// # Errors
    /// [`MediaError::Malformed`], [`MediaError::UnknownKey`], [`MediaError::Replayed`], [`MediaError::DoesNotOpen`].
    pub fn open(
        &mut self,
        from: Option<&DeviceId>,
        bytes: &[u8],
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<RingOpened, MediaError> {
        self.try_each(from, bytes, now_ms, |opener| opener.open(bytes, out))
    }

    /// Opens a frame behind a forwarder whatever its number, see [`MediaOpener::open_again`].
    ///
    /// # Errors
    /// [`MediaError::Malformed`], [`MediaError::UnknownKey`], [`MediaError::DoesNotOpen`].
    pub fn open_again(
        &mut self,
        bytes: &[u8],
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<RingOpened, MediaError> {
        self.try_each(None, bytes, now_ms, |opener| opener.open_again(bytes, out))
    }

    fn try_each(
        &mut self,
        from: Option<&DeviceId>,
        bytes: &[u8],
        now_ms: u64,
        mut open: impl FnMut(&mut MediaOpener) -> Result<u64, MediaError>,
    ) -> Result<RingOpened, MediaError> {
        let kid = peek_kid(bytes).ok_or(MediaError::Malformed)?;
        let mut refused = MediaError::UnknownKey;
        for (device, entry) in self.candidates(from, kid, now_ms).take(KEYS_TRIED_MAX) {
            match open(&mut entry.opener) {
                Ok(counter) => {
                    return Ok(RingOpened { device, print: entry.print, counter });
                }
                // "Seen before" says more than "does not open" under another key of the same id.
                Err(error) if refused != MediaError::Replayed => refused = error,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    fn candidates<'a>(
        &'a mut self,
        from: Option<&'a DeviceId>,
        kid: Kid,
        now_ms: u64,
    ) -> impl Iterator<Item = (DeviceId, &'a mut Entry)> {
        self.devices
            .iter_mut()
            .filter(move |(device, _)| from.is_none_or(|from| from == *device))
            .flat_map(|(device, entries)| entries.iter_mut().rev().map(|entry| (*device, entry)))
            .filter(move |(_, entry)| entry.key.kid() == kid)
            .filter(move |(_, entry)| entry.until_ms.is_none_or(|until| now_ms < until))
    }
}

impl std::fmt::Debug for MediaRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.devices.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
