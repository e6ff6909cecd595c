//! Listens on the wire between a member and the coordinator: what is asked, answered and framed is read from the bytes alone, so that
//! neither side is believed.

use crate::ledger::{Kind, Ledger, kind};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Longest head of a request or an answer.
const HEAD_MAX: usize = 16 * 1024;

/// The coordinator's end of a connection.
pub(crate) struct Tap {
    wire: DuplexStream,
    up: Reader,
    down: Reader,
    asked: Option<Kind>,
    notes: Arc<Notes>,
}

/// What all connections write down together.
pub(crate) struct Notes {
    pub(crate) ledger: Mutex<Ledger>,
    /// Requests that are not answered yet.
    pub(crate) open: AtomicUsize,
}

impl Notes {
    pub(crate) fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One direction of HTTP/1.1 (RFC 9112), and of a WebSocket (RFC 6455) after it.
enum Reader {
    Head(Vec<u8>),
    Body { left: usize },
    Frame { head: Vec<u8>, left: usize },
}

/// What a direction tells.
enum Heard {
    /// A whole head, and how many bytes belong to it in all.
    Message(String, usize),
    Frame {
        opcode: u8,
        bytes: usize,
    },
}

impl Reader {
    fn hear(&mut self, mut bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        while !bytes.is_empty() {
            match self {
                Reader::Head(head) => {
                    head.push(bytes[0]);
                    bytes = &bytes[1..];
                    assert!(head.len() <= HEAD_MAX, "a head ends");
                    if head.ends_with(b"\r\n\r\n") {
                        let text = String::from_utf8(std::mem::take(head)).expect("heads are text");
                        let (next, body) = after(&text);
                        let all = text.len() + body;
                        heard.push(Heard::Message(text, all));
                        *self = next;
                    }
                }
                Reader::Body { left } | Reader::Frame { left, .. } if *left > 0 => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    bytes = &bytes[taken..];
                }
                Reader::Body { .. } => *self = Reader::Head(Vec::new()),
                Reader::Frame { head, left } => {
                    head.push(bytes[0]);
                    bytes = &bytes[1..];
                    if let Some(payload) = payload(head) {
                        heard.push(Heard::Frame { opcode: head[0] & 0x0f, bytes: head.len() + payload });
                        head.clear();
                        *left = payload;
                    }
                }
            }
        }
        heard
    }
}

/// What comes after a head, and how long the body is.
fn after(head: &str) -> (Reader, usize) {
    let field = |name: &str| {
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    let is_answer = head.starts_with("HTTP/");
    if head.starts_with("HTTP/1.1 101") || (!is_answer && field("upgrade").is_some()) {
        return (Reader::Frame { head: Vec::new(), left: 0 }, 0);
    }
    assert!(field("transfer-encoding").is_none(), "both sides say how long a body is");
    let left = field("content-length").map_or(0, |text| text.parse().expect("a number"));
    (Reader::Body { left }, left)
}

/// How many bytes follow this head of a frame, if it is whole.
fn payload(head: &[u8]) -> Option<usize> {
    let second = *head.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, extra) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(head.get(2..4)?.try_into().ok()?)), 2),
        127 => (usize::try_from(u64::from_be_bytes(head.get(2..10)?.try_into().ok()?)).ok()?, 8),
        short => (usize::from(short), 0),
    };
    (head.len() == 2 + extra + mask).then_some(length)
}

/// The names of frames, upwards and downwards.
fn frame(opcode: u8, up: bool) -> &'static str {
    match (opcode, up) {
        (2, true) => "frame up: watch",
        (2, false) => "frame down: wake",
        (8, true) => "frame up: close",
        (8, false) => "frame down: close",
        (9, true) => "frame up: ping",
        (9, false) => "frame down: ping",
        (10, true) => "frame up: pong",
        (10, false) => "frame down: pong",
        _ => "frame: unknown",
    }
}

impl Tap {
    pub(crate) fn on(wire: DuplexStream, notes: Arc<Notes>) -> Self {
        let (up, down) = (Reader::Head(Vec::new()), Reader::Head(Vec::new()));
        Tap { wire, up, down, asked: None, notes }
    }

    fn up(&mut self, bytes: &[u8]) {
        for heard in self.up.hear(bytes) {
            match heard {
                Heard::Message(head, bytes) => {
                    let shows = head.to_ascii_lowercase().contains("\r\nauthorization:");
                    let kind = kind(head.lines().next().unwrap_or_default(), shows);
                    assert!(self.asked.replace(kind).is_none(), "one request at a time");
                    self.notes.open.fetch_add(1, Ordering::SeqCst);
                    self.notes.ledger().asked(kind, bytes);
                }
                Heard::Frame { opcode, bytes } => self.notes.ledger().framed(frame(opcode, true), bytes),
            }
        }
    }

    fn down(&mut self, bytes: &[u8]) {
        for heard in self.down.hear(bytes) {
            match heard {
                Heard::Message(head, bytes) => {
                    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
                    // Who is too slow with its next request is told so unasked.
                    let Some(kind) = self.asked.take() else { continue };
                    self.notes.open.fetch_sub(1, Ordering::SeqCst);
                    self.notes.ledger().answered(kind, status, bytes);
                }
                Heard::Frame { opcode, bytes } => self.notes.ledger().framed(frame(opcode, false), bytes),
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if self.asked.is_some() {
            self.notes.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut tap.wire).poll_read(cx, into))?;
        tap.up(&into.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tap = self.get_mut();
        let written = ready!(Pin::new(&mut tap.wire).poll_write(cx, bytes))?;
        tap.down(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}
