//! The endpoints of the room, and what they share.

use super::config::MailboxConfig;
use super::service::{Mailboxes, Prepared};
use super::watchers::Watchers;
use super::{acknowledge, deposits, fetch, subscribe};
use crate::hall::{Commit, Hall, Turn, store_problem};
use crate::limits::Limit;
use crate::problem::{Kind, Problem};
use crate::ticket::Takes;
use axum::extract::{DefaultBodyLimit, FromRef};
use halloo_crypto::id::MailboxAddress;
use halloo_crypto::ticket::Room;
use halloo_store::error::StoreError;
use halloo_wire::mailbox::{AskError, DEPOSITS_BODY_MAX, Malformed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The room, for tickets.
#[derive(Debug)]
pub(super) struct Mailbox;

impl Takes for Mailbox {
    const ROOM: Room = Room::Mailbox;
}

/// What the endpoints share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Mail {
    pub(super) hall: Hall,
    pub(super) deposits: Arc<Limit>,
    pub(super) kib: Arc<Limit>,
    pub(super) asks: Arc<Limit>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) sockets: Arc<Semaphore>,
    pub(super) addresses_per_socket: usize,
    most_sockets: usize,
    mailboxes: Arc<Mutex<Mailboxes>>,
    /// Held from preparing a change until it is queued: the disk gets changes in the order in which they were prepared.
    order: Arc<Mutex<()>>,
}

impl FromRef<Mail> for Hall {
    fn from_ref(mail: &Mail) -> Hall {
        mail.hall.clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mail {
    /// Opens the room on what lies in the store.
    pub fn open(hall: &Hall, config: &MailboxConfig) -> Result<Self, StoreError> {
        Ok(Mail {
            hall: hall.clone(),
            deposits: hall.limit(config.deposits_burst, config.deposits_per_minute),
            kib: hall.limit(config.kib_burst, config.kib_per_minute),
            asks: hall.limit(config.asks_burst, config.asks_per_minute),
            watchers: Arc::default(),
            sockets: Arc::new(Semaphore::new(config.sockets)),
            addresses_per_socket: config.addresses_per_socket,
            most_sockets: config.sockets,
            mailboxes: Arc::new(Mutex::new(Mailboxes::open(&*hall.store, config.limits())?)),
            order: Arc::default(),
        })
    }

    /// Prepares a change and queues it for the disk; it is settled, and `durable` told of what it touches, when it is there.
    pub(super) fn change<T>(
        &self,
        turn: Turn,
        prepare: impl FnOnce(&mut Mailboxes) -> Result<(Prepared, T), StoreError>,
        durable: impl FnOnce(&[MailboxAddress]) + Send + 'static,
    ) -> Result<(Commit, T), Problem> {
        let _order = locked(&self.order);
        let prepared = prepare(&mut locked(&self.mailboxes));
        let (Prepared { batch, receipt }, told) = prepared.map_err(|error| store_problem(&error))?;
        let mailboxes = Arc::clone(&self.mailboxes);
        let commit = turn.submit(batch, move |is_durable| {
            locked(&mailboxes).settle(&receipt, is_durable);
            if is_durable {
                durable(receipt.touched());
            }
        });
        Ok((commit, told))
    }

    /// Returns once every socket has ended.
    pub async fn emptied(&self) {
        let all = u32::try_from(self.most_sockets).unwrap_or(u32::MAX);
        // It is never closed, and who gets all permits is alone.
        drop(self.sockets.acquire_many(all).await);
    }

    /// Forgets what has expired.
    pub async fn round(&self) -> Result<(), Problem> {
        let (store, now_ms) = (&*self.hall.store, self.hall.world.now_ms());
        while Mailboxes::is_due(store, now_ms).map_err(|error| store_problem(&error))? {
            let turn = self.hall.turn().await;
            let step = |mailboxes: &mut Mailboxes| {
                let prepared = mailboxes.expire(store, now_ms)?;
                let busy = prepared.is_none();
                Ok((prepared.unwrap_or_default(), busy))
            };
            let (commit, busy) = self.change(turn, step, |_| {})?;
            commit.durable().await?;
            if busy {
                break;
            }
        }
        Ok(())
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let kind = match error {
            AskError::BadSignature => Kind::BadSignature,
            AskError::ClockSkew => Kind::ClockApart,
        };
        Problem::new(kind, error.to_string())
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Problem::new(Kind::Malformed, malformed.to_string())
    }
}

/// The routes of the room, below `/api/v1/mailboxes`.
pub fn door(mail: Mail) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(deposits::deposits))
        .layer(DefaultBodyLimit::max(DEPOSITS_BODY_MAX))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(fetch::fetch))
                .routes(routes!(acknowledge::acknowledge))
                .routes(routes!(subscribe::subscribe))
                .layer(DefaultBodyLimit::max(acknowledge::BODY_MAX)),
        )
        .with_state(mail)
}
