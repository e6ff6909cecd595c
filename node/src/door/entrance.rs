//! Who may come in where no socket of the owner's protects the door: one-time tokens, and the sessions that they open.
//!
//! ```text
//! owner's socket --> one-time token (printed, 10 min) --used once--> session (12 h) --> requests
//! ```
//! A token is dead once it was used, and so is worth nothing in a history or a log. Only hashes are kept, and they are compared in
//! constant time.

use crate::vault::{VaultError, random};
use halloo_crypto::{base16, kdf};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

/// How long a token can be used: as long as it takes to change to the browser.
const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tokens that wait to be used; the oldest gives way, because a new one was asked for by the owner.
const TOKENS_MAX: usize = 8;
/// How long a session lasts, whatever is done in it: a day's work.
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once: programs and browsers of one person; the oldest gives way.
const SESSIONS_MAX: usize = 16;

/// What is kept of a secret.
type Print = [u8; 32];

/// A token that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTime {
    /// 64 digits of lower-case hex.
    pub token: String,
    /// What to open in a browser; the token stands in the fragment, which no browser sends anywhere.
    pub url: String,
}

/// A session that was just opened: its bearer, 64 digits of lower-case hex.
pub struct Session(pub String);

impl std::fmt::Debug for OneTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTime(..)")
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

#[derive(Default)]
struct Kept {
    tokens: VecDeque<(Print, Instant)>,
    sessions: VecDeque<(Print, Instant)>,
}

/// The entrance of one door on loopback; clones share it.
#[derive(Clone)]
pub struct Entrance {
    local: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl std::fmt::Debug for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entrance({})", self.local)
    }
}

impl Entrance {
    /// Of the door that listens there; nobody is in.
    pub fn new(local: SocketAddr) -> Self {
        Entrance { local, kept: Arc::default() }
    }

    /// Where the door listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Makes a token.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn token(&self) -> Result<OneTime, VaultError> {
        let token = secret()?;
        let until = Instant::now() + TOKEN_LIFE;
        push(&mut self.kept().tokens, (print(&token), until), TOKENS_MAX);
        let url = format!("http://{}/#{token}", self.local);
        Ok(OneTime { token, url })
    }

    /// Opens a session by a token, which is dead afterwards; `None` where the token is not good, or not any more.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn enter(&self, token: &str) -> Result<Option<Session>, VaultError> {
        let bearer = secret()?;
        let mut kept = self.kept();
        if !take(&mut kept.tokens, &print(token)) {
            return Ok(None);
        }
        let until = Instant::now() + SESSION_LIFE;
        push(&mut kept.sessions, (print(&bearer), until), SESSIONS_MAX);
        Ok(Some(Session(bearer)))
    }

    /// Whether this bearer is of a session that is open.
    pub fn is_open(&self, bearer: &str) -> bool {
        find(&mut self.kept().sessions, &print(bearer)).is_some()
    }

    /// Ends the session of this bearer.
    pub fn leave(&self, bearer: &str) {
        take(&mut self.kept().sessions, &print(bearer));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn secret() -> Result<String, VaultError> {
    Ok(base16::encode(&random::<32>()?))
}

fn print(secret: &str) -> Print {
    kdf::hash("halloo local door", &[secret.as_bytes()])
}

fn push(kept: &mut VecDeque<(Print, Instant)>, one: (Print, Instant), most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(one);
}

/// The place of a secret among those that have not ended; looks at all of them, however early it is found.
fn find(kept: &mut VecDeque<(Print, Instant)>, sought: &Print) -> Option<usize> {
    let now = Instant::now();
    kept.retain(|(_, until)| *until > now);
    let mut found = None;
    for (at, (print, _)) in kept.iter().enumerate() {
        if bool::from(print.ct_eq(sought)) {
            found = Some(at);
        }
    }
    found
}

fn take(kept: &mut VecDeque<(Print, Instant)>, sought: &Print) -> bool {
    find(kept, sought).and_then(|at| kept.remove(at)).is_some()
}

#[cfg(test)]
mod tests;
