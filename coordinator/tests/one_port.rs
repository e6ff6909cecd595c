//! HTTP, the libp2p relay and TURN over TCP stand behind one port, and what the coordinator says of its relay is true.

#![allow(clippy::unwrap_used)]

mod asking;

use asking::open;
use futures::StreamExt as _;
use halloo_coordinator::config::{Room, Rooms};
use halloo_wire::server::{PATH, ServerInfo};
use hyper::Method;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, SwarmBuilder, noise, yamux};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Asks a relay for a place; where it is.
async fn place(relay: Multiaddr) -> Multiaddr {
    let mut member = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(libp2p::tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_, relay| relay)
        .unwrap()
        .build();
    member.listen_on(relay.with(Protocol::P2pCircuit)).unwrap();
    loop {
        match member.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => return address,
            SwarmEvent::ListenerClosed { reason, .. } => panic!("no place: {reason:?}"),
            _ => {}
        }
    }
}

/// Asks how we are seen, by STUN over TCP (RFC 8489, section 14): the type of the answer.
async fn seen(at: SocketAddr) -> [u8; 2] {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut request = [0; 20];
    request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    stream.write_all(&request).await.unwrap();
    let mut kind = [0; 2];
    stream.read_exact(&mut kind).await.unwrap();
    kind
}

#[tokio::test]
async fn one_port_serves_http_the_relay_that_it_names_and_turn_over_tcp() {
    let here = open(|_| {}).await;
    let local = here.running.local;
    let answer = here.ask(Method::GET, PATH, &[], Vec::new()).await;
    let said: ServerInfo = serde_json::from_slice(&answer.body).unwrap();
    assert!(said.rooms.iter().any(|room| room == "relay"), "{:?}", said.rooms);
    let relay = said.relay.unwrap();
    assert_eq!(relay.port, local.port());
    let at = format!("/ip4/{}/tcp/{}/p2p/{}", local.ip(), relay.port, relay.peer_id);
    let place = place(at.parse().unwrap()).await;
    assert!(place.to_string().starts_with(&format!("{at}/p2p-circuit")), "{place}");
    assert_eq!(seen(local).await, [1, 1], "a success response to a binding request");
}

#[tokio::test]
async fn a_relay_that_is_not_open_is_not_named_and_its_guests_are_let_go() {
    let here = open(|config| config.rooms = Rooms([Room::Auth].into())).await;
    let answer = here.ask(Method::GET, PATH, &[], Vec::new()).await;
    let said: ServerInfo = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said.relay, None);
    let mut stream = TcpStream::connect(here.running.local).await.unwrap();
    stream.write_all(b"\x13/multistream/1.0.0\n").await.unwrap();
    // A reset and an end are the same word here.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}
