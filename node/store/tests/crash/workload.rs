//! What the child writes, and what a store must hold after some number of it: both follow from a seed alone.

use std::collections::BTreeMap;

use halloo_store::batch::{Batch, Write};
use halloo_store::store::{Record, Store};

/// The key whose value is the number of the last commit.
const NUMBER: &[u8] = b"number";

/// A small generator: the suite needs no more than repeatable noise.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Commit number `n` (from 1): a few puts of all sizes, a few deletions, and the number itself.
pub(crate) fn batch(seed: u64, n: u64) -> Batch {
    let mut noise = Noise::new(seed ^ n.wrapping_mul(0xA076_1D64_78BD_642F));
    let mut batch = Batch::new();
    for _ in 0..1 + noise.below(5) {
        let key = format!("key/{:02}", noise.below(60)).into_bytes();
        let size = match noise.below(20) {
            0 => 5_000 + noise.below(15_000),
            1..=5 => 0,
            _ => noise.below(700),
        };
        if noise.below(5) == 0 {
            batch.del(key);
        } else {
            batch.put(key, vec![(n as u8) ^ (noise.next() as u8); size as usize]);
        }
    }
    batch.put(NUMBER, n.to_be_bytes());
    batch
}

/// What a store holds after commits 1 to `n`.
pub(crate) fn model(seed: u64, n: u64) -> Vec<Record> {
    let mut map = BTreeMap::new();
    for n in 1..=n {
        for (key, write) in batch(seed, n).writes() {
            match write {
                Write::Put(value) => map.insert(key.clone(), value.clone()),
                Write::Del => map.remove(key),
            };
        }
    }
    map.into_iter().collect()
}

/// The number of the last commit in a store; 0 for none.
pub(crate) fn last(store: &dyn Store) -> u64 {
    let value = store.get(NUMBER).expect("the store reads");
    value.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().expect("a number has eight bytes")))
}

/// Fails unless the store holds exactly what some whole number of commits left, at least `acknowledged` of them. Returns that
/// number.
pub(crate) fn judge(store: &dyn Store, seed: u64, acknowledged: u64) -> Result<u64, String> {
    let found = last(store);
    if found < acknowledged {
        return Err(format!("{} acknowledged commits lost", acknowledged - found));
    }
    let records = store.range(b"").map_err(|e| e.to_string())?;
    if records != model(seed, found) {
        return Err(format!("the records are not those of commit {found}"));
    }
    let damaged = store.check().map_err(|e| e.to_string())?.damaged.len();
    if damaged == 0 { Ok(found) } else { Err(format!("{damaged} damaged records")) }
}
