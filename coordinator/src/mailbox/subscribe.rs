//! `GET /api/v1/mailboxes/subscribe`: a WebSocket that tells when something comes.
//!
//! The client sends signed watch frames, the coordinator wake frames; both are binary and drawn in docs/spec/coordinator.md. Who
//! watches first and fetches then misses nothing. Closed by: 1012 the coordinator restarts (reason `retry N ms`), 4000 a frame that
//! is none, 4008 a client that does not take what it is told or has fallen silent.

use super::door::Mail;
use super::watchers::Watch;
use crate::hall::{Asker, Held, Here};
use crate::limits::Name;
use crate::meters::There;
use crate::problem::{Details, Kind, Problem};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use halloo_wire::mailbox::{AskError, NotWatched, SignedAsk, Told, What};
use rand_core::Rng as _;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// What a socket reads at once; the library's own default keeps 128 KiB for each idle socket.
const READ_BUFFER: usize = 4_096;
/// Longest frame of a client: a watch has 106 bytes.
const FRAME_MAX: usize = 256;
/// What may wait in a socket to be written: some dozens of wake frames.
const WRITE_BUFFER_MAX: usize = 4_096;
/// How often a silent client is asked whether it is there: more often than proxies hang up (60 s and more).
const PING_EVERY: Duration = Duration::from_secs(50);
/// After so many unanswered pings it is not.
const PINGS_UNANSWERED_MAX: u32 = 3;
/// How long a client may take to accept what it is told.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// When everybody is told to come back after a restart: spread over so many milliseconds.
const RETRY_SPREAD_MS: u32 = 4_000;
/// The earliest of it.
const RETRY_FIRST_MS: u32 = 500;

/// The coordinator restarts (RFC 6455 registry).
const CLOSE_RESTART: u16 = 1012;
/// What came is no frame of ours.
const CLOSE_MALFORMED: u16 = 4000;
/// The client does not take what it is told.
const CLOSE_SLOW: u16 = 4008;

/// Tells by WebSocket when something comes; frames are drawn in docs/spec/coordinator.md.
#[utoipa::path(
    get,
    path = "/subscribe",
    tag = "mailbox",
    params(
        ("connection" = String, Header, description = "RFC 6455, 4.1", pattern = "^[Uu]pgrade$"),
        ("upgrade" = String, Header, description = "RFC 6455, 4.1", pattern = "^websocket$"),
        ("sec-websocket-version" = String, Header, description = "RFC 6455, 4.1", pattern = "^13$"),
        ("sec-websocket-key" = String, Header, description = "16 bytes in base64", pattern = "^[A-Za-z0-9+/]{22}==$"),
    ),
    responses(
        (status = 101, description = "A WebSocket of binary frames"),
        (status = 400, description = "No WebSocket", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Too many sockets", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn subscribe(
    State(mail): State<Mail>,
    Asker(name): Asker,
    here: Here,
    held: Option<Extension<Held>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    mail.asks.pass(&name)?;
    let none = || Problem::new(Kind::Malformed, "this is no request for a WebSocket");
    if !headers.get(header::SEC_WEBSOCKET_KEY).is_some_and(|key| is_key(key.as_bytes())) {
        return Err(none());
    }
    let upgrade = upgrade.map_err(|_| none())?;
    let slot = std::sync::Arc::clone(&mail.sockets).try_acquire_owned();
    let slot = slot.map_err(|_| Problem::new(Kind::Unavailable, "all sockets are taken").after(30))?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(FRAME_MAX)
        .max_frame_size(FRAME_MAX);
    let watch = mail.watchers.open(mail.addresses_per_socket);
    Ok(upgrade.on_upgrade(move |socket| {
        let kept = (held, slot, mail.hall.meters.socket());
        Session { mail, name, here, watch, _kept: kept }.run(socket)
    }))
}

/// Whether it looks like 16 bytes in base64 (RFC 6455, 4.2.1), which the library does not ask.
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(letter)
}

struct Session {
    mail: Mail,
    name: Name,
    here: Here,
    watch: Watch,
    _kept: (Option<Extension<Held>>, OwnedSemaphorePermit, There),
}

/// Why a session ends: with a close frame, or without because the other end has gone.
enum End {
    Gone,
    Close(u16, String),
}

impl Session {
    async fn run(mut self, mut socket: WebSocket) {
        let End::Close(code, reason) = self.talk(&mut socket).await else { return };
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Who does not take it is cut off.
        drop(tokio::time::timeout(SEND_PATIENCE, socket.send(frame)).await);
    }

    async fn talk(&mut self, socket: &mut WebSocket) -> End {
        let closing = self.mail.hall.closing.clone();
        let mut pings = tokio::time::interval(PING_EVERY);
        pings.reset();
        let mut unanswered = 0;
        loop {
            let say = tokio::select! {
                heard = socket.recv() => {
                    unanswered = 0;
                    match heard {
                        Some(Ok(Message::Binary(frame))) => match self.hear(&frame) {
                            Ok(told) => told.map(|told| vec![told]).unwrap_or_default(),
                            Err(end) => return end,
                        },
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Text(_))) => return malformed(),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    }
                }
                rung = self.watch.rung() => rung.into_iter().map(Told::Wake).collect(),
                _ = pings.tick() => {
                    unanswered += 1;
                    if unanswered > PINGS_UNANSWERED_MAX {
                        return End::Close(CLOSE_SLOW, "silent".to_owned());
                    }
                    if let Err(end) = send(socket, Message::Ping(Vec::new().into())).await {
                        return end;
                    }
                    continue;
                }
                () = closing.said() => {
                    let wait = RETRY_FIRST_MS + self.mail.hall.world.chance().next_u32() % RETRY_SPREAD_MS;
                    return End::Close(CLOSE_RESTART, format!("retry {wait} ms"));
                }
            };
            for told in say {
                if let Err(end) = send(socket, Message::Binary(told.write().into())).await {
                    return end;
                }
            }
        }
    }

    /// Takes a frame; an answer where there is one.
    fn hear(&mut self, frame: &[u8]) -> Result<Option<Told>, End> {
        let ask = SignedAsk::read(frame).map_err(|_| malformed())?;
        let address = ask.claimed();
        let refuse = |why| Ok(Some(Told::NotWatched(address, why)));
        if self.mail.asks.pass(&self.name).is_err() {
            return refuse(NotWatched::TooMany);
        }
        let now_ms = self.mail.hall.world.now_ms();
        match self.here.verified(|origin| ask.clone().verify(origin, now_ms)) {
            Ok(ask) if ask.what != What::Watch => Err(malformed()),
            Ok(_) if self.watch.add(address) => Ok(None),
            Ok(_) => refuse(NotWatched::TooMany),
            Err(AskError::BadSignature) => refuse(NotWatched::BadSignature),
            Err(AskError::ClockSkew) => refuse(NotWatched::ClockSkew),
        }
    }
}

fn malformed() -> End {
    End::Close(CLOSE_MALFORMED, "no frame of ours".to_owned())
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SEND_PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Close(CLOSE_SLOW, "slow".to_owned())),
    }
}
