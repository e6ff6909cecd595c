//! The numbered streams, one for each (author, incarnation): what is whole, and who signed two contents under one number.

use std::collections::BTreeMap;

use halloo_crypto::id::{DeviceId, Incarnation, MessageId};

use super::Equivocation;
use crate::content::{Body, Content};

#[derive(Debug, Clone, Default)]
struct Slot {
    /// Ascending; almost always one.
    ids: Vec<MessageId>,
    /// Whether any of them is worth a receipt: receipts for receipts would never end.
    worth: bool,
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
        let slot = stream.slots.entry(content.seq).or_default();
        let at = slot.ids.binary_search(&id).expect_err("a content is filed once");
        slot.ids.insert(at, id);
        slot.worth |= !matches!(content.body, Body::Receipt { .. });
        let winner_changed = slot.ids.len() > 1 && at == 0;
        while let Some(next) = stream.slots.get(&(stream.whole + 1)) {
            stream.whole += 1;
            if next.worth {
                stream.worth = stream.whole;
            }
        }
        let slot = &stream.slots[&content.seq];
        if slot.ids.len() < 2 {
            return None;
        }
        let earlier = stream.frozen.is_none_or(|seq| content.seq < seq);
        let same_but_lower = stream.frozen == Some(content.seq) && winner_changed;
        if !earlier && !same_but_lower {
            return None;
        }
        stream.frozen = Some(content.seq);
        Some(proof(content.author, content.incarnation, content.seq, &slot.ids))
    }

    /// How many contents are filed under the number of `content`.
    pub(super) fn count(&self, content: &Content) -> usize {
        let stream = self.0.get(&(content.author, content.incarnation));
        stream.and_then(|s| s.slots.get(&content.seq)).map_or(0, |slot| slot.ids.len())
    }

    /// Whether a filed content lost its number to a lower hash, or follows such a number.
    pub(super) fn is_void(&self, content: &Content, id: MessageId) -> bool {
        let Some(stream) = self.0.get(&(content.author, content.incarnation)) else { return false };
        let Some(frozen) = stream.frozen else { return false };
        let lowest = stream.slots.get(&content.seq).and_then(|slot| slot.ids.first());
        content.seq > frozen || (content.seq == frozen && lowest != Some(&id))
    }

    pub(super) fn lies(&self) -> impl Iterator<Item = Equivocation> + '_ {
        self.0.iter().filter_map(|((author, incarnation), stream)| {
            let seq = stream.frozen?;
            Some(proof(*author, *incarnation, seq, &stream.slots.get(&seq)?.ids))
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

fn proof(author: DeviceId, incarnation: Incarnation, seq: u64, ids: &[MessageId]) -> Equivocation {
    assert!(ids.len() >= 2 && ids[0] < ids[1], "two different contents, lower hash first");
    Equivocation { author, incarnation, seq, ids: [ids[0], ids[1]] }
}
