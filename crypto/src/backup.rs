//! The backup of a person: a file closed by a passphrase, and the account key as 24 words.
//!
//! ```text
//!  0        8         9      10             14       18          34         42
//!  | magic  | version | n    | memory, KiB  | passes | salt (16) | check 8  | n x (part 1, length u32) | digest 8 |
//!  then n parts, each of its length: | ciphertext | tag 16 |
//!
//!  root   = Argon2id (RFC 9106) of the passphrase with the salt, one lane
//!  key    = derive(root, "backup key"), check = derive(root, "backup check"), its first eight bytes
//!  digest = hash("backup head") over everything before it, its first eight bytes
//!  a part = AES-256-GCM by the key, nonce = its place from 0, authenticated with it: the whole head, then its place (1)
//!  plain  = the bytes of `parts`, 0x80, zeros up to a multiple of 1,024
//! ```
//!
//! Numbers are big-endian. The digest tells a damaged head from a wrong passphrase, the check a wrong passphrase from a damaged
//! part; each part stands for itself, so that a damaged list of contacts does not cost the account. The salt is new in every
//! file, so no key seals two files.
//!
//! **What is in it** is this type and nothing else: the account key, names, group ids, heads, addresses. No device, leaf or
//! transport key, no ratchet, no beacon, no text: who restores is a new device, which a member lets in.

mod parts;
pub mod phrase;

use argon2::{Algorithm, Argon2, Params, Version};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::aead::{AeadKey, TAG_BYTES, counter_nonce};
use crate::id::{AccountId, GroupId, OpId};
use crate::identity::AccountSecret;
use crate::kdf;
use crate::secret::{Redacted, Secret};

const MAGIC: &[u8; 8] = b"halloobk";
/// Version of the format above.
pub const VERSION: u8 = 1;
const SALT: usize = 16;
const CHECK: usize = 8;
const DIGEST: usize = 8;
/// The head before the table of parts.
const FIXED: usize = 8 + 1 + 1 + 4 + 4 + SALT + CHECK;
/// An entry of the table.
const ENTRY: usize = 1 + 4;
/// Longest part: 4,096 contacts with their names fit.
const PART_MAX: usize = 1024 * 1024;
/// Longest file that is read: four parts of the greatest length.
pub const FILE_MAX: usize = 4 * PART_MAX + 1024;
/// A file that asks for more would stop a small phone; ours ask for an eighth.
const MEMORY_MAX_KIB: u32 = 1024 * 1024;
/// Argon2 needs eight blocks.
const MEMORY_MIN_KIB: u32 = 8;
/// As many passes as anybody waits for.
const PASSES_MAX: u32 = 16;

/// What guessing one passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory of one guess, KiB.
    pub memory_kib: u32,
    /// How often it is passed over.
    pub passes: u32,
}

impl Cost {
    /// For files: a backup lies where anybody may copy it and guess at leisure, and is opened once in years. Twice the memory of
    /// RFC 9106's second recommendation, its three passes; a phone with 1 GiB still opens it.
    pub const FILE: Cost = Cost { memory_kib: 128 * 1024, passes: 3 };
}

/// Somebody known from a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Who.
    pub account: AccountId,
    /// As they called themselves.
    pub name: Redacted<String>,
}

/// What is kept of a group: enough to recognise it, nothing to read it with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNote {
    /// Its id.
    pub group: GroupId,
    /// Its name.
    pub name: Redacted<String>,
    /// The other account, where it is a conversation of two.
    pub with: Option<AccountId>,
    /// The heads of its log: who lets us in again must know them, or knows less than we did.
    pub heads: Vec<OpId>,
}

/// Where a member was last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its transport key.
    pub peer: [u8; 32],
    /// Its addresses, as multiaddresses.
    pub addresses: Vec<Redacted<String>>,
}

/// What a backup holds.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The account.
    pub account: AccountSecret,
    /// The display name.
    pub name: Redacted<String>,
    /// When it was made, Unix milliseconds.
    pub made_ms: u64,
    /// People.
    pub contacts: Vec<Contact>,
    /// Groups.
    pub groups: Vec<GroupNote>,
    /// Where to look for members.
    pub places: Vec<Place>,
}

/// A part of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Account key, name, time.
    Account,
    /// People.
    Contacts,
    /// Groups.
    Groups,
    /// Addresses.
    Places,
}

impl Part {
    /// In the order of the file.
    pub const ALL: [Part; 4] = [Part::Account, Part::Contacts, Part::Groups, Part::Places];

    fn byte(self) -> u8 {
        match self {
            Part::Account => 1,
            Part::Contacts => 2,
            Part::Groups => 3,
            Part::Places => 4,
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Account => "the account key",
            Part::Contacts => "the contacts",
            Part::Groups => "the groups",
            Part::Places => "the addresses",
        })
    }
}

/// Why a backup was not made or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Something else.
    #[error("this file is no backup of halloo; choose the file that `halloo backup` wrote")]
    Other,
    /// Of a later program.
    #[error("this backup has version {0}, this halloo reads version {VERSION}; update halloo")]
    Newer(u8),
    /// The first bytes were changed.
    #[error("the head of this backup is damaged; take another copy of the file")]
    Head,
    /// It ends too early, or goes on too long.
    #[error("this backup is not whole, it ends within {0}; take another copy of the file")]
    Cut(Part),
    /// It opens by another passphrase.
    #[error("wrong passphrase; try again, and mind the keyboard's layout")]
    Passphrase,
    /// One part was changed.
    #[error("{0} in this backup are damaged; take another copy of the file")]
    Damaged(Part),
    /// Caller: more than a part holds.
    #[error("there is too much for one backup in {0}; leave groups that you no longer need")]
    TooMuch(Part),
    /// Caller: nothing is no passphrase.
    #[error("an empty passphrase closes nothing; choose a longer one")]
    Empty,
}

/// A part and its decrypted bytes; none for one that does not open.
pub type Plain = (Part, Option<Secret<Vec<u8>>>);

/// An opened backup.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What could be read; a damaged part is empty here.
    pub backup: Backup,
    /// Parts that do not open. Never the account: without it there is nothing to restore.
    pub damaged: Vec<Part>,
}

/// Closes a backup by a passphrase.
///
/// # Errors
/// [`BackupError::Empty`], [`BackupError::TooMuch`].
pub fn seal(
    backup: &Backup,
    passphrase: &str,
    cost: Cost,
    rng: &mut ChaCha20Rng,
) -> Result<Vec<u8>, BackupError> {
    if passphrase.is_empty() {
        return Err(BackupError::Empty);
    }
    let mut plain = Vec::new();
    for part in Part::ALL {
        let bytes = parts::encode(backup, part);
        // What could not be read again is not written.
        let readable = parts::decode(&mut parts::empty(), part, bytes.expose()).is_some();
        if !readable || bytes.expose().len() + TAG_BYTES > PART_MAX {
            return Err(BackupError::TooMuch(part));
        }
        plain.push((part, bytes));
    }
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);
    let root = stretch(passphrase, &salt, cost);
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&[VERSION, plain.len() as u8]);
    file.extend_from_slice(&cost.memory_kib.to_be_bytes());
    file.extend_from_slice(&cost.passes.to_be_bytes());
    file.extend_from_slice(&salt);
    file.extend_from_slice(&check_of(&root));
    for (part, bytes) in &plain {
        file.push(part.byte());
        let length = u32::try_from(bytes.expose().len() + TAG_BYTES).expect("a part has a megabyte at most");
        file.extend_from_slice(&length.to_be_bytes());
    }
    let digest = digest_of(&file);
    file.extend_from_slice(&digest);
    let (head, key) = (file.clone(), key_of(&root));
    for (at, (_, bytes)) in (0_u8..).zip(&plain) {
        file.extend(key.seal(
            &counter_nonce(u64::from(at)),
            &[head.as_slice(), &[at]].concat(),
            bytes.expose(),
        ));
    }
    Ok(file)
}

/// Opens a backup.
///
/// # Errors
/// [`BackupError`]; damage beside the account is told in [`Opened::damaged`] instead.
pub fn open(bytes: &[u8], passphrase: &str) -> Result<Opened, BackupError> {
    let mut opened = Opened { backup: parts::empty(), damaged: Vec::new() };
    for (part, plain) in plaintext(bytes, passphrase)? {
        let read = plain.and_then(|plain| parts::decode(&mut opened.backup, part, plain.expose()));
        match read {
            Some(()) => {}
            None if part == Part::Account => return Err(BackupError::Damaged(part)),
            None => opened.damaged.push(part),
        }
    }
    Ok(opened)
}

/// The decrypted bytes of each part: what a search for things that must not be there reads.
///
/// # Errors
/// [`BackupError`].
pub fn plaintext(bytes: &[u8], passphrase: &str) -> Result<Vec<Plain>, BackupError> {
    let head = Head::parse(bytes)?;
    let root = stretch(passphrase, &head.salt, head.cost);
    if !kdf::equal(&check_of(&root), &head.check) {
        return Err(BackupError::Passphrase);
    }
    let (key, whole_head) = (key_of(&root), &bytes[..head.length]);
    let mut rest = &bytes[head.length..];
    let mut plain = Vec::new();
    for (at, (part, length)) in (0_u8..).zip(head.table) {
        let (sealed, after) = rest.split_at_checked(length).ok_or(BackupError::Cut(part))?;
        rest = after;
        let aad = [whole_head, &[at]].concat();
        plain.push((part, key.open(&counter_nonce(u64::from(at)), &aad, sealed).map(Secret::new).ok()));
    }
    Ok(plain)
}

/// What stands before the parts.
struct Head {
    cost: Cost,
    salt: [u8; SALT],
    check: [u8; CHECK],
    table: Vec<(Part, usize)>,
    length: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, BackupError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(BackupError::Other)?;
        match rest.first() {
            Some(&VERSION) => {}
            Some(&newer) if newer > VERSION => return Err(BackupError::Newer(newer)),
            _ => return Err(BackupError::Head),
        }
        let count = usize::from(*rest.get(1).ok_or(BackupError::Cut(Part::Account))?);
        let end = FIXED + count * ENTRY;
        let length = end + DIGEST;
        let head = bytes.get(..length).ok_or(BackupError::Cut(Part::Account))?;
        if !kdf::equal(&digest_of(&head[..end]), &head[end..]) {
            return Err(BackupError::Head);
        }
        let number = |at: usize| u32::from_be_bytes(field(head, at));
        let cost = Cost { memory_kib: number(10), passes: number(14) };
        let sane = (MEMORY_MIN_KIB..=MEMORY_MAX_KIB).contains(&cost.memory_kib)
            && (1..=PASSES_MAX).contains(&cost.passes)
            && count == Part::ALL.len();
        let mut table = Vec::new();
        for (part, entry) in Part::ALL.into_iter().zip(head[FIXED..end].chunks_exact(ENTRY)) {
            let length = u32::from_be_bytes(field(entry, 1)) as usize;
            let fits = entry[0] == part.byte() && (TAG_BYTES..=PART_MAX).contains(&length);
            table.push(fits.then_some((part, length)).ok_or(BackupError::Head)?);
        }
        if !sane {
            return Err(BackupError::Head);
        }
        let whole = length + table.iter().map(|(_, length)| length).sum::<usize>();
        if bytes.len() > whole {
            return Err(BackupError::Cut(Part::Places));
        }
        Ok(Head { cost, salt: field(head, 18), check: field(head, 18 + SALT), table, length })
    }
}

/// Copies `N` bytes at `at`; callers have checked the length of the whole.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the whole length was checked by the caller")
}

fn digest_of(head: &[u8]) -> [u8; DIGEST] {
    field(&kdf::hash("backup head", &[head]), 0)
}

fn check_of(root: &Secret<[u8; 32]>) -> [u8; CHECK] {
    field(kdf::derive(root.expose(), "backup check", b"").expose(), 0)
}

fn key_of(root: &Secret<[u8; 32]>) -> AeadKey {
    AeadKey::new(kdf::derive(root.expose(), "backup key", b"").expose())
}

/// # Panics
/// For a cost outside the limits of a head: a caller's bug.
fn stretch(passphrase: &str, salt: &[u8; SALT], cost: Cost) -> Secret<[u8; 32]> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).expect("a cost within the limits");
    let mut root = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, root.as_mut())
        .expect("a passphrase is shorter than 4 GiB");
    Secret::new(*root)
}

#[cfg(test)]
mod tests;
