//! Being woken: how this device is woken is left, sealed anew, at each of its addresses of the days to come, so that a coordinator can have
//! it woken and neither learns what wakes it nor which addresses are woken by the same.

use super::News;
use super::http::{Ask as HttpAsk, Http, HttpError, OCTETS};
use super::way::{AskParts, Way};
use crate::vault::random;
use halloo_crypto::id::{BoxPublic, MailboxAddress};
use halloo_crypto::mailbox::DayKey;
use halloo_crypto::ticket::Room;
use halloo_wire::origin::Origin;
use halloo_wire::push::{Ask, FORGET_PATH, GATEWAY_PATH, Gateway, REGISTER_PATH, Token, What};
use hyper::Method;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// After a request that nobody answered; then twice as long, and so on, up to [`REFUSED_WAIT`].
const RETRY: Duration = Duration::from_secs(15);
/// After a no: somebody must change a setting before it becomes a yes.
const REFUSED_WAIT: Duration = Duration::from_secs(600);
/// How long the key of a gateway is used before it is asked for again: it changes with its coordinator's key only.
const GATEWAY_KNOWN: Duration = Duration::from_secs(3_600);

/// How this device is woken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WakeBy {
    /// What its push service knows it by.
    pub token: Token,
    /// Who sends to that push service; none: the coordinator itself.
    pub gateway: Option<Origin>,
}

/// What is to be done for an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WakeWish {
    /// Signs for the address.
    pub key: DayKey,
    /// Wake by this, for so many days after today; or wake no more.
    pub wake: Option<(Arc<WakeBy>, u8)>,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Waking {
    /// It is durable at the coordinator.
    Done(WakeWish),
    /// Nothing comes of it now, and why; it is tried again.
    Trouble(String),
}

/// Why a device is not woken by a coordinator.
#[derive(Debug, thiserror::Error)]
enum WakeError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the gateway {0}: {1}")]
    Gateway(Origin, HttpError),
    #[error("it wakes nobody: its room `push` is closed")]
    Closed,
    #[error("its gateway sends no {0}; name a gateway that does")]
    Kind(&'static str),
    #[error("the key of its gateway is none")]
    Key,
    #[error("the system gives no randomness: {0}")]
    Chance(String),
}

/// What the task is given.
pub(super) struct Ends {
    pub(super) wishes: watch::Receiver<Vec<WakeWish>>,
    pub(super) news: mpsc::Sender<News>,
}

struct Task {
    way: Arc<Way>,
    ends: Ends,
    /// Done since it was wished; a list that is not told of it yet still has it.
    done: BTreeMap<MailboxAddress, WakeWish>,
    /// Of the gateway asked last: whose, its key, and until when that is believed.
    gateway: Option<(Option<Origin>, Gateway, Instant)>,
    /// By what the wishes are to be woken.
    by: Option<Option<Arc<WakeBy>>>,
    /// Not asked before, after a failure.
    rest: Instant,
    /// How long after the next one, where nobody answers.
    pause: Duration,
    /// What was told last.
    trouble: Option<String>,
}

/// Runs until its queues are closed.
pub(super) async fn run(way: Arc<Way>, ends: Ends) {
    let mut task = Task {
        way,
        ends,
        done: BTreeMap::new(),
        gateway: None,
        by: None,
        rest: Instant::now(),
        pause: RETRY,
        trouble: None,
    };
    let mut standing = task.way.standing();
    let mut arrivals = 0;
    loop {
        let now = standing.borrow_and_update().clone();
        if now.arrivals != arrivals {
            // It may have been opened to this meanwhile.
            arrivals = now.arrivals;
            task.rest = Instant::now();
        }
        let wishes = task.ends.wishes.borrow_and_update().clone();
        task.done.retain(|_, done| wishes.contains(done));
        let by = wishes.first().map(|wish| wish.wake.as_ref().map(|(by, _)| Arc::clone(by)));
        if by != task.by {
            // Another word of the app: what kept the last one from being granted may be mended by it.
            (task.by, task.rest, task.pause, task.trouble) = (by, Instant::now(), RETRY, None);
        }
        let open = now.reachable && !wishes.is_empty();
        if open && task.rest <= Instant::now() {
            task.serve(&wishes, now.has(Room::Push)).await;
        }
        if task.ends.news.is_closed() {
            return;
        }
        let left = wishes.iter().any(|wish| task.done.get(&wish.key.address()) != Some(wish));
        tokio::select! {
            changed = task.ends.wishes.changed() => if changed.is_err() { return },
            changed = standing.changed() => if changed.is_err() { return },
            () = sleep_until(task.rest), if open && left => {}
        }
    }
}

impl Task {
    /// Grants what is left of the wishes, one after another, until one fails or others are wished.
    async fn serve(&mut self, wishes: &[WakeWish], open: bool) {
        for wish in wishes {
            let address = wish.key.address();
            if self.done.get(&address) == Some(wish) {
                continue;
            }
            if self.ends.wishes.has_changed().unwrap_or(true) {
                return;
            }
            match self.grant(wish, open).await {
                Ok(()) => {
                    self.done.insert(address, wish.clone());
                    (self.trouble, self.pause) = (None, RETRY);
                    // A closed queue is seen by the caller.
                    let _ended = self.ends.news.send(News::Waking(Waking::Done(wish.clone()))).await;
                }
                Err(error) => return self.failed(error).await,
            }
        }
    }

    async fn failed(&mut self, error: WakeError) {
        let wait = match &error {
            WakeError::Http(http) | WakeError::Gateway(_, http) => {
                let pause = self.pause;
                self.pause = (pause * 2).min(REFUSED_WAIT);
                let usual = if matches!(http, HttpError::Unreachable(_)) { pause } else { REFUSED_WAIT };
                http.retry().unwrap_or(usual)
            }
            WakeError::Closed | WakeError::Kind(_) | WakeError::Key | WakeError::Chance(_) => REFUSED_WAIT,
        };
        if let WakeError::Http(http) = &error {
            self.way.failed(http);
        }
        self.rest = Instant::now() + wait;
        self.gateway = None;
        let text = error.to_string();
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!(trouble = %text, "this device is not woken by a coordinator");
            self.trouble = Some(text.clone());
            let _ended = self.ends.news.send(News::Waking(Waking::Trouble(text))).await;
        }
    }

    async fn grant(&mut self, wish: &WakeWish, open: bool) -> Result<(), WakeError> {
        // Where the room is closed nothing lies that could be forgotten.
        let (path, what) = match &wish.wake {
            None if !open => return Ok(()),
            None => (FORGET_PATH, What::Forget),
            Some(_) if !open => return Err(WakeError::Closed),
            Some((by, days)) => {
                let to = self.gateway_key(by).await?;
                let seed = random().map_err(|error| WakeError::Chance(error.to_string()))?;
                let sealed = by.token.seal(&mut ChaCha20Rng::from_seed(seed), &to);
                let token = Box::new(sealed.map_err(|_| WakeError::Key)?);
                (REGISTER_PATH, What::Register { days: *days, gateway: by.gateway.clone(), token })
            }
        };
        let body = Ask::sign(what, &wish.key, &self.way.origin, self.way.time_ms());
        let most = super::http::ANSWER_MAX;
        // Without a ticket, which would say that these addresses are of one device.
        let ask = AskParts { method: Method::POST, path: path.to_owned(), kind: Some(OCTETS), body, most };
        self.way.ask_openly(ask).await?;
        Ok(())
    }

    /// What tokens are sealed to, from whoever shall open them.
    async fn gateway_key(&mut self, by: &WakeBy) -> Result<BoxPublic, WakeError> {
        let known =
            self.gateway.as_ref().filter(|(of, _, until)| *of == by.gateway && *until > Instant::now());
        let gateway = match known {
            Some((_, gateway, _)) => gateway.clone(),
            None => {
                let answer = match &by.gateway {
                    None => self.way.ask_openly(AskParts::get(GATEWAY_PATH)).await?,
                    Some(origin) => {
                        let answer = Http::to(origin.clone(), self.way.outside.clone())
                            .ask(HttpAsk::get(GATEWAY_PATH))
                            .await;
                        answer.map_err(|error| WakeError::Gateway(origin.clone(), error))?.to_vec()
                    }
                };
                let gateway: Gateway = serde_json::from_slice(&answer).map_err(|_| HttpError::Nonsense)?;
                self.gateway = Some((by.gateway.clone(), gateway.clone(), Instant::now() + GATEWAY_KNOWN));
                gateway
            }
        };
        let kind = kind(&by.token);
        if gateway.kinds.iter().any(|sends| sends == kind) {
            Ok(gateway.key)
        } else {
            Err(WakeError::Kind(kind))
        }
    }
}

/// How a gateway calls what such a token is for.
pub fn kind(token: &Token) -> &'static str {
    match token {
        Token::WebPush { .. } => "webpush",
        Token::Fcm(_) => "fcm",
        Token::Apns(_) => "apns",
    }
}
