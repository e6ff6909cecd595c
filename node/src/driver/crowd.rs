//! Whom a call connects with directly when it has more devices than a full mesh holds.
//!
//! First come, first served: who is connected stays. Who finds no place is told so by those who have none ([`refuse`]), and
//! asks again, in turn, until somebody leaves.
//!
//! [`refuse`]: Crowd::refuse

use crate::media::endpoint::MAX_PEERS;
use halloo_crypto::id::DeviceId;
use std::collections::BTreeSet;

/// What a person can do about it.
pub const NEXT: &str =
    "whoever only listens makes room with `halloo hush`, or talk in two groups: `halloo new NAME`";

/// The other devices of the call, and which of them there is a place for.
#[derive(Debug, Default)]
pub struct Crowd {
    wanted: BTreeSet<DeviceId>,
    chosen: BTreeSet<DeviceId>,
    refused: BTreeSet<DeviceId>,
    told: BTreeSet<DeviceId>,
}

impl Crowd {
    /// The call now has these other devices; returns those to be connected with.
    pub fn want(&mut self, wanted: BTreeSet<DeviceId>) -> BTreeSet<DeviceId> {
        self.refused.retain(|device| wanted.contains(device));
        self.wanted = wanted;
        self.choose()
    }

    /// This device has no place for us; returns those to be connected with now.
    pub fn refuse(&mut self, device: DeviceId) -> BTreeSet<DeviceId> {
        if self.wanted.contains(&device) {
            self.refused.insert(device);
        }
        self.choose()
    }

    /// Voice flows with this device.
    pub fn up(&mut self, device: &DeviceId) {
        self.refused.remove(device);
    }

    /// Devices of the call that are not heard for want of a place here or there.
    pub fn unheard(&self) -> BTreeSet<DeviceId> {
        self.wanted.difference(&self.chosen).chain(&self.refused).copied().collect()
    }

    /// Unheard devices that the person was not told of yet.
    pub fn news(&mut self) -> BTreeSet<DeviceId> {
        let unheard = self.unheard();
        let new = unheard.difference(&self.told).copied().collect();
        self.told = unheard;
        new
    }

    fn choose(&mut self) -> BTreeSet<DeviceId> {
        let open = |device: &&DeviceId| !self.refused.contains(*device);
        let stay = self.wanted.intersection(&self.chosen).filter(open);
        let others = self.wanted.difference(&self.chosen).filter(open);
        let last = self.wanted.intersection(&self.refused);
        self.chosen = stay.chain(others).chain(last).take(MAX_PEERS).copied().collect();
        self.chosen.clone()
    }
}

#[cfg(test)]
mod tests;
