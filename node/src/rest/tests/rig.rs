//! A door in front of a driver's queue that a test answers by itself.

use super::super::{House, router};
use crate::door::{Asked, DoorError, Entrance, Request as Asks, Watchers};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

/// The whole id of a group.
pub(in super::super) const GROUP: &str = "9a319a319a319a319a319a319a319a319a319a319a319a319a319a319a319a31";
/// Another id.
pub(in super::super) const OTHER: &str = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff";

/// The door, its queue, and the bearer of an open session.
pub(in super::super) struct Rig {
    pub(in super::super) entrance: Entrance,
    pub(in super::super) bearer: String,
    router: Router,
    queue: mpsc::Receiver<Asked>,
}

/// What came back.
#[derive(Debug)]
pub(in super::super) struct Answer {
    pub(in super::super) status: u16,
    pub(in super::super) headers: HeaderMap,
    pub(in super::super) body: Vec<u8>,
}

impl Answer {
    pub(in super::super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The status and the code of the problem that this is; it names something to do next.
    pub(in super::super) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert!(json["next"].as_str().is_some_and(|next| !next.is_empty()), "{json}");
        let kind = json["type"].as_str().unwrap();
        (self.status, kind.strip_prefix("/api/v1/problems/").unwrap().to_owned())
    }
}

impl Rig {
    pub(in super::super) fn open() -> Self {
        let entrance = Entrance::new(SocketAddr::from(([127, 0, 0, 1], 4711)));
        let (ask, queue) = mpsc::channel(4);
        let house = House::new(entrance.clone(), ask, Watchers::default());
        let bearer = entrance.enter(&entrance.token().unwrap().token).unwrap().unwrap().0;
        Rig { router: router(&house).unwrap(), entrance, bearer, queue }
    }

    /// The headers of a program that is in.
    pub(in super::super) fn headers(&self) -> Vec<(String, String)> {
        vec![
            ("host".into(), "127.0.0.1:4711".into()),
            ("authorization".into(), format!("Bearer {}", self.bearer)),
            ("content-type".into(), "application/json".into()),
        ]
    }

    /// Sends a request that no driver has to answer.
    pub(in super::super) async fn send(
        &self,
        (method, path): (Method, &str),
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Asks as somebody who is in; the driver answers these in order. What came back, and what the driver was asked.
    pub(in super::super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Value,
        answers: Vec<Result<Value, DoorError>>,
    ) -> (Answer, Vec<(Option<String>, Asks)>) {
        let mut queue = std::mem::replace(&mut self.queue, mpsc::channel(1).1);
        let driver = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let Asked { group, request, reply } = queue.recv().await.unwrap();
                asked.push((group, request));
                reply.send(answer).unwrap();
            }
            (queue, asked)
        });
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap() };
        let answer = self.send((method, path), &self.headers(), body).await;
        let (queue, asked) = driver.await.unwrap();
        self.queue = queue;
        (answer, asked)
    }

    /// Asks something that is refused before a driver hears of it.
    pub(in super::super) async fn refused(
        &mut self,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, String) {
        self.ask(method, path, body, Vec::new()).await.0.problem()
    }
}

/// A group as the driver lists it.
pub(in super::super) fn group(id: &str, name: &str) -> Value {
    json!({
        "group": id, "name": name, "member": true, "member_count": 3, "last_active_ms": 1_700_000_000_000_u64,
        "unread": 2, "with": null,
    })
}

/// An invite as the driver answers it.
pub(in super::super) fn invite() -> Value {
    json!({
        "code": "7-otter-quartz", "link": "https://halloo.invalid/i/x", "qr": "halloo:i/x", "by": OTHER, "role": "member",
        "uses": 0, "max_uses": 16, "expires_ms": 1_700_000_000_000_u64, "open": true,
    })
}

/// A refusal of the driver.
pub(in super::super) fn no(code: &str) -> Result<Value, DoorError> {
    Err(DoorError::new(code, "it cannot be", "do something else"))
}
