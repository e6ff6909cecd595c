//! Emptying one's own mailboxes: each address in requests of its own, at once when something comes, and what has arrived is acknowledged.
//! Their owner's signature is enough: a ticket would tell which addresses are of one device.

use super::News;
use super::http::{HttpError, OCTETS};
use super::way::{AskParts, Way};
use halloo_crypto::id::{MailboxAddress, MailboxItem};
use halloo_crypto::mailbox::DayKey;
use halloo_crypto::ticket::Room;
use halloo_wire::mailbox::{
    ACKNOWLEDGE_PATH, ACKNOWLEDGED_MAX, Ask, FETCH_PATH, PAGE_BYTES_MAX, PAGE_ITEMS_MAX, Page, What,
};
use hyper::Method;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Between two looks at an address that the coordinator does not watch.
const POLL: Duration = Duration::from_secs(300);
/// So many of them pass between two looks at one that it watches, a day: a wake is lost only by a fault, and then costs so much at most.
const POLLS_WATCHED: u32 = 288;
/// After a request that came to nothing, unless the coordinator says otherwise.
const RETRY: Duration = Duration::from_secs(5);
/// Words of arrival that may wait; what is forgotten is fetched once more.
pub(super) const TAKEN_WAITING: usize = 64;
/// Words of arrival kept while the coordinator is away.
const UNTOLD_MAX: usize = 256;
/// Pages of one address in one go: 64 MiB; the rest comes with the next look.
const PAGES_MAX: usize = 64;
/// What stands around the items of a page.
const PAGE_HEAD: usize = 4 + 17 * PAGE_ITEMS_MAX as usize;

/// An own address, and what signs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Signs for the address.
    pub key: DayKey,
    /// Whether the coordinator shall say when something comes.
    pub watch: bool,
}

/// Items that have arrived for good.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Where they lay.
    pub address: MailboxAddress,
    /// Which.
    pub items: Vec<MailboxItem>,
}

/// Addresses that the coordinator says something lies at.
#[derive(Debug, Default)]
pub(super) struct Woken {
    addresses: Mutex<BTreeSet<MailboxAddress>>,
    /// For which a wake comes: a socket stands, and asked for it.
    watched: Mutex<BTreeSet<MailboxAddress>>,
    bell: Notify,
}

impl Woken {
    /// Something lies there. Bounded by the caller: only what is watched.
    pub(super) fn ring(&self, address: MailboxAddress) {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
        self.bell.notify_one();
    }

    /// What rang since it was asked last.
    pub(super) fn take(&self) -> BTreeSet<MailboxAddress> {
        std::mem::take(&mut *self.addresses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A wake comes for it from now on.
    pub(super) fn watched(&self, address: MailboxAddress) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
    }

    /// The coordinator refused to watch it.
    pub(super) fn not_watched(&self, address: MailboxAddress) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }

    /// No socket stands.
    pub(super) fn unwatched(&self) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether a wake comes for it.
    pub(super) fn watches(&self, address: &MailboxAddress) -> bool {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).contains(address)
    }
}

/// What the task is given.
pub(super) struct Ends {
    pub(super) doors: watch::Receiver<Vec<Door>>,
    pub(super) taken: mpsc::Receiver<Taken>,
    pub(super) woken: Arc<Woken>,
    pub(super) news: mpsc::Sender<News>,
}

struct Task {
    way: Arc<Way>,
    ends: Ends,
    keys: BTreeMap<MailboxAddress, DayKey>,
    due: BTreeSet<MailboxAddress>,
    untold: VecDeque<Taken>,
    /// Not asked before, after a failure.
    rest: Instant,
}

/// Runs until its queues are closed.
pub(super) async fn run(way: Arc<Way>, ends: Ends) {
    let mut task = Task {
        way,
        ends,
        keys: BTreeMap::new(),
        due: BTreeSet::new(),
        untold: VecDeque::new(),
        rest: Instant::now(),
    };
    let mut standing = task.way.standing();
    let (mut poll, mut polls, mut arrivals) = (Instant::now() + POLL, 0_u32, 0);
    task.list();
    loop {
        let now = standing.borrow_and_update().clone();
        if now.arrivals != arrivals {
            arrivals = now.arrivals;
            task.due.extend(task.keys.keys().copied());
            task.rest = Instant::now();
        }
        let open = now.reachable && now.has(Room::Mailbox);
        if open && task.rest <= Instant::now() && task.serve().await.is_break() {
            return;
        }
        let again = if open && task.is_busy() { task.rest.min(poll) } else { poll };
        tokio::select! {
            changed = task.ends.doors.changed() => if changed.is_err() { return } else { task.list() },
            changed = standing.changed() => if changed.is_err() { return },
            taken = task.ends.taken.recv() => match taken {
                Some(taken) => task.note(taken),
                None => return,
            },
            () = task.ends.woken.bell.notified() => {
                // It may ring for an address that was listed just now.
                task.list();
                let known = task.ends.woken.take().into_iter().filter(|address| task.keys.contains_key(address));
                task.due.extend(known);
            }
            () = sleep_until(again) => if poll <= Instant::now() {
                (poll, polls) = (Instant::now() + POLL, (polls + 1) % POLLS_WATCHED);
                let asks = |address: &&MailboxAddress| polls == 0 || !task.ends.woken.watches(address);
                task.due.extend(task.keys.keys().filter(asks).copied());
            }
        }
    }
}

impl Task {
    /// The list of own addresses may be another one: the new ones are looked at, or it rings for them when the socket that stands watches
    /// them, or when the coordinator refuses to.
    fn list(&mut self) {
        let doors = self.ends.doors.borrow_and_update().clone();
        let socket = self.way.standing().borrow().socket;
        let ringing = doors.iter().filter(|door| socket && door.watch).map(|door| door.key.address());
        let ringing: BTreeSet<_> = ringing.collect();
        let keys: BTreeMap<_, _> = doors.into_iter().map(|door| (door.key.address(), door.key)).collect();
        self.due.retain(|address| keys.contains_key(address));
        let is_new =
            |address: &&MailboxAddress| !self.keys.contains_key(*address) && !ringing.contains(*address);
        self.due.extend(keys.keys().filter(is_new));
        self.keys = keys;
    }

    fn is_busy(&self) -> bool {
        !self.due.is_empty() || !self.untold.is_empty()
    }

    fn note(&mut self, taken: Taken) {
        self.untold.push_back(taken);
        if self.untold.len() > UNTOLD_MAX {
            self.untold.pop_front();
        }
    }

    /// Does what is due, until nothing is or the coordinator fails; breaks when nobody listens any more.
    async fn serve(&mut self) -> std::ops::ControlFlow<()> {
        loop {
            while let Ok(taken) = self.ends.taken.try_recv() {
                self.note(taken);
            }
            let done = if let Some(taken) = self.untold.pop_front() {
                let outcome = self.acknowledge(&taken).await;
                if outcome.is_err() {
                    self.untold.push_front(taken);
                }
                outcome
            } else if let Some(address) = self.due.pop_first() {
                let outcome = self.fetch(address).await;
                if outcome.is_err() {
                    self.due.insert(address);
                }
                outcome
            } else {
                return std::ops::ControlFlow::Continue(());
            };
            if self.ends.news.is_closed() {
                return std::ops::ControlFlow::Break(());
            }
            if let Err(error) = done {
                tracing::debug!(%error, "a mailbox was not emptied");
                self.way.failed(&error);
                self.rest = Instant::now() + error.retry().unwrap_or(RETRY);
                return std::ops::ControlFlow::Continue(());
            }
        }
    }

    async fn fetch(&mut self, address: MailboxAddress) -> Result<(), HttpError> {
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let Some(key) = self.keys.get(&address) else { return Ok(()) };
            let answer = self.ask(FETCH_PATH, key, &What::Fetch { after, limit: PAGE_ITEMS_MAX }).await?;
            let page = Page::read(&answer).map_err(|_| HttpError::Nonsense)?;
            after = page.items.last().map(|(item, _)| *item);
            let more = page.more && after.is_some();
            self.way.counts.fetched.fetch_add(page.items.len() as u64, Relaxed);
            // Told also when nothing lay there: engines learn from it that the coordinator answers, and let past days go. A closed
            // queue is seen by the caller.
            let _ended = self.ends.news.send(News::Fetched { address, items: page.items }).await;
            if !more {
                break;
            }
        }
        self.way.counts.looked.fetch_add(1, Relaxed);
        Ok(())
    }

    async fn acknowledge(&self, taken: &Taken) -> Result<(), HttpError> {
        // An address of a day that has passed is no longer ours to sign for; what lies there expires.
        let Some(key) = self.keys.get(&taken.address) else { return Ok(()) };
        for items in taken.items.chunks(ACKNOWLEDGED_MAX) {
            self.ask(ACKNOWLEDGE_PATH, key, &What::Acknowledge(items.to_vec())).await?;
            self.way.counts.acknowledged.fetch_add(items.len() as u64, Relaxed);
        }
        Ok(())
    }

    async fn ask(&self, path: &str, key: &DayKey, what: &What) -> Result<Vec<u8>, HttpError> {
        let ask = AskParts {
            method: Method::POST,
            path: path.to_owned(),
            kind: Some(OCTETS),
            body: Ask::sign(what.clone(), key, &self.way.origin, self.way.time_ms()),
            most: PAGE_HEAD + PAGE_BYTES_MAX,
        };
        self.way.ask_openly(ask).await
    }
}
