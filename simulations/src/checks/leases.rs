//! Live cells never outlive their lease at any host, even where their author died: positions, presence, being in the call. And no position
//! goes before its lease has ended.

use super::{Check, End, Findings};
use crate::book::Book;
use crate::net::links::HostId;
use crate::plan::Act;
use crate::seen::{At, Seen};
use halloo_crdt::live::Kind;
use halloo_crypto::id::DeviceId;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::{Event, Output};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "leases";
/// How often a host is looked at, microseconds.
const LOOK_EVERY_US: u64 = 1_000_000;
/// How long a report may be on its way from its author to the last host, hop by hop, microseconds: a lease runs from reception. A dead
/// stream is found by the mesh's ping within 20 s, and each neighbour passes on within a second.
pub const TRANSIT_MAX_US: u64 = 30_000_000;
/// Leases of the call: the engine's own constant is private to its room.
pub const CALL_LEASE_US: u64 = 16_000_000;
/// Looks at which something may be over its time before it counts: one, so that a host that has just woken gets to its timers.
const PATIENCE: u32 = 1;
/// Leases are counted in whole milliseconds of the clock of each end: how much earlier one may end by that, microseconds.
const ROUNDING_US: u64 = 2_000;

/// What is alive in a host's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Where a device is.
    Place,
    /// That it is there.
    Presence,
    /// That it is in the call.
    Call,
}

/// The judge.
#[derive(Default)]
pub struct Leases {
    hosts: BTreeMap<HostId, Eyes>,
    /// When the lives of hosts ended; gone when they live again.
    dead: BTreeMap<HostId, u64>,
    /// When lives began.
    began: BTreeMap<HostId, u64>,
    /// Who ended its sharing, or whose wall clock jumped: the end of sharing that a person chose is a time of that clock.
    moody: BTreeSet<HostId>,
}

/// One host's eyes.
#[derive(Debug, Default)]
struct Eyes {
    looked_us: u64,
    alive: BTreeMap<(DeviceId, Cell), u32>,
    /// The newest position of each device, by the time in it.
    places: BTreeMap<DeviceId, u64>,
}

/// The longest life of each kind after its author's last word, microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of positions.
    pub place_us: u64,
    /// Of presence.
    pub presence_us: u64,
}

impl Limits {
    fn of(book: &Book) -> Self {
        let lease = |span: std::time::Duration, kind: Kind| {
            let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).min(kind.max_lease_ms());
            ms * 1_000 + TRANSIT_MAX_US
        };
        Limits {
            place_us: lease(book.location_lease, Kind::Location),
            presence_us: lease(book.presence_lease, Kind::Presence),
        }
    }
}

impl Check for Leases {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, book: &Book, findings: &mut Findings) {
        match seen {
            Seen::Began { .. } => {
                self.hosts.insert(at.host, Eyes::default());
                self.dead.remove(&at.host);
                self.began.insert(at.host, at.us);
            }
            Seen::Ended(_) => {
                self.hosts.remove(&at.host);
                self.dead.insert(at.host, at.us);
            }
            Seen::Acted(Act::Skew(who, _)) => {
                self.moody.insert(*who);
            }
            Seen::Input { input: Input::Command { command: Command::Share { lease: None }, .. }, .. } => {
                self.moody.insert(at.host);
            }
            Seen::Output { output: Output::Event(event), .. } => {
                if let Event::LocationExpired { device } = event {
                    self.expires(at, device, book, findings);
                }
                self.hear(at, event);
            }
            Seen::Drained { .. } => self.look(at, book, findings),
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

impl Leases {
    /// A host is told what is alive.
    pub fn hear(&mut self, at: At, event: &Event) {
        let eyes = self.hosts.entry(at.host).or_default();
        let alive = &mut eyes.alive;
        match event {
            Event::Location(view) if !view.own => {
                alive.insert((view.device, Cell::Place), 0);
                eyes.places.insert(view.device, view.taken_ms);
            }
            Event::LocationExpired { device } => {
                eyes.places.remove(device);
                alive.remove(&(*device, Cell::Place));
            }
            Event::Presence { device, online: true, .. } => {
                alive.insert((*device, Cell::Presence), 0);
            }
            Event::Presence { device, .. } => {
                alive.remove(&(*device, Cell::Presence));
            }
            Event::CallJoined { device } => {
                alive.insert((*device, Cell::Call), 0);
            }
            Event::CallLeft { device } => {
                alive.remove(&(*device, Cell::Call));
            }
            // Who is out is told nothing more.
            Event::Evicted { .. } => alive.clear(),
            _ => {}
        }
    }

    /// A position goes: it was valid for its lease from when its owner's device was given it, wherever it was seen.
    pub fn expires(&mut self, at: At, device: &DeviceId, book: &Book, findings: &mut Findings) {
        let taken_ms = self.hosts.get(&at.host).and_then(|eyes| eyes.places.get(device));
        let Some((author, taken)) =
            book.host_of(device).zip(taken_ms.and_then(|taken_ms| book.taken(device, *taken_ms)))
        else {
            return;
        };
        // Who is out sees nothing more and is seen no more, and whoever starts anew does so without a position.
        let out = |host| book.account(host).is_some_and(|account| book.has_parted(&account));
        let anew = self.began.get(&author).is_some_and(|began| *began > taken.us);
        if out(author)
            || out(at.host)
            || anew
            || self.moody.contains(&author)
            || book.person(author).adversary
        {
            return;
        }
        let lease_us = u64::try_from(book.location_lease.as_micros()).unwrap_or(u64::MAX);
        let end = taken.us.saturating_add(lease_us).saturating_sub(ROUNDING_US);
        if at.us < end {
            let early = (end - at.us) / 1_000;
            findings.add(
                NAME,
                at,
                format!("a position of host {author} goes {early} ms before its lease ends"),
            );
        }
    }

    /// Looks through a host's eyes.
    pub fn look(&mut self, at: At, book: &Book, findings: &mut Findings) {
        let limits = Limits::of(book);
        let Some(eyes) = self.hosts.get_mut(&at.host) else { return };
        if at.us < eyes.looked_us.saturating_add(LOOK_EVERY_US) {
            return;
        }
        eyes.looked_us = at.us;
        for ((device, cell), looks) in &mut eyes.alive {
            let Some(author) = book.host_of(device).filter(|host| !book.person(*host).adversary) else {
                continue;
            };
            let dead = self.dead.get(&author).copied();
            let end = match cell {
                Cell::Place => book.shared_us(device).map(|at| at.saturating_add(limits.place_us)),
                Cell::Presence => dead.map(|at| at.saturating_add(limits.presence_us)),
                Cell::Call => dead.map(|at| at.saturating_add(CALL_LEASE_US + TRANSIT_MAX_US)),
            };
            let Some(end) = end.filter(|end| *end < at.us) else {
                *looks = 0;
                continue;
            };
            *looks += 1;
            if *looks == PATIENCE + 1 {
                let over = (at.us - end) / 1_000;
                findings.add(NAME, at, format!("{cell:?} of host {author} lives {over} ms after its lease"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
