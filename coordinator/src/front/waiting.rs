//! Those who have connected and not said a word: bounded in number, and where no room is left the one goes that others of its household keep waiting with.
//!
//! Whoever wants to keep others out only has to connect and be silent. So a newcomer is not refused for want of room: the oldest of the household
//! that has most of them goes. Who speaks within a round trip, as every client of ours does, is inside before its turn comes.

use crate::limits::Household;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Bounds them. Clones share one room.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    room: Arc<Mutex<Room>>,
}

#[derive(Debug)]
struct Room {
    most: usize,
    most_of_one: usize,
    all: usize,
    next: u64,
    households: BTreeMap<Household, BTreeMap<u64, Arc<Notify>>>,
    /// The households by how many wait, then by who has waited longest; the last one is the first to give way.
    ranks: BTreeSet<(usize, Reverse<u64>, Household)>,
}

/// A place among them; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Mutex<Room>>,
    household: Household,
    number: u64,
    lost: Arc<Notify>,
}

impl Waiting {
    /// Room for so many, and so many of one household.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        let (households, ranks) = (BTreeMap::new(), BTreeSet::new());
        let room = Room { most, most_of_one, all: 0, next: 0, households, ranks };
        Waiting { room: Arc::new(Mutex::new(room)) }
    }

    /// Lets somebody wait, unless enough of its household do.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let household = Household::of(address);
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.households.get(&household).is_some_and(|here| here.len() >= room.most_of_one) {
            return None;
        }
        if room.all >= room.most
            && let Some(&(_, Reverse(oldest), crowd)) = room.ranks.last()
            && let Some(lost) = room.remove(crowd, oldest)
        {
            lost.notify_one();
        }
        let (number, lost) = (room.next, Arc::new(Notify::new()));
        room.next += 1;
        room.insert(household, number, Arc::clone(&lost));
        drop(room);
        Some(Place { room: Arc::clone(&self.room), household, number, lost })
    }
}

impl Room {
    fn insert(&mut self, household: Household, number: u64, lost: Arc<Notify>) {
        self.ranked(household, |here| here.insert(number, lost));
        self.all += 1;
    }

    fn remove(&mut self, household: Household, number: u64) -> Option<Arc<Notify>> {
        let gone = self.ranked(household, |here| here.remove(&number));
        self.all -= usize::from(gone.is_some());
        gone
    }

    /// Changes who waits of a household, and ranks it anew.
    fn ranked<T>(
        &mut self,
        household: Household,
        change: impl FnOnce(&mut BTreeMap<u64, Arc<Notify>>) -> T,
    ) -> T {
        let here = self.households.entry(household).or_default();
        let rank = |here: &BTreeMap<u64, _>| {
            here.first_key_value().map(|(oldest, _)| (here.len(), Reverse(*oldest), household))
        };
        let before = rank(here);
        let changed = change(here);
        let after = rank(here);
        if after.is_none() {
            self.households.remove(&household);
        }
        if let Some(before) = before {
            self.ranks.remove(&before);
        }
        self.ranks.extend(after);
        changed
    }
}

impl Place {
    /// Resolves when it had to give way.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.remove(self.household, self.number);
    }
}

#[cfg(test)]
mod tests;
