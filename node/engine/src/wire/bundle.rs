//! The messages of a joining: what a newcomer asks with, the bundle that makes it a member, and the welcome of one whose branch lost.
//!
//! Both travel inside the pairing's channel; the bundle is sealed to the newcomer's box key besides, so that it may also lie in
//! a mailbox.
//!
//! ```text
//!  join request
//!  0         1             234           266          330                                      n-64       n
//!  +---------+-------------+-------------+------------+------------------+-------------------+-----------+
//!  | version | certificate | invite op   | invite     | len u32, key     | len u32, name     | signature |
//!  |         | 233         | 32          | proof, 64  | package          | UTF-8             | 64        |
//!  +---------+-------------+-------------+------------+------------------+-------------------+-----------+
//!  signed: everything before the signature, by the device, domain "join request", behind the group id
//!
//!  bundle, before sealing
//!  | version | group 32 | welcome: len u32, bytes | operations: blobs | acknowledgements: blobs | beacons: blobs | cells: blob |
//!  | trail: blobs |
//!  blobs = count u16, then len u32 and bytes for each
//!  trail = the commits that led here, the newest first, each: tag of the epoch that it began 8, depth 8, commit
//!
//!  sealed: HPKE to the device's box key, info "halloo v1 welcome bundle", associated data = group 32 ++ device 32
//!
//!  welcome of a member, before sealing
//!  | version | flags: 1 the rule decided | welcome: len u32, bytes | trail: blobs | beacons: blobs, sealed to the welcome's epoch |
//! ```

use halloo_crypto::id::{DeviceId, GroupId, OpId, Signature};
use halloo_crypto::identity::{self, DeviceCertificate, DeviceSecret, Domain};
use halloo_crypto::sealed;
use rand_chacha::ChaCha20Rng;

use super::bytes::{Reader, put_blob, put_blobs};
use super::{MAX_DIRECT_BYTES, VERSION, WireError};
use crate::output::MAX_NAME_BYTES;

/// Longest key package in a request; the log and MLS check for less.
const MAX_KEY_PACKAGE_BYTES: usize = 4 * 1024;
/// Longest join request.
pub const MAX_REQUEST_BYTES: usize =
    1 + DeviceCertificate::LEN + 32 + 64 + 4 + MAX_KEY_PACKAGE_BYTES + 4 + MAX_NAME_BYTES + 64;
/// Longest bundle before sealing: a welcome with the tree of 5,000 members and their operations.
pub const MAX_BUNDLE_BYTES: usize = sealed::SEALED_PLAINTEXT_MAX_BYTES;
/// Most operations, acknowledgements or beacons in a bundle: 1,000 joins with their invites, ten times over.
const MAX_BUNDLE_ITEMS: usize = 20_000;
/// Commits of the trail that a bundle or a welcome carries: as many as an epoch tree holds.
pub const TRAIL_HANDED: usize = 64;
/// Beacons beside a welcome: as many as are kept.
const MAX_BEACONS: usize = 16;
/// Longest sealed beacon record: 64 heads and the seal.
const MAX_SEALED_BEACON_BYTES: usize = 4 * 1024;
/// Purpose of the seal of a bundle.
const SEAL_INFO: &[u8] = b"halloo v1 welcome bundle";

/// What a newcomer asks with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinRequest {
    /// Who it is.
    pub certificate: DeviceCertificate,
    /// The Invite operation that it comes by.
    pub invite: OpId,
    /// The invite key's signature over group, account and device.
    pub invite_proof: Signature,
    /// MLS KeyPackage for this group.
    pub key_package: Vec<u8>,
    /// The display name, at most [`MAX_NAME_BYTES`]. The newcomer publishes it itself once it is in.
    pub name: String,
}

/// A request whose certificate and signature hold. Whether the invite admits it, the log says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedRequest(JoinRequest);

impl VerifiedRequest {
    /// What was asked.
    pub fn request(&self) -> &JoinRequest {
        &self.0
    }
}

impl JoinRequest {
    fn body(&self) -> Vec<u8> {
        debug_assert!(self.name.len() <= MAX_NAME_BYTES, "names are checked where they are made");
        let mut out = Vec::with_capacity(512 + self.key_package.len());
        out.push(VERSION);
        out.extend_from_slice(&self.certificate.to_bytes());
        out.extend_from_slice(self.invite.as_bytes());
        out.extend_from_slice(self.invite_proof.as_bytes());
        put_blob(&mut out, &self.key_package);
        put_blob(&mut out, self.name.as_bytes());
        out
    }

    /// The signed bytes drawn above.
    pub fn to_bytes(&self, group: &GroupId, device: &DeviceSecret) -> Vec<u8> {
        let mut out = self.body();
        let signature = device.sign(Domain::JoinRequest, &[group.as_bytes(), out.as_slice()].concat());
        out.extend_from_slice(signature.as_bytes());
        out
    }

    /// Reads and checks a request for `group`.
    ///
    /// # Errors
    /// The peer's: shape, limits or a signature.
    pub fn verify(bytes: &[u8], group: &GroupId) -> Result<VerifiedRequest, WireError> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(WireError::TooLong);
        }
        let (body, signature) = bytes.split_last_chunk::<64>().ok_or(WireError::Short)?;
        let mut reader = Reader::new(body);
        reader.version(VERSION)?;
        let certificate = DeviceCertificate::from_bytes(reader.take(DeviceCertificate::LEN)?)
            .map_err(|_| WireError::NotCanonical)?;
        let invite = OpId::from_bytes(reader.array()?);
        let invite_proof = Signature::from_bytes(reader.array()?);
        let key_package = reader.blob(MAX_KEY_PACKAGE_BYTES)?.to_vec();
        let name = core::str::from_utf8(reader.blob(MAX_NAME_BYTES)?)
            .map_err(|_| WireError::NotCanonical)?
            .to_owned();
        reader.finish()?;
        certificate.verify().map_err(|_| WireError::BadSignature)?;
        let signed = [group.as_bytes(), body].concat();
        identity::verify(
            &certificate.device,
            Domain::JoinRequest,
            &signed,
            &Signature::from_bytes(*signature),
        )
        .map_err(|_| WireError::BadSignature)?;
        Ok(VerifiedRequest(JoinRequest { certificate, invite, invite_proof, key_package, name }))
    }
}

/// Everything that a newcomer needs to stand on its own feet. Every part proves itself; the sum is checked when it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// The group.
    pub group: GroupId,
    /// MLS Welcome.
    pub welcome: Vec<u8>,
    /// The whole log, parents first.
    pub operations: Vec<Vec<u8>>,
    /// The acknowledgement board.
    pub acknowledgements: Vec<Vec<u8>>,
    /// Beacon records.
    pub beacons: Vec<Vec<u8>>,
    /// A batch of recent live cells; may be empty.
    pub cells: Vec<u8>,
    /// The commits that led to the welcome's epoch. The newcomer can read none of them, but it meets members who can.
    pub trail: Vec<Vec<u8>>,
}

/// What a member gets whose branch was lost, or who cannot follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WelcomeBack {
    /// Whether the sender knows the receiver's branch and the rule chose another.
    pub decided: bool,
    /// MLS Welcome.
    pub welcome: Vec<u8>,
    /// The commits that led there.
    pub trail: Vec<Vec<u8>>,
    /// Beacon records, sealed to the welcome's epoch; by the direct lane they come boxed instead.
    pub beacons: Vec<Vec<u8>>,
}

impl WelcomeBack {
    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.decided)];
        put_blob(&mut out, &self.welcome);
        put_blobs(&mut out, &self.trail);
        put_blobs(&mut out, &self.beacons);
        out
    }

    /// Reads the bytes drawn above; nothing in them is believed.
    ///
    /// # Errors
    /// The peer's: shape or limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let decided = match reader.u8()? {
            flags @ 0..=1 => flags == 1,
            _ => return Err(WireError::NotCanonical),
        };
        let welcome = reader.blob(MAX_DIRECT_BYTES)?.to_vec();
        let trail = reader.blobs(TRAIL_HANDED, MAX_DIRECT_BYTES)?;
        let beacons = reader.blobs(MAX_BEACONS, MAX_SEALED_BEACON_BYTES)?;
        reader.finish()?;
        Ok(WelcomeBack { decided, welcome, trail, beacons })
    }
}

impl Bundle {
    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.group.as_bytes());
        put_blob(&mut out, &self.welcome);
        put_blobs(&mut out, &self.operations);
        put_blobs(&mut out, &self.acknowledgements);
        put_blobs(&mut out, &self.beacons);
        put_blob(&mut out, &self.cells);
        put_blobs(&mut out, &self.trail);
        out
    }

    /// Reads the bytes drawn above; nothing in them is believed.
    ///
    /// # Errors
    /// The peer's: shape or limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(WireError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let bundle = Bundle {
            group: GroupId::from_bytes(reader.array()?),
            welcome: reader.blob(MAX_BUNDLE_BYTES)?.to_vec(),
            operations: reader.blobs(MAX_BUNDLE_ITEMS, MAX_BUNDLE_BYTES)?,
            acknowledgements: reader.blobs(MAX_BUNDLE_ITEMS, MAX_BUNDLE_BYTES)?,
            beacons: reader.blobs(MAX_BUNDLE_ITEMS, MAX_BUNDLE_BYTES)?,
            cells: reader.blob(MAX_BUNDLE_BYTES)?.to_vec(),
            trail: reader.blobs(TRAIL_HANDED, MAX_BUNDLE_BYTES)?,
        };
        reader.finish()?;
        Ok(bundle)
    }

    /// Seals the bundle to the newcomer.
    ///
    /// # Errors
    /// [`WireError::TooLong`] beyond [`MAX_BUNDLE_BYTES`], [`WireError::BadSignature`] for an unusable box key.
    pub fn seal(&self, rng: &mut ChaCha20Rng, to: &DeviceCertificate) -> Result<Vec<u8>, WireError> {
        seal_for(&self.group, rng, to, &self.to_bytes())
    }

    /// Opens a sealed bundle as the newcomer; gives the plaintext for [`crate::start::Origin::Join`].
    ///
    /// # Errors
    /// [`WireError::BrokenSeal`].
    pub fn open(group: &GroupId, device: &DeviceSecret, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
        let id: DeviceId = device.id();
        let aad = [group.as_bytes().as_slice(), id.as_bytes()].concat();
        let plaintext = device.open_sealed(SEAL_INFO, &aad, bytes).map_err(|_| WireError::BrokenSeal)?;
        Ok(plaintext.expose().clone())
    }
}

/// Seals what a newcomer shall open by [`Bundle::open`].
///
/// # Errors
/// As [`Bundle::seal`].
pub fn seal_for(
    group: &GroupId,
    rng: &mut ChaCha20Rng,
    to: &DeviceCertificate,
    plain: &[u8],
) -> Result<Vec<u8>, WireError> {
    let aad = [group.as_bytes().as_slice(), to.device.as_bytes()].concat();
    sealed::seal_to(rng, &to.box_key, SEAL_INFO, &aad, plain).map_err(|error| match error {
        sealed::SealedError::TooLong => WireError::TooLong,
        _ => WireError::BadSignature,
    })
}

#[cfg(test)]
mod tests;
