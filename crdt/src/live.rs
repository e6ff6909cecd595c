//! What is true of a member just now: place, presence, typing, mute, floor. Nothing here has a history, everything expires.
//!
//! One register per device. A device signs a **report** of all its live cells at once; a newer report replaces the older one
//! whole, so a stamp says exactly what a neighbour lacks, and a relay can neither forge nor mix. Reports are ordered by
//! (`start`, `counter`): the engine's start and a count within it. A cell's lease runs from reception (less the time that an
//! honest relay says it held the report), never longer than the kind's named maximum; after it the cell is gone, whether or
//! not its author lives.
//!
//! Cost: one signature is made per report (about 20 us) and one is checked per report *accepted* (about 40 us): a report that is
//! not newer is dropped before its signature is looked at. 50 members at 10 Hz cost 2 % of one core. In a batch only the newest
//! report of a device is checked.

mod batch;
mod cell;
mod report;

use std::collections::BTreeMap;

use halloo_crypto::id::{DeviceId, GroupId};
use halloo_crypto::identity::DeviceSecret;

pub use batch::{DECLINE_MS, MAX_BATCH_BYTES, PeerView, declined};
pub use cell::{Cell, Fix, Floor, Kind, Location, MAX_LEASE_MS, Mute, Precision, Presence, Status};
pub use report::{MAX_REPORT_BYTES, Stamp};

use report::Report;

/// Most devices whose reports are kept: ten times the largest group this is built for.
pub const MAX_DEVICES: usize = 5_000;

/// What is wrong with live bytes that a peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// Peer: too long, cut off, or with a field out of its range.
    #[error("live bytes are malformed")]
    Malformed,
    /// Peer: a version that this build does not read.
    #[error("live version {0} is newer than this halloo: update to read it")]
    Version(u8),
    /// Peer: the signature is not the author's.
    #[error("the signature of a live report is not its author's")]
    Signature,
}

/// One cell that changed by an accepted batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose cell.
    pub device: DeviceId,
    /// Which cell.
    pub kind: Kind,
    /// Its value; `None` when the author took it back.
    pub cell: Option<Cell>,
}

/// What accepting a batch did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accepted {
    /// The cells that differ from before, in order of device and kind.
    pub changes: Vec<Change>,
    /// Reports that were not newer than what is held: the price of gossip.
    pub stale: usize,
    /// Reports refused: not of a member, or wrongly signed.
    pub refused: usize,
    /// The authors of the reports that were new.
    pub fresh: Vec<DeviceId>,
    /// The authors whose reports were not, having come from elsewhere already.
    pub echoed: Vec<DeviceId>,
}

#[derive(Debug, Clone, PartialEq)]
struct Leased {
    cell: Cell,
    expires_ms: u64,
}

/// The newest report of one device. The stamp stays after the cells expired, so that an old report cannot come back.
#[derive(Debug, Clone)]
struct Held {
    stamp: Stamp,
    /// Which filing put it here: who has looked at all before owes nothing older.
    filing: u64,
    received_ms: u64,
    /// The signed bytes, for neighbours; empty once every cell has expired.
    bytes: Vec<u8>,
    cells: BTreeMap<Kind, Leased>,
}

/// The registers of a group, and our own cells to be reported.
#[derive(Debug, Clone)]
pub struct Live {
    group: GroupId,
    me: DeviceId,
    next: Stamp,
    own: BTreeMap<Kind, Leased>,
    held: BTreeMap<DeviceId, Held>,
    /// Reports filed so far, and whose each of those is that are held.
    filings: u64,
    filed: BTreeMap<u64, DeviceId>,
}

impl Live {
    /// `start` grows with every start of this device's engine: the wall clock at the start in Unix milliseconds, or one more
    /// than the last one stored if that is larger.
    pub fn new(group: GroupId, me: DeviceId, start: u64) -> Self {
        let next = Stamp { start, counter: 1 };
        let (own, held, filed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { group, me, next, own, held, filings: 0, filed }
    }

    /// Sets an own cell for `lease_ms`, cut to the kind's maximum ([`Kind::max_lease_ms`]).
    pub fn set(&mut self, cell: Cell, lease_ms: u64, now_ms: u64) {
        let kind = cell.kind();
        let expires_ms = now_ms.saturating_add(lease_ms.min(kind.max_lease_ms()));
        self.own.insert(kind, Leased { cell, expires_ms });
    }

    /// Takes an own cell back; others see it at the next report.
    pub fn clear(&mut self, kind: Kind) {
        self.own.remove(&kind);
    }

    /// Signs one report of all own cells that have not expired and files it as ours. The bytes are one batch for gossip.
    pub fn report(&mut self, secret: &DeviceSecret, now_ms: u64) -> Vec<u8> {
        assert_eq!(secret.id(), self.me, "a device reports for itself only");
        self.own.retain(|_, leased| leased.expires_ms > now_ms);
        // A wall clock that was set back must not lengthen a lease.
        let left = |l: &Leased| (l.expires_ms - now_ms).min(l.cell.kind().max_lease_ms()) as u32;
        let leases = self.own.values().map(|l| (l.cell.clone(), left(l))).collect();
        let report = Report { author: self.me, stamp: self.next, cells: leases };
        self.next.counter += 1;
        let bytes = report.sign(&self.group, secret);
        let batch = batch::encode([(0, bytes.as_slice())]);
        self.file(report, bytes, 0, now_ms);
        batch
    }

    /// Takes a batch of a peer: each report if its device is a member, it is newer than what we hold, and its signature is good.
    /// A bad report does not spoil the others. `from` learns what the peer evidently has.
    pub fn accept(
        &mut self,
        batch: &[u8],
        now_ms: u64,
        is_member: &dyn Fn(&DeviceId) -> bool,
        mut from: Option<&mut PeerView>,
    ) -> Result<Accepted, LiveError> {
        let mut newest: BTreeMap<DeviceId, (Report, u32, &[u8])> = BTreeMap::new();
        let mut accepted = Accepted::default();
        for (age_ms, bytes) in batch::decode(batch)? {
            let report = Report::parse(bytes)?;
            match newest.get(&report.author) {
                Some((known, ..)) if known.stamp >= report.stamp => accepted.stale += 1,
                _ => {
                    let dropped = newest.insert(report.author, (report, age_ms, bytes));
                    accepted.stale += usize::from(dropped.is_some());
                }
            }
        }
        for (device, (report, age_ms, bytes)) in newest {
            if device == self.me || !is_member(&device) {
                accepted.refused += 1;
                continue;
            }
            let known = self.held.get(&device).map(|held| held.stamp);
            if known.is_some_and(|stamp| stamp >= report.stamp) {
                accepted.stale += 1;
                accepted.echoed.push(device);
            } else if (known.is_none() && self.held.len() >= MAX_DEVICES)
                || !Report::is_signed(&self.group, bytes)
            {
                accepted.refused += 1;
                continue;
            }
            if let Some(view) = from.as_deref_mut() {
                view.has(device, report.stamp);
            }
            if known.is_none_or(|stamp| stamp < report.stamp) {
                accepted.fresh.push(device);
                accepted.changes.extend(self.file(report, bytes.to_vec(), age_ms, now_ms));
            }
        }
        Ok(accepted)
    }

    /// Files a report that is known to be good and newer; returns what differs.
    fn file(&mut self, report: Report, bytes: Vec<u8>, age_ms: u32, now_ms: u64) -> Vec<Change> {
        let device = report.author;
        let mut cells = BTreeMap::new();
        for (cell, lease_ms) in report.cells {
            let kind = cell.kind();
            let lease = u64::from(lease_ms).min(kind.max_lease_ms()).saturating_sub(u64::from(age_ms));
            if lease > 0 {
                cells.insert(kind, Leased { cell, expires_ms: now_ms.saturating_add(lease) });
            }
        }
        let received_ms = now_ms.saturating_sub(u64::from(age_ms));
        self.filings += 1;
        let held = Held { stamp: report.stamp, filing: self.filings, received_ms, bytes, cells };
        let after = held.cells.clone();
        let before = self.held.insert(device, held);
        if let Some(before) = &before {
            self.filed.remove(&before.filing);
        }
        self.filed.insert(self.filings, device);
        debug_assert_eq!(self.filed.len(), self.held.len(), "one filing for each that is held");
        assert!(before.as_ref().is_none_or(|b| b.stamp < report.stamp), "a register only moves forward");
        let before = before.map(|b| b.cells).unwrap_or_default();
        Kind::ALL
            .into_iter()
            .filter(|kind| before.get(kind).map(|l| &l.cell) != after.get(kind).map(|l| &l.cell))
            .map(|kind| Change { device, kind, cell: after.get(&kind).map(|l| l.cell.clone()) })
            .collect()
    }

    /// Drops what has outlived its lease; returns which cells went. Call it at [`Self::next_expiry`] and before reading.
    pub fn expire(&mut self, now_ms: u64) -> Vec<(DeviceId, Kind)> {
        let mut gone = Vec::new();
        for (device, held) in &mut self.held {
            held.cells.retain(|kind, leased| {
                let alive = leased.expires_ms > now_ms;
                if !alive {
                    gone.push((*device, *kind));
                }
                alive
            });
            if held.cells.is_empty() {
                held.bytes = Vec::new();
            }
        }
        self.own.retain(|_, leased| leased.expires_ms > now_ms);
        assert!(self.next_expiry().is_none_or(|at| at > now_ms), "nothing outlives its lease");
        gone
    }

    /// When the next cell expires, Unix milliseconds.
    pub fn next_expiry(&self) -> Option<u64> {
        self.held.values().flat_map(|held| held.cells.values()).map(|leased| leased.expires_ms).min()
    }

    /// A cell that has not been expired yet.
    pub fn get(&self, device: &DeviceId, kind: Kind) -> Option<&Cell> {
        self.held.get(device)?.cells.get(&kind).map(|leased| &leased.cell)
    }

    /// All cells of a kind, by device.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&DeviceId, &Cell)> {
        self.held.iter().filter_map(move |(device, held)| Some((device, &held.cells.get(&kind)?.cell)))
    }

    /// All places, by device; our own included once it was reported.
    pub fn locations(&self) -> impl Iterator<Item = (&DeviceId, &Location)> {
        self.all(Kind::Location).filter_map(|(device, cell)| match cell {
            Cell::Location(location) => Some((device, location)),
            _ => None,
        })
    }

    /// When the newest report of a device was received, Unix milliseconds of our clock.
    pub fn heard_ms(&self, device: &DeviceId) -> Option<u64> {
        self.held.get(device).map(|held| held.received_ms)
    }

    /// Forgets a device that is no longer a member.
    pub fn forget(&mut self, device: &DeviceId) {
        if let Some(held) = self.held.remove(device) {
            self.filed.remove(&held.filing);
        }
    }
}
