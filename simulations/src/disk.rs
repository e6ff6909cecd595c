//! The disk of a host: the store's in-memory engine, with time between a write and its confirmation, and power cuts between the two.

pub mod platter;

use crate::chance::{between, generator, happens};
use crate::plan::DiskSpec;
use halloo_engine::output::{Batch, WriteId};
use halloo_engine::snapshot::Snapshot;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::memory::{Fault, MemoryStore};
use halloo_store::store::Store;
use platter::Place;
use rand_chacha::ChaCha20Rng;
use std::collections::VecDeque;

/// Records read at once at a start.
const PAGE: usize = 512;
/// Value bytes of one record: longer ones lie on the platter, and the record says where. Shorter ones are not worth a place.
const WHOLE_BYTES: usize = 64;
/// First byte of a record that is the value.
const WHOLE: u8 = 0;
/// First byte of a record that says where the value lies.
const AWAY: u8 = 1;

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
    /// If the store or the platter cannot be read.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        let mut snapshot = Snapshot::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.page(&[], after.as_deref(), PAGE).expect("memory can be read");
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in page {
                snapshot.pairs.insert(key, value_of(&value));
            }
        }
        (!snapshot.pairs.is_empty()).then_some(snapshot)
    }
}

fn value_of(record: &[u8]) -> Vec<u8> {
    let (kind, rest) = record.split_first().expect("a record has a first byte");
    if *kind == WHOLE {
        return rest.to_vec();
    }
    let (at, bytes) = rest.split_first_chunk().expect("a place has eight bytes");
    let bytes = u32::from_be_bytes(bytes.try_into().expect("and then four"));
    platter::get(Place { at: u64::from_be_bytes(*at), bytes })
}

/// The records of a batch, long values by their places.
fn records(batch: &Batch) -> StoreBatch {
    let mut out = StoreBatch::new();
    for (key, value) in &batch.puts {
        let record = if value.len() <= WHOLE_BYTES {
            [&[WHOLE], value.as_slice()].concat()
        } else {
            let Place { at, bytes } = platter::put(value);
            [&[AWAY], at.to_be_bytes().as_slice(), &bytes.to_be_bytes()].concat()
        };
        out.put(key.clone(), record);
    }
    for key in &batch.dels {
        out.del(key.clone());
    }
    out
}
