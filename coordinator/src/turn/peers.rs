//! Which addresses a relay may send to: the open internet, and of everything else only what the operator has named.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 that is not the open internet (IANA special-purpose registry, RFC 6890, and what came after it).
const CLOSED_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),  // this network: `0.0.0.0` reaches the own host
    (Ipv4Addr::new(10, 0, 0, 0), 8), // private
    (Ipv4Addr::new(100, 64, 0, 0), 10), // behind a carrier's NAT (CGNAT)
    (Ipv4Addr::new(127, 0, 0, 0), 8), // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local; the metadata service of a cloud
    (Ipv4Addr::new(172, 16, 0, 0), 12), // private
    (Ipv4Addr::new(192, 0, 0, 0), 24), // IETF protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24), // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // 6to4 relays, retired
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarks between devices
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4), // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4), // reserved, and broadcast
];

/// IPv6 inside the global unicast block that is not the open internet. Everything outside `2000::/3` is closed anyway.
const CLOSED_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocols: Teredo (an IPv4 inside), benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: an IPv4 inside
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// The whole of global unicast IPv6 (RFC 4291, section 2.4).
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What a relay may reach.
///
/// Closed are, of IPv4 and IPv6: private, loopback, link-local, multicast, CGNAT, documentation, benchmark and reserved
/// ranges, and the addresses of this very host. An IPv4 inside an IPv6 address (mapped, NAT64, 6to4, Teredo) is closed
/// whatever it says: a peer of IPv4 is asked for as IPv4.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    allowed: Vec<IpNet>,
    own: Vec<IpAddr>,
    lan: bool,
}

impl Peers {
    /// `allowed` opens ranges that are closed by default; `own` are the addresses of this host, closed unless allowed.
    pub fn new(allowed: Vec<IpNet>, own: Vec<IpAddr>) -> Self {
        Self { allowed, own, lan: false }
    }

    /// Opens the private ranges too, as a coordinator of a LAN does; loopback, link-local and this host stay closed.
    #[must_use]
    pub fn with_lan(self) -> Self {
        Self { lan: true, ..self }
    }

    /// Whether the operator has named this address.
    pub fn named(&self, ip: IpAddr) -> bool {
        self.allowed.iter().any(|net| net.contains(&ip))
    }

    /// Whether a relay may send to this address.
    pub fn open(&self, ip: IpAddr) -> bool {
        // A relay socket of IPv6 carries no IPv4, and no allow list should make a peer reachable under two names.
        let mapped = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
        let around = on_the_internet(ip) || (self.lan && private(ip));
        !mapped && (self.named(ip) || (around && !self.own.contains(&ip)))
    }
}

/// RFC 1918 and RFC 4193.
fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn on_the_internet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !CLOSED_V4.iter().any(|(net, length)| within_v4(ip, *net, *length)),
        IpAddr::V6(ip) => {
            within_v6(ip, GLOBAL_V6.0, GLOBAL_V6.1)
                && !CLOSED_V6.iter().any(|(net, length)| within_v6(ip, *net, *length))
        }
    }
}

fn within_v4(ip: Ipv4Addr, net: Ipv4Addr, length: u8) -> bool {
    let shift = 32 - u32::from(length);
    u32::from(ip) >> shift == u32::from(net) >> shift
}

fn within_v6(ip: Ipv6Addr, net: Ipv6Addr, length: u8) -> bool {
    let shift = 128 - u32::from(length);
    u128::from(ip) >> shift == u128::from(net) >> shift
}

#[cfg(test)]
mod tests;
