//! Several meshes in one thread over libp2p's in-memory transport, driven until something is true.

#![allow(dead_code, reason = "each test file uses its own part")]

use futures::{FutureExt, StreamExt, future};
use futures_timer::Delay;
use halloo_mesh::{Mesh, MeshConfig, MeshEvent, PeerKey, limits};
use libp2p::core::transport::MemoryTransport;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::{self, ConnectionId, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, Swarm, Transport, noise, yamux};
use std::task::{Context, Poll};
use std::time::Duration;

/// Long past any honest run: a test that reaches it fails instead of hanging.
const GIVE_UP: Duration = Duration::from_secs(8);

pub(crate) type House = Swarm<Mesh>;

pub(crate) struct Town {
    pub(crate) houses: Vec<House>,
    /// What happened in each house, in order.
    pub(crate) events: Vec<Vec<MeshEvent>>,
    /// The connections that each house established, in order.
    pub(crate) connections: Vec<Vec<ConnectionId>>,
}

pub(crate) fn keypair(number: usize) -> Keypair {
    let mut seed = [0x5e; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Keypair::ed25519_from_bytes(seed).expect("32 bytes are a seed")
}

pub(crate) fn key(number: usize) -> PeerKey {
    PeerKey::from_public(&keypair(number).public()).expect("an Ed25519 key")
}

/// A swarm of any behaviour over memory, for tests that need a peer of another kind.
pub(crate) fn swarm<B: NetworkBehaviour>(pair: &Keypair, behaviour: B) -> Swarm<B> {
    let transport = MemoryTransport::default()
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(pair).expect("a keypair"))
        .multiplex(yamux::Config::default())
        .boxed();
    let config = swarm::Config::without_executor().with_idle_connection_timeout(limits::IDLE_STRANGER);
    Swarm::new(transport, behaviour, pair.public().to_peer_id(), config)
}

pub(crate) fn house(number: usize, session: u64) -> House {
    let pair = keypair(number);
    let config = MeshConfig { session, ..MeshConfig::default() };
    swarm(&pair, Mesh::new(&pair.public(), config).expect("an Ed25519 key"))
}

impl Town {
    /// `count` houses, each listening, none connected.
    pub(crate) fn new(count: usize) -> Self {
        let mut houses: Vec<House> = (0..count).map(|number| house(number, number as u64 + 1)).collect();
        for house in &mut houses {
            house.listen_on("/memory/0".parse().expect("a written address")).expect("memory");
        }
        let events = (0..count).map(|_| Vec::new()).collect();
        let mut town = Self { houses, events, connections: vec![Vec::new(); count] };
        town.until(|town| town.houses.iter().all(|house| house.listeners().next().is_some()));
        town
    }

    /// `count` houses, each connected with each.
    pub(crate) fn connected(count: usize) -> Self {
        let mut town = Self::new(count);
        for from in 0..count {
            for to in from + 1..count {
                town.dial(from, to);
            }
        }
        town.until(|town| town.houses.iter().all(|house| house.behaviour().peers().count() == count - 1));
        town
    }

    pub(crate) fn address(&self, number: usize) -> Multiaddr {
        self.houses[number].listeners().next().expect("it listens").clone()
    }

    pub(crate) fn dial(&mut self, from: usize, to: usize) {
        let address = self.address(to);
        self.houses[from].dial(address).expect("not refused here");
    }

    pub(crate) fn mesh(&mut self, number: usize) -> &mut Mesh {
        self.houses[number].behaviour_mut()
    }

    /// Polls every house until `done`, noting what happens.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        self.until_polled(|town, _| done(town));
    }

    /// The same for a test that polls something else beside.
    pub(crate) fn until_polled(&mut self, mut done: impl FnMut(&mut Self, &mut Context<'_>) -> bool) {
        let mut patience = Delay::new(GIVE_UP);
        futures::executor::block_on(future::poll_fn(|cx| {
            loop {
                if done(self, cx) {
                    return Poll::Ready(());
                }
                assert!(patience.poll_unpin(cx).is_pending(), "nothing came of it: {:#?}", self.events);
                if !self.step(cx) {
                    return Poll::Pending;
                }
            }
        }));
    }

    /// Polls until nobody has anything to do: what has not happened by then needs a timer or a call.
    pub(crate) fn settle(&mut self) {
        futures::executor::block_on(future::poll_fn(|cx| {
            while self.step(cx) {}
            Poll::Ready(())
        }));
    }

    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for (number, house) in self.houses.iter_mut().enumerate() {
            if let Poll::Ready(Some(event)) = house.poll_next_unpin(cx) {
                moved = true;
                match event {
                    SwarmEvent::Behaviour(event) => self.events[number].push(event),
                    SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                        self.connections[number].push(connection_id);
                    }
                    _ => {}
                }
            }
        }
        moved
    }

    /// The gossip that a house received, and removes it from the list.
    pub(crate) fn take_gossip(&mut self, number: usize) -> Vec<(halloo_mesh::GossipTicket, Vec<u8>)> {
        let (gossip, rest) = std::mem::take(&mut self.events[number])
            .into_iter()
            .partition(|event| matches!(event, MeshEvent::Gossip { .. }));
        self.events[number] = rest;
        let gossip: Vec<MeshEvent> = gossip;
        gossip
            .into_iter()
            .filter_map(|event| match event {
                MeshEvent::Gossip { ticket, bytes, .. } => Some((ticket, bytes)),
                _ => None,
            })
            .collect()
    }

    /// The direct frames that a house received from another, in order.
    pub(crate) fn direct(&self, number: usize, sender: PeerKey) -> Vec<Vec<u8>> {
        self.events[number]
            .iter()
            .filter_map(|event| match event {
                MeshEvent::Direct { from, bytes } if *from == sender => Some(bytes.clone()),
                _ => None,
            })
            .collect()
    }
}
