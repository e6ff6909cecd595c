//! The disk of a host: the store's in-memory engine, with time between a write and its confirmation, and power cuts between the two.

use crate::chance::{between, generator, happens};
use crate::plan::DiskSpec;
use halloo_engine::output::{Batch, WriteId};
use halloo_engine::snapshot::Snapshot;
use halloo_store::batch::{Batch as StoreBatch, MAX_VALUE_BYTES};
use halloo_store::memory::{Fault, MemoryStore};
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use std::collections::VecDeque;

/// Records read at once at a start.
const PAGE: usize = 512;
/// Value bytes of one record: what is longer is split, with one byte before each part.
const PART_BYTES: usize = MAX_VALUE_BYTES - 1;
/// Begins the keys of the parts of long values; no table of a member begins with it.
const PARTS: u8 = b'~';
/// First byte of a record that is the value.
const WHOLE: u8 = 0;
/// First byte of a record that says how many parts the value has.
const SPLIT: u8 = 1;

/// A disk.
#[derive(Debug)]
pub struct Disk {
    spec: DiskSpec,
    rng: ChaCha20Rng,
    store: MemoryStore,
    under_way: VecDeque<(u64, Batch)>,
    stuck: bool,
}

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(spec: DiskSpec, seed: u64, host: u32) -> Self {
        Disk {
            spec,
            rng: generator(seed, &format!("disk {host}")),
            store: MemoryStore::new(),
            under_way: VecDeque::new(),
            stuck: false,
        }
    }

    /// Takes a batch; it is durable later, in order.
    pub fn write(&mut self, now_us: u64, batch: Batch) {
        let span = between(&mut self.rng, self.spec.low_us, self.spec.high_us);
        let after = self.under_way.back().map_or(now_us, |(due, _)| *due);
        // Batches that wait together are committed together, as by the shell's writer: each is done soon after the one before.
        self.under_way.push_back(((now_us + span).max(after), batch));
    }

    /// Whether the disk confirms anything.
    pub fn set_stuck(&mut self, stuck: bool) {
        self.stuck = stuck;
    }

    /// When the next confirmation is due.
    #[must_use]
    pub fn due_us(&self) -> Option<u64> {
        self.under_way.front().map(|(due, _)| *due).filter(|_| !self.stuck)
    }

    /// Batches that are not durable yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.under_way.len()
    }

    /// The next batch that is durable by now.
    ///
    /// # Panics
    /// If the store refuses, which memory without a fault does not.
    pub fn confirm(&mut self, now_us: u64) -> Option<WriteId> {
        if self.stuck {
            return None;
        }
        let (_, batch) = self.under_way.pop_front_if(|(due, _)| *due <= now_us)?;
        self.store.commit(&records(&batch)).expect("memory takes what is within the limits");
        Some(batch.id)
    }

    /// The process is gone: some of the batches under way reached the disk without being confirmed, the next one perhaps in part (a
    /// power cut), the rest not at all.
    pub fn crash(&mut self, power_cut: bool) {
        let reached = between(&mut self.rng, 0, self.under_way.len() as u64);
        for _ in 0..reached {
            let Some((_, batch)) = self.under_way.pop_front() else { break };
            self.store.commit(&records(&batch)).expect("memory takes what is within the limits");
        }
        let torn = power_cut && happens(&mut self.rng, self.spec.torn);
        if let Some((_, batch)) = self.under_way.pop_front().filter(|_| torn) {
            let bytes = usize::try_from(between(&mut self.rng, 1, 4_096)).unwrap_or(1);
            self.store.fail_next(Fault::TornWrite { bytes });
            let refused = self.store.commit(&records(&batch));
            assert!(refused.is_err(), "a torn write is not confirmed");
        }
        self.under_way.clear();
        // What the machine finds when it starts again: whole frames count, the torn tail does not.
        self.store = MemoryStore::from_disk(&self.store.disk());
        self.stuck = false;
    }

    /// Everything durable, as an engine starts from it; `None` where nobody has ever been a member.
    ///
    /// # Panics
    /// If the store cannot be read, or a part of a value is missing: a commit is whole or not there.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        let mut snapshot = Snapshot::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.page(&[], after.as_deref(), PAGE).expect("memory can be read");
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in page {
                if key.first() != Some(&PARTS) {
                    let value = self.join(&key, &value);
                    snapshot.pairs.insert(key, value);
                }
            }
        }
        (!snapshot.pairs.is_empty()).then_some(snapshot)
    }

    fn join(&self, key: &[u8], record: &[u8]) -> Vec<u8> {
        let (kind, rest) = record.split_first().expect("a record has a first byte");
        if *kind == WHOLE {
            return rest.to_vec();
        }
        let parts = u16::from_be_bytes(rest.try_into().expect("two bytes count the parts"));
        (0..parts)
            .flat_map(|part| {
                let found = self.store.get(&part_key(key, part)).expect("memory can be read");
                found.expect("a commit is whole or not there")
            })
            .collect()
    }
}

fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    let mut name = vec![PARTS];
    name.extend_from_slice(key);
    name.extend_from_slice(&part.to_be_bytes());
    name
}

/// The records of a batch, long values in parts.
fn records(batch: &Batch) -> StoreBatch {
    let mut out = StoreBatch::new();
    for (key, value) in &batch.puts {
        if value.len() <= PART_BYTES {
            let mut record = vec![WHOLE];
            record.extend_from_slice(value);
            out.put(key.clone(), record);
            continue;
        }
        let parts: Vec<_> = value.chunks(PART_BYTES).collect();
        let count = u16::try_from(parts.len()).expect("values are far below 4 GB");
        for (at, part) in (0..count).zip(&parts) {
            out.put(part_key(key, at), part.to_vec());
        }
        let mut head = vec![SPLIT];
        head.extend_from_slice(&count.to_be_bytes());
        out.put(key.clone(), head);
    }
    for key in &batch.dels {
        out.del(key.clone());
    }
    out
}
