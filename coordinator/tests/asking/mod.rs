//! A coordinator on a real socket, in memory and with a clock that is told, and somebody who asks it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use halloo_coordinator::config::Config;
use halloo_coordinator::serve::{self, Running};
use halloo_coordinator::world::World;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_store::memory::MemoryStore;
use halloo_wire::origin::Origin;
use halloo_wire::ticket::{self as wire_ticket, TicketAsk, TicketGiven};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// 2027-01-15, 08:00 UTC.
pub const NOW_MS: u64 = 1_800_000_000_000;

pub struct Place {
    pub running: Running,
    pub world: World,
    pub store: Arc<MemoryStore>,
}

/// Opens a coordinator whose settings are the defaults on any free port, changed as the test says.
pub async fn open(change: impl FnOnce(&mut Config)) -> Place {
    open_with(Arc::new(MemoryStore::new()), change).await
}

/// Opens one on a store that is there already.
pub async fn open_with(store: Arc<MemoryStore>, change: impl FnOnce(&mut Config)) -> Place {
    let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), lan: true, ..Config::default() };
    change(&mut config);
    let world = World::told(NOW_MS, [3; 32]);
    let running = serve::start(&config, world.clone(), Arc::<MemoryStore>::clone(&store)).await.unwrap();
    Place { running, world, store }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The name of the problem that this is.
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        let kind = json["type"].as_str().unwrap();
        kind.strip_prefix("/api/v1/problems/").unwrap().to_owned()
    }
}

impl Place {
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], Vec::new()).await
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        ask(self.running.local, method, path, headers, body).await
    }
}

/// One request on a connection of its own.
pub async fn ask(
    to: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driven = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", to.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let (head, body) = Response::into_parts(sender.send_request(request).await.unwrap());
    let body = body.collect().await.unwrap().to_bytes();
    driven.abort();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// Somebody with a key of its own at this coordinator.
pub struct Client {
    secret: ClientSecret,
    pub origin: Origin,
    drawn: std::cell::Cell<u128>,
}

impl Place {
    pub fn origin(&self) -> Origin {
        format!("http://{}", self.running.local).parse().unwrap()
    }

    pub fn client(&self, seed: u8) -> Client {
        let origin = self.origin();
        let secret = ClientSecret::derive(&Secret::new([seed; 32]), origin.as_str());
        Client { secret, origin, drawn: std::cell::Cell::new(u128::from(seed) << 64) }
    }

    /// The header of a fresh ticket.
    pub async fn ticket(&self, client: &Client, room: Room) -> String {
        let answer = self.post_json(wire_ticket::PATH, &client.ask(room, self.world.now_ms())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let given: TicketGiven = serde_json::from_slice(&answer.body).unwrap();
        format!("{} {}", wire_ticket::SCHEME, given.ticket)
    }

    pub async fn post_json(&self, path: &str, body: &impl serde::Serialize) -> Answer {
        let headers = [("content-type", "application/json")];
        self.ask(Method::POST, path, &headers, serde_json::to_vec(body).unwrap()).await
    }
}

impl Client {
    /// A signed request with a nonce that no other has.
    pub fn ask(&self, room: Room, time_ms: u64) -> TicketAsk {
        self.drawn.set(self.drawn.get() + 1);
        let (client, nonce) = (self.secret.id(), self.drawn.get().to_be_bytes());
        let request = TicketRequest { room, client, time_ms, nonce, origin: self.origin.to_string() };
        TicketAsk::new(&request, self.secret.sign(&request).unwrap())
    }
}
