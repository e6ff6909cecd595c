//! Interfaces, ports and multicast.

use super::{Check, bad, good};
use crate::args::DaemonArgs;
use crate::media::clock::mono_ns;
use crate::media::interfaces;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::time::Duration;

/// The multicast group and port of mDNS, RFC 6762.
const MDNS_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const MDNS_PORT: u16 = 5_353;

/// How long a multicast frame of this machine may take back to it.
const MULTICAST_PATIENCE: Duration = Duration::from_millis(500);

pub(super) fn check_network(args: &DaemonArgs, held: [bool; 2]) -> Vec<Check> {
    let reachable: Vec<_> =
        interfaces::all().into_iter().filter(|local| interfaces::is_reachable(&local.address)).collect();
    let shown: Vec<_> =
        reachable.iter().map(|local| format!("{} {}", local.interface, local.address)).collect();
    let standing = reachable.is_empty() || reachable.iter().any(|local| has_road(local.address));
    let mut checks = vec![match (shown.is_empty(), args.loopback) {
        (true, true) => good("network", "loopback only, as asked for"),
        (true, false) => bad(
            "network",
            "no address that others could reach",
            "join a Wi-Fi or plug in a cable; --loopback for this machine alone",
        ),
        (false, false) if !standing => bad(
            "network",
            format!("{}: the interface is down", shown.join(", ")),
            "join the Wi-Fi again, or plug the cable in",
        ),
        (false, _) => good("network", shown.join(", ")),
    }];
    let [udp_held, tcp_held] = held;
    checks.push(check_port("udp port", args.port, udp_held, |at| {
        UdpSocket::bind(at).and_then(|socket| socket.local_addr())
    }));
    checks.push(check_port("tcp port", args.port, tcp_held, |at| {
        TcpListener::bind(at).and_then(|socket| socket.local_addr())
    }));
    if args.no_mdns {
        checks.push(good("multicast", "not asked for"));
    } else {
        let own = reachable.iter().find_map(|local| match local.address {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        checks.push(check_mdns_port());
        checks.push(check_multicast(own.unwrap_or(Ipv4Addr::LOCALHOST)));
    }
    checks
}

/// Whether the system would send from this address to a neighbour; asks the routes, sends nothing.
fn has_road(from: IpAddr) -> bool {
    let IpAddr::V4(ip) = from else { return true };
    let [a, b, c, d] = ip.octets();
    // The address with its last bit turned lies in the same network, however small that is.
    let neighbour = Ipv4Addr::new(a, b, c, d ^ 1);
    UdpSocket::bind((ip, 0)).and_then(|socket| socket.connect((neighbour, MDNS_PORT))).is_ok()
}

pub(super) fn check_port(
    name: &'static str,
    port: u16,
    held: bool,
    bind: impl Fn(SocketAddr) -> std::io::Result<SocketAddr>,
) -> Check {
    if held {
        return good(name, format!("{port} is used by the halloo of this home"));
    }
    match bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))) {
        Ok(at) if port == 0 => good(name, format!("any; the system gave {}", at.port())),
        Ok(_) => good(name, format!("{port} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bad(
            name,
            format!("{port} is used by another program"),
            "stop that program, or choose another with --port",
        ),
        Err(error) => bad(
            name,
            format!("{port}: {error}"),
            "a firewall or missing rights; choose a port above 1023 with --port",
        ),
    }
}

pub(super) fn check_mdns_port() -> Check {
    let bound = shared_socket(MDNS_PORT);
    match bound {
        Ok(_) => good("mdns port", format!("{MDNS_PORT} can be shared")),
        Err(error) => bad(
            "mdns port",
            format!("{MDNS_PORT}: {error}"),
            "another program keeps it for itself; use --peer ADDR, or stop it",
        ),
    }
}

pub(super) fn shared_socket(port: u16) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    Ok(socket.into())
}

/// Sends one frame to the mDNS group on the interface of `own` and waits for it to come back.
pub(super) fn check_multicast(own: Ipv4Addr) -> Check {
    let next = "others will not be found by themselves: allow multicast (Wi-Fi \"client isolation\" off), or use --peer ADDR";
    match multicast_round(own) {
        Ok(true) => good("multicast", format!("works on {own}")),
        Ok(false) => bad("multicast", format!("nothing came back on {own}"), next),
        Err(error) => bad("multicast", format!("{own}: {error}"), next),
    }
}

pub(super) fn multicast_round(own: Ipv4Addr) -> std::io::Result<bool> {
    let socket = shared_socket(0)?;
    socket.join_multicast_v4(&MDNS_GROUP, &own)?;
    socket.set_multicast_loop_v4(true)?;
    SockRef::from(&socket).set_multicast_if_v4(&own)?;
    socket.set_read_timeout(Some(MULTICAST_PATIENCE))?;
    let port = socket.local_addr()?.port();
    let token = mono_ns().to_be_bytes();
    socket.send_to(&token, SocketAddrV4::new(MDNS_GROUP, port))?;
    let mut bytes = [0; 64];
    match socket.recv_from(&mut bytes) {
        Ok((count, _)) => Ok(bytes[..count] == token),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
