//! Meeting through a coordinator: who is where is left at a place under a lease, sealed for those who know the place's key.
//!
//! ```text
//!  PUT    /api/v1/rendezvous/{place}/{slot}?ttl_seconds=N      body: a record; place 32 bytes, slot 16 bytes, in hex
//!  DELETE /api/v1/rendezvous/{place}/{slot}                    only who put it knows the slot
//!  GET    /api/v1/rendezvous/{place}                           answer: version | count u8 | record | ...
//!
//!  record, 1,024 bytes
//!  0         1          13                          1008     1024
//!  | version | nonce    | encrypted: meeting, zeros | AEAD tag |      AES-256-GCM, associated data: version, place
//!
//!  meeting       | transport key 32 | count u8 | address: length u8, text of a multiaddr | ...
//! ```
//!
//! The place and the key of a group's meeting come from its beacon. Those of a short code come from its nameplate alone, which anybody can
//! count through: that record is hidden from nobody who cares, and holds nothing but where somebody waits for a pairing.

use halloo_crypto::aead::{AeadKey, NONCE_BYTES, TAG_BYTES};
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng as _;

pub use crate::bytes::Malformed;
use crate::bytes::Reader;

/// Path before place and slot.
pub const PATH: &str = "/api/v1/rendezvous";
/// Length of a place.
pub const PLACE_BYTES: usize = 32;
/// Length of a slot: drawn at random by who puts something there, so that nobody else replaces it.
pub const SLOT_BYTES: usize = 16;
/// Length of every record.
pub const RECORD_BYTES: usize = 1_024;
/// Longest lease, seconds: half of the day for which a group has a place. Who stays asks twice a day for it; who fell away without a
/// word is dialled in vain for so long by who comes in.
pub const TTL_SECONDS_MAX: u32 = 12 * 3_600;
/// A record that was put longer ago than this, seconds, makes room where there is none: who fills a place that can be guessed has to go on
/// doing it, and those who have lain there for long have met by now.
pub const SECURE_SECONDS: u32 = 600;
/// Most records at one place: more members than one dials in one go.
pub const RECORDS_MAX: usize = 64;
/// Most addresses of one meeting.
pub const ADDRESSES_MAX: usize = 8;
/// Longest address.
const ADDRESS_BYTES_MAX: usize = 110;

const VERSION: u8 = 1;
const PLAIN_BYTES: usize = RECORD_BYTES - 1 - NONCE_BYTES - TAG_BYTES;

/// Where to meet, and what opens what lies there.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name at the coordinator.
    pub id: [u8; PLACE_BYTES],
    /// What its records are sealed with.
    pub key: Secret<[u8; 32]>,
}

impl Place {
    /// Where the joiner by a short code finds who answers it. The nameplate is a number that anybody can guess.
    #[must_use]
    pub fn of_nameplate(nameplate: u16) -> Self {
        let nameplate = nameplate.to_be_bytes();
        Place {
            id: kdf::hash("nameplate place", &[&nameplate]),
            key: Secret::new(kdf::hash("nameplate key", &[&nameplate])),
        }
    }

    fn aad(&self) -> [u8; 1 + PLACE_BYTES] {
        let mut aad = [VERSION; 1 + PLACE_BYTES];
        aad[1..].copy_from_slice(&self.id);
        aad
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place(..)")
    }
}

/// Where somebody is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meeting {
    /// The Ed25519 public key of its transport.
    pub peer: [u8; 32],
    /// Multiaddrs as text, relayed ones too.
    pub addresses: Vec<String>,
}

impl Meeting {
    /// Seals it for a place; addresses beyond [`ADDRESSES_MAX`], and those too long for a record, are left out.
    #[must_use]
    pub fn seal(&self, place: &Place, rng: &mut ChaCha20Rng) -> Vec<u8> {
        let kept: Vec<_> =
            self.addresses.iter().filter(|a| a.len() <= ADDRESS_BYTES_MAX).take(ADDRESSES_MAX).collect();
        let mut plain = Vec::with_capacity(PLAIN_BYTES);
        plain.extend_from_slice(&self.peer);
        plain.push(u8::try_from(kept.len()).expect("at most eight"));
        for address in kept {
            plain.push(u8::try_from(address.len()).expect("at most 110"));
            plain.extend_from_slice(address.as_bytes());
        }
        assert!(plain.len() <= PLAIN_BYTES, "eight addresses of 110 bytes fit");
        plain.resize(PLAIN_BYTES, 0);
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let mut record = vec![VERSION];
        record.extend_from_slice(&nonce);
        record.extend(AeadKey::new(place.key.expose()).seal(&nonce, &place.aad(), &plain));
        record
    }

    /// Opens a record of a place; nothing where it was sealed by somebody who does not know the key, or is malformed.
    #[must_use]
    pub fn open(place: &Place, record: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        reader.version(VERSION).ok()?;
        let nonce = reader.array().ok()?;
        let sealed = reader.take(PLAIN_BYTES + TAG_BYTES).ok()?;
        reader.finish().ok()?;
        let plain = AeadKey::new(place.key.expose()).open(&nonce, &place.aad(), sealed).ok()?;
        let mut reader = Reader::new(&plain);
        let peer = reader.array().ok()?;
        let count = usize::from(reader.u8().ok()?);
        if count > ADDRESSES_MAX {
            return None;
        }
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::from(reader.u8().ok()?);
            let text = reader.take(length).ok().filter(|text| text.len() <= ADDRESS_BYTES_MAX)?;
            addresses.push(String::from_utf8(text.to_vec()).ok()?);
        }
        Some(Meeting { peer, addresses })
    }
}

/// What lies at a place, as the answer to GET.
///
/// # Panics
/// With more records than [`RECORDS_MAX`] or of another length: the room checks them when they come.
#[must_use]
pub fn write_records(records: &[&[u8]]) -> Vec<u8> {
    assert!(records.len() <= RECORDS_MAX, "a place has so many slots");
    let mut out = vec![VERSION, u8::try_from(records.len()).expect("at most 64")];
    for record in records {
        assert_eq!(record.len(), RECORD_BYTES, "checked when it came");
        out.extend_from_slice(record);
    }
    out
}

/// Reads the answer to GET.
///
/// # Errors
/// The coordinator's.
pub fn read_records(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION)?;
    let count = usize::from(reader.u8()?);
    if count > RECORDS_MAX {
        return Err(Malformed::TooLong);
    }
    let records =
        (0..count).map(|_| reader.take(RECORD_BYTES).map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(records)
}

#[cfg(test)]
mod tests;
