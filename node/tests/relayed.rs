//! Two homes behind NATs and a coordinator between them: the net layer meets through the relay, moves to a direct connection where
//! the NATs let it, and gets over the loss of the coordinator.

use halloo_coordinator::front::{self, Doors};
use halloo_coordinator::hall;
use halloo_coordinator::relay::Room;
use halloo_coordinator::relay::config::RelayConfig;
use halloo_lab::{Host, Lab, Nat};
use halloo_mesh::{GroupSize, MeshEvent, PeerKey, Topic, Verdict};
use halloo_node::net::{self, Net, NetCommand, NetConfig, NetEvent};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const TOPIC: Topic = Topic([7; 32]);
const PORT: u16 = 7750;

/// A runtime of a peer, which ends without waiting wherever it is dropped.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime whose threads live in the namespace of the thread that builds it.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// A coordinator of which only the port and the relay are open. It dies, with everything that is open, as a killed process does.
struct Coordinator {
    _threads: Threads,
    address: Multiaddr,
    _closer: hall::Closer,
}

impl Coordinator {
    fn start(host: &Host) -> Self {
        let ip = host.ip();
        let open = move || {
            let runtime = runtime();
            let (name, closer) = runtime.block_on(async {
                let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
                let listener = TcpListener::bind(local).await.expect("the port is free");
                let (http, _) = mpsc::channel(1);
                let (relay, coming) = mpsc::channel(64);
                let (closer, closing) = hall::closing();
                let room = Room::open(&RelayConfig::default(), [9; 32], local, coming).expect("a seed");
                let name = room.peer_id();
                tokio::spawn(front::run(
                    listener,
                    Doors { http, relay: Some(relay), turn: None, tls: None },
                    closing.clone(),
                ));
                tokio::spawn(room.run(closing));
                (name, closer)
            });
            let address = Multiaddr::from(ip).with(Protocol::Tcp(PORT)).with(Protocol::P2p(name));
            Coordinator { _threads: Threads(Some(runtime)), address, _closer: closer }
        };
        host.run(open).expect("the namespace")
    }
}

/// A node at home.
struct Node {
    _threads: Threads,
    net: Net,
    events: mpsc::Receiver<NetEvent>,
    relay: PeerKey,
    /// Whether the loss of a peer is a failure of the test.
    steady: bool,
}

impl Node {
    fn start(host: &Host, seed: u8, relay: &Multiaddr) -> Self {
        let config = NetConfig {
            seed: [seed; 32],
            session: u64::from(seed),
            port: 0,
            hosts: Vec::new(),
            discover: false,
            hints: Vec::new(),
            size: GroupSize::Small,
            tap: None,
        };
        let open = move || {
            let runtime = runtime();
            let running = runtime.block_on(async { net::start(config) }).expect("ports");
            (runtime, running)
        };
        let (runtime, running) = host.run(open).expect("the namespace");
        let relay = halloo_mesh::split_peer(relay).1.expect("it is named");
        Node {
            _threads: Threads(Some(runtime)),
            net: running.net,
            events: running.events,
            relay,
            steady: true,
        }
    }

    async fn order(&self, command: NetCommand) {
        self.net.send(command).await.expect("it runs");
    }

    /// The first event that is wanted; pairing requests are answered and gossip is accepted on the way.
    async fn hear<T>(&mut self, what: &str, mut pick: impl FnMut(&NetEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("it runs");
                let found = pick(&event);
                let NetEvent::Mesh(event) = event else {
                    if let Some(found) = found {
                        return found;
                    }
                    continue;
                };
                match event {
                    MeshEvent::PeerUp { peer, .. } | MeshEvent::PeerAddresses { peer, .. } => {
                        assert_ne!(peer, self.relay, "the relay is nobody to talk to");
                    }
                    MeshEvent::PeerDown { .. } => assert!(!self.steady, "a peer was lost"),
                    MeshEvent::Pair { bytes, reply, .. } => {
                        self.order(NetCommand::PairReply { reply, bytes }).await;
                    }
                    MeshEvent::Gossip { ticket, .. } => {
                        self.order(NetCommand::Verdict { ticket, verdict: Verdict::Accept }).await;
                    }
                    _ => {}
                }
                if let Some(found) = found {
                    return found;
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(40), search).await;
        waited.unwrap_or_else(|_| panic!("nothing heard of {what}"))
    }

    async fn place(&mut self) -> Vec<Multiaddr> {
        self.hear("a place with the relay", |event| match event {
            NetEvent::Relayed(circuits) if !circuits.is_empty() => Some(circuits.clone()),
            _ => None,
        })
        .await
    }

    async fn up(&mut self) {
        self.hear("the other", |event| {
            matches!(event, NetEvent::Mesh(MeshEvent::PeerUp { .. })).then_some(())
        })
        .await;
    }

    async fn path(&mut self, wanted: bool) {
        self.hear("the path", |event| {
            matches!(event, NetEvent::Path { direct, .. } if *direct == wanted).then_some(())
        })
        .await;
    }
}

/// One frame of each lane, one way. The other end answers what is asked while the answer is waited for; a request that was on a
/// connection that closed is asked again, as the engine does.
async fn speak(from: &mut Node, to: &mut Node, word: &str) {
    let (target, bytes) = (to.net.local(), |lane: &str| format!("{word} {lane}").into_bytes());
    from.order(NetCommand::Direct { to: target, bytes: bytes("direct") }).await;
    from.order(NetCommand::Publish { topic: TOPIC, bytes: bytes("gossip") }).await;
    let ask = || NetCommand::Pair { to: target, bytes: bytes("pair") };
    from.order(ask()).await;
    let (mut direct, mut gossip, mut pair) = (false, false, false);
    let heard = to.hear("all three lanes", |event| {
        match event {
            NetEvent::Mesh(MeshEvent::Direct { bytes: heard, .. }) => direct |= *heard == bytes("direct"),
            NetEvent::Mesh(MeshEvent::Gossip { bytes: heard, .. }) => gossip |= *heard == bytes("gossip"),
            NetEvent::Mesh(MeshEvent::Pair { bytes: heard, .. }) => pair |= *heard == bytes("pair"),
            _ => {}
        }
        (direct && gossip && pair).then_some(())
    });
    let answered = async {
        loop {
            let answer = from.hear("the answer", |event| match event {
                NetEvent::Mesh(MeshEvent::PairReplied { bytes, .. }) => Some(Some(bytes.clone())),
                NetEvent::Mesh(MeshEvent::PairFailed { .. }) => Some(None),
                _ => None,
            });
            match answer.await {
                Some(answer) if answer == bytes("pair") => return,
                Some(_) => {}
                None => from.order(ask()).await,
            }
        }
    };
    tokio::join!(heard, answered);
}

async fn both_ways(anna: &mut Node, ben: &mut Node, word: &str) {
    speak(anna, ben, &format!("{word} there")).await;
    speak(ben, anna, &format!("{word} back")).await;
}

async fn admit(anna: &Node, ben: &Node) {
    for (node, peer) in [(anna, ben.net.local()), (ben, anna.net.local())] {
        node.order(NetCommand::Subscribe(TOPIC)).await;
        node.order(NetCommand::Admit { peer, topic: TOPIC }).await;
    }
}

/// Two nodes in homes with these NATs, both with a place, and Anna on her way to Ben by his circuit and his address at home.
async fn meet(lab: &mut Lab, nats: [Nat; 2], coordinator: &Coordinator) -> [Node; 2] {
    let mut nodes = Vec::new();
    for (number, nat) in nats.into_iter().enumerate() {
        let home = lab.home(&format!("home{number}"), nat).expect("a router");
        let host = lab.host_in(&home, &format!("pc{number}")).expect("a host");
        let mut node = Node::start(&host, 40 + number as u8, &coordinator.address);
        node.order(NetCommand::Relay { addresses: vec![coordinator.address.clone()] }).await;
        nodes.push((node.place().await, node, host.ip()));
    }
    let [(_, anna, _), (mut circuits, ben, at_home)] = <[_; 2]>::try_from(nodes).ok().expect("two");
    circuits.push(Multiaddr::from(at_home).with(Protocol::Tcp(4001)));
    anna.order(NetCommand::Reach { peer: Some(ben.net.local()), addresses: circuits }).await;
    [anna, ben]
}

fn or_skip() -> Option<(Lab, Host)> {
    let mut lab = Lab::or_skip()?;
    let public = lab.host("public").expect("a host");
    Some((lab, public))
}

#[test]
fn behind_two_cones_the_mesh_moves_to_a_direct_connection_and_needs_no_coordinator_any_more() {
    let Some((mut lab, public)) = or_skip() else { return };
    let coordinator = Coordinator::start(&public);
    runtime().block_on(async {
        let nats = [Nat::PortRestricted, Nat::PortRestricted];
        let [mut anna, mut ben] = meet(&mut lab, nats, &coordinator).await;
        tokio::join!(anna.up(), ben.up());
        admit(&anna, &ben).await;
        tokio::join!(anna.path(true), ben.path(true));
        both_ways(&mut anna, &mut ben, "direct").await;
        drop(coordinator);
        let lost =
            |event: &NetEvent| matches!(event, NetEvent::Relayed(left) if left.is_empty()).then_some(());
        tokio::join!(anna.hear("the loss", lost), ben.hear("the loss", lost));
        both_ways(&mut anna, &mut ben, "alone").await;
    });
}

#[test]
fn behind_two_symmetric_nats_the_relay_carries_all_lanes_and_its_return_brings_everyone_back() {
    let Some((mut lab, public)) = or_skip() else { return };
    let coordinator = Coordinator::start(&public);
    runtime().block_on(async {
        let [mut anna, mut ben] = meet(&mut lab, [Nat::Symmetric, Nat::Symmetric], &coordinator).await;
        tokio::join!(anna.path(false), ben.path(false));
        admit(&anna, &ben).await;
        both_ways(&mut anna, &mut ben, "relayed").await;
        (anna.steady, ben.steady) = (false, false);
        drop(coordinator);
        let lost =
            |event: &NetEvent| matches!(event, NetEvent::Mesh(MeshEvent::PeerDown { .. })).then_some(());
        tokio::join!(anna.hear("the loss", lost), ben.hear("the loss", lost));
        let coordinator = Coordinator::start(&public);
        tokio::join!(anna.up(), ben.up());
        admit(&anna, &ben).await;
        both_ways(&mut anna, &mut ben, "again").await;
        drop(coordinator);
    });
}
