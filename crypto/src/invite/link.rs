//! Links and QR texts: the invite's id in the open, its secret behind the `#`, which browsers never send.
//!
//! ```text
//! halloo:i/<id>?a=<address>,<address>#<secret>             needs no server
//! https://<coordinator>/i/<id>?a=<addresses>#<secret>      opens in a browser too; `?a=` is optional in both
//! http://<host>:<port>/i/<id>?a=<addresses>#<secret>       the same, of a coordinator on the local network
//! ```
//!
//! id and secret are 16 bytes each in base64url without padding (RFC 4648, 5). An address is a multiaddr, percent-encoded
//! where it leaves the query's alphabet (RFC 3986, 3.4). The id follows from the secret, so a slip in either shows.

use std::fmt;
use std::str::FromStr;

use super::InviteSecret;
use crate::id::InviteId;

/// Longest link: a QR code of the largest size holds 2,953 bytes.
pub const LINK_MAX_BYTES: usize = 2_048;
/// Addresses in a link: a few interfaces, two transports each.
pub const ADDRESSES_MAX: usize = 8;
/// Longest address.
pub const ADDRESS_MAX_BYTES: usize = 200;

const SCHEME: &str = "halloo:";
const WEB: [&str; 2] = ["https://", "http://"];
const PATH: &str = "i/";

/// Why a text is no invite link; every text names the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nothing like an invite link.
    #[error(
        "this is not an invite link; one starts with halloo:i/, https:// or http:// and has a # near its end"
    )]
    NotALink,
    /// The part behind `#` is missing or cut: without it nobody can join.
    #[error("the link was cut off: copy the whole link, with everything behind the #")]
    CutOff,
    /// Id and secret do not belong together.
    #[error("the link was changed on the way; copy it again or scan the QR code")]
    Mistyped,
    /// Too long, or too many or too long addresses.
    #[error("the link is longer than any invite link; copy only the link itself")]
    TooLong,
}

/// An invite link in its parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Origin of the coordinator, `https://host`, without a slash at the end; `None` for a link that needs none.
    pub coordinator: Option<String>,
    /// Where the inviter may be found, multiaddrs.
    pub addresses: Vec<String>,
    /// The secret; the id follows from it.
    pub secret: InviteSecret,
}

impl Link {
    /// The public name of the invite.
    #[must_use]
    pub fn id(&self) -> InviteId {
        self.secret.id()
    }

    /// The text: what is shared, and what the QR code holds. This is the only place that prints the secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = match &self.coordinator {
            Some(base) => format!("{}/{PATH}", base.trim_end_matches('/')),
            None => format!("{SCHEME}{PATH}"),
        };
        text.push_str(&base64(&self.id().0));
        let fitting = |address: &&String| address.len() <= ADDRESS_MAX_BYTES;
        for (at, address) in self.addresses.iter().filter(fitting).take(ADDRESSES_MAX).enumerate() {
            text.push_str(if at == 0 { "?a=" } else { "," });
            text.push_str(&percent_encoded(address));
        }
        text.push('#');
        text.push_str(&base64(self.secret.to_bytes().expose()));
        text
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > LINK_MAX_BYTES {
            return Err(LinkError::TooLong);
        }
        let (before, secret) = text.split_once('#').unwrap_or((text, ""));
        let (path, query) = before.split_once('?').unwrap_or((before, ""));
        let (coordinator, id) = split_path(path).ok_or(LinkError::NotALink)?;
        let id: [u8; 16] = unbase64(id).ok_or(LinkError::NotALink)?;
        let secret: [u8; 16] = unbase64(secret).ok_or(LinkError::CutOff)?;
        let secret = InviteSecret::from_bytes(secret);
        if secret.id() != InviteId(id) {
            return Err(LinkError::Mistyped);
        }
        Ok(Self { coordinator, addresses: parse_query(query)?, secret })
    }
}

/// `(coordinator, id)` of the part before `?` and `#`.
fn split_path(path: &str) -> Option<(Option<String>, &str)> {
    let starts =
        |prefix: &str| path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if starts(SCHEME) {
        let id = path[SCHEME.len()..].trim_start_matches('/');
        return Some((None, id.strip_prefix(PATH)?));
    }
    if let Some(scheme) = WEB.into_iter().find(|scheme| starts(scheme)) {
        let (base, id) = path.rsplit_once("/i/")?;
        let host = base.get(scheme.len()..)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]/".contains(c);
        return (!host.is_empty() && host.chars().all(plain)).then(|| (Some(base.to_owned()), id));
    }
    None
}

/// Addresses of `a=..`; other parameters are for later versions and are skipped.
fn parse_query(query: &str) -> Result<Vec<String>, LinkError> {
    let mut addresses = Vec::new();
    let listed = query.split('&').filter_map(|pair| pair.strip_prefix("a="));
    for encoded in listed.flat_map(|list| list.split(',')) {
        if encoded.is_empty() {
            continue;
        }
        let address = percent_decoded(encoded).ok_or(LinkError::NotALink)?;
        if addresses.len() == ADDRESSES_MAX || address.len() > ADDRESS_MAX_BYTES {
            return Err(LinkError::TooLong);
        }
        addresses.push(address);
    }
    Ok(addresses)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let (pair, tail) = tail.split_first_chunk::<2>()?;
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            bytes.push((digit(0)? * 16 + digit(1)?) as u8);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.chars().any(char::is_control)).then_some(decoded)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// base64url without padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            let sextet = bits >> (18 - 6 * at) & 63;
            text.push(char::from(ALPHABET[sextet as usize]));
        }
    }
    text
}

/// Reads exactly `N` bytes; `None` for another length, another alphabet, or stray bits at the end.
fn unbase64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    let mut bits = 0_u32;
    let mut held = 0_u32;
    let mut filled = 0;
    for byte in text.bytes() {
        let sextet = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = (bits << 6 | sextet as u32) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            *bytes.get_mut(filled)? = (bits >> held) as u8;
            filled += 1;
        }
    }
    let stray = bits & ((1 << held) - 1);
    (filled == N && held < 6 && stray == 0).then_some(bytes)
}

impl fmt::Display for Link {
    /// Without the secret, for logs; [`Link::to_text`] is the link itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invite {}", self.id())
    }
}

#[cfg(test)]
mod tests;
