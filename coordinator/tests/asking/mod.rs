//! A coordinator on a real socket, in memory and with a clock that is told, and somebody who asks it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod account;
pub mod operators;

use halloo_coordinator::config::Config;
use halloo_coordinator::serve::{self, Running};
use halloo_coordinator::world::World;
use halloo_crypto::id::MailboxItem;
use halloo_crypto::mailbox::{Day, DayKey, MailboxSecret};
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_store::memory::MemoryStore;
use halloo_wire::mailbox::{self, Ask, Deposit, Page, What};
use halloo_wire::origin::Origin;
use halloo_wire::ticket::{self as wire_ticket, TicketAsk, TicketGiven};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
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
    try_ask(to, method, path, headers, body).await.expect("an answer")
}

/// As [`ask`]; nothing where the other end goes away.
pub async fn try_ask(
    to: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Option<Answer> {
    ask_on(TcpStream::connect(to).await.ok()?, method, path, headers, body).await
}

/// One request on this connection, whatever it is made of.
pub async fn ask_on<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Option<Answer> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let driven = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "coordinator.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let (head, body) = Response::into_parts(sender.send_request(request).await.ok()?);
    let body = body.collect().await.ok()?.to_bytes();
    driven.abort();
    Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
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

/// The owner of a mailbox on the day of the tests.
pub fn owner(seed: u8) -> DayKey {
    let mut rng = ChaCha20Rng::from_seed([seed; 32]);
    MailboxSecret::generate(&mut rng).day_key(Day::of_ms(NOW_MS))
}

/// An item of the smallest size.
pub fn item(key: &DayKey, name: u8) -> Deposit {
    Deposit { address: key.address(), item: MailboxItem([name; 16]), bytes: vec![name; 1 << 10] }
}

impl Place {
    pub async fn leave(&self, ticket: &str, batch: &[Deposit]) -> Answer {
        let headers = [("authorization", ticket), ("content-type", mailbox::MEDIA_TYPE)];
        self.ask(Method::POST, mailbox::DEPOSITS_PATH, &headers, mailbox::write_deposits(batch)).await
    }

    pub async fn fetch(&self, key: &DayKey) -> Vec<u8> {
        let ask = Ask::sign(What::Fetch { after: None, limit: 64 }, key, &self.origin(), self.world.now_ms());
        let answer = self.ask(Method::POST, mailbox::FETCH_PATH, &[], ask).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = Page::read(&answer.body).unwrap();
        page.items
            .iter()
            .inspect(|(name, bytes)| assert_eq!(bytes[0], name.0[0]))
            .map(|(name, _)| name.0[0])
            .collect()
    }

    pub async fn acknowledge(&self, key: &DayKey, names: &[u8]) -> Answer {
        let items = names.iter().map(|name| MailboxItem([*name; 16])).collect();
        let ask = Ask::sign(What::Acknowledge(items), key, &self.origin(), self.world.now_ms());
        self.ask(Method::POST, mailbox::ACKNOWLEDGE_PATH, &[], ask).await
    }

    /// A frame that asks to be told of an address.
    pub fn watch(&self, key: &DayKey) -> Vec<u8> {
        Ask::sign(What::Watch, key, &self.origin(), self.world.now_ms())
    }
}

/// A request whose head was sent and looked at, and whose body was not sent yet.
pub struct Begun(TcpStream);

impl Begun {
    /// Returns once the coordinator asks for the body (RFC 9110, 10.1.1), which it does after all else of the request was checked.
    pub async fn ask(to: SocketAddr, head: &str, body_bytes: usize) -> Self {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let rest =
            format!("host: h\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: {body_bytes}");
        stream.write_all(format!("{head}\r\n{rest}\r\n\r\n").as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        Begun(stream)
    }

    /// Sends the body; the whole answer as it came.
    pub async fn finish(mut self, body: &[u8]) -> String {
        self.0.write_all(body).await.unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer
    }
}
