//! A session as bytes for storage. Secret: whoever holds them is the device in this epoch.
//!
//! ```text
//!  0         1
//!  | version | postcard { group, device, epoch id, read-only, exports [(label byte, 32 B)], mls-rs snapshot } |
//! ```

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::config::client;
use super::desk;
use super::error::GroupError;
use super::exports::{Export, Exports};
use super::session::GroupSession;
use crate::id::{DeviceId, EpochId, GroupId};
use crate::secret::Secret;

const VERSION: u8 = 1;

/// Longest stored session: 5,000 members need about 4 MB.
pub const MAX_SESSION_BYTES: usize = 16 << 20;

#[derive(Serialize, Deserialize)]
struct Stored {
    group: GroupId,
    device: DeviceId,
    epoch: EpochId,
    read_only: bool,
    exports: Vec<(u8, [u8; 32])>,
    mls: Vec<u8>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.exports.iter_mut().for_each(|(_, secret)| secret.zeroize());
        self.mls.zeroize();
    }
}

impl GroupSession {
    /// For storage, under [`GroupSession::epoch_id`].
    ///
    /// # Errors
    /// None that a caller can cause; MLS errors are passed on.
    pub fn to_bytes(&self) -> Result<Secret<Vec<u8>>, GroupError> {
        let mut mls = self.mls.clone();
        mls.write_to_storage()?;
        let state: Zeroizing<Vec<u8>> = desk::take_state().expect("mls-rs has just written it");
        let exports = &self.exports.0;
        let stored = Stored {
            group: self.group,
            device: self.me,
            epoch: self.epoch,
            read_only: self.read_only,
            exports: exports.iter().map(|(at, secret)| (*at as u8, *secret.expose())).collect(),
            mls: state.to_vec(),
        };
        let size_hint = 256 + stored.mls.len();
        let mut bytes = Vec::with_capacity(size_hint);
        bytes.push(VERSION);
        let bytes = postcard::to_extend(&stored, bytes);
        Ok(Secret::new(bytes.expect("plain fields always encode")))
    }

    /// Reads what [`Self::to_bytes`] wrote. The bytes come from storage that authenticates them.
    ///
    /// # Errors
    /// [`GroupError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        if bytes.len() > MAX_SESSION_BYTES {
            return Err(GroupError::Damaged);
        }
        let (&[VERSION], rest) = bytes.split_first_chunk::<1>().ok_or(GroupError::Damaged)? else {
            return Err(GroupError::Damaged);
        };
        let stored: Stored = postcard::from_bytes(rest).map_err(|_| GroupError::Damaged)?;
        let mut exports = Exports::default();
        for (byte, secret) in &stored.exports {
            let export = Export::from_byte(*byte).ok_or(GroupError::Damaged)?;
            exports.0.insert(export, Secret::new(*secret));
        }
        exports.held(Export::Outer).map_err(|_| GroupError::Damaged)?;
        desk::put_state(Zeroizing::new(stored.mls.clone()));
        let loaded = client(stored.group, None).load_group(stored.group.as_bytes());
        desk::take_state();
        let mls = loaded.map_err(|_| GroupError::Damaged)?;
        Self::check_context(&mls, &stored.group).map_err(|_| GroupError::Damaged)?;
        let session = Self {
            mls,
            group: stored.group,
            me: stored.device,
            epoch: stored.epoch,
            exports,
            read_only: stored.read_only,
        };
        let mine = session.device_at(session.mls.current_member_index());
        if mine != Some(session.me) {
            return Err(GroupError::Damaged);
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests;
