//! The transport that a simulated Swarm is given: addresses are `/memory/N`, N being one more than the number of the host.

use super::links::HostId;
use super::stream::{Muxer, Raw, Stream};
use super::wire::{self, ConnId, WireError};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Transport, noise, yamux};
use std::collections::VecDeque;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The address of a host.
#[must_use]
pub fn address(host: HostId) -> Multiaddr {
    Multiaddr::empty().with(Protocol::Memory(u64::from(host) + 1))
}

fn host_of(address: &Multiaddr) -> Option<HostId> {
    match address.iter().next()? {
        Protocol::Memory(number) => u32::try_from(number.checked_sub(1)?).ok(),
        _ => None,
    }
}

/// A transport without cryptography: the wire vouches for who is at the other end.
#[must_use]
pub fn plain(host: HostId) -> Boxed<(PeerId, StreamMuxerBox)> {
    SimTransport::new(host)
        .map(|(conn, end, peer), _| (peer, StreamMuxerBox::new(Muxer::new(conn.keep(), end))))
        .boxed()
}

/// A transport with the real Noise and Yamux over a simulated stream of bytes.
///
/// # Panics
/// If the key cannot sign, which an Ed25519 key can.
#[must_use]
pub fn noisy(host: HostId, key: &Keypair) -> Boxed<(PeerId, StreamMuxerBox)> {
    SimTransport::new(host)
        .map(|(conn, end, _), _| {
            let conn = conn.keep();
            let pipes = wire::with(|wire| wire.raw(conn, end));
            Raw::new(Stream::new(pipes), conn, end)
        })
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(key).expect("an Ed25519 key signs"))
        .multiplex(yamux::Config::default())
        .boxed()
}

/// The right to a connection that nobody has taken over yet; dropped, the connection is left.
#[derive(Debug)]
pub struct Claim(Option<(ConnId, usize)>);

impl Claim {
    fn keep(mut self) -> ConnId {
        self.0.take().expect("taken once").0
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((conn, end)) = self.0.take() {
            wire::try_with(|wire| {
                wire.leave(conn, end);
                wire.release(conn);
            });
        }
    }
}

type Met = (Claim, usize, PeerId);

/// The transport of one host.
#[derive(Debug)]
struct SimTransport {
    host: HostId,
    news: VecDeque<(ListenerId, Multiaddr)>,
    listener: Option<ListenerId>,
}

impl SimTransport {
    fn new(host: HostId) -> Self {
        SimTransport { host, news: VecDeque::new(), listener: None }
    }
}

impl Transport for SimTransport {
    type Output = Met;
    type Error = WireError;
    type ListenerUpgrade = Ready<Result<Met, WireError>>;
    type Dial = Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<WireError>> {
        if host_of(&address) != Some(self.host) {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.listener = Some(id);
        self.news.push_back((id, address));
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.listener.take_if(|listener| *listener == id).is_some()
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Dial, TransportError<WireError>> {
        let Some(to) = host_of(&address).filter(|to| *to != self.host) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let conn = wire::with(|wire| wire.dial(self.host, to));
        Ok(Dial { to, conn: Claim(Some((conn, 0))) })
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, WireError>> {
        if let Some((listener_id, listen_addr)) = self.news.pop_front() {
            return Poll::Ready(TransportEvent::NewAddress { listener_id, listen_addr });
        }
        let Some(listener_id) = self.listener else { return Poll::Pending };
        let host = self.host;
        wire::with(|wire| {
            let Poll::Ready((conn, from)) = wire.poll_incoming(host, cx) else { return Poll::Pending };
            let claim = Claim(Some((conn, 1)));
            let met = wire.peer(from).map(|peer| (claim, 1, peer)).ok_or(WireError::Reset);
            Poll::Ready(TransportEvent::Incoming {
                listener_id,
                upgrade: ready(met),
                local_addr: address(host),
                send_back_addr: address(from),
            })
        })
    }
}

/// A connection that is being made.
#[derive(Debug)]
struct Dial {
    to: HostId,
    conn: Claim,
}

impl Future for Dial {
    type Output = Result<Met, WireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (conn, end) = self.conn.0.expect("a finished dial is not polled again");
        let to = self.to;
        let answer = wire::with(|wire| {
            wire.poll_dial(conn, cx).map_ok(|()| wire.peer(to).expect("who accepted listens"))
        });
        answer.map_ok(|peer| (Claim(self.conn.0.take()), end, peer))
    }
}
