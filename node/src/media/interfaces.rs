//! The addresses of this machine that another member could reach.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Most local addresses that one connection binds: each costs a socket and takes part in every check.
pub const MAX_LOCAL: usize = 8;

/// One address of one network interface.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LocalAddress {
    /// The system's name of the interface, such as `wlan0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
}

/// Every address of every interface, loopback included, in the system's order; empty if the system will not tell.
pub fn all() -> Vec<LocalAddress> {
    let interfaces = rtc::shared::ifaces::ifaces().unwrap_or_default();
    let mut found: Vec<LocalAddress> = Vec::new();
    for interface in interfaces {
        let Some(address) = interface.addr.map(|addr| addr.ip()) else { continue };
        if !address.is_unspecified() && !found.iter().any(|known| known.address == address) {
            found.push(LocalAddress { interface: interface.name, address });
        }
    }
    found
}

/// Whether another machine could reach the address: not loopback, not link-local (its scope does not travel).
pub fn is_reachable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && (ip.segments()[0] & 0xffc0) != 0xfe80 && !ip.is_unspecified(),
    }
}

/// Which addresses a connection binds, looked up anew at every bind, so that an ICE restart follows the machine to
/// another network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Exactly these, if any are named.
    pub explicit: Vec<IpAddr>,
    /// Loopback too, if nothing is named: several members on one machine.
    pub loopback: bool,
}

impl Binding {
    /// The addresses to bind now, at most [`MAX_LOCAL`].
    pub fn addresses(&self) -> Vec<IpAddr> {
        if !self.explicit.is_empty() {
            return self.explicit.iter().copied().take(MAX_LOCAL).collect();
        }
        let local = all();
        let mut chosen: Vec<IpAddr> = local.iter().map(|local| local.address).filter(is_reachable).collect();
        // IPv4 before IPv6 of equal standing: home networks hand out several temporary IPv6 addresses a device.
        chosen.sort_by_key(IpAddr::is_ipv6);
        chosen.truncate(MAX_LOCAL - 1);
        if self.loopback {
            chosen
                .extend(local.iter().map(|local| local.address).find(|ip| ip.is_loopback() && ip.is_ipv4()));
        }
        chosen
    }
}

impl ToSocketAddrs for Binding {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        let sockets: Vec<_> = self.addresses().into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        Ok(sockets.into_iter())
    }
}

#[cfg(test)]
mod tests;
