//! The room of the own mailboxes: one at the group's coordinator, known to the members by the document, another after each removal.
//!
//! ```text
//!  the group has a coordinator --> drawn, stored, told in the document --> addresses of yesterday, today, tomorrow: watched
//!  somebody was removed        --\
//!  another coordinator          --> another one; the old one is looked into for as long as anything may lie there
//!  the document has another one --/                                       (this home is an old copy of itself)
//! ```
//!
//! Single writer, the last word counts: that is what a person's part of the document is, and by it the mailbox reaches who was away, who
//! comes later whatever newcomers are given of the past, and nobody who was out before it was drawn.

use std::collections::BTreeSet;

use halloo_crdt::document::{Edit, Mailbox as Told};
use halloo_crypto::id::{MailboxAddress, OpId};
use halloo_crypto::mailbox::{Day, MailboxSecret};
use rand_core::Rng as _;

use crate::chat::Chat;
use crate::names;
use crate::output::{MailboxDoor, Output};
use crate::snapshot::Table;
use crate::state::State;
use crate::timers::Timer;
use crate::topics;
use crate::wire::bytes::{Reader, put_blob};
use crate::wire::{VERSION, WireError};

/// How long a coordinator keeps what was left there, days: an old mailbox is looked into for so long after it was replaced, and a device
/// that was away looks so far back.
pub(crate) const KEPT_DAYS: u32 = 14;
/// Own mailboxes that are kept, the one in use among them: more removals than this within [`KEPT_DAYS`] give the oldest up.
pub(crate) const MAX_MAILBOXES: usize = 8;
/// Heads of the log that one was drawn at, as many as a commit may name.
const MAX_HEADS: usize = 64;
/// After a removal each device tells its new mailbox; so long for each device they are spread, so that not all write at once.
const SPREAD_MS: u64 = 40;
/// At least and at most so long, however many there are.
const SPREAD_RANGE_MS: (u64, u64) = (500, 20_000);
/// When it cannot be told now: the epoch is about to change, or the disk is behind.
const AGAIN: core::time::Duration = core::time::Duration::from_secs(1);

/// One own mailbox.
struct Own {
    number: u64,
    secret: MailboxSecret,
    /// What the members are told of it.
    told: Told,
    via: String,
    /// The log when it was drawn: who was removed before does not know it.
    heads: Vec<OpId>,
    /// When another took its place.
    retired: Option<Day>,
    /// All days up to here were looked into when they were over.
    closed: Day,
    /// Of the days after it, those that were over and empty.
    empty: BTreeSet<Day>,
}

impl Own {
    /// ```text
    ///  0         1        5         9           11            11+32n
    ///  | version | closed | retired | n u16     | head, 32, n times | secret: blob | origin: the rest |
    ///  |         | day 4  | day 4,  |           |
    ///  |         |        | or 0    |           |
    /// ```
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.closed.0.to_be_bytes());
        out.extend_from_slice(&self.retired.map_or(0, |day| day.0).to_be_bytes());
        out.extend_from_slice(&u16::try_from(self.heads.len()).expect("at most 64").to_be_bytes());
        self.heads.iter().for_each(|head| out.extend_from_slice(head.as_bytes()));
        put_blob(&mut out, self.secret.to_bytes().expose());
        out.extend_from_slice(self.via.as_bytes());
        assert!(self.heads.len() <= MAX_HEADS, "cut where it was drawn");
        debug_assert_eq!(
            out.len(),
            11 + 32 * self.heads.len() + 4 + MailboxSecret::LEN + self.via.len(),
            "as drawn"
        );
        out
    }

    fn from_bytes(number: u64, bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let closed = Day(reader.u32()?);
        let retired = Some(Day(reader.u32()?)).filter(|day| day.0 > 0);
        let count = usize::from(reader.u16()?);
        if count > MAX_HEADS {
            return Err(WireError::TooLong);
        }
        let heads = (0..count).map(|_| reader.array().map(OpId::from_bytes)).collect::<Result<_, _>>()?;
        let secret = MailboxSecret::from_bytes(reader.blob(MailboxSecret::LEN)?);
        let via = core::str::from_utf8(reader.rest()).map_err(|_| WireError::NotCanonical)?.to_owned();
        let secret = secret.map_err(|_| WireError::NotCanonical)?;
        let told = Own::told(&secret, &via);
        Ok(Own { number, secret, told, via, heads, retired, closed, empty: BTreeSet::new() })
    }

    fn told(secret: &MailboxSecret, via: &str) -> Told {
        Told { record: secret.public().to_bytes().to_vec(), via: via.to_owned() }
    }

    /// The days whose addresses may hold something.
    fn days(&self, today: Day) -> core::ops::RangeInclusive<u32> {
        let first = self.closed.after(1).max(today.before(KEPT_DAYS));
        first.0..=today.after(1).0
    }
}

/// An address that is looked into, and whose it is.
#[derive(Clone, PartialEq, Eq)]
struct Door {
    address: MailboxAddress,
    number: u64,
    day: Day,
}

/// The room's own memory: empty in a group without a coordinator.
#[derive(Default)]
pub(crate) struct Mailboxes {
    /// Oldest first; at most [`MAX_MAILBOXES`], and at most the last is in use.
    own: Vec<Own>,
    /// What the driver was told last.
    doors: Vec<Door>,
    /// What the list of doors was made of: it costs a curve multiplication for each day.
    told: Option<(Day, Vec<(u64, Day)>)>,
    /// Whether somebody is out who knows the one in use.
    outdated: bool,
    /// Whether the timer is set because what the members are told is stale.
    pending: bool,
}

impl Mailboxes {
    /// After a restart.
    ///
    /// # Errors
    /// [`WireError`] for a damaged row.
    pub(crate) fn restore<'a>(rows: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<Self, WireError> {
        let mut own = Vec::new();
        for (name, row) in rows {
            let number = u64::from_be_bytes(name.try_into().map_err(|_| WireError::Short)?);
            own.push(Own::from_bytes(number, row)?);
        }
        Ok(Mailboxes { own, ..Mailboxes::default() })
    }

    fn in_use(&self) -> Option<&Own> {
        self.own.last().filter(|own| own.retired.is_none())
    }

    /// Whether this group never had anything to do with a coordinator.
    pub(crate) fn is_idle(&self, state: &State) -> bool {
        self.own.is_empty() && state.document.via().is_none()
    }

    /// The addresses that are looked into.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> impl Iterator<Item = MailboxAddress> {
        self.doors.iter().map(|door| door.address)
    }

    /// Whether the group meets at this coordinator, or met there while this device had a mailbox at it that is still kept.
    pub(crate) fn knows(&self, state: &State, via: &str) -> bool {
        self.own.iter().any(|own| own.via == via) || state.document.via().as_deref() == Some(via)
    }

    /// Whether this is an own address that is looked into.
    pub(crate) fn holds(&self, address: &MailboxAddress) -> bool {
        self.doors.iter().any(|door| door.address == *address)
    }
}

/// The addresses of the mailbox in use from today on, so many days, soonest first: where things will be left while this device is away.
pub(crate) fn ahead(room: &Mailboxes, state: &State, days: u32) -> Vec<MailboxDoor> {
    let Some(own) = room.in_use().filter(|_| state.is_member()) else { return Vec::new() };
    let today = Day::of_ms(state.now.wall_ms);
    let door = |day| MailboxDoor { via: own.via.clone(), key: own.secret.day_key(day), watch: true };
    (0..days).map(|later| today.after(later)).map(door).collect()
}

/// The log or the keys changed: is somebody out who knows the mailbox in use?
pub(crate) fn look_who_left(room: &mut Mailboxes, state: &State) {
    room.outdated = room.in_use().is_some_and(|own| topics::somebody_left(&state.log, &own.heads));
}

/// Whether what the members are told of this device's mailbox is to be said otherwise.
fn is_stale(room: &Mailboxes, state: &State) -> bool {
    let via = state.document.via();
    let told = state.document.mailbox(&state.account(), &state.me());
    match (via, room.in_use()) {
        (None, own) => own.is_some() || told.is_some(),
        (Some(_), None) => true,
        (Some(via), Some(own)) => room.outdated || own.via != via || told.as_ref() != Some(&own.told),
    }
}

/// The document, the log or the keys changed, or the room begins: what is to be done soon, and what is looked into now.
pub(crate) fn refresh(room: &mut Mailboxes, state: &mut State) {
    if room.is_idle(state) {
        return;
    }
    if state.is_member() && !room.pending && is_stale(room, state) {
        room.pending = true;
        let (least, most) = SPREAD_RANGE_MS;
        let span = (SPREAD_MS * state.log.view().devices().len() as u64).clamp(least, most);
        let wait = least + u64::from(state.rng.next_u32()) % span;
        state.timers.within(Timer::Mailbox, state.now.mono, core::time::Duration::from_millis(wait));
    }
    tell_doors(room, state);
}

/// The timer: a new mailbox if one is due, or another day.
pub(crate) fn on_due(room: &mut Mailboxes, chat: &mut Chat, state: &mut State) {
    room.pending = state.is_member() && is_stale(room, state);
    if room.pending {
        // What is told now would be sealed to who was just removed, or make everybody commit at once.
        let told = !state.tainted && !state.out.is_choked() && renew(room, chat, state);
        room.pending = !told;
        if !told {
            state.timers.within(Timer::Mailbox, state.now.mono, AGAIN);
        }
    }
    tell_doors(room, state);
}

/// Draws another mailbox, or gives the old one up if the group has no coordinator any more. False if it must be tried again.
fn renew(room: &mut Mailboxes, chat: &mut Chat, state: &mut State) -> bool {
    let today = Day::of_ms(state.now.wall_ms);
    let new = state.document.via().map(|via| {
        let secret = MailboxSecret::generate(&mut state.rng);
        let mut heads = state.heads();
        heads.truncate(MAX_HEADS);
        let number = room.own.last().map_or(0, |own| own.number + 1);
        assert!(!heads.is_empty(), "a group has a log");
        let told = Own::told(&secret, &via);
        Own {
            number,
            secret,
            told,
            via,
            heads,
            retired: None,
            closed: today.before(2),
            empty: BTreeSet::new(),
        }
    });
    let edit = Edit::Mailbox { device: state.me(), mailbox: new.as_ref().map(|own| own.told.clone()) };
    if names::edit_document(chat, state, &[edit]).is_err() {
        return false;
    }
    if let Some(old) = room.own.last_mut().filter(|own| own.retired.is_none()) {
        old.retired = Some(today);
        put(state, old);
    }
    if let Some(new) = new {
        put(state, &new);
        room.own.push(new);
        room.outdated = false;
    }
    assert!(room.own.iter().rev().skip(1).all(|own| own.retired.is_some()), "one at most is in use");
    while room.own.len() > MAX_MAILBOXES {
        let oldest = room.own.remove(0);
        state.out.del(Table::Mailbox, &oldest.number.to_be_bytes());
    }
    true
}

fn put(state: &mut State, own: &Own) {
    state.out.put(Table::Mailbox, &own.number.to_be_bytes(), own.to_bytes());
}

/// Gives up what is too old to hold anything, and tells the driver where to look if that is not what it was told last.
fn tell_doors(room: &mut Mailboxes, state: &mut State) {
    let today = Day::of_ms(state.now.wall_ms);
    let over = |own: &Own| own.retired.is_some_and(|day| day.after(KEPT_DAYS) < today);
    for own in room.own.iter().filter(|own| over(own)) {
        state.out.del(Table::Mailbox, &own.number.to_be_bytes());
    }
    room.own.retain(|own| !over(own));
    if !state.is_member() {
        return give_up(room, state);
    }
    // Drawn or looked through under a clock that was ahead: without this nothing would be looked into until that day.
    room.own.iter_mut().for_each(|own| own.closed = own.closed.min(today.before(2)));
    if !room.own.is_empty() {
        let left = today.after(1).begins_ms().saturating_sub(state.now.wall_ms);
        state.timers.within(Timer::Mailbox, state.now.mono, core::time::Duration::from_millis(left + 1));
    }
    let made_of = (today, room.own.iter().map(|own| (own.number, own.closed)).collect());
    if room.told.as_ref() == Some(&made_of) {
        return;
    }
    room.told = Some(made_of);
    let days = room.own.iter().flat_map(|own| own.days(today).map(move |day| (own, Day(day))));
    let mut doors = Vec::new();
    let mut told = Vec::new();
    for (own, day) in days {
        let key = own.secret.day_key(day);
        doors.push(Door { address: key.address(), number: own.number, day });
        told.push(MailboxDoor { via: own.via.clone(), key, watch: day >= today.before(1) });
    }
    assert!(doors.len() <= MAX_MAILBOXES * (KEPT_DAYS as usize + 2), "so many days of so many mailboxes");
    room.doors = doors;
    state.out.durable(Output::Doors(told));
}

/// Who is out looks into nothing any more, and keeps no key for it.
fn give_up(room: &mut Mailboxes, state: &mut State) {
    for own in room.own.drain(..) {
        state.out.del(Table::Mailbox, &own.number.to_be_bytes());
    }
    state.timers.stop(Timer::Mailbox);
    room.told = None;
    if !room.doors.is_empty() {
        room.doors.clear();
        state.out.now(Output::Doors(Vec::new()));
    }
}

/// An address was looked into and nothing lay there: if its day is over, nothing will. When all days that are over are known to be
/// empty the driver need look into them no more.
pub(crate) fn on_empty(room: &mut Mailboxes, state: &mut State, address: &MailboxAddress) {
    let today = Day::of_ms(state.now.wall_ms);
    let Some(door) = room.doors.iter().find(|door| door.address == *address).cloned() else { return };
    let Some(own) = room.own.iter_mut().find(|own| own.number == door.number) else { return };
    if door.day >= today.before(1) {
        return;
    }
    own.empty.insert(door.day);
    let mut over = own.days(today).map(Day).filter(|day| *day < today.before(1));
    if over.all(|day| own.empty.contains(&day)) {
        assert!(own.closed < today.before(1), "what is looked into still is not closed");
        own.closed = today.before(2);
        own.empty.clear();
        put(state, own);
        tell_doors(room, state);
    }
}

#[cfg(test)]
mod tests;
