//! The network of the shell on real sockets: by hand on loopback, and by mDNS between network namespaces.

use halloo_lab::{Host, Lab, LinkModel, Loss};
use halloo_mesh::{GroupSize, MeshEvent, PeerKey, Topic, Verdict};
use halloo_node::net::{self, NetCommand, NetConfig, NetError, NetEvent, Running, TapLane};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

const TOPIC: Topic = Topic([7; 32]);

/// What a tap saw.
type Tapped = (TapLane, Vec<u8>);

fn config(seed: u8) -> NetConfig {
    NetConfig {
        seed: [seed; 32],
        session: u64::from(seed),
        port: 0,
        hosts: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        discover: false,
        hints: Vec::new(),
        size: GroupSize::Small,
        tap: None,
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Waits for the first event that `pick` takes; others are dropped.
async fn wait<T>(node: &mut Running, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = node.events.recv().await.expect("the task runs");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(8), search).await.expect("it happens")
}

async fn listening(node: &mut Running, count: usize) -> Vec<libp2p::Multiaddr> {
    wait(node, |event| match event {
        NetEvent::Listening(addresses) if addresses.len() >= count => Some(addresses),
        _ => None,
    })
    .await
}

async fn up(node: &mut Running) -> PeerKey {
    wait(node, |event| match event {
        NetEvent::Mesh(MeshEvent::PeerUp { peer, .. }) => Some(peer),
        _ => None,
    })
    .await
}

/// Two nodes on loopback, the second one dialling the first.
async fn pair(mut second: NetConfig) -> (Running, Running) {
    let mut first = net::start(config(1)).expect("loopback");
    second.hints = listening(&mut first, 2).await;
    let mut second = net::start(second).expect("loopback");
    assert_eq!(up(&mut first).await, second.net.local());
    assert_eq!(up(&mut second).await, first.net.local());
    (first, second)
}

#[test]
fn two_nodes_talk_over_every_lane_and_the_tap_sees_all_of_it() {
    runtime().block_on(async {
        let seen: Arc<Mutex<Vec<Tapped>>> = Arc::default();
        let tapped = Arc::clone(&seen);
        let tap = move |lane, bytes: &[u8]| tapped.lock().expect("one writer").push((lane, bytes.to_vec()));
        let (mut first, mut second) = pair(NetConfig { tap: Some(Arc::new(tap)), ..config(2) }).await;
        let (one, two) = (first.net.clone(), second.net.clone());
        for (net, peer) in [(&one, two.local()), (&two, one.local())] {
            net.send(NetCommand::Subscribe(TOPIC)).await.expect("it runs");
            net.send(NetCommand::Admit { peer, topic: TOPIC }).await.expect("it runs");
        }
        two.send(NetCommand::Publish { topic: TOPIC, bytes: b"all".to_vec() }).await.expect("it runs");
        let (bytes, ticket) = wait(&mut first, |event| match event {
            NetEvent::Mesh(MeshEvent::Gossip { topic: TOPIC, bytes, ticket, .. }) => Some((bytes, ticket)),
            _ => None,
        })
        .await;
        assert_eq!(bytes, b"all");
        one.send(NetCommand::Verdict { ticket, verdict: Verdict::Accept }).await.expect("it runs");
        two.send(NetCommand::Direct { to: one.local(), bytes: b"one".to_vec() }).await.expect("it runs");
        let direct = wait(&mut first, |event| match event {
            NetEvent::Mesh(MeshEvent::Direct { bytes, .. }) => Some(bytes),
            _ => None,
        });
        assert_eq!(direct.await, b"one");
        two.send(NetCommand::Pair { to: one.local(), bytes: b"ask".to_vec() }).await.expect("it runs");
        let reply = wait(&mut first, |event| match event {
            NetEvent::Mesh(MeshEvent::Pair { reply, .. }) => Some(reply),
            _ => None,
        })
        .await;
        one.send(NetCommand::PairReply { reply, bytes: b"answer".to_vec() }).await.expect("it runs");
        let answer = wait(&mut second, |event| match event {
            NetEvent::Mesh(MeshEvent::PairReplied { bytes, .. }) => Some(bytes),
            _ => None,
        });
        assert_eq!(answer.await, b"answer");
        let seen = seen.lock().expect("one writer").clone();
        let expected: [(TapLane, &[u8]); 3] =
            [(TapLane::Gossip, b"all"), (TapLane::Direct, b"one"), (TapLane::Pair, b"ask")];
        assert_eq!(seen, expected.map(|(lane, bytes)| (lane, bytes.to_vec())));
    });
}

#[test]
fn what_cannot_be_delivered_is_reported() {
    runtime().block_on(async {
        let mut node = net::start(config(3)).expect("loopback");
        let nobody = PeerKey([7; 32]);
        node.net.send(NetCommand::Direct { to: nobody, bytes: vec![1] }).await.expect("it runs");
        node.net.send(NetCommand::Pair { to: nobody, bytes: vec![1] }).await.expect("it runs");
        for expected in [TapLane::Direct, TapLane::Pair] {
            let failed = wait(&mut node, |event| match event {
                NetEvent::NotSent { peer, lane } => Some((peer, lane)),
                _ => None,
            });
            assert_eq!(failed.await, (nobody, expected));
        }
    });
}

#[test]
fn a_port_in_use_is_named_with_the_next_step() {
    runtime().block_on(async {
        for taken in [true, false] {
            let (udp, tcp);
            let port = if taken {
                udp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                udp.local_addr().expect("bound").port()
            } else {
                tcp = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                tcp.local_addr().expect("bound").port()
            };
            let error = net::start(NetConfig { port, ..config(4) }).err().expect("it is taken");
            assert!(matches!(error, NetError::PortInUse { port: named } if named == port), "{error}");
            assert!(error.to_string().contains("--port"));
        }
    });
}

#[test]
fn two_nodes_on_one_fixed_port_do_not_share_it() {
    runtime().block_on(async {
        let mut first = net::start(config(5)).expect("loopback");
        let addresses = listening(&mut first, 2).await;
        let tcp = addresses.iter().find_map(|address| match address.iter().nth(1) {
            Some(libp2p::multiaddr::Protocol::Tcp(port)) => Some(port),
            _ => None,
        });
        let port = tcp.expect("it listens on TCP");
        let error = net::start(NetConfig { port, ..config(6) }).err().expect("it is taken");
        assert!(matches!(error, NetError::PortInUse { .. }), "{error}");
    });
}

#[test]
fn a_foreign_address_is_refused() {
    runtime().block_on(async {
        let hosts = vec!["192.0.2.1".parse().expect("written")];
        let error = net::start(NetConfig { hosts, ..config(7) }).err().expect("not ours");
        assert!(matches!(error, NetError::Listen { .. }), "{error}");
    });
}

#[test]
fn stop_ends_the_task_and_frees_the_ports() {
    runtime().block_on(async {
        let mut node = net::start(config(8)).expect("loopback");
        listening(&mut node, 2).await;
        node.net.send(NetCommand::Stop).await.expect("it runs");
        node.task.await.expect("it ends cleanly");
        assert!(node.net.send(NetCommand::LookAround).await.is_err());
    });
}

#[test]
fn garbage_on_every_socket_hurts_nobody() {
    runtime().block_on(async {
        let (mut first, second) = pair(config(9)).await;
        for address in first.net.addresses() {
            let socket = address.iter().nth(1).expect("a port");
            match socket {
                libp2p::multiaddr::Protocol::Tcp(port) => {
                    use std::io::Write;
                    let mut stream =
                        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
                    stream.write_all(&[0xa5; 4096]).expect("a buffer");
                }
                libp2p::multiaddr::Protocol::Udp(port) => {
                    let udp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                    for length in [1, 20, 1200] {
                        udp.send_to(&vec![0xc3; length], (Ipv4Addr::LOCALHOST, port)).expect("loopback");
                    }
                }
                other => panic!("an unexpected listener: {other}"),
            }
        }
        let order = NetCommand::Direct { to: first.net.local(), bytes: b"still here".to_vec() };
        second.net.send(order).await.expect("it runs");
        let direct = wait(&mut first, |event| match event {
            NetEvent::Mesh(MeshEvent::Direct { bytes, .. }) => Some(bytes),
            _ => None,
        });
        assert_eq!(direct.await, b"still here");
    });
}

/// What a node in a namespace reports.
#[derive(Debug)]
enum Word {
    Up,
    Answered(Instant),
    Down,
}

/// A node in a namespace that discovers, asks everybody on the pairing lane and answers everybody.
struct Resident {
    words: mpsc::Receiver<Word>,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Resident {
    fn new(host: Host, seed: u8) -> Self {
        let (told, words) = mpsc::channel(1024);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let work = move || runtime().block_on(live(seed, told, stopped));
            host.run(work).expect("the namespace");
        });
        Self { words, stop, thread }
    }

    async fn hear<T>(&mut self, mut pick: impl FnMut(Word) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = pick(self.words.recv().await.expect("the resident lives")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(9), search).await.expect("it happens")
    }

    /// When a pairing request of this node was answered.
    async fn answered(&mut self) -> Instant {
        self.hear(|word| match word {
            Word::Answered(at) => Some(at),
            _ => None,
        })
        .await
    }

    fn leave(self) {
        // The receiver is gone only when the thread has ended, which `join` tells.
        let _ = self.stop.send(());
        self.thread.join().expect("it ends cleanly");
    }
}

async fn live(seed: u8, told: mpsc::Sender<Word>, mut stopped: oneshot::Receiver<()>) {
    let mut node =
        net::start(NetConfig { hosts: Vec::new(), discover: true, ..config(seed) }).expect("a port");
    loop {
        let event = tokio::select! {
            event = node.events.recv() => event.expect("the task runs"),
            _ = &mut stopped => break,
        };
        let word = match event {
            NetEvent::Mesh(MeshEvent::PeerUp { peer, .. }) => {
                let ask = NetCommand::Pair { to: peer, bytes: vec![seed] };
                node.net.send(ask).await.expect("it runs");
                Word::Up
            }
            NetEvent::Mesh(MeshEvent::Pair { reply, bytes, .. }) => {
                node.net.send(NetCommand::PairReply { reply, bytes }).await.expect("it runs");
                continue;
            }
            NetEvent::Mesh(MeshEvent::PairReplied { .. }) => Word::Answered(Instant::now()),
            NetEvent::Mesh(MeshEvent::PeerDown { .. }) => Word::Down,
            _ => continue,
        };
        told.send(word).await.expect("the test listens");
    }
    node.net.send(NetCommand::Stop).await.expect("it runs");
    node.task.await.expect("it ends cleanly");
}

#[test]
#[allow(clippy::print_stdout, reason = "the figure in docs/adr/0004 is printed here")]
fn a_newcomer_finds_everybody_on_a_network_without_a_route() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let [anna, ben, cleo] = ["anna", "ben", "cleo"].map(|name| lab.host(name).expect("a host"));
    runtime().block_on(async {
        let mut residents = [Resident::new(anna, 21), Resident::new(ben, 22)];
        for resident in &mut residents {
            resident.answered().await;
        }
        let start = Instant::now();
        let mut newcomer = Resident::new(cleo, 23);
        let ready = [newcomer.answered().await - start, newcomer.answered().await - start];
        println!("start -> pairing answered: {ready:?}");
        newcomer.leave();
        for resident in residents {
            resident.leave();
        }
    });
}

#[test]
fn two_that_start_at_once_find_each_other() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let [anna, ben] = ["anna", "ben"].map(|name| lab.host(name).expect("a host"));
    runtime().block_on(async {
        let (mut one, mut other) = (Resident::new(anna, 41), Resident::new(ben, 42));
        one.answered().await;
        other.answered().await;
        one.leave();
        other.leave();
    });
}

#[test]
fn one_that_leaves_is_missed_at_once_and_found_again_when_it_is_back() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let [anna, ben] = ["anna", "ben"].map(|name| lab.host(name).expect("a host"));
    runtime().block_on(async {
        let mut anna = Resident::new(anna, 31);
        let first = Resident::new(ben.clone(), 32);
        anna.answered().await;
        first.leave();
        anna.hear(|word| matches!(word, Word::Down).then_some(())).await;
        let second = Resident::new(ben, 32);
        anna.hear(|word| matches!(word, Word::Up).then_some(())).await;
        anna.answered().await;
        second.leave();
        anna.leave();
    });
}

#[test]
fn one_behind_a_poor_link_is_found_too() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let poor = LinkModel {
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(40),
        loss: Loss::Random(0.05),
        ..LinkModel::perfect(11)
    };
    let anna = lab.host("anna").expect("a host");
    let ben = lab.host_behind("ben", poor).expect("a host");
    runtime().block_on(async {
        let (mut one, mut other) = (Resident::new(anna, 51), Resident::new(ben, 52));
        one.answered().await;
        other.answered().await;
        one.leave();
        other.leave();
    });
}
