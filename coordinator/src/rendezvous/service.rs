//! What lies at places: records under a lease, bounded in number and size; time is an argument.
//!
//! Records of a place are given in the order of their slots, which are drawn at random: nothing says who came first.

use halloo_wire::rendezvous::{
    PLACE_BYTES, RECORD_BYTES, RECORDS_MAX, SECURE_SECONDS, SLOT_BYTES, TTL_SECONDS_MAX,
};
use std::collections::{BTreeMap, BTreeSet};

/// The name of a place.
pub type PlaceName = [u8; PLACE_BYTES];
/// Who puts, as limits count: a blinded name of a household's addresses.
pub type Household = [u8; 16];
/// The name of a slot at a place.
pub type SlotName = [u8; SLOT_BYTES];

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has another length than all records have.
    #[error("a record has {RECORD_BYTES} bytes")]
    Length,
    /// The lease is longer than a lease may be, or none.
    #[error("a lease has 1 to {TTL_SECONDS_MAX} seconds")]
    Lease,
    /// This place, or the room, holds as many as it may, all of them put of late.
    #[error("there is no room for another record")]
    Full,
}

/// All places.
#[derive(Debug)]
pub struct Places {
    most: usize,
    places: BTreeMap<PlaceName, BTreeMap<SlotName, Lease>>,
    by_end: BTreeSet<(u64, PlaceName, SlotName)>,
    /// When each was put, the oldest first, for each household that puts.
    by_household: BTreeMap<Household, BTreeSet<(u64, PlaceName, SlotName)>>,
    /// The households by how many lie here.
    crowds: BTreeSet<(usize, Household)>,
}

#[derive(Debug)]
struct Lease {
    record: Vec<u8>,
    household: Household,
    put_ms: u64,
    ends_ms: u64,
}

impl Places {
    /// No places yet; at most so many records together.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Places {
            most,
            places: BTreeMap::new(),
            by_end: BTreeSet::new(),
            by_household: BTreeMap::new(),
            crowds: BTreeSet::new(),
        }
    }

    /// Puts a record at a place, or renews it, for so many seconds.
    pub fn put(
        &mut self,
        at: (PlaceName, SlotName),
        (record, household): (Vec<u8>, Household),
        seconds: u32,
        now_ms: u64,
    ) -> Result<(), Refused> {
        if record.len() != RECORD_BYTES {
            return Err(Refused::Length);
        }
        if !(1..=TTL_SECONDS_MAX).contains(&seconds) {
            return Err(Refused::Lease);
        }
        self.forget_ended(now_ms);
        let (place, slot) = at;
        let slots = self.places.get(&place);
        let known = slots.is_some_and(|slots| slots.contains_key(&slot));
        if !known && !self.make_room(&place, now_ms) {
            return Err(Refused::Full);
        }
        self.remove(at);
        let ends_ms = now_ms.saturating_add(u64::from(seconds) * 1_000);
        let lease = Lease { record, household, put_ms: now_ms, ends_ms };
        self.places.entry(place).or_default().insert(slot, lease);
        self.by_end.insert((ends_ms, place, slot));
        self.counted(household, |of| of.insert((now_ms, place, slot)));
        Ok(())
    }

    fn counted(
        &mut self,
        household: Household,
        change: impl FnOnce(&mut BTreeSet<(u64, PlaceName, SlotName)>) -> bool,
    ) {
        let of = self.by_household.entry(household).or_default();
        self.crowds.remove(&(of.len(), household));
        change(of);
        if of.is_empty() {
            self.by_household.remove(&household);
        } else {
            self.crowds.insert((of.len(), household));
        }
    }

    /// Whether one more fits here, if need be instead of another, which must have lain there for [`SECURE_SECONDS`]: the oldest of this place
    /// where the place is full, the oldest of the household that has most where the room is.
    fn make_room(&mut self, place: &PlaceName, now_ms: u64) -> bool {
        let slots = self.places.get(place);
        let oldest = if slots.map_or(0, BTreeMap::len) >= RECORDS_MAX {
            let ages = slots.into_iter().flatten().map(|(slot, lease)| (lease.put_ms, *place, *slot));
            ages.min()
        } else if self.by_end.len() >= self.most {
            let crowd = self.crowds.last().and_then(|(_, household)| self.by_household.get(household));
            crowd.and_then(|of| of.first().copied())
        } else {
            return true;
        };
        let secure_ms = u64::from(SECURE_SECONDS) * 1_000;
        let gone = oldest.filter(|(put_ms, ..)| put_ms.saturating_add(secure_ms) <= now_ms);
        gone.into_iter().for_each(|(_, place, slot)| self.remove((place, slot)));
        gone.is_some()
    }

    /// What lies at a place now.
    #[must_use]
    pub fn look(&self, place: &PlaceName, now_ms: u64) -> Vec<&[u8]> {
        let slots = self.places.get(place).into_iter().flat_map(BTreeMap::values);
        slots.filter(|lease| lease.ends_ms > now_ms).map(|lease| lease.record.as_slice()).collect()
    }

    /// Takes a record away; what is not there is gone already.
    pub fn remove(&mut self, (place, slot): (PlaceName, SlotName)) {
        let Some(slots) = self.places.get_mut(&place) else { return };
        let gone = slots.remove(&slot);
        if slots.is_empty() {
            self.places.remove(&place);
        }
        if let Some(lease) = gone {
            self.by_end.remove(&(lease.ends_ms, place, slot));
            self.counted(lease.household, |of| of.remove(&(lease.put_ms, place, slot)));
        }
    }

    /// Forgets what has ended.
    pub fn forget_ended(&mut self, now_ms: u64) {
        while let Some(&(_, place, slot)) = self.by_end.first().filter(|(ends, ..)| *ends <= now_ms) {
            self.remove((place, slot));
        }
    }

    /// Records that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_end.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_end.is_empty()
    }
}

#[cfg(test)]
mod tests;
