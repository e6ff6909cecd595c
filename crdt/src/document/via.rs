//! How a group meets over the internet, as its document says: through which coordinator, and where each device has its mailbox.
//!
//! ```text
//!   setting/via                                        text   origin of the coordinator; only admins and owners decide it
//!   profile/<64 hex account>/mailbox/<32 hex device>   text   record of a mailbox in hex, a blank, origin of its coordinator;
//!                                                             device: the first half of its id
//! ```
//!
//! A mailbox stands under its person's profile, where only devices of that person write: one writer, the last word counts, and
//! whoever comes later is given it with the document. What it says is for the reader to check. Who may decide `setting/via` is for
//! the log to say, so whoever feeds the document asks [`sets_via`] first.

use halloo_crypto::base16;
use halloo_crypto::id::{AccountId, DeviceId};

use super::change::{DocChange, Value};
use super::{Document, DocumentError};
use crate::content::{Body, Content};

/// Longest origin of a coordinator, bytes.
pub const MAX_VIA_BYTES: usize = 200;
/// Longest record of a mailbox, bytes: two keys and as much again for later.
pub const MAX_MAILBOX_BYTES: usize = 128;
const VIA: &str = "setting/via";

type Write = (String, Option<Value>);

/// Where a device has its mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// By which its addresses are known, 1 to [`MAX_MAILBOX_BYTES`]; opaque here.
    pub record: Vec<u8>,
    /// Origin of the coordinator that keeps it.
    pub via: String,
}

impl Mailbox {
    fn is_well_formed(&self) -> bool {
        (1..=MAX_MAILBOX_BYTES).contains(&self.record.len()) && is_origin(&self.via)
    }

    fn text(&self) -> String {
        format!("{} {}", base16::encode(&self.record), self.via)
    }

    fn parse(text: &str) -> Option<Self> {
        let (record, via) = text.split_once(' ')?;
        let mailbox = Mailbox { record: base16::decode(record)?, via: via.to_owned() };
        mailbox.is_well_formed().then_some(mailbox)
    }
}

/// `http(s)://host[:port]`: lower case, no path, nothing else.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':' | b'[' | b']');
    text.len() <= MAX_VIA_BYTES && host.is_some_and(|host| !host.is_empty() && host.bytes().all(fits))
}

/// Whether this content says by which coordinator the group meets.
#[must_use]
pub fn sets_via(content: &Content) -> bool {
    let Body::Document(bytes) = &content.body else { return false };
    let key = VIA.as_bytes();
    // Nearly no change does, and to look for the word costs a hundredth of reading the change.
    bytes.windows(key.len()).any(|word| word == key)
        && DocChange::decode(bytes).is_some_and(|change| change.ops.iter().any(|op| op.key == VIA))
}

fn key_of(account: &AccountId, device: &DeviceId) -> String {
    let name: [u8; 16] = *device.as_bytes().first_chunk().expect("32 bytes hold 16");
    format!("profile/{account}/mailbox/{}", base16::encode(&name))
}

pub(super) fn writes_via(via: Option<&String>) -> Result<Vec<Write>, DocumentError> {
    if via.is_some_and(|via| !is_origin(via)) {
        return Err(DocumentError::Value("coordinator"));
    }
    Ok(vec![(VIA.to_owned(), via.cloned().map(Value::Text))])
}

pub(super) fn writes_mailbox(
    account: &AccountId,
    device: &DeviceId,
    mailbox: Option<&Mailbox>,
) -> Result<Vec<Write>, DocumentError> {
    if mailbox.is_some_and(|mailbox| !mailbox.is_well_formed()) {
        return Err(DocumentError::Value("mailbox"));
    }
    Ok(vec![(key_of(account, device), mailbox.map(|mailbox| Value::Text(mailbox.text())))])
}

impl Document {
    /// By which coordinator the group meets, if by any.
    pub fn via(&self) -> Option<String> {
        match self.get(VIA) {
            Some(Value::Text(via)) if is_origin(&via) => Some(via),
            _ => None,
        }
    }

    /// Where a device has its mailbox, as a device of its person wrote it.
    pub fn mailbox(&self, account: &AccountId, device: &DeviceId) -> Option<Mailbox> {
        match self.get(&key_of(account, device)) {
            Some(Value::Text(text)) => Mailbox::parse(&text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
