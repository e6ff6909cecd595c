//! Messages on their way: who has each, who was asked for it, who is owed it.

use crate::net::links::HostId;

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    /// Its group.
    pub(super) group: u32,
    /// The first member of the group: bits are counted from there.
    first: HostId,
    /// Who wrote it.
    pub(super) author: HostId,
    /// When the author was asked to write it.
    pub(super) since_us: u64,
    /// When it was published.
    pub(super) published_us: u64,
    /// Bytes of a frame that carries it.
    pub(super) bytes: u32,
    /// Members who are owed it and lack it.
    pub(super) missing: u32,
    has: Box<[u64]>,
    /// Who has asked somebody for it; made when the first one does.
    asked: Box<[u64]>,
    /// Who was off or on another island when it was written; empty where nobody was.
    away: Box<[u64]>,
}

fn bit(first: HostId, node: HostId) -> (usize, u64) {
    let place = (node - first) as usize;
    (place / 64, 1 << (place % 64))
}

fn words(count: u32) -> Box<[u64]> {
    vec![0; count.div_ceil(64) as usize].into_boxed_slice()
}

impl Message {
    /// A message that only its author has.
    pub(super) fn new(
        (group, first, count): (u32, HostId, u32),
        author: HostId,
        since_us: u64,
        bytes: u32,
    ) -> Self {
        let mut message = Message {
            group,
            first,
            author,
            since_us,
            published_us: u64::MAX,
            bytes,
            missing: 0,
            has: words(count),
            asked: Box::default(),
            away: Box::default(),
        };
        message.take(author);
        message
    }

    /// Whether a member has it.
    pub(super) fn has(&self, node: HostId) -> bool {
        let (word, bit) = bit(self.first, node);
        self.has[word] & bit != 0
    }

    /// A member has it from now on; whether it is the first time.
    pub(super) fn take(&mut self, node: HostId) -> bool {
        let (word, bit) = bit(self.first, node);
        let first = self.has[word] & bit == 0;
        self.has[word] |= bit;
        first
    }

    /// A member asks for it; whether it has not asked before.
    pub(super) fn ask(&mut self, node: HostId) -> bool {
        if self.asked.is_empty() {
            self.asked = vec![0; self.has.len()].into_boxed_slice();
        }
        let (word, bit) = bit(self.first, node);
        let first = self.asked[word] & bit == 0;
        self.asked[word] |= bit;
        first
    }

    /// A member could not be reached when it was written.
    pub(super) fn set_away(&mut self, node: HostId) {
        if self.away.is_empty() {
            self.away = vec![0; self.has.len()].into_boxed_slice();
        }
        let (word, bit) = bit(self.first, node);
        self.away[word] |= bit;
    }

    /// Whether a member could not be reached when it was written.
    pub(super) fn was_away(&self, node: HostId) -> bool {
        let (word, bit) = bit(self.first, node);
        self.away.get(word).is_some_and(|away| away & bit != 0)
    }

    /// Nobody is owed it any more: its memory is given back, and everybody counts as having it.
    pub(super) fn close(&mut self) {
        debug_assert_eq!(self.missing, 0, "nobody lacks it");
        self.asked = Box::default();
        self.away = Box::default();
    }
}
