//! The rows of registrations in the store; they are drawn in the module above.

use super::Registered;
use halloo_crypto::id::MailboxAddress;
use halloo_crypto::mailbox::Day;
use halloo_wire::push::{SEALED_TOKEN_BYTES, SealedToken};

/// First bytes of registrations.
pub(super) const REGISTERED: &[u8] = b"pr";
/// First bytes of what is to be looked at on a day.
pub(super) const EXPIRY: &[u8] = b"px";

/// Where the registration of an address lies.
pub(super) fn registered_key(address: &MailboxAddress) -> Vec<u8> {
    [REGISTERED, &address.0[..]].concat()
}

/// The address of such a key.
pub(super) fn address_of(key: &[u8]) -> Option<MailboxAddress> {
    key.get(REGISTERED.len()..).and_then(|address| address.try_into().ok()).map(MailboxAddress)
}

/// Where it is noted that the registration of an address expires on a day.
pub(super) fn expiry_key(day: Day, address: &MailboxAddress) -> Vec<u8> {
    [EXPIRY, &day.0.to_be_bytes()[..], &address.0[..]].concat()
}

/// Day and address of such a note.
pub(super) fn expiry_of(key: &[u8]) -> Option<(Day, MailboxAddress)> {
    let (day, address) = key.get(EXPIRY.len()..)?.split_first_chunk::<4>()?;
    Some((Day(u32::from_be_bytes(*day)), MailboxAddress(address.try_into().ok()?)))
}

/// A registration.
#[derive(Debug)]
pub(super) struct Row {
    /// The first day on which it is no longer there.
    pub(super) expires: Day,
    /// What is registered.
    pub(super) registered: Registered,
}

impl Row {
    pub(super) fn write(&self) -> Vec<u8> {
        let Registered { gateway, token } = &self.registered;
        let gateway = gateway.as_ref().map_or("", |gateway| gateway.as_str()).as_bytes();
        let length = u16::try_from(gateway.len()).expect("origins are short").to_be_bytes();
        [&self.expires.0.to_be_bytes()[..], &length, gateway, &token.0].concat()
    }

    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let (day, rest) = value.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (gateway, token) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let gateway = match gateway {
            [] => None,
            text => Some(std::str::from_utf8(text).ok()?.parse().ok()?),
        };
        let token = <[u8; SEALED_TOKEN_BYTES]>::try_from(token).ok()?;
        let registered = Registered { gateway, token: Box::new(SealedToken(token)) };
        Some(Row { expires: Day(u32::from_be_bytes(*day)), registered })
    }
}
