//! Opens the room: which addresses relays have, what they may reach, and the secrets.

use super::config::TurnConfig;
use super::credential::Keys;
use super::peers::Peers;
use super::service::Service;
use super::shell::{Places, Turn, start};
use super::sockets::{Ports, RelayAddress};
use crate::front::Guest;
use crate::world::World;
use anyhow::{Context as _, Result, ensure};
use halloo_crypto::secret::Secret;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use tokio::sync::mpsc;

/// The realm that clients are told; browsers show it nowhere.
const REALM: &str = "halloo";

/// A shared secret below this is guessed from one credential.
const SECRET_MIN: usize = 16;
/// And above this it is another file.
const SECRET_MAX: usize = 1024;

/// Addresses of documentation (RFC 5737, RFC 3849): asked for the way there, a host without a route says so, and nothing is sent.
const FAR: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// The open room.
#[derive(Clone)]
pub struct Open {
    /// Its thread.
    pub turn: Turn,
    /// What credentials are made with.
    pub keys: Keys,
    /// Where it is asked.
    pub port: u16,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Open {{ port: {} }}", self.port)
    }
}

/// Opens the room on its UDP socket. On a LAN its private ranges may be reached too.
///
/// # Errors
/// When there is no address for relays, or when settings contradict each other.
pub fn open(
    config: &TurnConfig,
    socket: UdpSocket,
    lan: bool,
    secret: impl Fn(&str) -> Secret<[u8; 32]>,
    world: World,
) -> Result<Open> {
    let local = socket.local_addr().context("the address of our own UDP port")?;
    let relays = relays(config, local.ip())?;
    let seen: Vec<IpAddr> = relays.iter().map(|relay| relay.seen).collect();
    let mut own = seen.clone();
    own.extend(if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip));
    let mut peers = Peers::new(config.allow.clone(), own);
    if lan {
        peers = peers.with_lan();
    }
    let shared = match shared_secret(&config.secret_file)? {
        Some(shared) => shared,
        None => secret("turn credentials").expose().to_vec(),
    };
    let keys = Keys::new(shared, *secret("turn nonces").expose(), REALM.to_owned());
    let service = Service::new(keys.clone(), config.quotas.clone(), peers, seen);
    let places = Places { relays, ports: ports(config)? };
    let turn = start(service, places, socket, world).context("the thread of TURN")?;
    Ok(Open { turn, keys, port: local.port() })
}

/// What a file says, without the line end that editors leave.
fn shared_secret(path: &Path) -> Result<Option<Vec<u8>>> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("turn.secret_file, {}", path.display()))?;
    let secret = text.trim();
    ensure!(
        (SECRET_MIN..=SECRET_MAX).contains(&secret.len()),
        "turn.secret_file, {}: {SECRET_MIN} to {SECRET_MAX} characters are a secret",
        path.display()
    );
    Ok(Some(secret.as_bytes().to_vec()))
}

fn ports(config: &TurnConfig) -> Result<Ports> {
    let (first, last) = (config.first_port, config.last_port);
    if (first, last) == (0, 0) {
        return Ok(Ports::default());
    }
    ensure!(first > 0 && first <= last, "turn.first_port and turn.last_port are no range: {first} to {last}");
    Ok(Ports { range: Some(first..=last) })
}

fn relays(config: &TurnConfig, listening: IpAddr) -> Result<Vec<RelayAddress>> {
    let bind = if !config.relay.is_empty() {
        config.relay.clone()
    } else if listening.is_unspecified() {
        FAR.into_iter().filter(|far| far.is_ipv4() || listening.is_ipv6()).filter_map(way_to).collect()
    } else {
        vec![listening]
    };
    let one = |v6: bool| bind.iter().filter(|ip| ip.is_ipv6() == v6).count() <= 1;
    ensure!(one(false) && one(true), "turn.relay names more than one address of a family");
    ensure!(!bind.is_empty(), "this host has no address for relays: name one with turn.relay");
    let relay = |bind: IpAddr| {
        let seen = config.seen.iter().copied().find(|seen| seen.is_ipv6() == bind.is_ipv6());
        RelayAddress { bind, seen: seen.unwrap_or(bind) }
    };
    Ok(bind.into_iter().map(relay).collect())
}

/// The own address by which this host would reach another; without a route there, any that is not the loopback.
fn way_to(far: IpAddr) -> Option<IpAddr> {
    let any = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { IpAddr::from(Ipv6Addr::UNSPECIFIED) };
    let asked = UdpSocket::bind(SocketAddr::new(any, 0)).and_then(|socket| {
        socket.connect(SocketAddr::new(far, 9))?;
        socket.local_addr()
    });
    let found = asked.ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified());
    found.or_else(|| {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let addresses = interfaces.iter().filter(|interface| !interface.is_loopback()).map(|i| i.ip());
        addresses.into_iter().find(|ip| match (ip, far) {
            (IpAddr::V4(ip), IpAddr::V4(_)) => !ip.is_link_local(),
            (IpAddr::V6(ip), IpAddr::V6(_)) => !ip.is_unicast_link_local(),
            _ => false,
        })
    })
}

impl Open {
    /// Serves the streams that the one port hands over, until it hands over no more.
    pub async fn guests(self, mut guests: mpsc::Receiver<Guest>) {
        while let Some((stream, from)) = guests.recv().await {
            stream.hurry();
            let turn = self.turn.clone();
            tokio::spawn(async move { turn.serve(stream, from).await });
        }
    }
}

#[cfg(test)]
mod tests;
