//! The room over real sockets.

use super::*;
use crate::turn::credential::Keys;
use crate::turn::peers::Peers;
use crate::turn::service::Quotas;
use crate::turn::sockets::listen;
use crate::turn::tests::asker::{Asker, Said, indication};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long enough for any machine; waited for only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn keys() -> Keys {
    Keys::new(b"secret".to_vec(), [9; 32], "halloo".to_owned())
}

/// The clock of the rooms stands at this second.
const UNIX: u64 = 1_700_000_000;

fn world() -> World {
    World::told(UNIX * 1000, [7; 32])
}

/// A room on the loopback, which its operator has named.
pub(in crate::turn) fn room(ip: IpAddr) -> (Turn, SocketAddr) {
    let peers = Peers::new(vec![ip.into()], Vec::new());
    let service = Service::new(keys(), Quotas::default(), peers, vec![ip]);
    let places = Places { relays: vec![RelayAddress { bind: ip, seen: ip }], ports: Ports::default() };
    let socket = listen(SocketAddr::new(ip, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    (start(service, places, socket, world()).unwrap(), address)
}

fn socket(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; 2000];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    bytes.truncate(length);
    (bytes, from)
}

/// A client over UDP with an allocation.
struct Member {
    socket: UdpSocket,
    server: SocketAddr,
    asker: Asker,
    relay: SocketAddr,
}

impl Member {
    fn new(server: SocketAddr, subject: &str) -> Self {
        let socket = socket(server.ip());
        let asker = Asker::new(keys().mint(subject, UNIX));
        let mut member = Self { socket, server, asker, relay: server };
        let first = member.asker.allocate();
        assert_eq!(member.ask(&first), Said::No(401));
        let again = if server.is_ipv4() { member.asker.allocate() } else { member.asker.allocate_v6() };
        member.relay = member.ask(&again).relay();
        member
    }

    fn ask(&mut self, packet: &[u8]) -> Said {
        self.socket.send_to(packet, self.server).unwrap();
        let (bytes, _) = receive(&self.socket);
        self.asker.heard(&bytes)
    }

    fn bind(&mut self, number: u16, peer: SocketAddr) {
        let bind = self.asker.bind(number, peer);
        assert!(self.ask(&bind).is_yes());
    }

    fn say(&self, number: u16, payload: &[u8]) {
        let mut out = Vec::new();
        crate::turn::frame::write_channel(number, payload, false, &mut out);
        self.socket.send_to(&out, self.server).unwrap();
    }
}

fn bytes_pass_both_ways(ip: IpAddr) {
    let (_turn, server) = room(ip);
    let mut member = Member::new(server, "a");
    let peer = socket(ip);
    member.bind(0x4000, peer.local_addr().unwrap());
    for n in 0..100_u8 {
        member.say(0x4000, &[n; 160]);
        assert_eq!(receive(&peer), (vec![n; 160], member.relay));
        peer.send_to(&[n; 40], member.relay).unwrap();
        assert_eq!(receive(&member.socket).0, [&[0x40, 0, 0, 40][..], &[n; 40]].concat());
    }
}

#[test]
fn bytes_pass_both_ways_over_real_sockets() {
    bytes_pass_both_ways(Ipv4Addr::LOCALHOST.into());
}

#[test]
fn bytes_pass_both_ways_over_real_sockets_of_ipv6() {
    bytes_pass_both_ways(Ipv6Addr::LOCALHOST.into());
}

#[test]
fn a_room_that_hears_everywhere_answers_from_where_it_was_asked() {
    let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
    let service = Service::new(keys(), Quotas::default(), Peers::default(), vec![ip]);
    let places = Places { relays: vec![RelayAddress { bind: ip, seen: ip }], ports: Ports::default() };
    let listening = listen("[::]:0".parse().unwrap()).unwrap();
    let port = listening.local_addr().unwrap().port();
    let _turn = start(service, places, listening, world()).unwrap();
    // 127.0.0.2 is an address of every Linux host; an answer from 127.0.0.1 would not come through this socket.
    let client = socket(ip);
    client.connect(("127.0.0.2", port)).unwrap();
    let mut asker = Asker::new(keys().mint("a", UNIX));
    client.send(&asker.allocate()).unwrap();
    let mut bytes = [0; 500];
    let length = client.recv(&mut bytes).unwrap();
    assert_eq!(asker.heard(&bytes[..length]), Said::No(401));
    client.send(&asker.allocate()).unwrap();
    let length = client.recv(&mut bytes).unwrap();
    let Said::Yes { mapped, .. } = asker.heard(&bytes[..length]) else { panic!("refused") };
    assert_eq!(mapped, Some(client.local_addr().unwrap()), "an IPv4 client is told an IPv4 address");
}

#[test]
fn two_members_of_one_room_speak_without_the_kernel_between_their_relays() {
    let (_turn, server) = room(Ipv4Addr::LOCALHOST.into());
    let (mut one, mut two) = (Member::new(server, "a"), Member::new(server, "b"));
    let (one_relay, two_relay) = (one.relay, two.relay);
    one.bind(0x4000, two_relay);
    two.bind(0x4001, one_relay);
    one.say(0x4000, b"hello");
    assert_eq!(receive(&two.socket).0, b"\x40\x01\0\x05hello");
    two.say(0x4001, b"hi");
    assert_eq!(receive(&one.socket).0, b"\x40\0\0\x02hi");
}

#[test]
fn what_a_peer_sends_without_a_channel_comes_as_an_indication() {
    let (_turn, server) = room(Ipv4Addr::LOCALHOST.into());
    let mut member = Member::new(server, "a");
    let peer = socket(server.ip());
    let address = peer.local_addr().unwrap();
    let permit = member.asker.permit(&[address]);
    assert!(member.ask(&permit).is_yes());
    let packet = member.asker.send(address, b"there");
    member.socket.send_to(&packet, server).unwrap();
    assert_eq!(receive(&peer), (b"there".to_vec(), member.relay));
    peer.send_to(b"back", member.relay).unwrap();
    assert_eq!(indication(&receive(&member.socket).0), (address, b"back".to_vec()));
}

#[test]
fn a_relay_given_back_is_closed_and_its_port_is_free() {
    let (_turn, server) = room(Ipv4Addr::LOCALHOST.into());
    let mut member = Member::new(server, "a");
    assert!(UdpSocket::bind(member.relay).is_err(), "a real socket holds it");
    let refresh = member.asker.refresh(0);
    assert!(member.ask(&refresh).is_yes());
    // The answer to this is sent after the socket is closed.
    let refresh = member.asker.refresh(600);
    assert_eq!(member.ask(&refresh), Said::No(437));
    UdpSocket::bind(member.relay).unwrap();
}

#[test]
fn a_relay_takes_its_port_from_the_range_and_an_even_one_where_it_is_asked_for() {
    let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
    let ports = Ports { range: Some(29_001..=29_064) };
    let opened: Vec<_> = (0..8).map(|chance| open_relay(ip, &ports, true, chance * 7).unwrap()).collect();
    assert!(opened.iter().all(|(_, port)| port.is_multiple_of(2) && (29_001..=29_064).contains(port)));
    let (_held, port) = open_relay(ip, &Ports::default(), false, 0).unwrap();
    let one = Ports { range: Some(port..=port) };
    assert!(open_relay(ip, &one, false, 0).is_err(), "its only port is taken");
}

#[tokio::test]
async fn a_room_that_ends_frees_its_ports_at_once() {
    let (turn, server) = room(Ipv4Addr::LOCALHOST.into());
    let member = tokio::task::spawn_blocking(move || Member::new(server, "a")).await.unwrap();
    turn.end().await;
    UdpSocket::bind(server).unwrap();
    UdpSocket::bind(member.relay).unwrap();
    turn.end().await;
    assert_eq!(turn.usage().await, [], "asked after the end, nobody waits for ever");
}

#[tokio::test]
async fn usage_is_told_by_blinded_subject() {
    let (turn, server) = room(Ipv4Addr::LOCALHOST.into());
    let member = tokio::task::spawn_blocking(move || {
        let mut member = Member::new(server, "a");
        let peer = socket(server.ip());
        member.bind(0x4000, peer.local_addr().unwrap());
        member.say(0x4000, &[1; 160]);
        receive(&peer);
        member
    });
    let _member = member.await.unwrap();
    let usage = turn.usage().await;
    let wanted = Usage { subject: "a".into(), to_peers: 160, packets: 1, ..Usage::default() };
    assert_eq!(usage, [wanted]);
    assert_eq!(turn.usage().await, []);
}

/// A client over TCP.
struct Streamer {
    stream: TcpStream,
    asker: Asker,
}

impl Streamer {
    async fn ask(&mut self, packet: &[u8]) -> Said {
        self.stream.write_all(packet).await.unwrap();
        let mut bytes = vec![0; 20];
        self.stream.read_exact(&mut bytes).await.unwrap();
        let rest = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        bytes.resize(20 + rest, 0);
        self.stream.read_exact(&mut bytes[20..]).await.unwrap();
        self.asker.heard(&bytes)
    }
}

async fn streamer() -> (Turn, Streamer) {
    let (turn, _) = room(Ipv4Addr::LOCALHOST.into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = turn.clone();
    tokio::spawn(async move {
        while let Ok((stream, from)) = listener.accept().await {
            let turn = served.clone();
            tokio::spawn(async move { turn.serve(stream, from).await });
        }
    });
    let stream = TcpStream::connect(address).await.unwrap();
    (turn, Streamer { stream, asker: Asker::new(keys().mint("a", UNIX)) })
}

#[tokio::test]
async fn a_client_over_tcp_reaches_a_peer_over_udp_wherever_its_bytes_are_split() {
    let (_turn, mut client) = streamer().await;
    client.stream.set_nodelay(true).unwrap();
    let first = client.asker.allocate();
    assert_eq!(client.ask(&first).await, Said::No(401));
    let again = client.asker.allocate();
    let relay = client.ask(&again).await.relay();
    let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let bind = client.asker.bind(0x4000, peer.local_addr().unwrap());
    assert!(client.ask(&bind).await.is_yes());
    let frame = b"\x40\0\0\x05hello\0\0\0";
    for split in 1..frame.len() {
        client.stream.write_all(&frame[..split]).await.unwrap();
        client.stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        client.stream.write_all(&frame[split..]).await.unwrap();
        let mut got = [0; 100];
        let (length, from) = peer.recv_from(&mut got).await.unwrap();
        assert_eq!((&got[..length], from), (&b"hello"[..], relay));
        peer.send_to(b"world", relay).await.unwrap();
        let mut got = [0; 12];
        client.stream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"\x40\0\0\x05world\0\0\0");
    }
}

#[tokio::test]
async fn a_stream_that_ends_takes_its_relay_with_it_and_one_of_something_else_is_closed() {
    let (turn, mut client) = streamer().await;
    let first = client.asker.allocate();
    client.ask(&first).await;
    let again = client.asker.allocate();
    let relay = client.ask(&again).await.relay();
    assert!(UdpSocket::bind(relay).is_err());
    client.stream.write_all(&[0xff; 64]).await.unwrap();
    let mut rest = Vec::new();
    // Closed, with or without what was not read.
    let _ = client.stream.read_to_end(&mut rest).await;
    // The thread hears notes in order, so this answer comes after the end of the stream.
    turn.usage().await;
    UdpSocket::bind(relay).unwrap();
}
