//! The role that keeps sealed tokens for mailboxes and pokes their gateways: it sees no device.

use super::config::PushConfig;
use super::line::{self, Role};
use super::service::queue::{Queue, Verdict};
use super::service::{Refused, Registered, Registrations};
use super::waker::Waker;
use super::web::{Post, Web};
use crate::hall::{Hall, store_problem};
use crate::meters::Pushed;
use crate::problem::{Kind, Problem};
use anyhow::Result;
use halloo_crypto::id::MailboxAddress;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_wire::origin::Origin;
use halloo_wire::push::{POKE_PATH, Poked, SealedToken, write_poke};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The role.
#[derive(Debug)]
pub(super) struct Relay {
    hall: Hall,
    gateways: Vec<Origin>,
    here: Option<Arc<Waker>>,
    web: Web,
    registrations: Arc<Mutex<Registrations>>,
    /// Held from preparing a change until it is queued: the disk gets changes in the order in which they were prepared.
    order: Mutex<()>,
    queue: Mutex<Queue<MailboxAddress, ()>>,
    bell: Notify,
}

impl Relay {
    /// Opens it on what lies in the store; `here` is the gateway of this coordinator.
    pub(super) fn open(hall: &Hall, config: &PushConfig, here: Option<Arc<Waker>>) -> Result<Self> {
        let registrations = Registrations::open(&*hall.store, config.registrations)?;
        Ok(Relay {
            hall: hall.clone(),
            gateways: config.gateways.clone(),
            here,
            web: Web::named(config)?,
            registrations: Arc::new(Mutex::new(registrations)),
            order: Mutex::default(),
            queue: Mutex::new(Queue::new(config.poke_rules())),
            bell: Notify::new(),
        })
    }

    /// Whether a gateway may be poked from here: the one that is here, or one that the settings name.
    pub(super) fn knows(&self, gateway: Option<&Origin>) -> bool {
        gateway.map_or(self.here.is_some(), |gateway| self.gateways.contains(gateway))
    }

    /// Takes a registration; when this returns it is durable.
    pub(super) async fn register(
        &self,
        new: (MailboxAddress, Registered),
        days: u8,
    ) -> std::result::Result<(), Problem> {
        let (store, now_ms, address) = (&*self.hall.store, self.hall.world.now_ms(), new.0);
        let change = |registrations: &mut Registrations| registrations.register(store, new, days, now_ms);
        self.change(address, change).await
    }

    /// Forgets what is registered for an address, or only this token of it; when this returns it is gone.
    pub(super) async fn forget(
        &self,
        address: MailboxAddress,
        only: Option<&SealedToken>,
    ) -> std::result::Result<(), Problem> {
        let store = &*self.hall.store;
        let change = |registrations: &mut Registrations| registrations.forget(store, &address, only).map(Ok);
        self.change(address, change).await
    }

    async fn change(
        &self,
        address: MailboxAddress,
        prepare: impl FnOnce(&mut Registrations) -> Result<Result<Batch, Refused>, StoreError>,
    ) -> std::result::Result<(), Problem> {
        let turn = self.hall.turn().await;
        let commit = {
            let _order = locked(&self.order);
            let prepared = prepare(&mut locked(&self.registrations));
            let batch = prepared.map_err(|error| store_problem(&error))??;
            let (kept, store) = (Arc::clone(&self.registrations), Arc::clone(&self.hall.store));
            turn.submit(batch, move |is_durable| {
                if !is_durable {
                    locked(&kept).failed(&*store, &address);
                }
            })
        };
        commit.durable().await
    }

    /// Forgets what has expired, and of whom was known when they were poked.
    pub(super) async fn round(&self) -> std::result::Result<(), Problem> {
        let now = line::now_ms(&self.hall.world);
        self.with(|queue| queue.round(now));
        loop {
            let turn = self.hall.turn().await;
            let commit = {
                let _order = locked(&self.order);
                let now_ms = self.hall.world.now_ms();
                let step = locked(&self.registrations).expire(&*self.hall.store, now_ms);
                let Some(batch) = step.map_err(|error| store_problem(&error))? else { return Ok(()) };
                turn.submit(batch, |_| {})
            };
            commit.durable().await?;
        }
    }

    /// Hears the hallway until it is time to close.
    pub(super) async fn listen(self: Arc<Self>, mut pokes: mpsc::Receiver<MailboxAddress>) {
        loop {
            let address = tokio::select! {
                address = pokes.recv() => address,
                () = self.hall.closing.said() => return,
            };
            let Some(address) = address else { return };
            // Of most addresses nothing is registered, and that costs one look into memory.
            if !locked(&self.registrations).has(&address) {
                continue;
            }
            let now = line::now_ms(&self.hall.world);
            let became = self.with(|queue| queue.poke(address, (), now));
            self.count(became.into());
            self.bell.notify_one();
        }
    }

    async fn poke(&self, registered: &Registered) -> Verdict {
        let poked = match (&registered.gateway, &self.here) {
            (None, Some(here)) => here.poke(&registered.token),
            // Settings may have changed since it was registered.
            (gateway, _) if !self.knows(gateway.as_ref()) => return Verdict::Refused,
            (None, None) => return Verdict::Refused,
            (Some(gateway), _) => match self.poke_far(gateway, &registered.token).await {
                Ok(poked) => poked,
                Err(verdict) => return verdict,
            },
        };
        match poked {
            Poked::Taken => Verdict::Taken,
            Poked::Gone => Verdict::Gone,
            Poked::NotNow => Verdict::Later(None),
        }
    }

    async fn poke_far(&self, gateway: &Origin, token: &SealedToken) -> std::result::Result<Poked, Verdict> {
        let url = format!("{gateway}{POKE_PATH}").parse().map_err(|_| Verdict::Refused)?;
        let headers = vec![("content-type", "application/octet-stream".to_owned())];
        let post = Post { url, headers, body: write_poke(token) };
        let answer = self.web.send(post).await.map_err(|_| Verdict::Later(None))?;
        match answer.status {
            200 => Poked::read(&answer.body).map_err(|_| Verdict::Refused),
            408 | 429 | 500..=599 => Err(Verdict::Later(answer.retry_ms)),
            _ => Err(Verdict::Refused),
        }
    }
}

impl Role for Relay {
    type Key = MailboxAddress;
    type Job = ();

    fn with<T>(&self, change: impl FnOnce(&mut Queue<MailboxAddress, ()>) -> T) -> T {
        change(&mut locked(&self.queue))
    }

    fn bell(&self) -> &Notify {
        &self.bell
    }

    async fn send(&self, address: &MailboxAddress, (): &()) -> Verdict {
        let looked = Registrations::look(&*self.hall.store, address, self.hall.world.now_ms());
        let registered = match looked {
            Ok(Some(registered)) => registered,
            // Forgotten or expired meanwhile.
            Ok(None) => return Verdict::Refused,
            Err(error) => {
                tracing::error!(%error, "the store failed");
                return Verdict::Later(None);
            }
        };
        let verdict = self.poke(&registered).await;
        if verdict == Verdict::Gone && self.forget(*address, Some(&registered.token)).await.is_err() {
            tracing::warn!("a token that is gone is forgotten at the next poke");
        }
        verdict
    }

    fn count(&self, outcome: Pushed) {
        self.hall.meters.poked(outcome);
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoAddress => Problem::new(Kind::Malformed, refused.to_string()),
            Refused::Full => Problem::new(Kind::Full, refused.to_string()).after(60),
        }
    }
}
