//! Who wants to know when something comes: addresses and the sockets that watch them, in memory.
//!
//! A socket that is told of an address twice before it has said so to its client says it once: what waits for a socket is a set of
//! its own addresses, so a slow reader costs no more than it watches.

use halloo_crypto::id::MailboxAddress;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Most watches of all sockets together (about 200 bytes each).
pub(super) const MAX_WATCHES: usize = 262_144;

/// All watches of a coordinator.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    watches: BTreeMap<MailboxAddress, Vec<(u64, Arc<Bell>)>>,
    count: usize,
}

#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<BTreeSet<MailboxAddress>>,
    notify: Notify,
}

/// The watches of one socket; they end with it.
#[derive(Debug)]
pub(super) struct Watch {
    all: Arc<Watchers>,
    number: u64,
    bell: Arc<Bell>,
    addresses: BTreeSet<MailboxAddress>,
    most: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watchers {
    /// A socket that watches nothing yet, and at most so many addresses.
    pub(super) fn open(self: &Arc<Self>, most: usize) -> Watch {
        let mut table = locked(&self.0);
        table.next += 1;
        let (number, bell) = (table.next, Arc::default());
        Watch { all: Arc::clone(self), number, bell, addresses: BTreeSet::new(), most }
    }

    /// Tells every socket that watches one of these; gives those that none watches.
    pub(super) fn wake(&self, addresses: &[MailboxAddress]) -> Vec<MailboxAddress> {
        let table = locked(&self.0);
        let mut unwatched = Vec::new();
        for address in addresses {
            let Some(watches) = table.watches.get(address) else {
                unwatched.push(*address);
                continue;
            };
            for (_, bell) in watches {
                locked(&bell.rung).insert(*address);
                bell.notify.notify_one();
            }
        }
        unwatched
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        let table = locked(&self.0);
        (table.count, table.watches.len())
    }
}

impl Watch {
    /// Watches one more; false where this socket, or all together, watch as many as they may.
    pub(super) fn add(&mut self, address: MailboxAddress) -> bool {
        if self.addresses.contains(&address) {
            return true;
        }
        let mut table = locked(&self.all.0);
        if self.addresses.len() >= self.most || table.count >= MAX_WATCHES {
            return false;
        }
        table.count += 1;
        table.watches.entry(address).or_default().push((self.number, Arc::clone(&self.bell)));
        self.addresses.insert(address);
        true
    }

    /// Returns with what has come since it was asked last, at least one.
    pub(super) async fn rung(&self) -> BTreeSet<MailboxAddress> {
        loop {
            let rung = std::mem::take(&mut *locked(&self.bell.rung));
            if !rung.is_empty() {
                return rung;
            }
            self.bell.notify.notified().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut table = locked(&self.all.0);
        for address in &self.addresses {
            let Some(watches) = table.watches.get_mut(address) else { continue };
            watches.retain(|(number, _)| *number != self.number);
            if watches.is_empty() {
                table.watches.remove(address);
            }
            table.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
