//! The numbered streams, one for each (author, incarnation): what is whole, and who signed two contents under one number.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use halloo_crypto::id::{DeviceId, Incarnation, MessageId};

use super::{Equivocation, MAX_PER_SLOT};
use crate::content::Content;

#[derive(Debug, Clone)]
struct Slot {
    /// The lowest: the one that counts.
    first: MessageId,
    /// The others, ascending; almost always none.
    others: Vec<MessageId>,
    /// Whether any of them is worth a receipt: receipts for receipts would never end.
    worth: bool,
}

impl Slot {
    fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Adds another; whether it is the lowest now.
    fn add(&mut self, id: MessageId) -> bool {
        let wins = id < self.first;
        let other = if wins { std::mem::replace(&mut self.first, id) } else { id };
        let at = self.others.binary_search(&other).expect_err("a content is filed once");
        self.others.insert(at, other);
        wins
    }

    fn proof(&self, author: DeviceId, incarnation: Incarnation, seq: u64) -> Option<Equivocation> {
        let second = *self.others.first()?;
        assert!(self.first < second, "two different contents, lower hash first");
        Some(Equivocation { author, incarnation, seq, ids: [self.first, second] })
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    slots: BTreeMap<u64, Slot>,
    /// Nothing is missing up to here; 0 for nothing.
    whole: u64,
    /// The highest number up to `whole` that is worth a receipt; 0 for none.
    worth: u64,
    /// The lowest number with two contents: frozen from there.
    frozen: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Streams(BTreeMap<(DeviceId, Incarnation), Stream>);

impl Streams {
    /// Files an accepted content; returns the proof if it is the first at a lower number than any known.
    pub(super) fn add(&mut self, content: &Content, id: MessageId) -> Option<Equivocation> {
        let stream = self.0.entry((content.author, content.incarnation)).or_default();
        let worth = content.body.is_worth_a_receipt();
        let mut wins = false;
        match stream.slots.entry(content.seq) {
            Entry::Vacant(free) => {
                free.insert(Slot { first: id, others: Vec::new(), worth });
            }
            Entry::Occupied(mut taken) => {
                wins = taken.get_mut().add(id);
                taken.get_mut().worth |= worth;
            }
        }
        while let Some(next) = stream.slots.get(&(stream.whole + 1)) {
            stream.whole += 1;
            if next.worth {
                stream.worth = stream.whole;
            }
        }
        let proof = stream.slots[&content.seq].proof(content.author, content.incarnation, content.seq)?;
        assert!(stream.worth <= stream.whole, "only what is whole is worth a receipt");
        // News are a lie at a lower number than any known, and a lower hash at the known one.
        match stream.frozen {
            Some(seq) if seq < content.seq || (seq == content.seq && !wins) => return None,
            _ => {}
        }
        stream.frozen = Some(content.seq);
        Some(proof)
    }

    /// Whether another content is kept under its number: if there are few, or if it is the one that counts from now on.
    pub(super) fn has_room(&self, content: &Content, id: MessageId) -> bool {
        let Some(stream) = self.0.get(&(content.author, content.incarnation)) else { return true };
        let Some(slot) = stream.slots.get(&content.seq) else { return true };
        slot.len() < MAX_PER_SLOT || (stream.frozen == Some(content.seq) && id < slot.first)
    }

    /// Whether a filed content lost its number to a lower hash, or follows such a number.
    pub(super) fn is_void(&self, content: &Content, id: MessageId) -> bool {
        let Some(stream) = self.0.get(&(content.author, content.incarnation)) else { return false };
        let Some(frozen) = stream.frozen else { return false };
        let counts = stream.slots.get(&content.seq).map(|slot| slot.first);
        content.seq > frozen || (content.seq == frozen && counts != Some(id))
    }

    /// Whose contents are here, ascending, each once for every incarnation.
    pub(super) fn authors(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.0.keys().map(|(author, _)| *author)
    }

    pub(super) fn lies(&self) -> impl Iterator<Item = Equivocation> + '_ {
        self.0.iter().filter_map(|((author, incarnation), stream)| {
            let seq = stream.frozen?;
            stream.slots.get(&seq)?.proof(*author, *incarnation, seq)
        })
    }

    /// For each stream the highest whole number that is worth a receipt.
    pub(super) fn worth(&self) -> impl Iterator<Item = (DeviceId, Incarnation, u64)> + '_ {
        self.0
            .iter()
            .filter(|(_, s)| s.worth > 0)
            .map(|((author, incarnation), s)| (*author, *incarnation, s.worth))
    }

    /// The number up to which nothing of the stream is missing.
    pub(super) fn whole(&self, author: DeviceId, incarnation: Incarnation) -> u64 {
        self.0.get(&(author, incarnation)).map_or(0, |s| s.whole)
    }

    pub(super) fn incarnations(&self, author: &DeviceId) -> usize {
        let (low, high) = (Incarnation::from_bytes([0; 16]), Incarnation::from_bytes([255; 16]));
        self.0.range((*author, low)..=(*author, high)).count()
    }
}
