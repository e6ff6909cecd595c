//! Meeting through a coordinator: where this node is lies at each place under a lease, and whoever else lies there is told.

use super::News;
use super::http::{HttpError, OCTETS};
use super::way::{AskParts, Way};
use crate::vault::random;
use halloo_crypto::base16;
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::Room;
use halloo_wire::rendezvous::{
    Meeting, PATH, Place, RECORD_BYTES, RECORDS_MAX, SECURE_SECONDS, SLOT_BYTES, TTL_SECONDS_MAX,
    read_records,
};
use hyper::{Method, StatusCode};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// A lease is renewed, and the place looked at, after this: early enough for a coordinator that is away for hours. Whoever comes looks and
/// dials, so who is there need not.
const RENEW: Duration = Duration::from_secs(TTL_SECONDS_MAX as u64 * 3 / 4);
/// The same at a place that can be guessed, where strangers may fill all slots: twice before a record gives way to theirs.
const RENEW_GUESSABLE: Duration = Duration::from_secs(SECURE_SECONDS as u64 * 2 / 5);
/// Between the first looks at a place where somebody is sought who may come any moment: a person waits in front of it, and who is there
/// often still waits for its relay. Each wait is twice the one before.
const SEEK_FIRST: Duration = Duration::from_millis(250);
/// Longest wait between two such looks.
const SEEK: Duration = Duration::from_secs(2);
/// How long changes of the own addresses are gathered: a machine that comes up tells several in a row.
const SETTLE: Duration = Duration::from_millis(150);
/// After a refusal of the coordinator.
const REFUSED_WAIT: Duration = Duration::from_secs(10);
/// Over so long they are spread who publish where they only looked before: at midnight everybody in every group does. For ten minutes more
/// others look at the place of the day before too, where this node still lies.
const SPREAD: Duration = Duration::from_secs(300);
/// Longest wait of the task.
const NAP: Duration = Duration::from_secs(3600);

/// A place, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    /// Where.
    pub place: Place,
    /// Whether this node lies there too.
    pub publish: bool,
    /// Whether its name can be guessed.
    pub guessable: bool,
    /// Whether somebody is sought there right now.
    pub seek: bool,
}

/// What the task is given.
pub(super) struct Ends {
    pub(super) places: watch::Receiver<Vec<Rendezvous>>,
    /// Where this node is.
    pub(super) own: watch::Receiver<Meeting>,
    pub(super) news: mpsc::Sender<News>,
    /// Slots are drawn from it: the same after a restart, and nobody else's to guess.
    pub(super) home: Secret<[u8; 32]>,
}

/// When what is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    put: Instant,
    look: Instant,
    /// Where somebody is sought: how long after the next look the one after it is.
    pause: Duration,
}

impl Due {
    fn at(now: Instant) -> Self {
        Due { put: now, look: now, pause: SEEK_FIRST }
    }

    /// `often`: others cannot dial this node, or it would not hear that what lies here was lost; then it looks itself.
    fn looked(&mut self, now: Instant, rendezvous: &Rendezvous, often: bool) {
        let usual = if often { RENEW_GUESSABLE } else { rendezvous.renew() };
        self.look = now + if rendezvous.seek { self.pause } else { usual };
        self.pause = (self.pause * 2).min(SEEK);
    }
}

impl Rendezvous {
    fn renew(&self) -> Duration {
        if self.guessable { RENEW_GUESSABLE } else { RENEW }
    }
}

struct Task {
    way: Arc<Way>,
    ends: Ends,
    rng: ChaCha20Rng,
    places: BTreeMap<[u8; 32], (Rendezvous, Due)>,
}

/// Runs until its queues are closed.
pub(super) async fn run(way: Arc<Way>, ends: Ends) {
    let rng = match random() {
        Ok(seed) => ChaCha20Rng::from_seed(seed),
        Err(error) => return tracing::error!(%error, "nobody is met through coordinators"),
    };
    let mut task = Task { way, ends, rng, places: BTreeMap::new() };
    let mut standing = task.way.standing();
    let (mut arrivals, mut socket) = (0, false);
    task.list().await;
    loop {
        let now = standing.borrow_and_update().clone();
        // Without its socket this node cannot know that all still lies where it was put.
        if now.arrivals != arrivals || (socket && !now.socket) {
            task.all_due();
        }
        (arrivals, socket) = (now.arrivals, now.socket);
        let open = now.reachable && now.has(Room::Rendezvous);
        if open && let Err(error) = task.serve().await {
            tracing::debug!(%error, "a place was not tended");
            task.way.failed(&error);
            task.later(error.retry().unwrap_or(REFUSED_WAIT));
        }
        if task.ends.news.is_closed() {
            return;
        }
        let next = if open { task.next() } else { Instant::now() + NAP };
        tokio::select! {
            changed = task.ends.places.changed() => if changed.is_err() { return } else { task.list().await },
            changed = task.ends.own.changed() => {
                if changed.is_err() {
                    return;
                }
                sleep(SETTLE).await;
                task.ends.own.mark_unchanged();
                task.all_due();
            }
            changed = standing.changed() => if changed.is_err() { return },
            () = sleep_until(next) => {}
        }
    }
}

impl Task {
    /// The list of places is another one: new ones are due at once, and from those that are left this node goes away.
    async fn list(&mut self) {
        let listed = self.ends.places.borrow_and_update().clone();
        let now = Instant::now();
        let mut places = BTreeMap::new();
        for rendezvous in listed {
            let kept = self.places.remove(&rendezvous.place.id);
            let same = kept.filter(|(old, _)| old.place == rendezvous.place);
            let due = match same {
                Some((old, due)) => {
                    let fresh = Due::at(now);
                    let due = if rendezvous.seek && !old.seek { Due { put: due.put, ..fresh } } else { due };
                    let begins = rendezvous.publish && !old.publish;
                    let at = now + SPREAD.mul_f64(f64::from(self.rng.next_u32()) / f64::from(u32::MAX));
                    if begins { Due { put: at, look: due.look.min(at), ..due } } else { due }
                }
                None => Due::at(now),
            };
            places.insert(rendezvous.place.id, (rendezvous, due));
        }
        let left = std::mem::replace(&mut self.places, places);
        for (rendezvous, _) in left.into_values().filter(|(rendezvous, _)| rendezvous.publish) {
            if !self.way.standing().borrow().reachable {
                break;
            }
            let path = self.slot_path(&rendezvous.place);
            let ask = || request(Method::DELETE, path.clone(), None, Vec::new());
            // The lease ends by itself if this fails.
            let _left = self.way.ask(Room::Rendezvous, &ask).await;
        }
    }

    fn all_due(&mut self) {
        let now = Instant::now();
        self.places.values_mut().for_each(|(_, due)| *due = Due { put: now, look: now, ..*due });
    }

    fn later(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        for (_, due) in self.places.values_mut() {
            *due = Due { put: due.put.max(until), look: due.look.max(until), ..*due };
        }
    }

    fn next(&self) -> Instant {
        let each = self
            .places
            .values()
            .map(|(rendezvous, due)| if rendezvous.publish { due.put.min(due.look) } else { due.look });
        each.min().unwrap_or_else(|| Instant::now() + NAP)
    }

    /// Puts before it looks: of two who come at once, the second to look finds the first.
    async fn serve(&mut self) -> Result<(), HttpError> {
        let now = Instant::now();
        let places: Vec<_> = self.places.values().cloned().collect();
        for (rendezvous, due) in places {
            let id = rendezvous.place.id;
            if rendezvous.publish && due.put <= now {
                let again = match self.put(&rendezvous.place).await {
                    Ok(()) if self.way.standing().borrow().socket => rendezvous.renew(),
                    // Without a socket a coordinator may have been started anew, and forgotten it, between two greetings.
                    Ok(()) => RENEW_GUESSABLE,
                    // This place is full, which anybody can see to at one that can be guessed: the others have room.
                    Err(error) if error.is(StatusCode::INSUFFICIENT_STORAGE) => {
                        tracing::warn!(%error, "a place to meet has no room for this node");
                        error.retry().unwrap_or(REFUSED_WAIT)
                    }
                    Err(error) => return Err(error),
                };
                self.places.get_mut(&id).into_iter().for_each(|(_, due)| due.put = now + again);
            }
            if due.look <= now {
                self.look(&rendezvous.place).await?;
                let (now, often) = (Instant::now(), !self.is_met());
                self.places.get_mut(&id).into_iter().for_each(|(_, due)| {
                    due.looked(now, &rendezvous, often);
                    // Who found no room looks again when it has some: somebody may have come meanwhile.
                    due.look = if rendezvous.publish { due.look.min(due.put.max(now)) } else { due.look };
                });
            }
        }
        Ok(())
    }

    /// Whether whoever comes can dial this node through a relay, and the socket would tell if the coordinator went.
    fn is_met(&self) -> bool {
        let relayed = |address: &String| address.contains("/p2p-circuit");
        self.way.standing().borrow().socket && self.ends.own.borrow().addresses.iter().any(relayed)
    }

    async fn put(&mut self, place: &Place) -> Result<(), HttpError> {
        let own = self.ends.own.borrow().clone();
        if own.addresses.is_empty() {
            return Ok(());
        }
        let record = own.seal(place, &mut self.rng);
        let path = format!("{}?ttl_seconds={TTL_SECONDS_MAX}", self.slot_path(place));
        let ask = || request(Method::PUT, path.clone(), Some(OCTETS), record.clone());
        self.way.ask(Room::Rendezvous, &ask).await.map(drop)
    }

    async fn look(&mut self, place: &Place) -> Result<(), HttpError> {
        let path = format!("{PATH}/{}", base16::encode(&place.id));
        let ask = || request(Method::GET, path.clone(), None, Vec::new());
        let answer = match self.way.ask_openly(ask()).await {
            Err(error) if error.is(StatusCode::NOT_FOUND) => return Ok(()),
            answer => answer?,
        };
        let records = read_records(&answer).map_err(|_| HttpError::Nonsense)?;
        let own = self.ends.own.borrow().peer;
        let met = records.iter().filter_map(|record| Meeting::open(place, record));
        let others: Vec<_> = met.filter(|meeting| meeting.peer != own).collect();
        if !others.is_empty() {
            // A closed queue is seen by the caller.
            let _ended = self.ends.news.send(News::Met { place: place.id, others }).await;
        }
        Ok(())
    }

    fn slot_path(&self, place: &Place) -> String {
        let slot = kdf::derive(self.ends.home.expose(), "rendezvous slot", &place.id);
        format!("{PATH}/{}/{}", base16::encode(&place.id), base16::encode(&slot.expose()[..SLOT_BYTES]))
    }
}

fn request(method: Method, path: String, kind: Option<&'static str>, body: Vec<u8>) -> AskParts {
    AskParts { method, path, kind, body, most: 2 + RECORDS_MAX * RECORD_BYTES }
}

#[cfg(test)]
mod tests;
