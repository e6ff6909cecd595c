//! What a new device is handed at the door of its account: the account's word for it, its person's name, and the ways into the groups.
//!
//! ```text
//!  0         1            33           41               105
//!  | version | account 32 | ms u64     | signature 64   | person: len u32, name | sibling: len u32, name | groups: count u16 |
//!
//!  each group
//!  | group 32 | secret of its door 16 | 0, or 1 and the other account 32 of a conversation of two | len u32, name |
//! ```
//!
//! It travels where a group's bundle does, sealed to the device's box key and once more as a message of the pairing's line.

use halloo_crypto::id::{AccountId, GroupId, Signature};
use halloo_crypto::identity::Vouch;
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::kdf;

use super::bytes::{Reader, put_blob};
use super::{VERSION, WireError};
use crate::output::MAX_NAME_BYTES;

/// Groups that one home can hand over; more than any home is in.
pub const MAX_GROUPS: usize = 1_024;

/// What stands in the place of the group at the door of an account.
pub fn account_door(account: &AccountId) -> GroupId {
    GroupId::from_bytes(kdf::hash("account door", &[account.as_bytes()]))
}

/// One group of the sibling, and the secret of the door that is open in it for the new device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// The group.
    pub group: GroupId,
    /// Its door.
    pub secret: InviteSecret,
    /// The other account, where it is a conversation of two.
    pub with: Option<AccountId>,
    /// Its name, for people; the group itself knows better.
    pub name: String,
}

/// Everything that makes a device one of its account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceBundle {
    /// The account's word.
    pub vouch: Vouch,
    /// How the person is called.
    pub person: String,
    /// How the sibling that hands this over is called.
    pub sibling: String,
    /// The ways in.
    pub groups: Vec<Way>,
}

impl DeviceBundle {
    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        assert!(self.groups.len() <= MAX_GROUPS, "a home holds fewer groups");
        let mut out = vec![VERSION];
        out.extend_from_slice(self.vouch.account.as_bytes());
        out.extend_from_slice(&self.vouch.created_ms.to_be_bytes());
        out.extend_from_slice(self.vouch.signature.as_bytes());
        put_blob(&mut out, self.person.as_bytes());
        put_blob(&mut out, self.sibling.as_bytes());
        out.extend_from_slice(&u16::try_from(self.groups.len()).unwrap_or(u16::MAX).to_be_bytes());
        for way in &self.groups {
            out.extend_from_slice(way.group.as_bytes());
            out.extend_from_slice(way.secret.to_bytes().expose());
            match &way.with {
                None => out.push(0),
                Some(account) => {
                    out.push(1);
                    out.extend_from_slice(account.as_bytes());
                }
            }
            put_blob(&mut out, way.name.as_bytes());
        }
        out
    }

    /// Reads the bytes drawn above; nothing in them is believed.
    ///
    /// # Errors
    /// The peer's: shape or limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let account = AccountId::from_bytes(reader.array()?);
        let created_ms = u64::from_be_bytes(reader.array()?);
        let signature = Signature::from_bytes(reader.array()?);
        let (person, sibling) = (name(&mut reader)?, name(&mut reader)?);
        let count = usize::from(reader.u16()?);
        if count > MAX_GROUPS {
            return Err(WireError::TooLong);
        }
        let groups = (0..count).map(|_| way(&mut reader)).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(DeviceBundle { vouch: Vouch { account, created_ms, signature }, person, sibling, groups })
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String, WireError> {
    let bytes = reader.blob(MAX_NAME_BYTES)?;
    core::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WireError::NotCanonical)
}

fn way(reader: &mut Reader<'_>) -> Result<Way, WireError> {
    let group = GroupId::from_bytes(reader.array()?);
    let secret = InviteSecret::from_bytes(reader.array()?);
    let with = match reader.u8()? {
        0 => None,
        1 => Some(AccountId::from_bytes(reader.array()?)),
        _ => return Err(WireError::NotCanonical),
    };
    Ok(Way { group, secret, with, name: name(reader)? })
}

#[cfg(test)]
mod tests;
