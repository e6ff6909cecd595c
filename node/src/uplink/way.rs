//! The way to one coordinator as all its errands share it: one HTTP client, tickets fetched and renewed, and how it stands.

use super::http::{Ask, Http, HttpError, JSON};
use super::outside::Outside;
use crate::vault::random;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_wire::origin::Origin;
use halloo_wire::server::{self, ServerInfo};
use halloo_wire::ticket::{self, TicketAsk, TicketGiven};
use hyper::StatusCode;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, timeout};

/// A ticket is renewed when it has less than this left: longer than any request takes.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long the name of a relay is looked up.
const NAME_WAIT: Duration = Duration::from_secs(3);
/// Addresses of one relay: one of each family and one to spare.
const RELAY_ADDRESSES_MAX: usize = 3;
/// Where a room is part of a plan that this home does not have, its ticket is asked for again after this: somebody may have bought one.
const SOLD_WAIT: Duration = Duration::from_secs(3600);
/// Longest life of a ticket that is believed.
const LIFE_MAX: Duration = Duration::from_secs(3600);

/// How the way to a coordinator stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Counts up each time that it is found again after it was away: leases are lost then, and rows may wait.
    pub arrivals: u64,
    /// Whether it answered when it was asked last.
    pub reachable: bool,
    /// Whether a WebSocket to it stands: its end says that the coordinator went.
    pub socket: bool,
    /// What it says of itself; kept while it is away.
    pub info: Option<ServerInfo>,
    /// Where its libp2p relay is, resolved anew at each greeting.
    pub relays: Vec<SocketAddr>,
    /// Round trip of its last answer.
    pub round_trip: Option<Duration>,
    /// Its clock minus ours, milliseconds.
    pub ahead_ms: i64,
    /// Why it is not reachable.
    pub trouble: Option<String>,
    /// Since the start: items stored there, mailboxes looked into, items fetched, items acknowledged.
    pub items: [u64; 4],
    /// Own mailboxes there.
    pub doors: usize,
    /// Rooms that are part of a plan there, which this home does not have.
    pub sold: BTreeSet<&'static str>,
}

impl Standing {
    /// Whether a room of it is open.
    pub fn has(&self, room: Room) -> bool {
        self.info.as_ref().is_some_and(|info| info.rooms.iter().any(|name| name == room.name()))
    }

    /// It answered. Without `relays` its name is not known just now, and where its relay was found before still counts: the connection
    /// by which it answered may be older than the trouble with names.
    fn greeted(&mut self, info: ServerInfo, relays: Option<Vec<SocketAddr>>) {
        self.arrivals += u64::from(!self.reachable);
        self.reachable = true;
        self.trouble = None;
        self.info = Some(info);
        self.relays = relays.unwrap_or_else(|| std::mem::take(&mut self.relays));
    }
}

/// What went to and fro since the start, in items but for one.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Stored there.
    pub(super) left: AtomicU64,
    /// Mailboxes looked into, empty ones too.
    pub(super) looked: AtomicU64,
    /// Fetched, repeated ones too.
    pub(super) fetched: AtomicU64,
    /// Acknowledged, repeated ones too.
    pub(super) acknowledged: AtomicU64,
}

struct Held {
    /// None: the room is part of a plan, and none is given.
    ticket: Option<String>,
    until: Instant,
}

/// See the module.
pub(super) struct Way {
    pub(super) origin: Origin,
    pub(super) counts: Counts,
    pub(super) outside: Outside,
    http: Http,
    client: ClientSecret,
    tickets: Mutex<BTreeMap<Room, Held>>,
    standing: watch::Sender<Standing>,
    /// Its clock minus ours, for what is signed with a time.
    ahead_ms: AtomicI64,
    doubt: Notify,
}

impl Way {
    /// To this origin, with a key that no other coordinator sees.
    pub(super) fn to(origin: Origin, home: &Secret<[u8; 32]>, outside: Outside) -> Self {
        Way {
            http: Http::to(origin.clone(), outside.clone()),
            client: ClientSecret::derive(home, origin.as_str()),
            tickets: Mutex::new(BTreeMap::new()),
            standing: watch::Sender::new(Standing::default()),
            ahead_ms: AtomicI64::new(0),
            counts: Counts::default(),
            doubt: Notify::new(),
            outside,
            origin,
        }
    }

    /// How it stands now.
    pub(super) fn stands(&self) -> Standing {
        let Counts { left, looked, fetched, acknowledged } = &self.counts;
        let items = [left, looked, fetched, acknowledged].map(|count| count.load(Ordering::Relaxed));
        Standing { items, ..self.standing.borrow().clone() }
    }

    /// How it stands, now and from now on.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The time that the coordinator believes, Unix milliseconds: what is signed for it is dated so, whatever our own clock says.
    pub(super) fn time_ms(&self) -> u64 {
        self.outside.wall_ms().saturating_add_signed(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Asks what it says of itself.
    ///
    /// # Errors
    /// [`HttpError`]; it is noted as away then.
    pub(super) async fn greet(&self) -> Result<ServerInfo, HttpError> {
        let asked = Instant::now();
        let answer = self.http.ask(Ask::get(server::PATH)).await;
        let round_trip = asked.elapsed();
        let info = answer
            .and_then(|body| serde_json::from_slice::<ServerInfo>(&body).map_err(|_| HttpError::Nonsense));
        match &info {
            Ok(info) => {
                let relays = self.relays(info).await;
                // Its clock was read somewhere between question and answer: half the round trip is the least wrong.
                let half = u64::try_from(round_trip.as_millis() / 2).unwrap_or_default();
                let theirs = i64::try_from(info.time_ms.saturating_add(half)).unwrap_or(i64::MAX);
                let ours = i64::try_from(self.outside.wall_ms()).unwrap_or(i64::MAX);
                let ahead_ms = theirs.saturating_sub(ours);
                self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
                self.standing.send_modify(|standing| {
                    standing.greeted(info.clone(), relays);
                    standing.round_trip = Some(round_trip);
                    standing.ahead_ms = ahead_ms;
                });
            }
            Err(error) => self.away(&error.to_string()),
        }
        info
    }

    /// The addresses of its libp2p relay; an empty list where it has none, nothing if its name is not known just now.
    async fn relays(&self, info: &ServerInfo) -> Option<Vec<SocketAddr>> {
        let Some(relay) = &info.relay else { return Some(Vec::new()) };
        let found = timeout(NAME_WAIT, lookup_host((self.origin.host(), relay.port))).await;
        match found {
            Ok(Ok(addresses)) => Some(addresses.take(RELAY_ADDRESSES_MAX).collect()),
            _ => None,
        }
    }

    /// The round trip of a ping over the socket; nothing for which anybody is woken.
    pub(super) fn ponged(&self, round_trip: Duration) {
        self.standing.send_if_modified(|standing| {
            standing.round_trip = Some(round_trip);
            false
        });
    }

    /// A socket stands, or none does any more.
    pub(super) fn socket(&self, stands: bool) {
        self.standing.send_if_modified(|standing| {
            let changes = standing.socket != stands;
            standing.socket = stands;
            changes
        });
    }

    /// It is away: whoever needs it waits for the next arrival.
    pub(super) fn away(&self, why: &str) {
        self.standing.send_modify(|standing| {
            standing.reachable = false;
            standing.round_trip = None;
            standing.trouble = Some(why.to_owned());
        });
    }

    /// An errand failed: if nobody answered, or a ticket or a date or a signature was refused, whoever watches over the way looks at once;
    /// the clocks may have gone apart.
    pub(super) fn failed(&self, error: &HttpError) {
        let refused = error.is(StatusCode::UNAUTHORIZED) || error.is(StatusCode::FORBIDDEN);
        if refused || matches!(error, HttpError::Unreachable(_)) {
            self.doubt.notify_one();
        }
    }

    /// The clocks are apart, by what the coordinator says over the socket.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Resolves when an errand failed.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// The ticket of this room is not taken.
    async fn forget(&self, room: Room) {
        self.tickets.lock().await.remove(&room);
    }

    /// Asks a room, with a ticket for it. A ticket that is refused is renewed once: the coordinator may have a new key.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(super) async fn ask(
        &self,
        room: Room,
        ask: &(dyn Fn() -> AskParts + Sync),
    ) -> Result<Vec<u8>, HttpError> {
        let mut renewed = false;
        loop {
            let ticket = self.ticket(room).await?;
            let AskParts { method, path, kind, body, most } = ask();
            let answer =
                self.http.ask(Ask { method, path: &path, kind, body, ticket: Some(&ticket), most }).await;
            match answer {
                Err(error) if error.is(StatusCode::UNAUTHORIZED) && !renewed => {
                    renewed = true;
                    self.forget(room).await;
                }
                Err(error) => return Err(error),
                Ok(body) => return Ok(body.to_vec()),
            }
        }
    }

    /// Asks what needs no ticket, so that the answer is given to nobody in particular.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(super) async fn ask_openly(&self, ask: AskParts) -> Result<Vec<u8>, HttpError> {
        let AskParts { method, path, kind, body, most } = ask;
        let answer = self.http.ask(Ask { method, path: &path, kind, body, ticket: None, most }).await?;
        Ok(answer.to_vec())
    }

    /// A ticket for a room that is good for a while.
    ///
    /// # Errors
    /// [`HttpError`].
    async fn ticket(&self, room: Room) -> Result<String, HttpError> {
        // Held while one is fetched: errands that come together share it.
        let mut tickets = self.tickets.lock().await;
        let now = Instant::now();
        if let Some(held) = tickets.get(&room).filter(|held| held.until > now) {
            return held.ticket.clone().ok_or_else(|| plan_needed(held.until - now));
        }
        let nonce = random().map_err(|error| HttpError::Unreachable(error.to_string()))?;
        let request = TicketRequest {
            room,
            client: self.client.id(),
            time_ms: self.time_ms(),
            nonce,
            origin: self.origin.as_str().to_owned(),
        };
        let signature = self.client.sign(&request).map_err(|_| HttpError::Nonsense)?;
        let body =
            serde_json::to_vec(&TicketAsk::new(&request, signature)).map_err(|_| HttpError::Nonsense)?;
        let answer = self.http.ask(Ask::post(ticket::PATH, JSON, body)).await;
        if matches!(&answer, Err(error) if error.is(StatusCode::PAYMENT_REQUIRED)) {
            self.sold(room, true);
            tickets.insert(room, Held { ticket: None, until: Instant::now() + SOLD_WAIT });
            return Err(plan_needed(SOLD_WAIT));
        }
        let answer = answer?;
        self.sold(room, false);
        let given: TicketGiven = serde_json::from_slice(&answer).map_err(|_| HttpError::Nonsense)?;
        ticket::from_text(&given.ticket).ok_or(HttpError::Nonsense)?;
        let life = Duration::from_millis(given.expires_ms.saturating_sub(self.time_ms())).min(LIFE_MAX);
        let until = Instant::now() + life.saturating_sub(RENEW_BEFORE);
        tickets.insert(room, Held { ticket: Some(given.ticket.clone()), until });
        Ok(given.ticket)
    }

    /// Whether a room is part of a plan that this home does not have.
    fn sold(&self, room: Room, sold: bool) {
        self.standing.send_if_modified(|standing| {
            let changed =
                if sold { standing.sold.insert(room.name()) } else { standing.sold.remove(room.name()) };
            if changed && sold {
                tracing::warn!(
                    room = room.name(),
                    "the coordinator opens a room only to who has a plan there"
                );
            }
            changed
        });
    }
}

/// What a coordinator said when a ticket was asked for, said again without asking.
fn plan_needed(wait: Duration) -> HttpError {
    let status = StatusCode::PAYMENT_REQUIRED.as_u16();
    HttpError::Refused { status, title: "a plan is needed for this".to_owned(), retry: Some(wait) }
}

/// A request as it is made anew for each try.
pub(super) struct AskParts {
    pub(super) method: hyper::Method,
    pub(super) path: String,
    pub(super) kind: Option<&'static str>,
    pub(super) body: Vec<u8>,
    pub(super) most: usize,
}

impl AskParts {
    /// To be told something.
    pub(super) fn get(path: &str) -> Self {
        let most = super::http::ANSWER_MAX;
        AskParts { method: hyper::Method::GET, path: path.to_owned(), kind: None, body: Vec::new(), most }
    }
}

#[cfg(test)]
mod tests;
