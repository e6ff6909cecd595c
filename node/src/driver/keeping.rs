//! The keys of what is stored: new ones, and what closes them. What may wait for a person or a disk runs beside the loop.

use super::Driver;
use super::asks::answer;
use crate::door::{CLIENTS_MAX, CloseAsk, DoorError, Reply};
use crate::keyring::Ask;
use crate::storage::{Progress, Rotated};
use crate::vault::{CloseBy, Vault, VaultError};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// News that may wait for the loop: one of a rotation and one of a change, as no second begins before the first ended.
const NEWS_MAX: usize = 2;

type Waiter = oneshot::Sender<Reply>;

/// What ran beside the loop has ended.
pub enum KeyNews {
    /// The next key is there, or is not.
    Begun(Result<(), VaultError>),
    /// The home is closed by something else, or is not; and who asked for it.
    Closed(Waiter, Result<(), VaultError>),
}

/// How far a rotation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rotating {
    No,
    Beginning,
    Running(Progress),
}

/// The keys of a running node.
pub struct Keeper {
    vault: Arc<Vault>,
    tell: mpsc::Sender<KeyNews>,
    news: mpsc::Receiver<KeyNews>,
    rotating: Rotating,
    closing: bool,
    /// Who waits for the end of the rotation.
    waiting: Vec<Waiter>,
}

impl Keeper {
    /// For a vault whose rotation, if one had begun, goes on.
    pub fn new(vault: Arc<Vault>) -> Self {
        let (tell, news) = mpsc::channel(NEWS_MAX);
        let goes_on = vault.next().is_some();
        let rotating = if goes_on { Rotating::Running(Progress::default()) } else { Rotating::No };
        Keeper { vault, tell, news, rotating, closing: false, waiting: Vec::new() }
    }

    /// The next news.
    pub async fn next(&mut self) -> Option<KeyNews> {
        self.news.recv().await
    }

    /// What `halloo key` shows.
    pub fn view(&self) -> Value {
        let rotation = match self.rotating {
            Rotating::No => Value::Null,
            Rotating::Beginning => json!({ "done": 0, "total": 0 }),
            Rotating::Running(progress) => json!({ "done": progress.done, "total": progress.total }),
        };
        let (place, key) = (self.vault.place().word(), self.vault.current().number());
        json!({ "place": place, "key": key, "rotation": rotation })
    }

    /// Begins a rotation, or joins those who wait for the running one.
    pub(super) fn rotate(&mut self, reply: Waiter) {
        self.waiting.retain(|waiter| !waiter.is_closed());
        if self.waiting.len() >= CLIENTS_MAX {
            return answer(reply, Err(busy()));
        }
        self.waiting.push(reply);
        if self.rotating == Rotating::No {
            self.rotating = Rotating::Beginning;
            let (vault, tell) = (Arc::clone(&self.vault), self.tell.clone());
            tokio::task::spawn_blocking(move || {
                // The loop has ended: the next start goes on with what has begun.
                let _gone = tell.blocking_send(KeyNews::Begun(vault.begin_rotation()));
            });
        }
    }

    /// Closes the home by something else, if the asker knows what closes it now.
    pub(super) fn close(&mut self, ask: CloseAsk, reply: Waiter) {
        if self.closing {
            return answer(reply, Err(busy()));
        }
        let by = match close_by(&ask, &self.vault) {
            Ok(by) => by,
            Err(error) => return answer(reply, Err(error)),
        };
        self.closing = true;
        let (vault, tell) = (Arc::clone(&self.vault), self.tell.clone());
        tokio::task::spawn_blocking(move || {
            let closed = vault.close_by_asker(ask.passphrase.as_ref().map(|text| text.0.as_str()), &by);
            let _gone = tell.blocking_send(KeyNews::Closed(reply, closed));
        });
    }

    fn all(&mut self, outcome: &Reply) {
        for waiter in self.waiting.drain(..) {
            answer(waiter, outcome.clone());
        }
    }
}

impl Driver {
    pub(super) async fn on_kept(&mut self, news: KeyNews) {
        match news {
            KeyNews::Closed(reply, closed) => {
                self.keeper.closing = false;
                let view = self.keeper.view();
                answer(reply, closed.map(|()| view).map_err(|error| refusal(&error)));
            }
            KeyNews::Begun(Err(error)) => self.on_rotation_stopped(&refusal(&error)),
            KeyNews::Begun(Ok(())) => match self.keys.save(&self.home, &self.vault) {
                Err(error) => {
                    let error = DoorError::new("disk", error.to_string(), "check the disk of this home");
                    self.on_rotation_stopped(&error);
                }
                Ok(()) => {
                    self.keeper.rotating = Rotating::Running(Progress::default());
                    self.storage.rotate().await;
                }
            },
        }
    }

    pub(super) fn on_rotating(&mut self, progress: Progress) {
        self.keeper.rotating = Rotating::Running(progress);
        let told = json!({"event": "key-rotation", "done": progress.done, "total": progress.total});
        self.watchers.tell(told);
    }

    pub(super) fn on_rotated(&mut self, rotated: Rotated) {
        self.keeper.rotating = Rotating::No;
        self.watchers.tell(json!({"event": "key-rotated", "key": rotated.key, "values": rotated.values}));
        self.keeper.all(&Ok(json!({ "key": rotated.key, "values": rotated.values })));
    }

    pub(super) fn on_rotation_stopped(&mut self, error: &DoorError) {
        self.keeper.rotating = Rotating::No;
        let text = format!("the new key does not seal everything yet: {error}; then `halloo key rotate`");
        self.watchers.tell(json!({"event": "warning", "text": text}));
        self.keeper.all(&Err(error.clone()));
    }
}

/// What the home shall be closed by.
///
/// # Errors
/// A word that is none of the three, or no new passphrase.
pub fn close_by(ask: &CloseAsk, vault: &Vault) -> Result<CloseBy, DoorError> {
    match (ask.by.as_str(), &ask.new) {
        ("file", _) => Ok(CloseBy::KeyFile),
        ("keyring", _) => Ok(CloseBy::Keyring(vault.keyring(), Ask::Person)),
        ("passphrase", Some(text)) => Ok(CloseBy::Passphrase(Zeroizing::new(text.0.clone()))),
        ("passphrase", None) => {
            Err(DoorError::new("invalid", "there is no new passphrase", "give one in HALLOO_NEW_PASSPHRASE"))
        }
        (word, _) => {
            Err(DoorError::new("invalid", format!("{word} closes nothing"), "file, passphrase or keyring"))
        }
    }
}

/// A refusal of the vault in the words of the door.
pub fn refusal(error: &VaultError) -> DoorError {
    let text = error.to_string();
    let code = match error {
        VaultError::Passphrase | VaultError::Empty => "passphrase",
        VaultError::Keyring(_) => "keyring",
        _ => "disk",
    };
    let (what, next) = text.split_once("; ").unwrap_or((text.as_str(), "check the disk of this home"));
    DoorError::new(code, what, next)
}

fn busy() -> DoorError {
    DoorError::new("busy", "the keys of this home are being changed already", "wait until that is done")
}
