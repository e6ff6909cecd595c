//! What every room is given: clock and chance, the store and its writer, who asks, and the word that it is time to close.

use crate::limits::{Buckets, Name};
use crate::problem::{Kind, Problem};
use crate::world::World;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use halloo_store::writer::{self, Writer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot, watch};

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
    /// Addresses of proxies whose word about who asks is taken.
    pub proxies: Arc<[IpAddr]>,
    writer: Writer,
    commits: Arc<Semaphore>,
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
        proxies: &[IpAddr],
    ) -> Result<Self, StoreError> {
        let writer = Writer::spawn(Arc::clone(&store))?;
        let (buckets, commits) = (Buckets::new(&world), Arc::new(Semaphore::new(MAX_COMMITS)));
        Ok(Hall { world, store, closing, buckets, proxies: proxies.into(), writer, commits })
    }

    /// Commits and returns once it would survive a power cut; what others commit meanwhile shares the same write.
    pub async fn commit(&self, batch: Batch) -> Result<(), Problem> {
        let permit = Arc::clone(&self.commits).acquire_owned().await;
        let (tell, told) = oneshot::channel();
        // Who no longer waits does not want to know.
        self.writer.submit(batch, move |result| {
            drop(permit);
            drop(tell.send(result));
        });
        match told.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(store_problem(&error)),
            Err(_) => Err(Problem::new(Kind::Unavailable, "the store is closing").after(5)),
        }
    }
}

/// What a failing store looks like from outside.
pub fn store_problem(error: &StoreError) -> Problem {
    tracing::error!(%error, "the store failed");
    match error {
        StoreError::Full { .. } => Problem::new(Kind::Full, "the disk of the coordinator is full").after(60),
        _ => Problem::new(Kind::Unavailable, "the store of the coordinator failed").after(60),
    }
}

/// The other end of the connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Who asks, as a blinded name; the address itself goes no further.
#[derive(Clone, Copy, Debug)]
pub struct Asker(pub Name);

impl<S> FromRequestParts<S> for Asker
where
    S: Send + Sync,
    Hall: axum::extract::FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let hall: Hall = axum::extract::FromRef::from_ref(state);
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        let peer = peer.to_canonical();
        let address = if hall.proxies.contains(&peer) { forwarded(parts).unwrap_or(peer) } else { peer };
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
