//! The plaintext of each part of a backup.
//!
//! ```text
//!  (postcard: integers are LEB128 varints, lists and texts carry their length first)
//!  account   | seed 32 | made_ms | name |
//!  contacts  n x | account 32 | name |
//!  groups    n x | group 32 | name | 0, or 1 and account 32 | n x head 32 |
//!  places    n x | transport key 32 | n x address |
//!  behind each: 0x80, then zeros up to a multiple of 1,024
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Backup, Contact, GroupNote, Part, Place};
use crate::identity::AccountSecret;
use crate::secret::{Redacted, Secret};

/// Parts are padded to multiples of this, so that the length of a file says little about who is in it.
const BLOCK: usize = 1024;
/// Where the padding begins.
const END: u8 = 0x80;
/// Version byte of a stored account key, which is left out here.
const SECRET_VERSION: u8 = 1;
/// Longest name of a person or a group.
const NAME_MAX: usize = 256;
/// As many contacts as groups of 16 have in 256 groups.
const CONTACTS_MAX: usize = 4096;
/// As many groups as a home holds.
const GROUPS_MAX: usize = 256;
/// As many heads as an operation has parents.
const HEADS_MAX: usize = 64;
/// As many members as a home keeps addresses of, and some.
const PLACES_MAX: usize = 1024;
/// Addresses of one member.
const ADDRESSES_MAX: usize = 64;
/// Longest address.
const ADDRESS_MAX: usize = 512;

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Account {
    seed: [u8; 32],
    made_ms: u64,
    #[zeroize(skip)]
    name: Redacted<String>,
}

/// A backup of a key that opens nothing: what a file is read into.
pub(super) fn empty() -> Backup {
    let account = secret_of(&[0; 32]);
    let name = Redacted::default();
    Backup { account, name, made_ms: 0, contacts: Vec::new(), groups: Vec::new(), places: Vec::new() }
}

/// The padded bytes of a part.
pub(super) fn encode(backup: &Backup, part: Part) -> Secret<Vec<u8>> {
    match part {
        Part::Account => {
            let seed = *seed_of(&backup.account);
            padded(&Account { seed, made_ms: backup.made_ms, name: backup.name.clone() })
        }
        Part::Contacts => padded(&backup.contacts),
        Part::Groups => padded(&backup.groups),
        Part::Places => padded(&backup.places),
    }
}

/// Reads a part into a backup; `None` when the bytes are none, or more than the limits allow.
pub(super) fn decode(backup: &mut Backup, part: Part, bytes: &[u8]) -> Option<()> {
    match part {
        Part::Account => {
            let account: Account = unpadded(bytes)?;
            (account.name.0.len() <= NAME_MAX).then_some(())?;
            backup.account = secret_of(&account.seed);
            (backup.made_ms, backup.name) = (account.made_ms, account.name.clone());
        }
        Part::Contacts => {
            let contacts: Vec<Contact> = unpadded(bytes)?;
            let sound = contacts.iter().all(|contact| contact.name.0.len() <= NAME_MAX);
            (sound && contacts.len() <= CONTACTS_MAX).then_some(())?;
            backup.contacts = contacts;
        }
        Part::Groups => {
            let groups: Vec<GroupNote> = unpadded(bytes)?;
            let sound =
                groups.iter().all(|group| group.name.0.len() <= NAME_MAX && group.heads.len() <= HEADS_MAX);
            (sound && groups.len() <= GROUPS_MAX).then_some(())?;
            backup.groups = groups;
        }
        Part::Places => {
            let places: Vec<Place> = unpadded(bytes)?;
            let short = |place: &Place| place.addresses.iter().all(|address| address.0.len() <= ADDRESS_MAX);
            let sound = places.iter().all(|place| place.addresses.len() <= ADDRESSES_MAX && short(place));
            (sound && places.len() <= PLACES_MAX).then_some(())?;
            backup.places = places;
        }
    }
    Some(())
}

/// The 32 bytes that an account key is made of.
pub(super) fn seed_of(account: &AccountSecret) -> Zeroizing<[u8; 32]> {
    let bytes = account.to_bytes();
    Zeroizing::new(*bytes.expose().last_chunk().expect("a stored account key has 33 bytes"))
}

/// The account key that is made of these bytes.
pub(super) fn secret_of(seed: &[u8; 32]) -> AccountSecret {
    let bytes = Zeroizing::new([&[SECRET_VERSION], seed.as_slice()].concat());
    AccountSecret::from_bytes(&bytes).expect("any 32 bytes are an Ed25519 seed")
}

fn padded<T: Serialize>(value: &T) -> Secret<Vec<u8>> {
    // Begun long enough for the account, so that no copy of the key is left where a shorter vector was.
    let bytes = postcard::to_extend(value, Vec::with_capacity(BLOCK));
    let mut bytes = Zeroizing::new(bytes.expect("a part holds nothing that postcard refuses"));
    bytes.push(END);
    let whole = bytes.len().next_multiple_of(BLOCK);
    bytes.resize(whole, 0);
    Secret::new(std::mem::take(&mut *bytes))
}

fn unpadded<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    let (end, zeros) = rest.split_first()?;
    let whole = bytes.len().is_multiple_of(BLOCK) && zeros.len() < BLOCK;
    (*end == END && whole && zeros.iter().all(|byte| *byte == 0)).then_some(value)
}
