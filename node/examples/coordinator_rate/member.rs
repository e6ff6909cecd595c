//! A member of a large run: the shipped uplink, and instead of an engine a script of what engines wish of it.
//!
//! The wishes follow `node/engine/src/mailbox.rs`, `meeting.rs` and `post.rs`: addresses of three days, the place of today and around
//! midnight another, a line left for who is away two seconds after it was written, tried again after five, and at once by who leaves.

use crate::place::Seat;
use halloo_crypto::id::{GroupId, MailboxAddress, MailboxItem};
use halloo_crypto::kdf;
use halloo_crypto::mailbox::{Day, Mailbox, MailboxSecret, SizeClass};
use halloo_crypto::secret::Secret;
use halloo_node::uplink::{Door, Fate, News, Outside, Post, Rendezvous, Taken, Told as _, Uplink};
use halloo_wire::mailbox::Deposit;
use halloo_wire::rendezvous::Place as Meeting;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::{Duration, Instant, sleep_until};

/// As `ABSENT_PATIENCE`, `CLOSED_LEAST`, `CLOSED_MOST` and `FLIGHT_PATIENCE` of the engine's post, and the driver's patience with who leaves.
const PATIENCE: Duration = Duration::from_secs(2);
const AGAIN_LEAST: Duration = Duration::from_secs(5);
const AGAIN_MOST: Duration = Duration::from_secs(600);
const FLIGHT: Duration = Duration::from_secs(120);
const FAREWELL: Duration = Duration::from_secs(20);
/// As `SKEW` of the engine's meeting, milliseconds.
const SKEW_MS: u64 = 600_000;

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Come,
    Go,
    Write,
    Move,
}

/// Who wrote it, and which of its lines it is.
pub(crate) type Line = (usize, u32);

/// What the members of one group know of each other. Those who are there reach each other directly.
pub(crate) struct Party {
    pub(crate) secrets: Vec<MailboxSecret>,
    mailboxes: Vec<Mailbox>,
    beacon: [u8; 32],
    there: Vec<AtomicBool>,
    /// By reader: how often each line came.
    had: Vec<Mutex<BTreeMap<Line, u32>>>,
    written: Mutex<Vec<Line>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Party {
    pub(crate) fn of(size: usize, rng: &mut ChaCha20Rng) -> Self {
        let secrets: Vec<_> = (0..size).map(|_| MailboxSecret::generate(rng)).collect();
        let mut beacon = [0; 32];
        rng.fill_bytes(&mut beacon);
        Party {
            mailboxes: secrets.iter().map(MailboxSecret::public).collect(),
            secrets,
            beacon,
            there: (0..size).map(|_| AtomicBool::new(false)).collect(),
            had: (0..size).map(|_| Mutex::default()).collect(),
            written: Mutex::default(),
        }
    }

    fn is_there(&self, who: usize) -> bool {
        self.there[who].load(Ordering::SeqCst)
    }

    fn has(&self, who: usize, line: Line) {
        *locked(&self.had[who]).entry(line).or_default() += 1;
    }

    /// How many lines should be where, and which are not, or are there although nobody wrote them.
    pub(crate) fn missing(&self) -> (usize, Vec<(usize, Line)>) {
        let written: BTreeSet<Line> = locked(&self.written).iter().copied().collect();
        let (mut all, mut wrong) = (0, Vec::new());
        for (who, had) in self.had.iter().enumerate() {
            let due: BTreeSet<Line> = written.iter().filter(|(by, _)| *by != who).copied().collect();
            let had: BTreeSet<Line> = locked(had).keys().copied().collect();
            all += due.len();
            wrong.extend(due.symmetric_difference(&had).map(|line| (who, *line)));
        }
        (all, wrong)
    }
}

/// A line that somebody who is away is still to be left.
struct Owed {
    to: usize,
    line: Line,
    item: MailboxItem,
    due: Instant,
    tries: u32,
}

/// See the module.
pub(crate) struct Member {
    pub(crate) seat: Arc<Seat>,
    pub(crate) party: Arc<Party>,
    pub(crate) me: usize,
    pub(crate) rng: ChaCha20Rng,
    /// In the order of time.
    pub(crate) plan: VecDeque<(Instant, Act)>,
    uplink: Option<Uplink>,
    doors: Vec<(MailboxAddress, Day)>,
    /// All days up to here were looked into when they were over; of those after it some were empty.
    closed: Option<Day>,
    empty: BTreeSet<Day>,
    /// When it wishes something else of the coordinator because time has passed.
    change: Instant,
    owed: BTreeMap<u64, Owed>,
    posted: u64,
    lines: u32,
    moves: u32,
    /// It leaves, and waits so long at most for what it left others.
    leaving: Option<Instant>,
}

impl Member {
    pub(crate) fn new(seat: Seat, party: Arc<Party>, me: usize, rng: ChaCha20Rng) -> Self {
        Member {
            seat: Arc::new(seat),
            party,
            me,
            rng,
            plan: VecDeque::new(),
            uplink: None,
            doors: Vec::new(),
            closed: None,
            empty: BTreeSet::new(),
            change: Instant::now(),
            owed: BTreeMap::new(),
            posted: 0,
            lines: 0,
            moves: 0,
            leaving: None,
        }
    }

    /// Lives by its plan.
    pub(crate) async fn live(mut self, until: Instant) {
        loop {
            let due = self.due().min(until);
            tokio::select! {
                news = next(&mut self.uplink) => self.on_news(news),
                () = sleep_until(due) => {
                    if Instant::now() >= until {
                        return;
                    }
                    self.on_due();
                }
            }
            if self.leaving.is_some_and(|latest| self.owed.is_empty() || latest <= Instant::now()) {
                self.leaving = None;
                self.uplink = None;
            }
        }
    }

    fn due(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(86_400);
        let plan = self.plan.front().map(|(at, _)| *at);
        let here = self.uplink.is_some();
        let change = here.then_some(self.change);
        let owed = self.owed.values().map(|owed| owed.due).min().filter(|_| here);
        [plan, change, owed, self.leaving].into_iter().flatten().min().unwrap_or(far)
    }

    fn on_due(&mut self) {
        let now = Instant::now();
        while let Some((_, act)) = self.plan.pop_front_if(|(at, _)| *at <= now) {
            match act {
                Act::Come => self.come(),
                Act::Go => self.go(),
                Act::Write => self.write(),
                Act::Move => self.moves(),
            }
        }
        if self.uplink.is_some() {
            if self.change <= now {
                self.wish();
            }
            self.leave_what_is_owed();
        }
    }

    fn come(&mut self) {
        self.leaving = None;
        if self.party.there[self.me].swap(true, Ordering::SeqCst) {
            return;
        }
        let home = kdf::derive(&self.party.beacon, "rate home", &self.me.to_be_bytes());
        let peer = kdf::hash("rate peer", &[&self.party.beacon, &self.me.to_be_bytes()]);
        let outside = Outside::Told(Arc::<Seat>::clone(&self.seat));
        let mut uplink = Uplink::within(outside, Secret::new(*home.expose()), peer);
        uplink.keep(&BTreeSet::from([self.seat.place.origin.clone()]));
        self.uplink = Some(uplink);
        self.tell_addresses();
        self.wish();
    }

    fn go(&mut self) {
        if self.party.there[self.me].swap(false, Ordering::SeqCst) {
            let now = Instant::now();
            self.owed.values_mut().for_each(|owed| owed.due = owed.due.min(now));
            self.leaving = Some(now + FAREWELL);
        }
    }

    fn write(&mut self) {
        if !self.party.is_there(self.me) {
            return;
        }
        self.lines += 1;
        let line = (self.me, self.lines);
        locked(&self.party.written).push(line);
        for to in (0..self.party.mailboxes.len()).filter(|to| *to != self.me) {
            if self.party.is_there(to) {
                self.party.has(to, line);
            } else {
                self.posted += 1;
                let item = MailboxItem::generate(&mut self.rng);
                let due = Instant::now() + PATIENCE;
                self.owed.insert(self.posted, Owed { to, line, item, due, tries: 0 });
            }
        }
    }

    fn moves(&mut self) {
        self.moves += 1;
        self.tell_addresses();
    }

    fn tell_addresses(&self) {
        let Some(uplink) = &self.uplink else { return };
        let relayed = format!("/ip4/10.77.0.1/tcp/7750/p2p-circuit/{}", self.me);
        let direct = format!("/ip4/{}/udp/{}/quic-v1", self.seat.address, 4_000 + self.moves);
        uplink.set_addresses(vec![relayed, direct]);
    }

    /// Tells the uplink which addresses and places are wanted now.
    fn wish(&mut self) {
        let Some(uplink) = &self.uplink else { return };
        let (now_ms, origin) = (self.seat.wall_ms(), &self.seat.place.origin);
        let today = Day::of_ms(now_ms);
        let closed = *self.closed.get_or_insert(today.before(2));
        let days = (closed.0 + 1..=today.0 + 1).map(Day);
        let keys: Vec<_> = days.map(|day| (self.party.secrets[self.me].day_key(day), day)).collect();
        self.doors = keys.iter().map(|(key, day)| (key.address(), *day)).collect();
        let door = |(key, day)| Door { key, watch: day >= today.before(1) };
        uplink.doors(origin, keys.into_iter().map(door).collect());
        let days = Day::of_ms(now_ms - SKEW_MS).0..=Day::of_ms(now_ms + SKEW_MS).0;
        let place = |day: Day| {
            let number = day.0.to_be_bytes();
            let parts: [&[u8]; 2] = [&self.party.beacon, &number];
            let key = Secret::new(kdf::hash("rate place key", &parts));
            let place = Meeting { id: kdf::hash("rate place", &parts), key };
            Rendezvous { place, publish: day == today, guessable: false, seek: false }
        };
        uplink.places(origin, days.map(Day).map(place).collect());
        let (this, next) = (today.begins_ms(), today.after(1).begins_ms());
        let change = [this + SKEW_MS, next - SKEW_MS, next].into_iter().find(|at| *at > now_ms);
        self.change = self.seat.when(change.unwrap_or(next) + 1);
    }

    fn leave_what_is_owed(&mut self) {
        let now = Instant::now();
        let due: Vec<u64> = self.owed.iter().filter(|(_, owed)| owed.due <= now).map(|(id, _)| *id).collect();
        for id in due {
            let owed = self.owed.get_mut(&id).expect("it was there just now");
            if self.party.is_there(owed.to) {
                self.party.has(owed.to, owed.line);
                self.owed.remove(&id);
                continue;
            }
            owed.due = now + FLIGHT;
            let today = Day::of_ms(self.seat.wall_ms());
            let mut bytes = vec![0; SizeClass::Small.bytes()];
            bytes[..8].copy_from_slice(&(owed.line.0 as u64).to_be_bytes());
            bytes[8..12].copy_from_slice(&owed.line.1.to_be_bytes());
            let deposit =
                Deposit { address: self.party.mailboxes[owed.to].address(today), item: owed.item, bytes };
            let post = Post { group: GroupId::from_bytes([1; 32]), id, deposit };
            let uplink = self.uplink.as_ref().expect("only who is there leaves anything");
            if uplink.post(&self.seat.place.origin, post).is_err() {
                self.again(id);
            }
        }
    }

    fn again(&mut self, id: u64) {
        let Some(owed) = self.owed.get_mut(&id) else { return };
        owed.due = Instant::now() + (AGAIN_LEAST * (1 << owed.tries.min(8))).min(AGAIN_MOST);
        owed.tries += 1;
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Deposited { id, fate: Fate::Stored, .. } => drop(self.owed.remove(&id)),
            News::Deposited { id, fate: Fate::Unreachable, .. } => self.again(id),
            News::Deposited { fate: Fate::Full, .. } => panic!("no mailbox is full in such a run"),
            News::Fetched { address, items } if items.is_empty() => self.on_empty(address),
            News::Fetched { address, items } => {
                for (_, bytes) in &items {
                    let by = u64::from_be_bytes(bytes[..8].try_into().expect("eight"));
                    let line = u32::from_be_bytes(bytes[8..12].try_into().expect("four"));
                    self.party.has(self.me, (usize::try_from(by).expect("small"), line));
                }
                let items = items.into_iter().map(|(name, _)| name).collect();
                let uplink = self.uplink.as_ref().expect("who hears has one");
                uplink.taken(&self.seat.place.origin, Taken { address, items });
            }
            News::Met { .. } | News::Helper(_) | News::Stands(_) | News::Waking(_) => {}
        }
    }

    fn on_empty(&mut self, address: MailboxAddress) {
        let today = Day::of_ms(self.seat.wall_ms());
        let Some((_, day)) = self.doors.iter().find(|(at, _)| *at == address) else { return };
        if *day >= today.before(1) {
            return;
        }
        self.empty.insert(*day);
        let over = self.doors.iter().map(|(_, day)| *day).filter(|day| *day < today.before(1));
        if over.into_iter().all(|day| self.empty.contains(&day)) {
            self.closed = Some(today.before(2));
            self.empty.clear();
            self.wish();
        }
    }
}

async fn next(uplink: &mut Option<Uplink>) -> News {
    match uplink {
        Some(uplink) => uplink.next().await.1,
        None => std::future::pending().await,
    }
}
