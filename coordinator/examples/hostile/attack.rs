//! The attacks: each attacker repeats its own until it is stopped, and counts what it tried and what was refused or cut off.

use crate::served::{Server, requests};
use futures::future::BoxFuture;
use halloo_coordinator::world::World;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::sleep;

type Run = for<'a> fn(&'a Server, Ipv4Addr, u64, &'a AtomicU64, &'a AtomicU64) -> BoxFuture<'a, ()>;

/// One way to attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// How many times the usual number of attackers: those who only wait cost this machine nothing.
    pub(crate) crowd: usize,
    pub(crate) run: Run,
}

/// All of them, one after the other.
pub(crate) const ATTACKS: [Attack; 8] = [
    Attack {
        name: "silent",
        crowd: 4,
        run: |server, from, _, tries, cut| Box::pin(silent(server, from, tries, cut)),
    },
    Attack {
        name: "slow",
        crowd: 4,
        run: |server, from, _, tries, cut| Box::pin(slow(server, from, tries, cut)),
    },
    Attack {
        name: "connect",
        crowd: 1,
        run: |server, from, _, tries, cut| Box::pin(connect(server, from, tries, cut)),
    },
    Attack {
        name: "requests",
        crowd: 1,
        run: |server, from, _, tries, cut| Box::pin(flood(server, from, tries, cut)),
    },
    Attack {
        name: "tickets",
        crowd: 1,
        run: |server, from, seed, tries, cut| Box::pin(tickets(server, from, seed, tries, cut)),
    },
    Attack {
        name: "replays",
        crowd: 1,
        run: |server, from, seed, tries, cut| Box::pin(replays(server, from, seed, tries, cut)),
    },
    Attack {
        name: "oversized",
        crowd: 1,
        run: |server, from, _, tries, cut| Box::pin(oversized(server, from, tries, cut)),
    },
    Attack {
        name: "garbage",
        crowd: 1,
        run: |server, from, seed, tries, cut| Box::pin(garbage(server, from, seed, tries, cut)),
    },
];

/// After somebody was refused: attackers on this machine that only spin would starve the good clients, not the server.
const PAUSE: Duration = Duration::from_millis(20);

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Connects, says nothing, and comes back when it is thrown out.
async fn silent(server: &Server, from: Ipv4Addr, tries: &AtomicU64, cut: &AtomicU64) {
    loop {
        count(tries);
        if let Ok(mut stream) = server.stream(from).await {
            let _closed = stream.read(&mut [0; 1]).await;
        }
        count(cut);
        sleep(PAUSE).await;
    }
}

/// Slowloris: a request whose header comes a byte at a time.
async fn slow(server: &Server, from: Ipv4Addr, tries: &AtomicU64, cut: &AtomicU64) {
    loop {
        count(tries);
        if let Ok(mut stream) = server.stream(from).await {
            let _written = stream.write_all(b"POST /api/v1/mailboxes/deposits HTTP/1.1\r\nx-slow: ").await;
            while stream.write_all(b"a").await.is_ok() {
                sleep(Duration::from_millis(500)).await;
            }
        }
        count(cut);
        sleep(PAUSE).await;
    }
}

/// Connects and leaves, as fast as it can.
async fn connect(server: &Server, from: Ipv4Addr, tries: &AtomicU64, cut: &AtomicU64) {
    loop {
        count(tries);
        match server.stream(from).await {
            // Without a farewell, so that no port of this side is left waiting.
            Ok(stream) => drop(stream.set_zero_linger()),
            Err(_) => count(cut),
        }
        sleep(PAUSE).await;
    }
}

/// One request after the other on one connection; gives whether it was refused.
async fn asked(
    server: &Server,
    from: Ipv4Addr,
    mut make: impl FnMut() -> (Method, &'static str, Vec<u8>),
    tries: &AtomicU64,
    cut: &AtomicU64,
) {
    loop {
        let Ok(stream) = server.stream(from).await else {
            count(cut);
            sleep(PAUSE).await;
            continue;
        };
        let Ok(mut connection) = requests(stream).await else { continue };
        while connection.ready().await.is_ok() {
            let (method, path, body) = make();
            let request = Request::builder().method(method).uri(path).header("host", "x");
            let request = request.header("content-type", "application/json");
            count(tries);
            let Ok(answer) =
                connection.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await
            else {
                break;
            };
            assert!(!answer.status().is_server_error() || answer.status() == 503, "{}", answer.status());
            if answer.status().is_client_error() {
                count(cut);
            }
            let _read = answer.into_body().collect().await;
        }
        count(cut);
        sleep(PAUSE).await;
    }
}

/// Asks for what costs nothing.
async fn flood(server: &Server, from: Ipv4Addr, tries: &AtomicU64, cut: &AtomicU64) {
    asked(server, from, || (Method::GET, "/api/v1/server", Vec::new()), tries, cut).await;
}

/// Makes up clients and asks for tickets, which costs the server signatures.
async fn tickets(server: &Server, from: Ipv4Addr, seed: u64, tries: &AtomicU64, cut: &AtomicU64) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let ask = || {
        let (mut who, mut nonce) = ([0; 32], [0; 16]);
        rng.fill_bytes(&mut who);
        rng.fill_bytes(&mut nonce);
        let body = server.ticket_ask(who, nonce, World::real().now_ms());
        (Method::POST, halloo_wire::ticket::PATH, body)
    };
    asked(server, from, ask, tries, cut).await;
}

/// Sends one good ask for a ticket again and again: it is good once.
async fn replays(server: &Server, from: Ipv4Addr, seed: u64, tries: &AtomicU64, cut: &AtomicU64) {
    let mut who = [0; 32];
    who[..8].copy_from_slice(&seed.to_be_bytes());
    let ask = server.ticket_ask(who, [3; 16], World::real().now_ms());
    asked(server, from, || (Method::POST, halloo_wire::ticket::PATH, ask.clone()), tries, cut).await;
}

/// Announces bodies of a gigabyte, and sends what is taken of them.
async fn oversized(server: &Server, from: Ipv4Addr, tries: &AtomicU64, cut: &AtomicU64) {
    loop {
        count(tries);
        if let Ok(mut stream) = server.stream(from).await {
            let head =
                b"POST /api/v1/mailboxes/deposits HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n";
            let _written = stream.write_all(head).await;
            while stream.write_all(&[0x55; 16_384]).await.is_ok() {}
        }
        count(cut);
        sleep(PAUSE).await;
    }
}

/// Random bytes to every kind of listener that the port has, over TCP and UDP.
async fn garbage(server: &Server, from: Ipv4Addr, seed: u64, tries: &AtomicU64, cut: &AtomicU64) {
    const FIRST: [u8; 8] = [b'G', b'P', 0x16, 0x13, 0x00, 0x40, 0xff, b'{'];
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let udp = UdpSocket::bind((from, 0)).await.unwrap();
    loop {
        count(tries);
        let mut bytes = vec![0; 1 + (rng.next_u32() % 4_096) as usize];
        rng.fill_bytes(&mut bytes);
        bytes[0] = FIRST[(rng.next_u32() % 8) as usize];
        let _sent = udp.send_to(&bytes[..bytes.len().min(1_200)], server.address()).await;
        if let Ok(mut stream) = server.stream(from).await {
            if rng.next_u32().is_multiple_of(4) {
                let socket = b"GET /api/v1/mailboxes/subscribe HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                    upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
                let _written = stream.write_all(socket).await;
            }
            let _written = stream.write_all(&bytes).await;
            let _ended = stream.shutdown().await;
            let _answer = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0; 512])).await;
        }
        count(cut);
        sleep(PAUSE).await;
    }
}
