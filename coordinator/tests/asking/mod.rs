//! A coordinator on a real socket, in memory and with a clock that is told, and somebody who asks it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use halloo_coordinator::config::Config;
use halloo_coordinator::serve::{self, Running};
use halloo_coordinator::world::World;
use halloo_store::memory::MemoryStore;
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
    let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), lan: true, ..Config::default() };
    change(&mut config);
    let (world, store) = (World::told(NOW_MS, [3; 32]), Arc::new(MemoryStore::new()));
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
