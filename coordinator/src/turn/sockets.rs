//! The sockets of TURN: the one that clients speak to, and one for each relay.

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

/// The largest datagram, and what the kernel may join into one buffer (GRO).
const DATAGRAM: usize = 1 << 16;

/// Asked of the kernel for the socket of all clients: 50 packets a second of 500 clients for 30 ms are 750 packets,
/// and each counts with its bookkeeping. The kernel gives what its administrator permits.
const LISTEN_BUFFER: usize = 4 << 20;

/// Ports that are tried before a relay is refused: taken ones of a configured range, odd ones where an even one is wanted.
const PORTS_TRIED: u32 = 32;

/// The socket that clients send their datagrams to.
pub(super) struct Listener {
    socket: UdpSocket,
    state: UdpSocketState,
    /// The socket hears on every address of the host: answers must leave by the one that was asked.
    anywhere: bool,
    v6: bool,
    space: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

/// One datagram of a client: where from, to which of our addresses, and where in [`Listener::packet`].
#[derive(Clone, Copy)]
pub(super) struct Arrived {
    pub from: SocketAddr,
    pub to: Option<IpAddr>,
    start: usize,
    end: usize,
}

impl Listener {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let held = socket2::SockRef::from(&socket);
        // Refused where the administrator permits less; what there is then is what there was.
        let _ = held.set_recv_buffer_size(LISTEN_BUFFER);
        let _ = held.set_send_buffer_size(LISTEN_BUFFER);
        let state = UdpSocketState::new((&socket).into())?;
        // The crate forbids fragments, for QUIC. What a peer sends is relayed as large as it is (RFC 8656, section 15).
        if address.is_ipv4() {
            sockopt::set_ip_mtu_discover(&socket, sockopt::Ipv4PathMtuDiscovery::DONT)?;
        } else {
            sockopt::set_ipv6_mtu_discover(&socket, sockopt::Ipv6PathMtuDiscovery::DONT)?;
        }
        Ok(Self {
            anywhere: address.ip().is_unspecified(),
            v6: address.is_ipv6(),
            space: vec![0; DATAGRAM * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
            socket,
            state,
        })
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes what has come, as one batch, into `arrived`.
    pub(super) fn receive(&mut self, arrived: &mut Vec<Arrived>) -> io::Result<()> {
        arrived.clear();
        let mut slices: Vec<IoSliceMut<'_>> = self.space.chunks_mut(DATAGRAM).map(IoSliceMut::new).collect();
        let count = self.state.recv((&self.socket).into(), &mut slices, &mut self.metas)?;
        for (at, meta) in self.metas.iter().take(count).enumerate() {
            let base = at * DATAGRAM;
            let stride = meta.stride.max(1);
            let from = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let to = meta.dst_ip.filter(|_| self.anywhere).map(|ip| ip.to_canonical());
            for start in (0..meta.len).step_by(stride) {
                let end = base + (start + stride).min(meta.len);
                arrived.push(Arrived { from, to, start: base + start, end });
            }
        }
        Ok(())
    }

    pub(super) fn packet(&self, arrived: Arrived) -> &[u8] {
        self.space.get(arrived.start..arrived.end).unwrap_or_default()
    }

    /// Sends to a client. What the kernel does not take is lost, as datagrams are.
    pub(super) fn send(&self, to: SocketAddr, by: Option<IpAddr>, bytes: &[u8]) {
        let mapped = |ip: IpAddr| match ip {
            IpAddr::V4(ip) if self.v6 => IpAddr::V6(ip.to_ipv6_mapped()),
            ip => ip,
        };
        let to = SocketAddr::new(mapped(to.ip()), to.port());
        if by.is_none() {
            let _ = self.socket.send_to(bytes, to);
            return;
        }
        let src_ip = by.map(mapped);
        let transmit = Transmit { destination: to, ecn: None, contents: bytes, segment_size: None, src_ip };
        let _ = self.state.try_send((&self.socket).into(), &transmit);
    }
}

/// Where relays are opened.
#[derive(Clone, Debug)]
pub struct RelayAddress {
    /// The address of this host.
    pub bind: IpAddr,
    /// The address that peers see: the same, unless a router in front translates one to one.
    pub seen: IpAddr,
}

/// From where a relay takes its port.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// The range; whatever the kernel gives when there is none.
    pub range: Option<RangeInclusive<u16>>,
}

impl Ports {
    /// A port to try: 0 where the kernel chooses.
    fn at(&self, place: u32) -> u16 {
        let Some(range) = &self.range else { return 0 };
        let width = u32::from(range.end().saturating_sub(*range.start())) + 1;
        range.start().saturating_add(u16::try_from(place % width).unwrap_or(0))
    }
}

/// A socket for one relay, and its port. `chance` says where in the range is looked first.
pub(super) fn open_relay(
    bind: IpAddr,
    ports: &Ports,
    even: bool,
    chance: u32,
) -> io::Result<(UdpSocket, u16)> {
    let mut last = io::ErrorKind::AddrInUse.into();
    for step in 0..PORTS_TRIED {
        match bound(SocketAddr::new(bind, ports.at(chance.wrapping_add(step)))) {
            Ok((socket, port)) if !even || port.is_multiple_of(2) => return Ok((socket, port)),
            Ok(_) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bound(address: SocketAddr) -> io::Result<(UdpSocket, u16)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // No IPv4 inside an IPv6 gets past the list of closed ranges.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

/// The UDP socket of the one port.
///
/// # Errors
/// When the port is taken or the address is none of this host's.
pub fn listen(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
