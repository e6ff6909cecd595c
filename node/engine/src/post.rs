//! The room of what members who are away must be left: contents, operations, commits and beacons of this device, until each has them.
//!
//! ```text
//!  made here --> noted and stored in the same batch --> a moment later: who has said that it has it? who is away?
//!      away, or here and silent for long --> gathered into one item, sealed to the device --> Deposit --> Stored: done with
//!                                                                                                     \-> full, unreachable: later
//!      receipt, or here and told by the mesh --> done with
//! ```
//!
//! Each device leaves what it made itself, so nobody leaves a thing twice. Nothing is kept sealed: an item is made anew for each try, so
//! who was removed meanwhile gets nothing (INV-2), and what a receipt made needless is left out. What does not fit the queue is not lost:
//! reconciliation brings it when the two meet.

mod row;
mod parcels;
mod notes;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::content::Body;
use halloo_crdt::live::Kind as Cell;
use halloo_crypto::id::{DeviceId, MailboxItem, MessageId};
use halloo_crypto::mailbox::{Day, Mailbox, SizeClass};
use rand_core::Rng as _;

use crate::input::DepositOutcome;
use crate::mailbox::{KEPT_DAYS, Mailboxes};
use crate::output::Output;
use crate::snapshot::Table;
use crate::state::State;
use crate::time::Time;
use crate::timers::Timer;

pub(crate) use notes::{on_beacon, on_contents, on_document, on_epoch, on_operations, on_told};
use parcels::is_entitled;

/// Things that wait for somebody: most are some 300 bytes and 32 for each member that lacks them; a welcome or Nack is carried whole, up to 24 KB. When full the oldest that nobody waits for makes room, or else the oldest.
pub(crate) const MAX_THINGS: usize = 512;
/// Deposits that wait for their answer, at most 48 KiB each.
pub(crate) const MAX_FLYING: usize = 32;
/// How long things are gathered before somebody who is plainly away is left them: a receipt by the mesh takes a third of a second.
pub(crate) const ABSENT_PATIENCE: Duration = Duration::from_secs(2);
/// How long somebody who seems to be here may say nothing: longer than a routine comparison takes to come round among few.
pub(crate) const PRESENT_PATIENCE: Duration = Duration::from_secs(40);
/// After a start nobody is connected yet: so long nobody counts as away.
pub(crate) const START_PATIENCE: Duration = Duration::from_secs(8);
/// Until they are late things are looked at so often: somebody may go away just now.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A deposit without an answer is over after this: the driver has begun anew.
const FLIGHT_PATIENCE: Duration = Duration::from_secs(120);
/// The first wait when a coordinator does not answer; doubled up to [`CLOSED_MOST`], half of it drawn.
const CLOSED_LEAST: Duration = Duration::from_secs(5);
const CLOSED_MOST: Duration = Duration::from_secs(600);
/// The first wait when a mailbox is full; doubled up to [`FULL_MOST`]. Its owner has to come first.
const FULL_LEAST: Duration = Duration::from_secs(600);
const FULL_MOST: Duration = Duration::from_secs(6 * 3_600);
/// Doublings that are counted.
const MAX_TRIES: u32 = 16;

/// What a thing is; the number is its byte in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An operation that this device signed.
    Operation = 1,
    /// A commit that this device made.
    Commit = 2,
    /// A beacon that this device made.
    Beacon = 3,
    /// A content of this device that is worth a receipt.
    Content = 4,
    /// One that is not: it goes with the next item, and is only hurried to those whom it is about.
    Receipt = 5,
    /// An acknowledgement of a removal; it goes with the next item.
    Row = 6,
    /// What this device cannot apply, and by what it may be added again.
    Nack = 7,
    /// What a member who cannot follow is added again by.
    Welcome = 8,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Operation,
        Kind::Commit,
        Kind::Beacon,
        Kind::Content,
        Kind::Receipt,
        Kind::Row,
        Kind::Nack,
        Kind::Welcome,
    ];

    /// Whether its row holds the thing itself.
    fn is_carried(self) -> bool {
        matches!(self, Kind::Row | Kind::Nack | Kind::Welcome)
    }

    /// Whether it may go with the next item and makes none necessary.
    fn is_lazy(self) -> bool {
        matches!(self, Kind::Receipt | Kind::Row)
    }
}

/// One thing that somebody may lack.
struct Thing {
    kind: Kind,
    name: [u8; 32],
    /// The thing itself, if it is nowhere else.
    carried: Vec<u8>,
    /// The day that it was made.
    day: Day,
    /// When those who are away are left it.
    due: Time,
    /// When all others are.
    late: Time,
    /// To whom; `None` while nobody has looked: to everybody.
    owed: Option<BTreeSet<DeviceId>>,
}

/// A deposit that waits for its answer.
struct Flight {
    to: DeviceId,
    via: String,
    things: Vec<u64>,
    since: Time,
}

/// When to try again, and how often it was in vain.
#[derive(Clone, Copy)]
struct Wait {
    until: Time,
    tries: u32,
}

impl Wait {
    fn longer(before: Option<Wait>, now: Time, least: Duration, most: Duration) -> Wait {
        let tries = before.map_or(0, |wait| (wait.tries + 1).min(MAX_TRIES));
        let span = (least * (1 << tries)).min(most);
        assert!(least <= span && span <= most, "it grows between two ends");
        Wait { until: now.after(span), tries }
    }
}

/// The room's own memory: empty in a group without a coordinator.
#[derive(Default)]
pub(crate) struct Post {
    /// In the order in which they were made; at most [`MAX_THINGS`].
    things: BTreeMap<u64, Thing>,
    made: u64,
    flying: BTreeMap<u64, Flight>,
    flights: u64,
    /// Mailboxes that were full.
    full: BTreeMap<DeviceId, Wait>,
    /// Coordinators that did not answer.
    closed: BTreeMap<String, Wait>,
    /// Whether what was written before there was a coordinator was noted.
    begun: bool,
    /// Whether this device is about to go: nobody counts as here by its lease then.
    leaving: bool,
}

impl Post {
    /// Things that are still to be left for somebody, but for those that wait for another to go with.
    pub(crate) fn to_leave(&self, state: &State) -> usize {
        let hurries = |thing: &&Thing| match thing.kind {
            Kind::Receipt => {
                is_about(state, thing, |device| thing.owed.as_ref().is_none_or(|owed| owed.contains(device)))
            }
            kind => !kind.is_lazy(),
        };
        self.things.values().filter(hurries).count()
    }

    /// Deposits that wait for their answer.
    pub(crate) fn flying(&self) -> usize {
        self.flying.len()
    }
}

/// Who is a member besides this device, and who of them is away.
struct Others {
    all: BTreeSet<DeviceId>,
    away: BTreeSet<DeviceId>,
}

impl Others {
    fn of(room: &Post, state: &State) -> Self {
        let me = state.me();
        let all: BTreeSet<DeviceId> =
            state.log.view().devices().keys().filter(|device| **device != me).copied().collect();
        let connected: BTreeSet<DeviceId> = state.peers.proven().map(|(_, device)| device).collect();
        let gone = |device: &&DeviceId| {
            let leased = !room.leaving && state.live.get(device, Cell::Presence).is_some();
            !connected.contains(device) && !leased
        };
        let away = all.iter().filter(gone).copied().collect();
        Others { all, away }
    }
}

fn drop_thing(room: &mut Post, state: &mut State, at: u64) {
    if let Some(thing) = room.things.remove(&at) {
        state.out.del(Table::Post, &thing.name);
    }
}

/// After a restart: what was noted is in the store.
pub(crate) fn resume(room: &mut Post, state: &mut State) {
    room.begun = state.document.via().is_some();
    if let Some(due) = room.things.values().map(|thing| thing.due).min() {
        state.timers.set_no_later(Timer::Post, due);
    }
}

/// The timer: looks who lacks what, and leaves it.
pub(crate) fn on_due(room: &mut Post, own: &Mailboxes, state: &mut State) {
    let now = state.now.mono;
    let others = Others::of(room, state);
    room.flying.retain(|_, flight| now.since(flight.since) < FLIGHT_PATIENCE);
    room.full.retain(|device, _| others.all.contains(device));
    sort_out(room, state, &others);
    assert!(
        room.flying.len() <= MAX_FLYING && room.full.len() <= others.all.len(),
        "bounded by who is a member"
    );
    let owing: BTreeSet<DeviceId> =
        room.things.values().flat_map(|thing| thing.owed.iter().flatten()).copied().collect();
    let mut next: Option<Time> = None;
    for device in owing {
        let again = leave_for(room, own, state, (&device, others.away.contains(&device)));
        next = [next, again].into_iter().flatten().min();
    }
    schedule(room, state, next);
}

/// This device is about to go. Who is not connected with it may be away already, whatever its lease says; and a content that somebody has
/// not said to have is left for it, connected or not. What else was made here the mesh has told those who are connected.
pub(crate) fn on_leaving(room: &mut Post, own: &Mailboxes, state: &mut State) {
    let now = state.now.mono;
    room.leaving = true;
    for thing in room.things.values_mut() {
        thing.due = thing.due.min(now);
        if thing.kind == Kind::Content {
            thing.late = thing.late.min(now);
        }
    }
    on_due(room, own, state);
}

fn schedule(room: &Post, state: &mut State, next: Option<Time>) {
    let now = state.now.mono;
    let looks = room.things.values().flat_map(|thing| [thing.due, thing.late]).filter(|at| *at > now);
    let flights = room.flying.values().map(|flight| flight.since.after(FLIGHT_PATIENCE));
    let hurries =
        |thing: &Thing| !thing.kind.is_lazy() && thing.due <= now && now < thing.late && thing.owed.is_some();
    let again = room.things.values().any(hurries).then(|| now.after(LOOK_AGAIN));
    if let Some(at) = looks.chain(flights).chain(again).chain(next).min() {
        state.timers.set_no_later(Timer::Post, at);
    }
}

/// Takes from each thing those who have it, or are to have it no more; drops what nobody lacks.
fn sort_out(room: &mut Post, state: &mut State, others: &Others) {
    let now = state.now.mono;
    let today = Day::of_ms(state.now.wall_ms);
    let mut done = Vec::new();
    for (at, thing) in room.things.iter_mut().filter(|(_, thing)| thing.due <= now) {
        let first = thing.owed.is_none();
        let owed = thing.owed.get_or_insert_with(|| others.all.clone());
        owed.retain(|device| others.all.contains(device));
        if thing.day.after(KEPT_DAYS) < today || (!state.is_member() && thing.kind != Kind::Operation) {
            owed.clear();
        }
        if matches!(thing.kind, Kind::Content | Kind::Receipt) && !owed.is_empty() {
            let id = MessageId::from_bytes(thing.name);
            let held = state.messages.who_has(&id).delivered;
            let content = state.messages.get(&id).map(|content| content.content());
            // What is entitled to it changes hardly ever, and is asked again when it is sealed.
            owed.retain(|device| {
                !held.contains(device)
                    && content.is_some_and(|content| !first || is_entitled(state, device, content))
            });
        }
        if thing.late <= now && thing.kind != Kind::Content {
            // The mesh has told those who are here.
            owed.retain(|device| others.away.contains(device));
        }
        debug_assert!(!owed.contains(&state.me()), "nobody lacks what it made itself");
        if owed.is_empty() {
            done.push(*at);
        }
    }
    done.into_iter().for_each(|at| drop_thing(room, state, at));
}

/// Whether a thing is reason enough to leave an item for this device now.
fn presses(state: &State, thing: &Thing, (device, away): (&DeviceId, bool)) -> bool {
    let patient = if away { thing.due } else { thing.late };
    if patient > state.now.mono {
        return false;
    }
    match thing.kind {
        Kind::Receipt => is_about(state, thing, |author| author == device),
        kind => !kind.is_lazy(),
    }
}

/// Whether a receipt is about something that one of these wrote.
fn is_about(state: &State, receipt: &Thing, whom: impl Fn(&DeviceId) -> bool) -> bool {
    let content = state.messages.get(&MessageId::from_bytes(receipt.name));
    let Some(Body::Receipt { delivered, read }) = content.map(|content| &content.content().body) else {
        return false;
    };
    delivered.iter().chain(read).any(|mark| whom(&mark.author))
}

/// Leaves one device what it lacks, as much as fits one item. Says when to try again if that is not now.
fn leave_for(
    room: &mut Post,
    own: &Mailboxes,
    state: &mut State,
    (device, away): (&DeviceId, bool),
) -> Option<Time> {
    let now = state.now.mono;
    let owes = |thing: &Thing| thing.owed.as_ref().is_some_and(|owed| owed.contains(device));
    if room.flying.values().any(|flight| flight.to == *device)
        || room.flying.len() >= MAX_FLYING
        || !room.things.values().any(|thing| owes(thing) && presses(state, thing, (device, away)))
    {
        return None;
    }
    let account = state.log.view().account_of(device)?;
    // Only where the group meets or met: nobody sends the others to a place of its own choice.
    let told = state.document.mailbox(&account, device).filter(|told| own.knows(state, &told.via))?;
    let waits = [room.full.get(device), room.closed.get(&told.via)];
    if let Some(until) = waits.into_iter().flatten().map(|wait| wait.until).max().filter(|until| *until > now)
    {
        return Some(until);
    }
    let Ok(mailbox) = Mailbox::from_bytes(&told.record) else {
        state.count("mailbox that is none");
        return None;
    };
    let candidates: Vec<u64> = room
        .things
        .iter()
        .filter(|(_, thing)| owes(thing) && (if away { thing.due } else { thing.late }) <= now)
        .map(|(at, _)| *at)
        .collect();
    let packed = parcels::pack(room, state, device, &candidates)?;
    uphold_remaining(state, device);
    room.flights += 1;
    assert!(!packed.things.is_empty(), "an item holds something");
    assert!(SizeClass::of(packed.bytes.len()).is_some(), "a coordinator takes four sizes");
    let item = MailboxItem::generate(&mut state.rng);
    let address = mailbox.address(Day::of_ms(state.now.wall_ms));
    let flight = Flight { to: *device, via: told.via.clone(), things: packed.things, since: now };
    room.flying.insert(room.flights, flight);
    state.out.durable(Output::Deposit {
        id: room.flights,
        via: told.via,
        address,
        item,
        bytes: packed.bytes,
    });
    None
}

/// **INV-2**: nothing is left for who is not a member by the log of now.
fn uphold_remaining(state: &State, device: &DeviceId) {
    assert!(state.log.view().account_of(device).is_some(), "INV-2: left for a device that is out");
    assert_ne!(*device, state.me(), "nobody writes to itself");
}

/// What became of a deposit.
pub(crate) fn on_deposited(
    room: &mut Post,
    own: &Mailboxes,
    state: &mut State,
    (id, outcome): (u64, DepositOutcome),
) {
    let Some(flight) = room.flying.remove(&id) else {
        return state.count("answer to a deposit that is over");
    };
    let now = state.now.mono;
    match outcome {
        DepositOutcome::Stored => {
            room.full.remove(&flight.to);
            room.closed.remove(&flight.via);
            for at in flight.things {
                done_with(room, state, at, &flight.to);
            }
        }
        DepositOutcome::Full => {
            let wait = Wait::longer(room.full.get(&flight.to).copied(), now, FULL_LEAST, FULL_MOST);
            room.full.insert(flight.to, wait);
        }
        DepositOutcome::Unreachable => {
            let before = room.closed.get(&flight.via).copied();
            // Of several that failed together only the first counts.
            if before.is_none_or(|wait| wait.until <= now) {
                let mut wait = Wait::longer(before, now, CLOSED_LEAST, CLOSED_MOST);
                let half = u64::try_from(wait.until.since(now).as_millis() / 2).unwrap_or(u64::MAX);
                wait.until =
                    now.after(Duration::from_millis(half + u64::from(state.rng.next_u32()) % half.max(1)));
                room.closed.retain(|_, wait| wait.until > now);
                room.closed.insert(flight.via, wait);
            }
        }
    }
    on_due(room, own, state);
}

fn done_with(room: &mut Post, state: &mut State, at: u64, device: &DeviceId) {
    let Some(thing) = room.things.get_mut(&at) else { return };
    debug_assert!(at <= room.made, "things are numbered as they are made");
    let owed = thing.owed.as_mut();
    let empty = owed.is_some_and(|owed| owed.remove(device) && owed.is_empty());
    if empty {
        drop_thing(room, state, at);
    } else {
        let bytes = thing.to_bytes(at);
        state.out.put(Table::Post, &thing.name, bytes);
    }
}

/// A coordinator answered: what waited for it is tried now.
pub(crate) fn on_reached(room: &mut Post, state: &mut State) {
    if !room.closed.is_empty() {
        room.closed.clear();
        state.timers.set_no_later(Timer::Post, state.now.mono);
    }
}

#[cfg(test)]
mod tests;
