//! The role that opens tokens and asks push services: it sees no mailbox.

use super::apns::Apns;
use super::config::PushConfig;
use super::door::Secrets;
use super::ece::Subscription;
use super::es256;
use super::fcm::Fcm;
use super::line::{self, Role};
use super::service::gateway::{Device, Gateway, GatewayKey, Kinds};
use super::service::queue::{Queue, Verdict};
use super::web::{self, Web};
use super::webpush::{self, Vapid};
use crate::hall::Hall;
use crate::meters::Pushed;
use crate::turn::peers::Peers;
use anyhow::Result;
use halloo_wire::origin::Origin;
use halloo_wire::push::{Gateway as Said, Poked, SealedToken, Token};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The role.
#[derive(Debug)]
pub(super) struct Waker {
    hall: Hall,
    gateway: Mutex<Gateway>,
    said: Said,
    peers: Arc<Peers>,
    vapid: Vapid,
    apns: Option<Apns>,
    fcm: Option<Fcm>,
    /// To push services that devices name.
    guarded: Web,
    /// To those that the settings name.
    named: Web,
    bell: Notify,
}

impl Waker {
    /// Opens it; nobody waits yet.
    pub(super) fn open(hall: &Hall, config: &PushConfig, secrets: Secrets) -> Result<Self> {
        let (apns, fcm) = (Apns::open(&config.apns)?, Fcm::open(&config.fcm)?);
        let kinds = Kinds { web_push: true, fcm: fcm.is_some(), apns: apns.is_some() };
        let names = [(kinds.web_push, "webpush"), (kinds.fcm, "fcm"), (kinds.apns, "apns")];
        let origin = hall.known.origin.as_ref().filter(|origin| origin.is_tls()).map(Origin::to_string);
        let contact = if config.contact.is_empty() { origin } else { Some(config.contact.clone()) };
        let vapid_key = es256::generate(&mut ChaCha20Rng::from_seed(*secrets.vapid.expose()));
        let vapid = Vapid::new(&vapid_key, contact);
        let key = GatewayKey::new(secrets.gateway);
        let said = Said {
            key: key.key().public(),
            vapid: vapid.public().to_owned(),
            kinds: names.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()).collect(),
        };
        let peers = Arc::new(Peers::new(config.allow.clone(), Vec::new()));
        Ok(Waker {
            hall: hall.clone(),
            gateway: Mutex::new(Gateway::new(key, kinds, config.push_rules())),
            said,
            guarded: Web::guarded(config, &peers)?,
            named: Web::named(config)?,
            peers,
            vapid,
            apns,
            fcm,
            bell: Notify::new(),
        })
    }

    /// What it says of itself.
    pub(super) fn said(&self) -> &Said {
        &self.said
    }

    fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a poke.
    pub(super) fn poke(&self, token: &SealedToken) -> Poked {
        let (poked, became) = self.gateway().poke(token, line::now_ms(&self.hall.world));
        self.count(became.map_or(Pushed::gone, Pushed::from));
        self.bell.notify_one();
        poked
    }

    /// Forgets of whom was known when they were sent to.
    pub(super) fn round(&self) {
        let now = line::now_ms(&self.hall.world);
        self.with(|queue| queue.round(now));
    }

    async fn web_push(&self, endpoint: &str, to: &Subscription<'_>, now_ms: u64) -> Verdict {
        // What can never be sent to is no token.
        let Some(url) = web::endpoint(endpoint, &self.peers) else { return Verdict::Gone };
        let Ok(post) = self.vapid.post((url, to), now_ms, &mut self.hall.world.chance()) else {
            return Verdict::Gone;
        };
        self.guarded.send(post).await.map_or(Verdict::Later(None), |answer| webpush::verdict(&answer))
    }

    async fn apns(&self, device: &[u8], now_ms: u64) -> Verdict {
        let Some(apns) = &self.apns else { return Verdict::Gone };
        let Some(post) = apns.post(device, now_ms) else { return Verdict::Gone };
        let answer = self.named.send(post).await;
        answer.map_or(Verdict::Later(None), |answer| apns.verdict(&answer, now_ms))
    }
}

impl Role for Waker {
    type Key = Device;
    type Job = Token;

    fn with<T>(&self, change: impl FnOnce(&mut Queue<Device, Token>) -> T) -> T {
        change(self.gateway().queue())
    }

    fn bell(&self) -> &Notify {
        &self.bell
    }

    async fn send(&self, device: &Device, token: &Token) -> Verdict {
        let now_ms = self.hall.world.now_ms();
        let verdict = match token {
            Token::WebPush { endpoint, key, secret } => {
                self.web_push(endpoint, &Subscription { key, secret }, now_ms).await
            }
            Token::Fcm(token) => match &self.fcm {
                Some(fcm) => fcm.send(&self.named, token, now_ms).await,
                None => Verdict::Gone,
            },
            Token::Apns(token) => self.apns(token, now_ms).await,
        };
        match verdict {
            Verdict::Gone => self.gateway().gone(*device),
            // No word of whom: the number of them is counted, the kind says where to look.
            Verdict::Refused => {
                tracing::warn!(?token, "a push service refuses a push: look at the settings push.*")
            }
            Verdict::Taken | Verdict::Later(_) => {}
        }
        verdict
    }

    fn count(&self, outcome: Pushed) {
        self.hall.meters.pushed(outcome);
    }
}
