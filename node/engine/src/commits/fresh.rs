//! Devices that are to be given a fresh leaf: each waits for our next commit, and for another one if a rival of that wins.
//!
//! ```text
//!  asks --> waits --> given a leaf by our commit --> that commit stays: the device goes on from it
//!                                               \--> a rival wins, with the old leaf: waits again, by the same package
//! ```
//!
//! Without the way back whoever asked would sit on the branch that was lost until it may ask again.

use core::time::Duration;
use std::collections::BTreeMap;

use halloo_crypto::id::DeviceId;

use super::MAX_JOINING;
use crate::invariants::{inv_6_within_bound, uphold};
use crate::time::Time;

/// For how long a commit that gave a leaf may still lose to a rival; then its device asks again by itself.
const RACED: Duration = Duration::from_secs(10);

struct Asked {
    package: Vec<u8>,
    /// The leaf that it had in our epoch when it asked.
    instead: Option<[u8; 32]>,
    given: Option<Time>,
}

/// By device, what it asked for.
#[derive(Default)]
pub(crate) struct Fresh(BTreeMap<DeviceId, Asked>);

impl Fresh {
    /// A device with this leaf, or none, is to be given one by this package; false when too many wait.
    pub(crate) fn ask(
        &mut self,
        device: DeviceId,
        package: Vec<u8>,
        instead: Option<[u8; 32]>,
        now: Time,
    ) -> bool {
        self.0.retain(|_, asked| asked.given.is_none_or(|given| now.since(given) < RACED));
        if self.0.len() >= MAX_JOINING && !self.0.contains_key(&device) {
            return false;
        }
        self.0.insert(device, Asked { package, instead, given: None });
        uphold(inv_6_within_bound("MAX_JOINING", self.0.len(), MAX_JOINING));
        true
    }

    /// The package by which a device with this leaf is to be added now.
    pub(crate) fn package_for(&self, device: &DeviceId, leaf: Option<[u8; 32]>) -> Option<&Vec<u8>> {
        let asked = self.0.get(device)?;
        // Given: only who stands again with the very leaf that it could not use. Any other it has by its own doing.
        (asked.given.is_none() || asked.instead == leaf).then_some(&asked.package)
    }

    /// Our commit gave it a leaf.
    pub(crate) fn given(&mut self, device: &DeviceId, now: Time) {
        if let Some(asked) = self.0.get_mut(device) {
            asked.given = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
