//! Where a coordinator is: scheme, host and port, and nothing behind them.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest origin in bytes: a name of DNS has at most 253, and nobody types more than this.
pub const ORIGIN_MAX_BYTES: usize = halloo_crypto::ticket::ORIGIN_MAX_BYTES;

/// The origin of a coordinator (RFC 6454), lower case, without the default port: `https://halloo.example`, `http://10.0.0.1:7750`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin(String);

/// Why a text is no origin; each names what to write instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OriginError {
    /// No scheme that we speak.
    #[error("a coordinator is written https://host or, on a local network, http://host:port")]
    Scheme,
    /// The host is missing or has letters that no host has.
    #[error("this names no host; a coordinator is written https://host or http://host:port")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// Something stands behind the host.
    #[error("only scheme, host and port: leave out what stands behind them")]
    Path,
    /// Longer than [`ORIGIN_MAX_BYTES`].
    #[error("this is longer than any host's name")]
    TooLong,
    /// Unencrypted, and the host may be far away.
    #[error("http:// is only for an address of the local network; write https://")]
    PlainFarAway,
}

impl Origin {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn authority(&self) -> &str {
        self.0.split_once("://").expect("every origin has a scheme").1
    }

    /// The host, without the brackets of IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        split(self.authority()).0.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, the scheme's own if none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        let written = split(self.authority()).1.map(|port| port.parse().expect("checked"));
        written.unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// As it stands behind the `@` of a short code: https is left out.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.strip_prefix("https://").unwrap_or(&self.0)
    }

    /// Reads what [`Self::short`] wrote, and whole origins.
    ///
    /// # Errors
    /// [`OriginError`].
    pub fn from_short(text: &str) -> Result<Self, OriginError> {
        if text.contains("://") { text.parse() } else { format!("https://{text}").parse() }
    }
}

/// Host and port of an authority; a colon inside the brackets of IPv6 is none.
fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_local(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => host == "localhost" || host.ends_with(".local") || host.ends_with(".lan"),
    }
}

fn is_name(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let good = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        !label.is_empty() && label.len() <= 63 && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(good)
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let text = text.trim().to_ascii_lowercase();
        if text.len() > ORIGIN_MAX_BYTES {
            return Err(OriginError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
        if scheme != "https" && scheme != "http" {
            return Err(OriginError::Scheme);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(OriginError::Path);
        }
        let (host, port) = split(authority);
        if !is_name(host) {
            return Err(OriginError::Host);
        }
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse::<u16>().ok().filter(|port| *port != 0).ok_or(OriginError::Port)?)
            }
            Some(_) => return Err(OriginError::Port),
        };
        if scheme == "http" && !is_local(host) {
            return Err(OriginError::PlainFarAway);
        }
        let default = if scheme == "https" { 443 } else { 80 };
        let port = port.filter(|port| *port != default).map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Origin(format!("{scheme}://{host}{port}")))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
