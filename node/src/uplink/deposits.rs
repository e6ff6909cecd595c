//! Leaving items in mailboxes: what comes within a moment goes in one batch, filled up and shuffled, so that neither the size of a batch
//! nor its order says who belongs together.

use super::News;
use super::http::{HttpError, OCTETS};
use super::way::{AskParts, Way};
use crate::vault::random;
use halloo_crypto::id::{GroupId, MailboxItem};
use halloo_crypto::mailbox::nobodys;
use halloo_crypto::ticket::Room;
use halloo_wire::mailbox::{
    BATCH_ITEMS_MAX, DEPOSITS_BODY_MAX, DEPOSITS_PATH, Deposit, Outcome, read_outcomes, write_deposits,
};
use hyper::Method;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long the first item of a batch waits for others: nobody notices it, and a message to a group is deposited at once for all.
const GATHER_WAIT: Duration = Duration::from_millis(200);
/// How long items wait for a coordinator that is away before their engine is told: as long as a restart takes.
const AWAY_WAIT: Duration = Duration::from_secs(20);
/// Items that may wait for the coordinator; what comes beyond goes back to its engine, which keeps it.
pub(super) const WAITING_MAX: usize = 256;
/// What stands around the bytes of an item in a batch, and around the items.
const ITEM_HEAD: usize = 49;
const BATCH_HEAD: usize = 3;

/// An item on its way, and who is told what became of it.
#[derive(Clone, Debug)]
pub struct Post {
    /// The engine that wishes it.
    pub group: GroupId,
    /// Its number there.
    pub id: u64,
    /// The item.
    pub deposit: Deposit,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is durable there.
    Stored,
    /// The mailbox is full, or there is none at that address.
    Full,
    /// The coordinator is away, or takes nothing now.
    Unreachable,
}

/// Runs until its queue is closed.
pub(super) async fn run(way: Arc<Way>, mut posts: mpsc::Receiver<Post>, news: mpsc::Sender<News>) {
    let mut rng = match random() {
        Ok(seed) => ChaCha20Rng::from_seed(seed),
        Err(error) => return tracing::error!(%error, "nothing can be left in mailboxes"),
    };
    while let Some(first) = posts.recv().await {
        let mut waiting = gathered(first, &mut posts).await;
        while !waiting.is_empty() {
            let count = fitting(&waiting);
            let rest = waiting.split_off(count);
            let fates = left(&way, &waiting, &mut rng).await;
            for (post, fate) in waiting.into_iter().zip(fates) {
                if news.send(News::Deposited { group: post.group, id: post.id, fate }).await.is_err() {
                    return;
                }
            }
            waiting = rest;
        }
    }
}

async fn gathered(first: Post, posts: &mut mpsc::Receiver<Post>) -> Vec<Post> {
    let until = Instant::now() + GATHER_WAIT;
    let mut waiting = vec![first];
    while waiting.len() < BATCH_ITEMS_MAX {
        match timeout_at(until, posts.recv()).await {
            Ok(Some(post)) => waiting.push(post),
            Ok(None) | Err(_) => break,
        }
    }
    waiting
}

/// How many of the first go into one batch that the coordinator reads, filled up with as large items as are in it.
fn fitting(waiting: &[Post]) -> usize {
    let mut largest = 0;
    let mut count = 0;
    for post in waiting.iter().take(BATCH_ITEMS_MAX) {
        largest = largest.max(post.deposit.bytes.len());
        let filled = (count + 1_usize).next_power_of_two();
        if count > 0 && BATCH_HEAD + filled * (ITEM_HEAD + largest) > DEPOSITS_BODY_MAX {
            break;
        }
        count += 1;
    }
    count
}

/// Leaves these, and tells what became of each.
async fn left(way: &Way, posts: &[Post], rng: &mut ChaCha20Rng) -> Vec<Fate> {
    let all = |fate| vec![fate; posts.len()];
    let mut standing = way.standing();
    let back = standing.wait_for(|standing| standing.reachable);
    if !matches!(tokio::time::timeout(AWAY_WAIT, back).await, Ok(Ok(_))) {
        return all(Fate::Unreachable);
    }
    let (batch, places) = filled(posts, rng);
    let body = write_deposits(&batch);
    let ask = || AskParts {
        method: Method::POST,
        path: DEPOSITS_PATH.to_owned(),
        kind: Some(OCTETS),
        body: body.clone(),
        most: BATCH_HEAD + BATCH_ITEMS_MAX,
    };
    match way.ask(Room::Mailbox, &ask).await.and_then(|answer| outcomes(&answer, batch.len())) {
        Ok(outcomes) => {
            let fates: Vec<Fate> = places.iter().map(|place| fate(outcomes[*place])).collect();
            let stored = fates.iter().filter(|fate| **fate == Fate::Stored).count();
            way.counts.left.fetch_add(stored as u64, Relaxed);
            fates
        }
        Err(error) => {
            tracing::debug!(%error, "items were not left");
            way.failed(&error);
            all(Fate::Unreachable)
        }
    }
}

fn outcomes(answer: &[u8], count: usize) -> Result<Vec<Outcome>, HttpError> {
    read_outcomes(answer).ok().filter(|outcomes| outcomes.len() == count).ok_or(HttpError::Nonsense)
}

fn fate(outcome: Outcome) -> Fate {
    match outcome {
        Outcome::Stored => Fate::Stored,
        Outcome::Full | Outcome::NoAddress => Fate::Full,
    }
}

/// The batch, filled up to a power of two with items for nobody and shuffled, and where in it each of ours lies.
fn filled(posts: &[Post], rng: &mut ChaCha20Rng) -> (Vec<Deposit>, Vec<usize>) {
    let count = posts.len().next_power_of_two();
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        order.swap(at, below(rng, at + 1));
    }
    let mut batch: Vec<Option<Deposit>> = vec![None; count];
    for (post, place) in posts.iter().zip(&order) {
        batch[*place] = Some(post.deposit.clone());
    }
    let mut nobody = || {
        let like = &posts[below(rng, posts.len())].deposit;
        let mut bytes = vec![0; like.bytes.len()];
        rng.fill_bytes(&mut bytes);
        Deposit { address: nobodys(rng), item: MailboxItem::generate(rng), bytes }
    };
    let batch = batch.into_iter().map(|deposit| deposit.unwrap_or_else(&mut nobody)).collect();
    order.truncate(posts.len());
    (batch, order)
}

/// A number below this one. The bias of 64 bits over at most 64 values is none.
fn below(rng: &mut ChaCha20Rng, end: usize) -> usize {
    let end = u64::try_from(end).expect("small");
    usize::try_from(rng.next_u64() % end).expect("below a small one")
}

#[cfg(test)]
mod tests;
