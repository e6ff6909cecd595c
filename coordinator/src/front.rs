//! The one TCP port: looks at the first byte of each connection and hands it, with nothing taken, to the door of whoever speaks so.
//!
//! ```text
//! first byte      who begins so                                       goes to
//! 41..5a          a method of HTTP                                    http
//! 16              a record of TLS: a handshake                        what is inside is told in the same way: http or turn
//! 13              "\x13/multistream/1.0.0\n", the libp2p dialer       relay, which encrypts by itself and is none inside TLS
//! 00..03          a STUN message (RFC 8489, section 5): TURN over TCP turn
//! anything else   nobody whom we know                                 closed
//! ```
//! TURN's ChannelData begins with 40..4f and so like a method of HTTP, but needs an allocation first and never begins a connection.
//! A door that is not open is no door: the connection is closed.

mod waiting;

use self::waiting::{Place, Waiting};
use crate::hall::Closing;
use crate::stream::Stream;
use crate::tls::Tls;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A connection that somebody opened, and from where.
pub type Guest<S = Stream> = (S, SocketAddr);

/// Connections that have not said a word. A thousand is a burst of everybody coming back at once, at a few hundred bytes each; where
/// more come, somebody gives way.
const UNDECIDED_MAX: usize = 1024;

/// The same from one household: everyone of a large group behind one NAT comes back at once after a restart.
const UNDECIDED_PER_HOUSEHOLD_MAX: usize = 256;

/// How long a connection may stay silent. Every client of ours speaks first, within a round trip; of TLS, within three.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing is accepted after the system refused (out of descriptors): the next one would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections go; the door's queue bounds how many wait there.
#[derive(Clone, Debug)]
pub struct Doors {
    /// The HTTP door.
    pub http: mpsc::Sender<Guest>,
    /// The libp2p relay, where it is open.
    pub relay: Option<mpsc::Sender<Guest<TcpStream>>>,
    /// TURN over TCP, where it is open.
    pub turn: Option<mpsc::Sender<Guest>>,
    /// The way into TLS, where there is a certificate.
    pub tls: Option<Tls>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    Http,
    Tls,
    Relay,
    Turn,
}

impl Voice {
    fn of(first: u8) -> Option<Self> {
        match first {
            b'A'..=b'Z' => Some(Voice::Http),
            0x16 => Some(Voice::Tls),
            0x13 => Some(Voice::Relay),
            0x00..=0x03 => Some(Voice::Turn),
            _ => None,
        }
    }
}

/// Accepts until it is time to close.
pub async fn run(listener: TcpListener, doors: Doors, closing: Closing) {
    let room = Waiting::new(UNDECIDED_MAX, UNDECIDED_PER_HOUSEHOLD_MAX);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.said() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                if let Some(place) = room.enter(from.ip()) {
                    tokio::spawn(decide((stream, from), doors.clone(), place));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for the first byte and for room at its door; whoever takes too long is let go with its place.
async fn decide((stream, from): Guest<TcpStream>, doors: Doors, place: Place) {
    let handed = tokio::select! {
        handed = tokio::time::timeout(PATIENCE, hand_over(stream, from, doors)) => handed.ok().flatten(),
        () = place.lost() => None,
    };
    if handed.is_none() {
        tracing::debug!("a connection said nothing that a door of ours answers to");
    }
    drop(place);
}

async fn hand_over(stream: TcpStream, from: SocketAddr, doors: Doors) -> Option<()> {
    let mut first = [0];
    let seen = stream.peek(&mut first).await.unwrap_or(0);
    let (voice, stream) = match Voice::of(first[0]).filter(|_| seen == 1)? {
        Voice::Relay => return doors.relay?.send((stream, from)).await.ok(),
        Voice::Tls => {
            let (inner, first) = doors.tls?.open(stream).await?;
            (Voice::of(first)?, Stream::Tls(Box::new(inner)))
        }
        voice => (voice, Stream::Plain(stream)),
    };
    let door = match voice {
        Voice::Http => doors.http,
        Voice::Turn => doors.turn?,
        // Both encrypt by themselves: nobody wraps them once more.
        Voice::Relay | Voice::Tls => return None,
    };
    door.send((stream, from)).await.ok()
}

#[cfg(test)]
mod tests;
