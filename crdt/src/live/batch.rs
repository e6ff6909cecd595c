//! What one neighbour lacks, in one frame, and what we believe it has.
//!
//! ```text
//!   batch   0x01, n (2), n x { age 4 (milliseconds the sender held it), length 2, report }
//!   vector  0x02, n (2), n x { device 8 (first bytes of its id), start 8, counter 8 }
//! ```
//!
//! Little endian. The age is the relay's own word and unsigned: an honest relay shortens the lease by it, a lying one could as
//! well have held the report back.

use std::collections::BTreeMap;

use halloo_crypto::id::DeviceId;

use super::report::{MAX_REPORT_BYTES, Stamp};
use super::{Live, LiveError, MAX_DEVICES};

/// Longest batch, bytes: half of one gossip frame, so that a seal and an envelope fit round it.
pub const MAX_BATCH_BYTES: usize = 32 * 1024;
const BATCH: u8 = 1;
const VECTOR: u8 = 2;
const BATCH_HEAD: usize = 3;
const ITEM_HEAD: usize = 6;
const VECTOR_ITEM: usize = 24;

/// The newest stamp of each device that one neighbour is known to have. The caller keeps one per connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerView(BTreeMap<[u8; 8], Stamp>);

impl PeerView {
    /// Reads the vector that the neighbour sent when it connected.
    pub fn from_vector(bytes: &[u8]) -> Result<Self, LiveError> {
        let (&[kind, a, b], rest) = bytes.split_first_chunk::<BATCH_HEAD>().ok_or(LiveError::Malformed)?;
        if kind != VECTOR {
            return Err(LiveError::Malformed);
        }
        let count = usize::from(u16::from_le_bytes([a, b]));
        if count > MAX_DEVICES || rest.len() != count * VECTOR_ITEM {
            return Err(LiveError::Malformed);
        }
        let mut view = Self::default();
        let (items, _) = rest.as_chunks::<VECTOR_ITEM>();
        for item in items {
            let [device, start, counter] = [0, 8, 16].map(|at| {
                let mut word = [0; 8];
                word.copy_from_slice(&item[at..at + 8]);
                word
            });
            view.raise(
                device,
                Stamp { start: u64::from_le_bytes(start), counter: u64::from_le_bytes(counter) },
            );
        }
        Ok(view)
    }

    /// Notes that the neighbour has this report.
    pub(super) fn has(&mut self, device: DeviceId, stamp: Stamp) {
        self.raise(short(&device), stamp);
    }

    fn raise(&mut self, device: [u8; 8], stamp: Stamp) {
        if self.0.len() >= MAX_DEVICES && !self.0.contains_key(&device) {
            return;
        }
        let known = self.0.entry(device).or_default();
        *known = stamp.max(*known);
    }

    fn lacks(&self, device: &DeviceId, stamp: Stamp) -> bool {
        self.0.get(&short(device)).is_none_or(|known| *known < stamp)
    }
}

/// Enough of an id to tell the members of one group apart. A clash can only make one report come later.
fn short(device: &DeviceId) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&device.as_bytes()[..8]);
    bytes
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
        Some((&[newer, ..], _)) if newer > VECTOR => Err(LiveError::Version(newer)),
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
    /// One batch, at most `budget` bytes (and [`MAX_BATCH_BYTES`]), of the newest reports that the neighbour lacks, oldest
    /// reception first; `None` if it lacks nothing. The view is advanced: a lost batch is repaired by the next report or, after
    /// a reconnection, by vectors.
    pub fn delta(&self, view: &mut PeerView, now_ms: u64, budget: usize) -> Option<Vec<u8>> {
        let budget = budget.min(MAX_BATCH_BYTES);
        let mut lacking: Vec<_> = self
            .held
            .iter()
            .filter(|(device, held)| !held.bytes.is_empty() && view.lacks(device, held.stamp))
            .collect();
        lacking.sort_by_key(|(device, held)| (held.received_ms, **device));
        let mut used = BATCH_HEAD;
        let mut items = Vec::new();
        for (device, held) in lacking {
            used += ITEM_HEAD + held.bytes.len();
            if used > budget {
                break;
            }
            let age_ms = u32::try_from(now_ms.saturating_sub(held.received_ms)).unwrap_or(u32::MAX);
            view.has(*device, held.stamp);
            items.push((age_ms, held.bytes.as_slice()));
        }
        let batch = (!items.is_empty()).then(|| encode(items));
        assert!(batch.as_ref().is_none_or(|batch| batch.len() <= budget), "a batch keeps its budget");
        batch
    }

    /// The stamps that we hold, for a neighbour that just connected.
    pub fn vector(&self) -> Vec<u8> {
        let mut out = vec![VECTOR, 0, 0];
        out[1..3].copy_from_slice(&(self.held.len() as u16).to_le_bytes());
        for (device, held) in &self.held {
            out.extend_from_slice(&short(device));
            out.extend_from_slice(&held.stamp.start.to_le_bytes());
            out.extend_from_slice(&held.stamp.counter.to_le_bytes());
        }
        out
    }
}
