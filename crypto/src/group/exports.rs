//! The secrets that an epoch gives to other rooms: derived once on entry, each deleted on its own, the exporter itself gone.
//!
//! mls-rs can delete its exporter only whole, so a session derives one secret for each [`Export`] when it enters an
//! epoch and deletes the exporter at once (`delete_exporter`). What is deleted here cannot be derived again, not even
//! from the stored session.

use std::collections::BTreeMap;

use super::error::CallerFault;
use crate::kdf;
use crate::secret::Secret;

/// What a secret of the epoch is for. The names are MLS exporter labels and part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Export {
    /// Seals of chat, documents and live cells (`data.rs`); kept while the epoch's content may be asked for.
    Data = 1,
    /// Voice keys, together with the call chain (`media.rs`).
    Call = 2,
    /// Proofs of membership on the direct lane.
    Proof = 3,
    /// The outer tag of commits and application messages; kept by the session, see [`super::peek_epoch`].
    Outer = 4,
}

impl Export {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Data, Self::Call, Self::Proof, Self::Outer];

    /// The exporter label (RFC 9420, section 8.5).
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Data => "halloo data",
            Self::Call => "halloo call",
            Self::Proof => "halloo proof",
            Self::Outer => "halloo outer",
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|export| *export as u8 == byte)
    }
}

/// Exporter label of the epoch id.
pub(super) const EPOCH_ID_LABEL: &str = "halloo epoch id";

/// The secrets still held.
#[derive(Clone, Debug, Default)]
pub(super) struct Exports(pub(super) BTreeMap<Export, Secret<[u8; 32]>>);

impl Exports {
    /// Derives `len` bytes (at most 255 x 32) for `context` from the secret of `export`.
    pub(super) fn derive(
        &self,
        export: Export,
        context: &[u8],
        len: usize,
    ) -> Result<Secret<Vec<u8>>, CallerFault> {
        if len > MAX_EXPORT_BYTES {
            return Err(CallerFault::OverLimit(MAX_EXPORT_BYTES));
        }
        let mut out = vec![0; len];
        kdf::expand(self.held(export)?.expose(), export.label(), context, &mut out);
        Ok(Secret::new(out))
    }

    pub(super) fn held(&self, export: Export) -> Result<&Secret<[u8; 32]>, CallerFault> {
        self.0.get(&export).ok_or(CallerFault::ExportUsed)
    }

    pub(super) fn delete(&mut self, export: Export) {
        self.0.remove(&export);
    }
}

/// Longest export: the limit of HKDF-SHA256.
pub const MAX_EXPORT_BYTES: usize = 255 * 32;

#[cfg(test)]
mod tests;
