//! The Nack: a device signs that it cannot apply commits, and by what it may be added again.
//!
//! ```text
//!  0         1        33      34            34+32n  35+32n        35+32n+32m
//!  +---------+--------+-------+-------------+-------+-------------+------------------+-----------+
//!  | version | device | n u8  | commit hash | m u8  | leaf key    | key package:     | signature |
//!  | 1       | 32     | 1..8  | 32, n times | 1..5  | 32, m times | blob, <= 512     | 64        |
//!  +---------+--------+-------+-------------+-------+-------------+------------------+-----------+
//!  signed: group id ++ everything before the signature, by the device, domain "nack"
//! ```
//!
//! Hashes and leaf keys ascend, none twice. A commit hash is that of the commit's bytes on the wire, which begin with the tag of the
//! epoch that it was made in. The leaf keys are those of this device's leaves that it cannot go on with: whoever finds another leaf
//! of it in the tree has a Nack that was answered, so none can be answered twice, whoever sends it again.

use halloo_crypto::group::{KeyPackageInfo, check_key_package};
use halloo_crypto::id::{DeviceId, GroupId, Signature};
use halloo_crypto::identity::{self, DeviceSecret, Domain};
use halloo_crypto::kdf;

use super::bytes::{Reader, put_blob};
use super::{VERSION, WireError};

/// Commits that one Nack names: as many as there are rivals under one parent.
pub const MAX_NACKED_COMMITS: usize = 8;
/// Leaves that one Nack names: the one that the device had, and those of the key packages whose secrets it keeps.
pub const MAX_NACKED_LEAVES: usize = 5;
/// Longest key package, as MLS checks it.
const MAX_PACKAGE_BYTES: usize = 512;
/// Longest Nack.
pub const MAX_NACK_BYTES: usize =
    1 + 32 + 2 + 32 * (MAX_NACKED_COMMITS + MAX_NACKED_LEAVES) + 4 + MAX_PACKAGE_BYTES + 64;

/// A Nack whose shape is known, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nack {
    /// Who cannot follow.
    pub device: DeviceId,
    /// Hashes of the commits that it cannot apply, ascending.
    pub commits: Vec<[u8; 32]>,
    /// Its leaves that it cannot go on with, ascending.
    pub leaves: Vec<[u8; 32]>,
    /// MLS KeyPackage to be added by.
    pub key_package: Vec<u8>,
    signature: Signature,
}

impl Nack {
    /// Signs. Lists are sorted here, and cut to their limits.
    pub fn sign(
        group: &GroupId,
        device: &DeviceSecret,
        mut commits: Vec<[u8; 32]>,
        mut leaves: Vec<[u8; 32]>,
        key_package: Vec<u8>,
    ) -> Self {
        for (list, limit) in [(&mut commits, MAX_NACKED_COMMITS), (&mut leaves, MAX_NACKED_LEAVES)] {
            list.sort_unstable();
            list.dedup();
            list.truncate(limit);
        }
        let signature = Signature::from_bytes([0; 64]);
        let unsigned = Nack { device: device.id(), commits, leaves, key_package, signature };
        Nack { signature: device.sign(Domain::Nack, &unsigned.signed(group)), ..unsigned }
    }

    fn body(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.device.as_bytes());
        for list in [&self.commits, &self.leaves] {
            out.push(u8::try_from(list.len()).expect("cut to its limit"));
            list.iter().for_each(|name| out.extend_from_slice(name));
        }
        put_blob(&mut out, &self.key_package);
        out
    }

    fn signed(&self, group: &GroupId) -> Vec<u8> {
        [group.as_bytes().as_slice(), &self.body()].concat()
    }

    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.body();
        out.extend_from_slice(self.signature.as_bytes());
        debug_assert!(out.len() <= MAX_NACK_BYTES, "as drawn");
        out
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The peer's: shape or limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_NACK_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let device = DeviceId::from_bytes(reader.array()?);
        let commits = ascending(&mut reader, MAX_NACKED_COMMITS)?;
        let leaves = ascending(&mut reader, MAX_NACKED_LEAVES)?;
        let key_package = reader.blob(MAX_PACKAGE_BYTES)?.to_vec();
        let signature = Signature::from_bytes(reader.array()?);
        reader.finish()?;
        Ok(Nack { device, commits, leaves, key_package, signature })
    }

    /// Names this very Nack.
    pub fn id(&self) -> [u8; 32] {
        kdf::hash("nack", &[&self.to_bytes()])
    }

    /// Checks the signature and the key package; whether the device is a member is for the log to say.
    ///
    /// # Errors
    /// The peer's: [`WireError::BadSignature`], also for a key package of another device or for a leaf that is to be replaced.
    pub fn verify(self, group: &GroupId) -> Result<VerifiedNack, WireError> {
        identity::verify(&self.device, Domain::Nack, &self.signed(group), &self.signature)
            .map_err(|_| WireError::BadSignature)?;
        let fresh = check_key_package(group, &self.key_package).ok();
        let fresh = fresh.filter(|info| info.device == self.device && !self.leaves.contains(&info.leaf_key));
        fresh.map(|fresh| VerifiedNack { nack: self, fresh }).ok_or(WireError::BadSignature)
    }
}

fn ascending(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<[u8; 32]>, WireError> {
    let count = usize::from(reader.u8()?);
    if count > limit {
        return Err(WireError::TooLong);
    }
    let names = (0..count).map(|_| reader.array::<32>()).collect::<Result<Vec<_>, _>>()?;
    let sorted = !names.is_empty() && names.is_sorted_by(|a, b| a < b);
    sorted.then_some(names).ok_or(WireError::NotCanonical)
}

/// A Nack that its device signed, with a key package of that device. Only [`Nack::verify`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedNack {
    nack: Nack,
    fresh: KeyPackageInfo,
}

impl VerifiedNack {
    /// What was signed.
    pub fn nack(&self) -> &Nack {
        &self.nack
    }

    /// The leaf that the key package gives.
    pub fn fresh_leaf(&self) -> [u8; 32] {
        self.fresh.leaf_key
    }
}

#[cfg(test)]
mod tests;
