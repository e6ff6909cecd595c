//! Knowing whether a coordinator is there: it is greeted until it answers, then a WebSocket to it says when something comes, and by its
//! end that the coordinator is gone.

use super::backoff::Backoff;
use super::doors::{Door, Woken};
use super::http::HttpError;
use super::socket::{self, Socket, retry_of};
use super::way::Way;
use crate::vault::random;
use futures::{SinkExt as _, StreamExt as _};
use halloo_crypto::id::MailboxAddress;
use halloo_crypto::ticket::Room;
use halloo_wire::mailbox::{Ask, NotWatched, SUBSCRIBE_PATH, Told, What};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

/// Between two greetings of a coordinator to which there is no socket.
const GREET: Duration = Duration::from_secs(30);
/// Between two pings over the socket: shorter than the minute after which home routers forget a connection.
const PING: Duration = Duration::from_secs(25);
/// Silence after which a socket counts as dead: an answer to a ping is long due.
const SILENCE: Duration = Duration::from_secs(60);
/// Between two greetings while a socket stands: its end says that the coordinator went, a refusal that the clocks went apart, and what is
/// left is the name of its relay, which may have moved.
const GREET_RARELY: Duration = Duration::from_secs(12 * 3_600);

/// What the task is given.
pub(super) struct Ends {
    pub(super) doors: watch::Receiver<Vec<Door>>,
    pub(super) woken: Arc<Woken>,
}

/// Runs until its queues are closed.
pub(super) async fn run(way: Arc<Way>, mut ends: Ends) {
    let mut rng = match random() {
        Ok(seed) => ChaCha20Rng::from_seed(seed),
        Err(error) => return tracing::error!(%error, "no coordinator is used"),
    };
    let mut backoff = Backoff::default();
    loop {
        ends.woken.unwatched();
        way.socket(false);
        let ended = match way.greet().await {
            Ok(info) if info.rooms.iter().any(|room| room == Room::Mailbox.name()) && ends.watches() => {
                held(&way, &mut ends, &mut backoff).await
            }
            Ok(_) => {
                backoff.reset();
                tokio::select! {
                    () = sleep(GREET) => {}
                    () = way.doubted() => {}
                    changed = ends.doors.changed() => if changed.is_err() { return },
                }
                continue;
            }
            Err(error) => Ended::Failed(error),
        };
        let asked = match ended {
            Ended::Closed(retry) => {
                way.away("it closed the connection");
                retry
            }
            // It answers, and has no socket for us: mailboxes are looked into now and then.
            Ended::Failed(error @ HttpError::Refused { .. }) => {
                tracing::debug!(%error, "no socket to the coordinator");
                Some(error.retry().unwrap_or(GREET).max(GREET))
            }
            Ended::Failed(error) => {
                way.away(&error.to_string());
                error.retry()
            }
            Ended::NotNeeded => continue,
            Ended::Over => return,
        };
        let wait = backoff.next(asked, &mut rng);
        tracing::debug!(origin = %way.origin, ?wait, "the coordinator is away");
        tokio::select! {
            () = sleep(wait) => {}
            changed = ends.doors.changed() => if changed.is_err() { return },
        }
    }
}

/// How a socket ended.
enum Ended {
    /// By the coordinator, which may have said when to come back.
    Closed(Option<Duration>),
    /// By a fault.
    Failed(HttpError),
    /// There is nothing to watch any more.
    NotNeeded,
    /// The node ends.
    Over,
}

impl Ends {
    fn watches(&self) -> bool {
        self.doors.borrow().iter().any(|door| door.watch)
    }
}

/// Holds a socket as long as it lasts.
async fn held(way: &Way, ends: &mut Ends, backoff: &mut Backoff) -> Ended {
    let mut socket = match socket::open(&way.outside, &way.origin, SUBSCRIBE_PATH).await {
        Ok(socket) => socket,
        Err(error) => return Ended::Failed(error),
    };
    let mut watched = Watched::default();
    if let Err(ended) = watch_all(way, ends, &mut socket, &mut watched).await {
        return ended;
    }
    backoff.reset();
    way.socket(true);
    let (mut ping, mut greet) = (Instant::now() + PING, Instant::now() + GREET_RARELY);
    let (mut heard, mut pinged) = (Instant::now(), None);
    loop {
        tokio::select! {
            message = socket.next() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Binary(bytes))) => told(&bytes, way, &mut watched, ends),
                    Some(Ok(Message::Close(frame))) => return Ended::Closed(retry(frame.as_ref())),
                    Some(Ok(Message::Pong(number))) => {
                        if number.is_empty() {
                            pinged.take().into_iter().for_each(|at: Instant| way.ponged(at.elapsed()));
                        }
                        watched.stand(&number, &ends.woken);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Ended::Failed(HttpError::Unreachable(error.to_string())),
                    None => return Ended::Closed(None),
                }
            }
            changed = ends.doors.changed() => {
                if changed.is_err() {
                    return leave(socket, Ended::Over).await;
                }
                if !ends.watches() {
                    return leave(socket, Ended::NotNeeded).await;
                }
                if let Err(ended) = watch_all(way, ends, &mut socket, &mut watched).await {
                    return ended;
                }
            }
            () = sleep_until(ping) => {
                ping = Instant::now() + PING;
                pinged = Some(Instant::now());
                if let Err(ended) = pinged_if_heard(&mut socket, heard).await {
                    return ended;
                }
            }
            () = doubted(way, greet) => {
                greet = Instant::now() + GREET_RARELY;
                if let Err(ended) = greeted(way, ends, &mut socket, &mut watched).await {
                    return ended;
                }
            }
        }
    }
}

/// What a socket was asked to watch.
#[derive(Default)]
struct Watched {
    addresses: BTreeSet<MailboxAddress>,
    /// Asked for since the ping of this number was answered: whether they stand is not known.
    fresh: BTreeSet<MailboxAddress>,
    asked: u64,
    /// When the clock was looked at because a date was refused.
    doubted: Option<Instant>,
}

impl Watched {
    /// The coordinator hears frames in their order: what was asked for before this ping stands, and what came before that has rung for nobody.
    fn stand(&mut self, number: &[u8], woken: &Woken) {
        if number == self.asked.to_be_bytes() {
            for address in std::mem::take(&mut self.fresh) {
                woken.watched(address);
                woken.ring(address);
            }
        }
    }
}

/// Greets, and asks once more to watch what was refused for its date.
async fn greeted(
    way: &Way,
    ends: &mut Ends,
    socket: &mut Socket,
    watched: &mut Watched,
) -> Result<(), Ended> {
    way.greet().await.map_err(Ended::Failed)?;
    watch_all(way, ends, socket, watched).await
}

/// Sends a ping, unless the last word is too long ago.
async fn pinged_if_heard(socket: &mut Socket, heard: Instant) -> Result<(), Ended> {
    if heard.elapsed() > SILENCE {
        return Err(Ended::Failed(HttpError::Unreachable("nothing is heard from it".to_owned())));
    }
    let sent = socket.send(Message::Ping(bytes::Bytes::new())).await;
    sent.map_err(|error| Ended::Failed(HttpError::Unreachable(error.to_string())))
}

/// Resolves when an errand failed, or at the latest then.
async fn doubted(way: &Way, latest: Instant) {
    tokio::select! {
        () = way.doubted() => {}
        () = sleep_until(latest) => {}
    }
}

/// Asks for word of each address of the list that is not watched yet.
async fn watch_all(
    way: &Way,
    ends: &mut Ends,
    socket: &mut Socket,
    watched: &mut Watched,
) -> Result<(), Ended> {
    let doors = ends.doors.borrow_and_update().clone();
    watched.addresses.retain(|address| {
        let stays = doors.iter().any(|door| door.watch && door.key.address() == *address);
        if !stays {
            ends.woken.not_watched(*address);
        }
        stays
    });
    watched.fresh.retain(|address| watched.addresses.contains(address));
    let unreachable = |error: tungstenite::Error| Ended::Failed(HttpError::Unreachable(error.to_string()));
    let before = watched.fresh.len();
    for door in doors.iter().filter(|door| door.watch) {
        let address = door.key.address();
        if watched.addresses.insert(address) {
            watched.fresh.insert(address);
            let frame = Ask::sign(What::Watch, &door.key, &way.origin, way.time_ms());
            socket.send(Message::Binary(frame.into())).await.map_err(unreachable)?;
        }
    }
    if watched.fresh.len() > before {
        watched.asked += 1;
        let number = watched.asked.to_be_bytes().to_vec();
        socket.send(Message::Ping(number.into())).await.map_err(unreachable)?;
    }
    Ok(())
}

fn told(bytes: &[u8], way: &Way, watched: &mut Watched, ends: &Ends) {
    match Told::read(bytes) {
        Ok(Told::Wake(address)) if watched.addresses.contains(&address) => ends.woken.ring(address),
        // Such an address is looked at now, and every few minutes.
        Ok(Told::NotWatched(
            address,
            why @ (NotWatched::BadSignature | NotWatched::ClockSkew | NotWatched::TooMany),
        )) => {
            tracing::warn!(?why, "the coordinator does not watch an address");
            watched.fresh.remove(&address);
            ends.woken.not_watched(address);
            if !watched.addresses.contains(&address) {
                return;
            }
            if why == NotWatched::ClockSkew {
                watched.addresses.remove(&address);
                // Only now and then: a coordinator that refuses every date would be greeted without end.
                if watched.doubted.is_none_or(|at| at.elapsed() > SILENCE) {
                    watched.doubted = Some(Instant::now());
                    // By another date it is asked for again, and rings when it stands.
                    return way.doubt();
                }
            }
            ends.woken.ring(address);
        }
        Ok(Told::Wake(_)) => {}
        Err(error) => tracing::debug!(%error, "the coordinator says what this halloo does not know"),
    }
}

fn retry(frame: Option<&CloseFrame>) -> Option<Duration> {
    retry_of(frame?.reason.as_str())
}

async fn leave(mut socket: Socket, ended: Ended) -> Ended {
    /// How long a farewell may take.
    const FAREWELL: Duration = Duration::from_millis(500);
    // Who does not hear it sees the connection end.
    let _said = tokio::time::timeout(FAREWELL, socket.close(None)).await;
    ended
}

#[cfg(test)]
mod tests;
