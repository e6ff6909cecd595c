//! `GET /ws/communication`: a WebSocket that tells every event of the node and takes what is done in calls. Frames are text, one JSON object
//! each, and drawn in docs/spec/rest.md.
//!
//! ```text
//! -> {"id":1,"do":"join_session","session_id":"9a31…","source":"null"}
//! <- {"id":1,"ok":{"session_id":"9a31…","participants":[…]}}
//! <- {"event":"call-joined","group":"9a31…","device":"…"}
//! ```
//! Who watches slowly is told how many events it missed. Closed by: 1001 the node ends, 4000 a frame that is no text, 4001 the session has ended,
//! 4008 a client that does not take what it is told or has fallen silent.

use super::described::Refusals;
use super::gate::Bearer;
use super::house::House;
use super::problem::Problem;
use super::sessions::{enter_by, talk};
use crate::door::Request;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

/// What a socket reads at once.
const READ_BUFFER: usize = 4_096;
/// Longest frame of a client: two names of sound devices in JSON escapes.
const FRAME_MAX: usize = 16 * 1024;
/// What may wait in a socket to be written: several events of the largest kind, a line of 16 KiB in escapes.
const WRITE_BUFFER_MAX: usize = 1024 * 1024;
/// How often a silent client is asked whether it is there, and its session whether it is open.
const PING_EVERY: Duration = Duration::from_secs(30);
/// After so many unanswered pings it is not.
const PINGS_UNANSWERED_MAX: u32 = 3;
/// How long a client may take to accept what it is told.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// The node ends (RFC 6455, 7.4.1).
const CLOSE_AWAY: u16 = 1001;
/// What came is no text.
const CLOSE_MALFORMED: u16 = 4000;
/// The session has ended.
const CLOSE_ENDED: u16 = 4001;
/// The client does not take what it is told.
const CLOSE_SLOW: u16 = 4008;

/// A frame of a client.
#[derive(Deserialize)]
struct Frame {
    id: u64,
    #[serde(flatten)]
    what: What,
}

/// What can be done in calls. Where no session is named, the call that runs is meant.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum What {
    JoinSession(Join),
    LeaveSession(Meant),
    MuteMic(Meant),
    UnmuteMic(Meant),
    MuteSpeaker(Meant),
    UnmuteSpeaker(Meant),
    ShareMusic {},
    StopMusic {},
}

#[derive(Deserialize)]
struct Join {
    session_id: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    sink: Option<String>,
    #[serde(default)]
    push_to_talk: bool,
    #[serde(default)]
    muted: bool,
}

#[derive(Deserialize)]
struct Meant {
    #[serde(default)]
    session_id: Option<String>,
}

/// Tells every event of the node, and takes what is done in calls; frames are drawn in docs/spec/rest.md.
#[utoipa::path(
    get,
    path = "/ws/communication",
    tag = "communication",
    operation_id = "open_socket",
    security(("bearer" = [])),
    params(
        ("connection" = String, Header, description = "RFC 6455, 4.1", pattern = "^[Uu]pgrade$"),
        ("upgrade" = String, Header, description = "RFC 6455, 4.1", pattern = "^websocket$"),
        ("sec-websocket-version" = String, Header, description = "RFC 6455, 4.1", pattern = "^13$"),
        ("sec-websocket-key" = String, Header, description = "16 bytes in base64", pattern = "^[A-Za-z0-9+/]{22}==$"),
    ),
    responses((status = 101, description = "A WebSocket of text frames"), Refusals)
)]
pub(super) async fn communication(
    State(house): State<House>,
    Extension(bearer): Extension<Bearer>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let none = || Problem::malformed("this is no request for a WebSocket");
    if !headers.get(header::SEC_WEBSOCKET_KEY).is_some_and(|key| is_key(key.as_bytes())) {
        return Err(none());
    }
    let upgrade = upgrade.map_err(|_| none())?;
    let slot = Arc::clone(&house.sockets).try_acquire_owned();
    let slot = slot.map_err(|_| Problem::new("full", "as many sockets are open as may be"))?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(FRAME_MAX)
        .max_frame_size(FRAME_MAX);
    // From before the answer on: who has it misses nothing that happens afterwards.
    let events = house.watchers.window();
    Ok(upgrade.on_upgrade(move |socket| async move {
        Talk { house, bearer, events }.run(socket).await;
        drop(slot);
    }))
}

/// Whether it looks like 16 bytes in base64 (RFC 6455, 4.2.1), which the library does not ask.
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(letter)
}

/// One open socket.
struct Talk {
    house: House,
    bearer: Bearer,
    events: broadcast::Receiver<Value>,
}

/// Why a socket ends: with a close frame, or without because the other end has gone.
enum End {
    Gone,
    Close(u16, &'static str),
}

impl Talk {
    async fn run(mut self, mut socket: WebSocket) {
        let End::Close(code, reason) = self.talk(&mut socket).await else { return };
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Who does not take it is cut off.
        drop(tokio::time::timeout(SEND_PATIENCE, socket.send(frame)).await);
    }

    async fn talk(&mut self, socket: &mut WebSocket) -> End {
        let mut pings = tokio::time::interval(PING_EVERY);
        pings.reset();
        let mut unanswered = 0;
        loop {
            let say = tokio::select! {
                heard = socket.recv() => {
                    unanswered = 0;
                    match heard {
                        Some(Ok(Message::Text(frame))) => self.hear(frame.as_str()).await.map(text),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Binary(_))) => Err(End::Close(CLOSE_MALFORMED, "no text")),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
                    }
                }
                () = self.house.ended() => Err(End::Close(CLOSE_AWAY, "halloo has ended")),
                event = self.events.recv() => self.told(event).map(text),
                _ = pings.tick() => {
                    unanswered += 1;
                    self.still_in().and_then(|()| match unanswered {
                        0..=PINGS_UNANSWERED_MAX => Ok(Message::Ping(Vec::new().into())),
                        _ => Err(End::Close(CLOSE_SLOW, "silent")),
                    })
                }
            };
            match say {
                Err(end) => return end,
                Ok(message) => {
                    if let Err(end) = send(socket, message).await {
                        return end;
                    }
                }
            }
        }
    }

    fn told(&self, event: Result<Value, RecvError>) -> Result<Value, End> {
        self.still_in()?;
        match event {
            Ok(event) => Ok(event),
            Err(RecvError::Lagged(missed)) => Ok(json!({ "event": "lagged", "missed": missed })),
            Err(RecvError::Closed) => Err(End::Close(CLOSE_AWAY, "halloo has ended")),
        }
    }

    fn still_in(&self) -> Result<(), End> {
        let open = self.house.entrance.is_open(&self.bearer.0);
        open.then_some(()).ok_or(End::Close(CLOSE_ENDED, "the session has ended"))
    }

    /// Does what a frame asks; the answer.
    async fn hear(&self, frame: &str) -> Result<Value, End> {
        self.still_in()?;
        let frame: Frame = match serde_json::from_str(frame) {
            Ok(frame) => frame,
            Err(error) => {
                let id = serde_json::from_str::<Value>(frame).ok().and_then(|frame| frame["id"].as_u64());
                let problem = Problem::malformed(format!("this is no frame of docs/spec/rest.md: {error}"));
                return Ok(json!({ "id": id, "error": problem.details() }));
            }
        };
        Ok(match self.done(frame.what).await {
            Ok(done) => json!({ "id": frame.id, "ok": done }),
            Err(problem) => json!({ "id": frame.id, "error": problem.details() }),
        })
    }

    async fn done(&self, what: What) -> Result<Value, Problem> {
        let (meant, request) = match what {
            What::JoinSession(join) => {
                let talk = talk((join.source, join.sink), join.push_to_talk, join.muted)?;
                return Ok(json!(enter_by(&self.house, &join.session_id, talk).await?));
            }
            What::LeaveSession(meant) => (meant, Request::Hush),
            What::MuteMic(meant) => (meant, Request::MuteMicrophone { on: true }),
            What::UnmuteMic(meant) => (meant, Request::MuteMicrophone { on: false }),
            What::MuteSpeaker(meant) => (meant, Request::MuteSpeaker { on: true }),
            What::UnmuteSpeaker(meant) => (meant, Request::MuteSpeaker { on: false }),
            What::ShareMusic {} | What::StopMusic {} => {
                return Err(Problem::new(
                    "not-built",
                    "music cannot be shared: a call carries one voice each",
                ));
            }
        };
        self.house.ask(meant.session_id.as_deref(), request).await
    }
}

fn text(value: Value) -> Message {
    Message::Text(value.to_string().into())
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SEND_PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Close(CLOSE_SLOW, "slow")),
    }
}
