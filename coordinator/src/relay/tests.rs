//! Two libp2p clients that cannot be dialled meet through the room, over connections that the one port handed in.

use super::*;
use crate::{front, hall};
use libp2p::SwarmBuilder;
use libp2p::relay::client;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
struct Member {
    relay: client::Behaviour,
    ping: ping::Behaviour,
}

/// A room behind its port, which closes with the guard.
async fn open(config: &RelayConfig) -> (Multiaddr, hall::Closer) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let local = listener.local_addr().expect("bound");
    let (http, _) = mpsc::channel(1);
    let (relay, coming) = mpsc::channel(16);
    let (closer, closing) = hall::closing();
    let room = Room::open(config, [200; 32], local, coming).expect("any seed is a key");
    let address = multiaddr(local).with(Protocol::P2p(room.peer_id()));
    let doors = front::Doors { http, relay: Some(relay), turn: None, tls: None };
    tokio::spawn(front::run(listener, doors, closing.clone()));
    tokio::spawn(room.run(closing));
    (address, closer)
}

fn member(seed: u8) -> Swarm<Member> {
    let key = Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes are a seed");
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(libp2p::tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|_, relay| Member { relay, ping: ping::Behaviour::default() })
        .expect("a behaviour")
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// A member that has a place: its task, and its address there.
async fn with_place(seed: u8, relay: &Multiaddr) -> (Swarm<Member>, Result<Multiaddr, String>) {
    let mut member = member(seed);
    member.listen_on(relay.clone().with(Protocol::P2pCircuit)).expect("a relay's address");
    loop {
        match member.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => return (member, Ok(address)),
            SwarmEvent::ListenerClosed { reason, .. } => return (member, Err(format!("{reason:?}"))),
            _ => {}
        }
    }
}

/// Goes on with a member until its end of a circuit was pinged `times` times.
async fn pinged(member: &mut Swarm<Member>, peer: PeerId) {
    loop {
        if let SwarmEvent::Behaviour(MemberEvent::Ping(ping::Event { peer: other, result: Ok(_), .. })) =
            member.select_next_some().await
            && other == peer
        {
            return;
        }
    }
}

#[tokio::test]
async fn two_that_cannot_be_dialled_meet_through_the_room_at_the_address_they_came_to() {
    let (relay, _closer) = open(&RelayConfig::default()).await;
    let (mut anna, place) = with_place(1, &relay).await;
    let place = place.expect("a place");
    assert!(place.to_string().starts_with(&relay.to_string()), "{place} is where {relay} was reached");
    let mut ben = member(2);
    ben.dial(place).expect("a circuit");
    let (anna_id, ben_id) = (*anna.local_peer_id(), *ben.local_peer_id());
    tokio::join!(pinged(&mut anna, ben_id), pinged(&mut ben, anna_id));
}

#[tokio::test]
async fn a_named_address_is_the_one_that_members_are_told() {
    let announce = vec!["203.0.113.9:7750".parse().expect("written")];
    let (relay, _closer) = open(&RelayConfig { announce, ..RelayConfig::default() }).await;
    let place = with_place(1, &relay).await.1.expect("a place");
    assert!(place.to_string().starts_with("/ip4/203.0.113.9/tcp/7750/p2p/"), "{place}");
}

#[tokio::test]
async fn many_members_behind_one_address_have_places_until_there_are_no_more() {
    let config = RelayConfig { places: 24, ..RelayConfig::default() };
    let (relay, _closer) = open(&config).await;
    let mut kept = Vec::new();
    for seed in 1..=24 {
        let (member, place) = with_place(seed, &relay).await;
        place.expect("there is room");
        kept.push(tokio::spawn(run(member)));
    }
    let refused = with_place(99, &relay).await.1.expect_err("all places are taken");
    assert!(refused.contains("ResourceLimitExceeded"), "{refused}");
    for task in kept {
        task.abort();
    }
}

async fn run(mut member: Swarm<Member>) {
    loop {
        member.select_next_some().await;
    }
}

#[tokio::test]
async fn more_than_one_address_may_hold_is_let_go() {
    let config = RelayConfig { connections_per_address: 1, ..RelayConfig::default() };
    let (relay, _closer) = open(&config).await;
    let (first, place) = with_place(1, &relay).await;
    place.expect("one fits");
    let first = tokio::spawn(run(first));
    with_place(2, &relay).await.1.expect_err("the second does not");
    first.abort();
}

#[tokio::test]
async fn garbage_after_the_first_byte_hurts_nobody() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (relay, _closer) = open(&RelayConfig::default()).await;
    let port = relay.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let at = (Ipv4Addr::LOCALHOST, port.expect("it has a port"));
    for garbage in [&[0x13; 4096][..], b"\x13/multistream/1.0.0\n\xff\xff\xff\xff", b"\x13/multi"] {
        let mut stream = tokio::net::TcpStream::connect(at).await.expect("it listens");
        stream.write_all(garbage).await.expect("room for it");
        stream.shutdown().await.expect("an end");
        // Whatever comes, it comes to an end.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    with_place(1, &relay).await.1.expect("a place");
}
