//! Who has received and read what: high-water marks, folded by maximum.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{DeviceId, Incarnation, MessageId};

use super::{Messages, Standing};
use crate::clock::Hlc;
use crate::content::{Body, Content, MAX_MARKS, Mark};

/// Most streams that one reader's marks are kept for, lowest first: a reader that names made-up authors fills its own share.
const MAX_STREAMS_PER_READER: usize = 8_192;

/// Who holds a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Devices that received it, its author's included.
    pub delivered: BTreeSet<DeviceId>,
    /// Devices whose person has seen it, its author's included.
    pub read: BTreeSet<DeviceId>,
}

#[derive(Debug, Clone, Default)]
struct Level {
    delivered: u64,
    read: u64,
    /// By the reader's own clock: what it had from then on. Each step is later and higher than the one before.
    steps: Vec<(Hlc, u64)>,
}

impl Level {
    /// From `at` on the reader had this much.
    fn step(&mut self, at: Hlc, seq: u64) {
        let place = self.steps.partition_point(|(when, _)| *when <= at);
        if place.checked_sub(1).and_then(|before| self.steps.get(before)).is_some_and(|(_, had)| *had >= seq)
        {
            return;
        }
        let from = self.steps.partition_point(|(when, _)| *when < at);
        let higher = self.steps.partition_point(|(_, had)| *had <= seq).max(from);
        self.steps.splice(from..higher, [(at, seq)]);
        debug_assert!(self.steps.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "later is higher");
    }
}

type Levels = BTreeMap<(DeviceId, Incarnation), Level>;

#[derive(Debug, Clone, Default)]
pub(super) struct Receipts(BTreeMap<DeviceId, Levels>);

impl Receipts {
    pub(super) fn merge(&mut self, (reader, at): (DeviceId, Hlc), delivered: &[Mark], read: &[Mark]) {
        let levels = self.0.entry(reader).or_default();
        for mark in delivered {
            let level = levels.entry((mark.author, mark.incarnation)).or_default();
            level.delivered = level.delivered.max(mark.seq);
            level.step(at, mark.seq);
        }
        for mark in read {
            let level = levels.entry((mark.author, mark.incarnation)).or_default();
            level.read = level.read.max(mark.seq);
            level.step(at, mark.seq);
        }
        assert!(levels.len() <= MAX_STREAMS_PER_READER + 2 * MAX_MARKS, "one receipt adds its marks at most");
        while levels.len() > MAX_STREAMS_PER_READER {
            levels.pop_last();
        }
    }

    fn get(&self, reader: &DeviceId, author: DeviceId, incarnation: Incarnation) -> Option<&Level> {
        self.0.get(reader)?.get(&(author, incarnation))
    }

    fn delivered(&self, reader: &DeviceId, author: DeviceId, incarnation: Incarnation) -> u64 {
        self.get(reader, author, incarnation).map_or(0, |level| level.delivered)
    }

    fn read(&self, reader: &DeviceId, author: DeviceId, incarnation: Incarnation) -> u64 {
        self.get(reader, author, incarnation).map_or(0, |level| level.read)
    }
}

impl Messages {
    /// Who has a message, by the receipts that came. Empty for one that is unknown or does not count.
    pub fn who_has(&self, id: &MessageId) -> Holders {
        let Some(entry) = self.entries.get(id).filter(|e| e.standing != Standing::Equivocated) else {
            return Holders::default();
        };
        let c = entry.content.content();
        let mut holders = Holders { delivered: BTreeSet::from([c.author]), read: BTreeSet::from([c.author]) };
        for reader in self.receipts.0.keys() {
            let Some(level) = self.receipts.get(reader, c.author, c.incarnation) else { continue };
            if level.delivered >= c.seq {
                holders.delivered.insert(*reader);
            }
            if level.read >= c.seq {
                holders.read.insert(*reader);
            }
        }
        holders
    }

    /// Whether a device had said, before a moment of its own clock, that it has this content.
    pub(super) fn had(&self, reader: &DeviceId, content: &Content, before: Hlc) -> bool {
        let Some(level) = self.receipts.get(reader, content.author, content.incarnation) else {
            return false;
        };
        let steps = level.steps.partition_point(|(at, _)| *at < before);
        steps
            .checked_sub(1)
            .and_then(|last| level.steps.get(last))
            .is_some_and(|(_, had)| *had >= content.seq)
    }

    /// The receipt that `me` owes: streams of others that grew whole beyond what `me` has said, and, with `read_up_to`, what the
    /// person has seen up to that line. `None` when nothing is new. Receipts themselves are never worth a receipt. At most
    /// [`MAX_MARKS`] of each; call again for the rest.
    pub fn receipt_due(&self, me: &DeviceId, read_up_to: Option<MessageId>) -> Option<Body> {
        let delivered: Vec<Mark> = self
            .streams
            .worth()
            .filter(|(author, incarnation, seq)| {
                author != me && *seq > self.receipts.delivered(me, *author, *incarnation)
            })
            .take(MAX_MARKS)
            .map(|(author, incarnation, seq)| Mark { author, incarnation, seq })
            .collect();
        let read = read_up_to.map_or_else(Vec::new, |id| self.read_marks(me, &id));
        assert!(delivered.len() <= MAX_MARKS && read.len() <= MAX_MARKS, "a receipt fits in one content");
        assert!(delivered.is_sorted() && read.is_sorted(), "marks follow the order of their streams");
        (!delivered.is_empty() || !read.is_empty()).then_some(Body::Receipt { delivered, read })
    }

    /// For each stream of others the highest line at or before `up_to` that is not marked read yet.
    fn read_marks(&self, me: &DeviceId, up_to: &MessageId) -> Vec<Mark> {
        let Some(entry) = self.entries.get(up_to) else { return Vec::new() };
        let mut highest: BTreeMap<(DeviceId, Incarnation), u64> = BTreeMap::new();
        for key in self.lines.range(..=entry.key) {
            let Some(line) = self.entries.get(&key.id) else { continue };
            let c = line.content.content();
            if c.author != *me && c.seq > self.receipts.read(me, c.author, c.incarnation) {
                let seq = highest.entry((c.author, c.incarnation)).or_default();
                *seq = c.seq.max(*seq);
            }
        }
        let marks = highest.into_iter().take(MAX_MARKS);
        marks.map(|((author, incarnation), seq)| Mark { author, incarnation, seq }).collect()
    }

    /// Lines of other people that none of `mine` (the devices of one person) has marked read.
    pub fn unread(&self, mine: &BTreeSet<DeviceId>) -> usize {
        let is_unread = |key: &&super::order::Key| {
            let Some(entry) = self.entries.get(&key.id) else { return false };
            let c = entry.content.content();
            let read = |me| self.receipts.read(me, c.author, c.incarnation) >= c.seq;
            entry.standing != Standing::Equivocated && !mine.contains(&c.author) && !mine.iter().any(read)
        };
        self.lines.iter().filter(is_unread).count()
    }

    /// The number up to which nothing of one stream is missing; 0 for nothing.
    pub fn whole(&self, author: DeviceId, incarnation: Incarnation) -> u64 {
        self.streams.whole(author, incarnation)
    }
}
