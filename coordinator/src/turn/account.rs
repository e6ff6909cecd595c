//! What one credential has and has used: its allocations, its bandwidth, its bytes.

use slab::Slab;
use std::collections::BTreeMap;

/// Subjects that are remembered at once, 300 bytes each. One without allocations goes when its usage is drained, or, where
/// nobody drains, when there are too many.
const MAX_ACCOUNTS: usize = 65_536;

/// Where an account stands; holds while it has an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountId(usize);

/// What one blinded subject has sent and received since it was last asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The blinded subject: who it is can be told by nobody but its owner, and that for a day.
    pub subject: String,
    /// Payload bytes to peers.
    pub to_peers: u64,
    /// Payload bytes from peers.
    pub from_peers: u64,
    /// Packets in both directions.
    pub packets: u64,
    /// Packets that found no room in the subject's bandwidth.
    pub refused: u64,
}

/// Bytes that may pass: `rate` a second, and `burst` at once.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: u64,
    filled_ms: u64,
}

#[derive(Debug)]
struct Account {
    allocations: usize,
    bucket: Bucket,
    usage: Usage,
}

/// Which way a payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client to its peer.
    ToPeer,
    /// From a peer to the client.
    FromPeer,
}

/// All accounts.
#[derive(Debug)]
pub struct Accounts {
    rate: u64,
    burst: u64,
    by_subject: BTreeMap<String, usize>,
    accounts: Slab<Account>,
    /// Payload bytes of everybody since the start.
    relayed: u64,
}

impl Accounts {
    /// `rate` in bytes a second, both ways together; one second of it may come at once.
    pub fn new(rate: u64) -> Self {
        Self { rate, burst: rate, by_subject: BTreeMap::new(), accounts: Slab::new(), relayed: 0 }
    }

    /// How many allocations a subject has.
    pub fn allocations(&self, subject: &str) -> usize {
        let account = self.by_subject.get(subject).and_then(|at| self.accounts.get(*at));
        account.map_or(0, |account| account.allocations)
    }

    /// Counts one allocation more; nothing when too many subjects are remembered.
    pub fn open(&mut self, subject: &str, now_ms: u64) -> Option<AccountId> {
        let at = match self.by_subject.get(subject) {
            Some(at) => *at,
            None => self.add(subject, now_ms)?,
        };
        self.accounts.get_mut(at)?.allocations += 1;
        Some(AccountId(at))
    }

    fn add(&mut self, subject: &str, now_ms: u64) -> Option<usize> {
        if self.accounts.len() >= MAX_ACCOUNTS {
            self.forget_idle();
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            return None;
        }
        let at = self.accounts.insert(Account {
            allocations: 0,
            bucket: Bucket { level: self.burst, filled_ms: now_ms },
            usage: Usage { subject: subject.to_owned(), ..Usage::default() },
        });
        self.by_subject.insert(subject.to_owned(), at);
        Some(at)
    }

    fn forget_idle(&mut self) {
        self.by_subject.retain(|_, at| {
            let keep = self.accounts.get(*at).is_some_and(|account| account.allocations > 0);
            if !keep {
                self.accounts.try_remove(*at);
            }
            keep
        });
    }

    /// Counts one allocation less. What it used stays until it is drained.
    pub fn close(&mut self, id: AccountId) {
        if let Some(account) = self.accounts.get_mut(id.0) {
            account.allocations = account.allocations.saturating_sub(1);
        }
    }

    /// Whether these bytes may pass now; counts them either way.
    pub fn charge(&mut self, id: AccountId, bytes: usize, way: Way, now_ms: u64) -> bool {
        let Some(account) = self.accounts.get_mut(id.0) else { return false };
        let bytes = bytes as u64;
        if !account.bucket.take(bytes, self.rate, self.burst, now_ms) {
            account.usage.refused += 1;
            return false;
        }
        match way {
            Way::ToPeer => account.usage.to_peers += bytes,
            Way::FromPeer => account.usage.from_peers += bytes,
        }
        account.usage.packets += 1;
        self.relayed += bytes;
        true
    }

    /// Payload bytes of everybody since the start, both ways.
    pub fn relayed(&self) -> u64 {
        self.relayed
    }

    /// What was used since the last call, by blinded subject; forgets who has no allocation left.
    pub fn drain(&mut self) -> Vec<Usage> {
        let mut drained = Vec::new();
        self.by_subject.retain(|subject, at| {
            let Some(account) = self.accounts.get_mut(*at) else { return false };
            let fresh = Usage { subject: subject.clone(), ..Usage::default() };
            let usage = std::mem::replace(&mut account.usage, fresh);
            if usage.packets > 0 || usage.refused > 0 {
                drained.push(usage);
            }
            let keep = account.allocations > 0;
            if !keep {
                self.accounts.remove(*at);
            }
            keep
        });
        drained
    }
}

impl Bucket {
    fn take(&mut self, bytes: u64, rate: u64, burst: u64, now_ms: u64) -> bool {
        // Most packets come within the millisecond of the one before.
        let elapsed = now_ms.saturating_sub(self.filled_ms);
        if elapsed > 0 {
            let fresh = elapsed.saturating_mul(rate) / 1000;
            if fresh > 0 {
                self.level = self.level.saturating_add(fresh).min(burst);
                self.filled_ms = now_ms;
            }
        }
        let Some(level) = self.level.checked_sub(bytes) else { return false };
        self.level = level;
        true
    }
}

#[cfg(test)]
mod tests;
