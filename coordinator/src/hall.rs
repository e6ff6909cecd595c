//! What every room is given: clock and chance, the store and its writer, who asks, and the word that it is time to close.

mod pokes;
pub mod entitlements;

use crate::limits::{Buckets, Limit, Name};
use crate::meters::Meters;
use crate::problem::{Kind, Problem};
use crate::world::World;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use entitlements::Entitlements;
use halloo_crypto::id::CoordinatorId;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use halloo_store::writer::{self, Writer};
use halloo_wire::mailbox::AskError;
use halloo_wire::origin::Origin;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

pub use pokes::{Pokes, pokes};

/// Most commits on their way to the disk at once: fewer than the writer queues, so that nobody ever blocks a worker there.
const MAX_COMMITS: usize = writer::MAX_QUEUED / 2;

/// The word that the coordinator closes: what runs for long (sockets, listeners) waits for it.
#[derive(Clone, Debug)]
pub struct Closing(watch::Receiver<bool>);

/// Who says it.
#[derive(Debug)]
pub struct Closer(watch::Sender<bool>);

/// A pair of both.
#[must_use]
pub fn closing() -> (Closer, Closing) {
    let (say, hear) = watch::channel(false);
    (Closer(say), Closing(hear))
}

impl Closer {
    /// Who waits for it.
    #[must_use]
    pub fn hear(&self) -> Closing {
        Closing(self.0.subscribe())
    }

    /// Says it; everybody hears it.
    pub fn close(&self) {
        self.0.send_replace(true);
    }
}

impl Closing {
    /// Whether it was said.
    #[must_use]
    pub fn is_said(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is said.
    pub async fn said(&self) {
        // A closer that is gone closes as well.
        drop(self.0.clone().wait_for(|said| *said).await);
    }
}

/// What a coordinator knows of itself and of its surroundings.
#[derive(Clone, Debug)]
pub struct Known {
    /// The origin that was set.
    pub origin: Option<Origin>,
    /// Whether it also answers to its own addresses.
    pub lan: bool,
    /// Whether it has a certificate of its own.
    pub tls: bool,
    /// Addresses of proxies whose word about who asks is taken.
    pub proxies: Vec<IpAddr>,
    /// What tickets are checked with.
    pub ticket_key: CoordinatorId,
}

/// What every room is given; cheap to clone.
#[derive(Clone)]
pub struct Hall {
    /// Clock and chance.
    pub world: World,
    /// Where rooms keep what outlives a restart, each under a first byte of its own.
    pub store: Arc<dyn Store>,
    /// The word that it is time to close.
    pub closing: Closing,
    /// Names for those without a ticket.
    pub buckets: Buckets,
    /// What the coordinator knows of itself.
    pub known: Arc<Known>,
    /// What is counted.
    pub meters: Meters,
    /// The hallway from mailboxes to push.
    pub pokes: Pokes,
    /// The hallway from subscriptions to who gives tickets.
    pub entitlements: Entitlements,
    writer: Writer,
    commits: Arc<Semaphore>,
    limits: Arc<Mutex<Vec<Arc<Limit>>>>,
}

impl std::fmt::Debug for Hall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hall")
    }
}

impl Hall {
    /// A hall around a store.
    pub fn new(
        world: World,
        store: Arc<dyn Store>,
        closing: Closing,
        known: Known,
    ) -> Result<Self, StoreError> {
        let writer = Writer::spawn(Arc::clone(&store))?;
        let (buckets, commits) = (Buckets::new(&world), Arc::new(Semaphore::new(MAX_COMMITS)));
        let (known, limits) = (Arc::new(known), Arc::default());
        let (meters, pokes, entitlements) = Default::default();
        Ok(Hall {
            world,
            store,
            closing,
            buckets,
            known,
            meters,
            pokes,
            entitlements,
            writer,
            commits,
            limits,
        })
    }

    /// A limit of a room: at most `burst` at once, and so many more in a minute.
    #[must_use]
    pub fn limit(&self, burst: NonZeroU32, per_minute: NonZeroU32) -> Arc<Limit> {
        self.limit_every(burst, Duration::from_secs(60) / per_minute.get())
    }

    /// A limit of a room: at most `burst` at once, and one more `every` so often.
    #[must_use]
    pub fn limit_every(&self, burst: NonZeroU32, every: Duration) -> Arc<Limit> {
        let limit = Arc::new(Limit::new(&self.world, burst, every));
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&limit));
        limit
    }

    /// Forgets everybody who asked so long ago that it makes no difference; now and then.
    pub fn round(&self) {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|limit| limit.round());
    }

    /// Returns once all that was handed to the disk until now is there or has failed, and whoever waits for it was told; blocks. For a
    /// world whose clock must not run ahead meanwhile.
    pub fn settle(&self) {
        // What became of the others was told to them; of nothing nobody wants to know.
        drop(self.writer.commit(Batch::default()));
    }

    /// Waits for a turn to commit: who has one submits without blocking, also while it holds a lock.
    pub async fn turn(&self) -> Turn {
        let permit = Arc::clone(&self.commits).acquire_owned().await;
        Turn { writer: self.writer.clone(), meters: self.meters.clone(), _permit: permit.ok() }
    }
}

/// A turn to commit.
#[derive(Debug)]
pub struct Turn {
    writer: Writer,
    meters: Meters,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Queues a batch behind all that was submitted before; `done` is called once it would survive a power cut, or has failed.
    /// What others submit meanwhile shares the same write.
    pub fn submit(self, batch: Batch, done: impl FnOnce(bool) + Send + 'static) -> Commit {
        self.submit_if(batch, || true, move |result| done(result.is_ok()))
    }

    /// The same for a batch that stands on others before it ([`Writer::submit_if`]).
    pub fn submit_if(
        self,
        batch: Batch,
        holds: impl FnOnce() -> bool + Send + 'static,
        done: impl FnOnce(Result<(), &StoreError>) + Send + 'static,
    ) -> Commit {
        let (tell, told) = oneshot::channel();
        self.writer.clone().submit_if(batch, holds, move |result| {
            self.meters.committed(result.is_ok());
            done(result.as_ref().copied().map_err(|error| &**error));
            drop(self);
            // Who no longer waits does not want to know.
            drop(tell.send(result));
        });
        Commit(told)
    }
}

/// A batch on its way to the disk.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<Result<(), Arc<StoreError>>>);

impl Commit {
    /// Returns once it would survive a power cut.
    pub async fn durable(self) -> Result<(), Problem> {
        match self.0.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(store_problem(&error)),
            Err(_) => Err(Problem::new(Kind::Unavailable, "the store is closing").after(5)),
        }
    }
}

/// What a failing store looks like from outside.
pub fn store_problem(error: &StoreError) -> Problem {
    if let StoreError::Overtaken = error {
        // What it followed has been logged.
        return Problem::new(Kind::Unavailable, "a write before this one failed").after(1);
    }
    tracing::error!(%error, "the store failed");
    match error {
        StoreError::Full { .. } => Problem::new(Kind::Full, "the disk of the coordinator is full").after(60),
        _ => Problem::new(Kind::Unavailable, "the store of the coordinator failed").after(60),
    }
}

/// The two ends of the connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Theirs.
    pub remote: SocketAddr,
    /// Ours, where it is known.
    pub local: Option<SocketAddr>,
    /// Whether it speaks TLS with us.
    pub tls: bool,
}

/// The place that a connection takes among all that are allowed: whoever keeps it, keeps the place.
#[derive(Clone)]
pub struct Held(pub Arc<dyn Send + Sync>);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

/// The origins by which a request may have come: what it was signed for must be one of them.
#[derive(Clone, Debug)]
pub struct Here {
    /// The one that was set, and on a LAN the address that the client reached.
    pub origins: Vec<Origin>,
}

impl Here {
    /// What the owner of an address asks, where it was signed for one of these origins.
    ///
    /// # Errors
    /// What is wrong with it by the last of them.
    pub fn verified<T>(&self, verify: impl Fn(&Origin) -> Result<T, AskError>) -> Result<T, AskError> {
        let mut refused = AskError::BadSignature;
        for origin in &self.origins {
            match verify(origin) {
                Ok(ask) => return Ok(ask),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

impl<S> FromRequestParts<S> for Here
where
    S: Send + Sync,
    Hall: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let known = Hall::from_ref(state).known;
        let peer = parts.extensions.get::<Peer>().filter(|_| known.lan);
        let reached = peer.and_then(|peer| {
            let (local, scheme) = (peer.local?, if peer.tls { "https" } else { "http" });
            let canonical = SocketAddr::new(local.ip().to_canonical(), local.port());
            format!("{scheme}://{canonical}").parse().ok()
        });
        Ok(Here { origins: known.origin.clone().into_iter().chain(reached).collect() })
    }
}

/// Who asks, as a blinded name; the address itself goes no further.
#[derive(Clone, Copy, Debug)]
pub struct Asker(pub Name);

impl<S> FromRequestParts<S> for Asker
where
    S: Send + Sync,
    Hall: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let hall = Hall::from_ref(state);
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.remote.ip());
        let peer = peer.to_canonical();
        let by_proxy = hall.known.proxies.contains(&peer);
        let address = if by_proxy { forwarded(parts).unwrap_or(peer) } else { peer };
        Ok(Asker(hall.buckets.name(address)))
    }
}

/// The last address that the nearest proxy wrote: earlier ones are whatever the client claims.
fn forwarded(parts: &Parts) -> Option<IpAddr> {
    let header = parts.headers.get_all("x-forwarded-for").iter().next_back()?;
    header.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
