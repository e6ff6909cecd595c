//! What one neighbour lacks, in one frame, what we believe it has, and what it wants from us at all.
//!
//! ```text
//!   batch     0x01, n (2), n x { age 4 (milliseconds the sender held it), length 2, report }
//!   vector    0x02, n (2), n x { device 8 (first bytes of its id), start 8, counter 8 }
//!   declined  0x03, n (2), n x { device 8 }     all authors whose reports the sender gets elsewhere, for 20 s
//! ```
//!
//! Little endian. The age is the relay's own word and unsigned: an honest relay shortens the lease by it, a lying one could as
//! well have held the report back. A declined author's reports are not passed on to who declined them; what a device says of
//! itself always is. A list replaces the one before and ends by itself: who declined and then cannot make itself heard, because
//! its word was lost or is sealed to keys that are not known here, gets everything again.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::DeviceId;

use super::report::{MAX_REPORT_BYTES, Stamp};
use super::{Held, Live, LiveError, MAX_DEVICES};

/// Longest batch, bytes: half of one gossip frame, so that a seal and an envelope fit round it.
pub const MAX_BATCH_BYTES: usize = 32 * 1024;
/// How long a list of declined authors holds unless it is repeated, milliseconds: at most so long does a word that was lost keep
/// somebody waiting.
pub const DECLINE_MS: u64 = 20_000;
const BATCH: u8 = 1;
const VECTOR: u8 = 2;
const DECLINED: u8 = 3;
const BATCH_HEAD: usize = 3;
const ITEM_HEAD: usize = 6;
const VECTOR_ITEM: usize = 24;
const DECLINED_ITEM: usize = 8;

/// The first eight bytes of a device's id as one number, big-endian: looked up for each author and neighbour whenever something is
/// passed on.
type Short = u64;

/// The newest stamp of each device that one neighbour is known to have, and whose reports it declined. The caller keeps one per
/// connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerView {
    has: BTreeMap<Short, Stamp>,
    declined: BTreeSet<Short>,
    /// When the list of the declined ends.
    declined_until_ms: u64,
    /// The device at the other end, which is not told its own word.
    whose: Option<Short>,
    /// The newest filing when it was last given all that it lacked and wanted, and when that was: only what was filed later can be
    /// owed, unless it wants more by now.
    looked: u64,
    looked_ms: u64,
}

impl PeerView {
    /// Nothing is known of this neighbour but who it is.
    pub fn of(device: &DeviceId) -> Self {
        Self { whose: Some(short(device)), ..Self::default() }
    }

    /// Takes in what the neighbour says of itself: a vector, or the authors that it declines for the next [`DECLINE_MS`]. `false`,
    /// and nothing done, for anything else: a batch is for [`Live::accept`].
    ///
    /// # Errors
    /// The peer's: [`LiveError::Malformed`].
    pub fn learn(&mut self, bytes: &[u8], now_ms: u64) -> Result<bool, LiveError> {
        let Some((&[kind @ VECTOR..=DECLINED, a, b], rest)) = bytes.split_first_chunk::<BATCH_HEAD>() else {
            return Ok(false);
        };
        let count = usize::from(u16::from_le_bytes([a, b]));
        let each = if kind == VECTOR { VECTOR_ITEM } else { DECLINED_ITEM };
        if count > MAX_DEVICES || rest.len() != count * each {
            return Err(LiveError::Malformed);
        }
        if kind == DECLINED {
            let (items, _) = rest.as_chunks::<DECLINED_ITEM>();
            self.declined = items.iter().copied().map(Short::from_be_bytes).collect();
            self.declined_until_ms = now_ms.saturating_add(DECLINE_MS);
            self.looked = 0;
            assert!(self.declined.len() <= MAX_DEVICES, "counted above");
            return Ok(true);
        }
        let (items, _) = rest.as_chunks::<VECTOR_ITEM>();
        for item in items {
            let [device, start, counter] = [0, 8, 16].map(|at| {
                let mut word = [0; 8];
                word.copy_from_slice(&item[at..at + 8]);
                word
            });
            self.raise(
                Short::from_be_bytes(device),
                Stamp { start: u64::from_le_bytes(start), counter: u64::from_le_bytes(counter) },
            );
        }
        Ok(true)
    }

    /// Notes that the neighbour has this report.
    pub(super) fn has(&mut self, device: DeviceId, stamp: Stamp) {
        self.raise(short(&device), stamp);
    }

    fn raise(&mut self, device: Short, stamp: Stamp) {
        if self.has.len() >= MAX_DEVICES && !self.has.contains_key(&device) {
            return;
        }
        let known = self.has.entry(device).or_default();
        *known = stamp.max(*known);
    }

    fn lacks(&self, device: &DeviceId, stamp: Stamp) -> bool {
        self.has.get(&short(device)).is_none_or(|known| *known < stamp)
    }

    /// The newest filing of which nothing can be owed.
    fn looked(&self, now_ms: u64) -> u64 {
        let ended = (self.looked_ms..=now_ms).contains(&self.declined_until_ms);
        if ended { 0 } else { self.looked }
    }

    /// Whether the neighbour wants the reports of this device from `me` at all.
    fn wants(&self, device: &DeviceId, me: &DeviceId, now_ms: u64) -> bool {
        let short = short(device);
        let declined = now_ms < self.declined_until_ms && self.declined.contains(&short);
        self.whose != Some(short) && (device == me || !declined)
    }
}

/// The authors whose reports a neighbour need not pass on, as it learns them.
pub fn declined<'a>(authors: impl ExactSizeIterator<Item = &'a DeviceId>) -> Vec<u8> {
    let count = u16::try_from(authors.len().min(MAX_DEVICES)).expect("devices are bounded below 2^16");
    let mut out = vec![DECLINED];
    out.extend_from_slice(&count.to_le_bytes());
    authors.take(MAX_DEVICES).for_each(|author| out.extend_from_slice(&short(author).to_be_bytes()));
    out
}

/// Enough of an id to tell the members of one group apart. A clash can only make one report come later.
fn short(device: &DeviceId) -> Short {
    let first: &[u8; 8] = device.as_bytes().first_chunk().expect("an id has 32 bytes");
    Short::from_be_bytes(*first)
}

pub(super) fn encode<'a>(items: impl IntoIterator<Item = (u32, &'a [u8])>) -> Vec<u8> {
    let mut out = vec![BATCH, 0, 0];
    let mut count: u16 = 0;
    for (age_ms, report) in items {
        out.extend_from_slice(&age_ms.to_le_bytes());
        out.extend_from_slice(&(report.len() as u16).to_le_bytes());
        out.extend_from_slice(report);
        count += 1;
    }
    out[1..3].copy_from_slice(&count.to_le_bytes());
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<(u32, &[u8])>, LiveError> {
    if bytes.len() > MAX_BATCH_BYTES {
        return Err(LiveError::Malformed);
    }
    match bytes.split_first_chunk::<BATCH_HEAD>() {
        Some((&[BATCH, a, b], rest)) => {
            items(usize::from(u16::from_le_bytes([a, b])), rest).ok_or(LiveError::Malformed)
        }
        Some((&[newer, ..], _)) if newer > DECLINED => Err(LiveError::Version(newer)),
        _ => Err(LiveError::Malformed),
    }
}

fn items(count: usize, mut rest: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut items = Vec::with_capacity(count.min(rest.len() / ITEM_HEAD));
    for _ in 0..count {
        let (&[a, b, c, d, low, high], tail) = rest.split_first_chunk::<ITEM_HEAD>()?;
        let len = usize::from(u16::from_le_bytes([low, high]));
        if len > MAX_REPORT_BYTES {
            return None;
        }
        let (report, tail) = tail.split_at_checked(len)?;
        items.push((u32::from_le_bytes([a, b, c, d]), report));
        rest = tail;
    }
    rest.is_empty().then_some(items)
}

impl Live {
    /// One batch, at most `budget` bytes (and [`MAX_BATCH_BYTES`]), of the newest reports that the neighbour lacks and wants, oldest
    /// reception first; `None` if there are none. The view is advanced: a lost batch is repaired by the next report or, after
    /// a reconnection, by vectors.
    pub fn delta(&self, view: &mut PeerView, now_ms: u64, budget: usize) -> Option<Vec<u8>> {
        let budget = budget.min(MAX_BATCH_BYTES);
        let later = self.filed.range(view.looked(now_ms) + 1..);
        let mut lacking: Vec<_> = later
            .filter_map(|(_, device)| self.held.get_key_value(device))
            .filter(|(device, held)| self.owed(view, device, held, now_ms))
            .collect();
        lacking.sort_by_key(|(device, held)| (held.received_ms, **device));
        let mut used = BATCH_HEAD;
        let mut items = Vec::new();
        let owed = lacking.len();
        for (device, held) in lacking {
            used += ITEM_HEAD + held.bytes.len();
            if used > budget {
                break;
            }
            let age_ms = u32::try_from(now_ms.saturating_sub(held.received_ms)).unwrap_or(u32::MAX);
            view.has(*device, held.stamp);
            items.push((age_ms, held.bytes.as_slice()));
        }
        debug_assert!(items.len() == owed || used > budget, "only what does not fit is left out");
        if items.len() == owed {
            (view.looked, view.looked_ms) = (self.filings, now_ms);
            debug_assert!(!self.held.keys().any(|device| self.owes(view, device, now_ms)), "nothing is owed");
        }
        let batch = (!items.is_empty()).then(|| encode(items));
        assert!(batch.as_ref().is_none_or(|batch| batch.len() <= budget), "a batch keeps its budget");
        batch
    }

    /// Whether a batch of [`Self::delta`] with the full budget surely holds all that the neighbour was owed: the largest report would
    /// have fitted too.
    pub fn is_whole(&self, batch: &[u8]) -> bool {
        batch.len() + ITEM_HEAD + MAX_REPORT_BYTES <= MAX_BATCH_BYTES
    }

    /// Whether the neighbour lacks and wants the newest report of this device.
    pub fn owes(&self, view: &PeerView, device: &DeviceId, now_ms: u64) -> bool {
        self.held.get(device).is_some_and(|held| self.owed(view, device, held, now_ms))
    }

    fn owed(&self, view: &PeerView, device: &DeviceId, held: &Held, now_ms: u64) -> bool {
        !held.bytes.is_empty() && view.lacks(device, held.stamp) && view.wants(device, &self.me, now_ms)
    }

    /// The stamps that we hold, for a neighbour that just connected.
    pub fn vector(&self) -> Vec<u8> {
        let mut out = vec![VECTOR, 0, 0];
        out[1..3].copy_from_slice(&(self.held.len() as u16).to_le_bytes());
        for (device, held) in &self.held {
            out.extend_from_slice(&short(device).to_be_bytes());
            out.extend_from_slice(&held.stamp.start.to_le_bytes());
            out.extend_from_slice(&held.stamp.counter.to_le_bytes());
        }
        out
    }
}
