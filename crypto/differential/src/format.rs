//! The bytes that our layer puts around MLS, written again from `docs/spec/group.md` alone.

use halloo_crypto::id::{DeviceId, GroupId, Signature};
use halloo_crypto::identity::{DeviceSecret, Domain, verify};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The credential type.
pub const CREDENTIAL: u16 = 0xF4A1;
/// The extension of the group context that carries log heads.
pub const HEADS: u16 = 0xF4A2;
/// The end of every key package's life: the year 9999.
pub const NOT_AFTER_S: u64 = 253_402_300_799;
/// Exporter label of the epoch id.
pub const EPOCH_ID: &str = "halloo epoch id";
/// Exporter label of the key of the outer MAC.
pub const OUTER: &str = "halloo outer";

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A commit.
    Commit = 1,
    /// An application message.
    Application = 2,
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// The first bytes of HMAC-SHA256(epoch id, "halloo v1 epoch tag").
#[must_use]
pub fn epoch_tag(epoch: &[u8]) -> [u8; 8] {
    *mac(epoch, &[b"halloo v1 epoch tag"]).first_chunk().expect("32 bytes")
}

/// version | epoch tag | outer MAC | `MLSMessage`.
#[must_use]
pub fn frame(epoch: &[u8], outer: &[u8], kind: Kind, message: &[u8]) -> Vec<u8> {
    let tag = epoch_tag(epoch);
    let mac = mac(outer, &[&[kind as u8], &tag, message]);
    [&[1], tag.as_slice(), &mac[..16], message].concat()
}

/// The message of a frame of this epoch, if version, tag and MAC are right.
#[must_use]
pub fn unframe<'a>(epoch: &[u8], outer: &[u8], kind: Kind, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let message = bytes.get(25..)?;
    (frame(epoch, outer, kind, message) == bytes).then_some(message)
}

/// HKDF-SHA256 without salt, info = "halloo v1 " || len(label) || label || context.
#[must_use]
pub fn derive(secret: &[u8], label: &str, context: &[u8], len: usize) -> Vec<u8> {
    let label_len = [u8::try_from(label.len()).expect("labels are short")];
    let info = [b"halloo v1 ", label_len.as_slice(), label.as_bytes(), context].concat();
    let mut out = vec![0; len];
    Hkdf::<Sha256>::new(None, secret).expand(&info, &mut out).expect("short enough");
    out
}

/// The id of the commit that began an epoch.
#[must_use]
pub fn commit_id(group: &GroupId, confirmed_transcript_hash: &[u8]) -> [u8; 32] {
    let bytes =
        [b"halloo v1 ", [6].as_slice(), b"commit", group.as_bytes(), confirmed_transcript_hash].concat();
    Sha256::digest(bytes).into()
}

/// The content of the log heads extension; ids must be ascending.
#[must_use]
pub fn heads(ids: &[[u8; 32]]) -> Vec<u8> {
    [&[1], ids.as_flattened()].concat()
}

/// A credential: version | device id | signature of the device over group id || leaf signature key.
#[must_use]
pub fn credential(group: &GroupId, device: &DeviceSecret, leaf_key: &[u8]) -> Vec<u8> {
    let signature = device.sign(Domain::GroupLeaf, &[group.as_bytes(), leaf_key].concat());
    [&[1], device.id().as_ref(), signature.as_ref()].concat()
}

/// The device of a credential, if it certified the leaf key for the group.
#[must_use]
pub fn certified(group: &GroupId, credential: &[u8], leaf_key: &[u8]) -> Option<DeviceId> {
    let (&[1], rest) = credential.split_first_chunk::<1>()? else { return None };
    let (device, signature) = rest.split_first_chunk::<32>()?;
    let (device, signature) = (DeviceId(*device), Signature(signature.try_into().ok()?));
    verify(&device, Domain::GroupLeaf, &[group.as_bytes(), leaf_key].concat(), &signature).ok()?;
    Some(device)
}
