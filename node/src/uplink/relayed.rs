//! Credentials for voice that a coordinator relays: fetched while a call may begin, renewed well before they end.

use super::News;
use super::http::HttpError;
use super::way::{AskParts, Way};
use crate::media::endpoint::IceServer;
use halloo_crypto::ticket::Room;
use halloo_wire::turn::{self, TurnGiven};
use hyper::Method;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Credentials are renewed when this much of their life has passed, in percent. Who begins a call with the last of them has an hour for that:
/// what they opened goes on for twelve hours after their end.
const RENEW_AT: u32 = 90;
/// Bounds of that, against a coordinator that gives them for a second or for ever.
const RENEW_MIN: Duration = Duration::from_secs(60);
const RENEW_MAX: Duration = Duration::from_secs(12 * 3600);
/// After a failure.
const RETRY: Duration = Duration::from_secs(15);
/// Longest answer.
const ANSWER_MAX: usize = 4 * 1024;
/// Longest user name and credential that are taken.
const WORD_MAX: usize = 512;

/// Runs until its queue is closed.
pub(super) async fn run(way: Arc<Way>, news: mpsc::Sender<News>) {
    let mut standing = way.standing();
    let mut due = Instant::now();
    loop {
        let now = standing.borrow_and_update().clone();
        let open = now.reachable && now.has(Room::Turn);
        if open && due <= Instant::now() {
            due = Instant::now()
                + match given(&way).await {
                    Ok((server, renew)) => {
                        if news.send(News::Helper(server)).await.is_err() {
                            return;
                        }
                        renew
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no credentials for relayed voice");
                        way.failed(&error);
                        error.retry().unwrap_or(RETRY)
                    }
                };
            continue;
        }
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            () = sleep_until(due), if open => {}
        }
    }
}

async fn given(way: &Way) -> Result<(IceServer, Duration), HttpError> {
    let ask = || AskParts {
        method: Method::POST,
        path: turn::PATH.to_owned(),
        kind: None,
        body: Vec::new(),
        most: ANSWER_MAX,
    };
    let answer = way.ask(Room::Turn, &ask).await?;
    let given: TurnGiven = serde_json::from_slice(&answer).map_err(|_| HttpError::Nonsense)?;
    let fits =
        |word: &String| !word.is_empty() && word.len() <= WORD_MAX && !word.chars().any(char::is_control);
    if given.port == 0 || !fits(&given.username) || !fits(&given.credential) {
        return Err(HttpError::Nonsense);
    }
    let life = Duration::from_millis(given.expires_ms.saturating_sub(way.time_ms()));
    Ok((server(way.origin.host(), given), (life * RENEW_AT / 100).clamp(RENEW_MIN, RENEW_MAX)))
}

/// As the voice asks it: how this machine looks from outside, and a relay, both over UDP.
fn server(host: &str, given: TurnGiven) -> IceServer {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = given.port;
    let urls = vec![format!("stun:{host}:{port}"), format!("turn:{host}:{port}?transport=udp")];
    IceServer { urls, username: given.username, credential: given.credential }
}

#[cfg(test)]
mod tests;
