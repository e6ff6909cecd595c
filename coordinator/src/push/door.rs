//! The endpoints of the room, and what they share.

use super::config::{PushConfig, Role};
use super::relay::Relay;
use super::waker::Waker;
use super::{forget, gateway, line, poke, register};
use crate::hall::Hall;
use crate::limits::Limit;
use crate::problem::{Kind, Problem};
use anyhow::{Result, ensure};
use axum::extract::{DefaultBodyLimit, FromRef};
use halloo_crypto::id::MailboxAddress;
use halloo_crypto::secret::Secret;
use halloo_wire::push::{ASK_BODY_MAX, POKE_BYTES};
use std::sync::Arc;
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the gateway's keys are made of; the same after every restart.
#[derive(Debug)]
pub struct Secrets {
    /// Of the key that tokens are sealed to.
    pub gateway: Secret<[u8; 32]>,
    /// Of the key that push services know it by.
    pub vapid: Secret<[u8; 32]>,
}

/// The room; cheap to clone.
#[derive(Clone, Debug)]
pub struct Push {
    pub(super) hall: Hall,
    pub(super) asks: Arc<Limit>,
    pub(super) pokes: Arc<Limit>,
    relay: Option<Arc<Relay>>,
    waker: Option<Arc<Waker>>,
}

impl FromRef<Push> for Hall {
    fn from_ref(push: &Push) -> Hall {
        push.hall.clone()
    }
}

impl Push {
    /// Opens the roles that the settings name, and hears the hallway.
    pub fn open(
        hall: &Hall,
        config: &PushConfig,
        secrets: Secrets,
        heard: Option<mpsc::Receiver<MailboxAddress>>,
    ) -> Result<Self> {
        ensure!(
            !config.roles.is_empty(),
            "push.roles names none of relay and gateway: name one, or leave push out of rooms"
        );
        let waker = config.has(Role::Gateway).then(|| Waker::open(hall, config, secrets)).transpose()?;
        let waker = waker.map(Arc::new);
        let open = || Relay::open(hall, config, waker.clone());
        let relay = config.has(Role::Relay).then(open).transpose()?.map(Arc::new);
        if let (Some(relay), Some(heard)) = (&relay, heard) {
            tokio::spawn(Arc::clone(relay).listen(heard));
            tokio::spawn(line::run(Arc::clone(relay), hall.clone()));
        }
        if let Some(waker) = &waker {
            tokio::spawn(line::run(Arc::clone(waker), hall.clone()));
        }
        Ok(Push {
            hall: hall.clone(),
            asks: hall.limit(config.asks_burst, config.asks_per_minute),
            pokes: hall.limit(config.pokes_burst, config.pokes_per_minute),
            relay,
            waker,
        })
    }

    pub(super) fn relay(&self) -> Result<&Relay, Problem> {
        self.relay
            .as_deref()
            .ok_or(Problem::new(Kind::NotFound, "this coordinator keeps no tokens for mailboxes"))
    }

    pub(super) fn waker(&self) -> Result<&Waker, Problem> {
        self.waker.as_deref().ok_or(Problem::new(Kind::NotFound, "this coordinator is no gateway"))
    }

    /// Forgets what has expired.
    pub async fn round(&self) -> Result<(), Problem> {
        if let Some(waker) = &self.waker {
            waker.round();
        }
        match &self.relay {
            Some(relay) => relay.round().await,
            None => Ok(()),
        }
    }
}

/// The routes of the room, below `/api/v1/push`: those of the roles that are played here.
pub fn door(push: Push) -> OpenApiRouter {
    let mut doors = OpenApiRouter::new();
    if push.relay.is_some() {
        doors = doors.merge(
            OpenApiRouter::new()
                .routes(routes!(register::register))
                .routes(routes!(forget::forget))
                .layer(DefaultBodyLimit::max(ASK_BODY_MAX)),
        );
    }
    if push.waker.is_some() {
        doors = doors.merge(
            OpenApiRouter::new()
                .routes(routes!(poke::poke))
                .routes(routes!(gateway::gateway))
                .layer(DefaultBodyLimit::max(POKE_BYTES)),
        );
    }
    doors.with_state(push)
}
