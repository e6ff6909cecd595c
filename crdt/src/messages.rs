//! The content-addressed set of everything that the members of a group wrote, and what a person sees of it.
//!
//! Everything here is a pure function of the *set* of verified contents: any order of delivery gives the same timeline, the
//! same standing and the same receipts. Content whose past is not known yet waits, bounded per author, and is not shown.
//!
//! ```text
//!   insert --> duplicate?  yes: nothing
//!          --> deps known? no: pending (bounded per author), `wanted` names what to fetch
//!          --> accepted: order key, slot (author, incarnation, seq), frontier, annotations, receipts
//!                        --> releases whoever waited for it
//! ```

mod order;
mod pending;
mod places;
mod receipts;
mod standing;
mod streams;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{DeviceId, GroupId, Incarnation, MessageId, OpId};

use crate::content::{Body, Content, MAX_DEPS, VerifiedContent};

pub use order::Cursor;
pub use receipts::Holders;
pub use standing::Standing;
pub use timeline::{Authority, DeviceOnly, Item, MAX_PAGE, Page, Version};

use order::Key;
use pending::Pending;
use places::Places;
use receipts::Receipts;
use streams::Streams;

/// Most contents one group keeps. At 300 bytes each this is 300 MB, years of a busy group; beyond it inserting is refused.
pub const MAX_CONTENTS: usize = 1_000_000;
/// Most contents of one author that may wait for their past. Catching up sends in causal order, so few ever wait.
pub const MAX_PENDING_PER_AUTHOR: usize = 256;
/// Most bytes of one author that may wait, so that a member cannot fill our memory with contents that depend on nothing real.
pub const MAX_PENDING_BYTES_PER_AUTHOR: usize = 1024 * 1024;
/// Most bytes of all authors together that may wait.
pub const MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;
/// Contents kept for one (author, incarnation, seq). Two prove the lie; a few more are kept because others may depend on them. Beyond, only
/// one that takes the number from all others is kept, for which one counts must not depend on which came first, and one that a content which
/// is held waits for: of these there are as many as others name.
pub const MAX_PER_SLOT: usize = 8;

/// Why a content was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// Peer: content of another group.
    #[error("content of another group")]
    OtherGroup,
    /// Peer: too many contents of this author wait for their past; offered again once that arrives.
    #[error("too much of this author waits for earlier messages")]
    PendingFull,
    /// Peer: an author that signed [`MAX_PER_SLOT`] different contents under one number signed another.
    #[error("this author signed too many contents under one number")]
    SlotFull,
    /// World: [`MAX_CONTENTS`] are kept.
    #[error("the group holds as many messages as this device keeps")]
    Full,
}

/// Two valid contents under one number: whoever holds both frames can prove it to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Equivocation {
    /// Who signed twice.
    pub author: DeviceId,
    /// The incarnation that is frozen by it.
    pub incarnation: Incarnation,
    /// The number used twice.
    pub seq: u64,
    /// The lowest hash, which counts, and the lowest of the others.
    pub ids: [MessageId; 2],
}

impl Equivocation {
    /// The proof that two verified contents make, if they do.
    pub fn between(a: &VerifiedContent, b: &VerifiedContent) -> Option<Self> {
        let (x, y) = (a.content(), b.content());
        let same = (x.group, x.author, x.incarnation, x.seq) == (y.group, y.author, y.incarnation, y.seq);
        let ids = [a.id().min(b.id()), a.id().max(b.id())];
        (same && a.id() != b.id()).then_some(Self {
            author: x.author,
            incarnation: x.incarnation,
            seq: x.seq,
            ids,
        })
    }
}

/// What an insert did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Newly part of the set, in causal order: the one inserted and whoever waited for it. Empty for a duplicate.
    pub accepted: Vec<MessageId>,
    /// What the inserted content depends on and nobody has sent yet: ask for it.
    pub missing: Vec<MessageId>,
    /// A lie that became visible; documents must be rebuilt.
    pub equivocation: Option<Equivocation>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// Boxed: a map moves its values about.
    content: Box<VerifiedContent>,
    key: Key,
    standing: Standing,
}

/// The set. See the module's picture.
#[derive(Debug, Clone)]
pub struct Messages {
    group: GroupId,
    entries: BTreeMap<MessageId, Entry>,
    /// Every accepted content in causal order.
    order: BTreeSet<Key>,
    /// What a person sees as a line of its own, in causal order.
    lines: BTreeSet<Key>,
    /// Edits, reactions and redactions by their target.
    notes: BTreeMap<MessageId, BTreeSet<Key>>,
    /// Accepted contents that nothing accepted depends on.
    tips: BTreeSet<Key>,
    places: Places,
    streams: Streams,
    receipts: Receipts,
    pending: Pending,
}

impl Messages {
    /// An empty set.
    pub fn new(group: GroupId) -> Self {
        Self {
            group,
            entries: BTreeMap::new(),
            order: BTreeSet::new(),
            lines: BTreeSet::new(),
            notes: BTreeMap::new(),
            tips: BTreeSet::new(),
            places: Places::default(),
            streams: Streams::default(),
            receipts: Receipts::default(),
            pending: Pending::default(),
        }
    }

    /// The set of what our own store held. Contents of other groups are left out; what lacks its past waits without bound, since
    /// it was bounded when it came.
    pub fn load(group: GroupId, contents: Vec<VerifiedContent>) -> Self {
        let mut set = Self::new(group);
        let mut by_time: Vec<_> = contents.into_iter().map(|c| (c.content().hlc, c.id(), Some(c))).collect();
        by_time.sort_unstable_by_key(|(hlc, id, _)| (*hlc, *id));
        for content in by_time.iter_mut().filter_map(|(_, _, content)| content.take()) {
            if content.content().group != group || set.holds(&content.id()) {
                continue;
            }
            match set.past(content.content()) {
                Ok(past) => drop(set.accept_all(content, past)),
                Err(missing) => set.pending.hold(content, &missing),
            }
        }
        set
    }

    /// Adds a verified content of an author whom the log entitles. Costs microseconds, except that the first proof of a lie
    /// walks the whole set once.
    pub fn insert(&mut self, content: VerifiedContent) -> Result<Inserted, InsertError> {
        if content.content().group != self.group {
            return Err(InsertError::OtherGroup);
        }
        if self.holds(&content.id()) {
            return Ok(Inserted::default());
        }
        if self.entries.len() + self.pending.len() >= MAX_CONTENTS {
            return Err(InsertError::Full);
        }
        // What somebody wrote after one of many must not be lost because the others came here first.
        let room = self.streams.has_room(content.content(), content.id());
        if !room && !self.pending.wants(&content.id()) {
            return Err(InsertError::SlotFull);
        }
        let missing = match self.past(content.content()) {
            Ok(past) => {
                let (accepted, equivocation) = self.accept_all(content, past);
                return Ok(Inserted { accepted, missing: Vec::new(), equivocation });
            }
            Err(missing) => missing,
        };
        if !self.pending.has_room(content.content()) {
            return Err(InsertError::PendingFull);
        }
        self.pending.hold(content, &missing);
        let missing = missing.into_iter().filter(|id| !self.pending.contains(id)).collect();
        Ok(Inserted { accepted: Vec::new(), missing, equivocation: None })
    }

    /// Adds a verified content without its past: a line handed on to somebody who came after it, or a note on one. Its place is what
    /// its author's clock says. Never to be mixed with [`Self::insert`] in one set.
    ///
    /// # Errors
    /// As [`Self::insert`]; nothing waits.
    pub fn insert_alone(&mut self, content: VerifiedContent) -> Result<Inserted, InsertError> {
        if content.content().group != self.group {
            return Err(InsertError::OtherGroup);
        }
        if self.holds(&content.id()) {
            return Ok(Inserted::default());
        }
        if self.entries.len() >= MAX_CONTENTS {
            return Err(InsertError::Full);
        }
        if !self.streams.has_room(content.content(), content.id()) {
            return Err(InsertError::SlotFull);
        }
        let (accepted, equivocation) = self.accept_all(content, Vec::new());
        Ok(Inserted { accepted, missing: Vec::new(), equivocation })
    }

    /// Edits, reactions and redactions of a line, in causal order, whether or not the line is here.
    pub fn notes_on(&self, line: &MessageId) -> impl Iterator<Item = &VerifiedContent> + '_ {
        let notes = self.notes.get(line).into_iter().flatten();
        notes.filter_map(|key| self.entries.get(&key.id)).map(|entry| &*entry.content)
    }

    /// The place and standing of what the content depends on, or what of it is not in the set.
    fn past(&self, content: &Content) -> Result<Vec<(Key, Standing)>, Vec<MessageId>> {
        let found: Vec<_> = content
            .deps
            .iter()
            .filter_map(|dep| self.entries.get(dep))
            .map(|e| (e.key, e.standing))
            .collect();
        if found.len() == content.deps.len() {
            return Ok(found);
        }
        Err(content.deps.iter().filter(|id| !self.entries.contains_key(id)).copied().collect())
    }

    /// Accepts a content whose past is known, then everything that waited for it.
    fn accept_all(
        &mut self,
        content: VerifiedContent,
        past: Vec<(Key, Standing)>,
    ) -> (Vec<MessageId>, Option<Equivocation>) {
        let mut accepted = Vec::new();
        let mut lie: Option<Equivocation> = None;
        let mut ready = vec![(content, past)];
        while let Some((next, past)) = ready.pop() {
            let id = next.id();
            let found = self.accept(next, &past);
            lie = lie.into_iter().chain(found).min();
            accepted.push(id);
            for waiting in self.pending.waiting_for(&id) {
                if let Some(past) = self.pending.get(&waiting).and_then(|c| self.past(c.content()).ok()) {
                    ready.extend(self.pending.take(&waiting).map(|content| (content, past)));
                }
            }
        }
        assert_eq!(self.order.len(), self.entries.len(), "every accepted content has one place in the order");
        assert!(accepted.iter().all(|id| !self.pending.contains(id)), "what is accepted waits no more");
        if lie.is_some() {
            self.judge_again();
        }
        (accepted, lie)
    }

    fn accept(&mut self, content: VerifiedContent, past: &[(Key, Standing)]) -> Option<Equivocation> {
        let id = content.id();
        let c = content.content();
        assert!(
            past.len() == c.deps.len() || past.is_empty(),
            "a content is accepted after its past, or without one"
        );
        let key = Key::after(past.iter().map(|(key, _)| key), c.hlc, id);
        for (dep, _) in past {
            self.tips.remove(dep);
        }
        assert!(past.iter().all(|(dep, _)| *dep < key), "a content sorts after its past");
        self.tips.insert(key);
        self.order.insert(key);
        match &c.body {
            Body::Chat { .. } | Body::Unknown { .. } => {
                self.lines.insert(key);
            }
            Body::Edit { target, .. } | Body::Redact { target } | Body::Reaction { target, .. } => {
                self.notes.entry(*target).or_default().insert(key);
            }
            Body::Receipt { delivered, read } => self.receipts.merge((c.author, c.hlc), delivered, read),
            Body::Document(_) | Body::History { .. } => {}
        }
        self.places.add(c, id);
        let lie = self.streams.add(c, id);
        let standing = self.judge(c, id, past.iter().map(|(_, standing)| *standing));
        let before = self.entries.insert(id, Entry { content: Box::new(content), key, standing });
        assert!(before.is_none(), "a content is accepted once");
        lie
    }

    /// Whether the content is in the set or waits for its past.
    pub fn holds(&self, id: &MessageId) -> bool {
        self.entries.contains_key(id) || self.pending.contains(id)
    }

    /// Whether the content is in the set, with all of its past.
    pub fn contains(&self, id: &MessageId) -> bool {
        self.entries.contains_key(id)
    }

    /// The content, accepted or waiting: to send to whoever lacks it.
    pub fn get(&self, id: &MessageId) -> Option<&VerifiedContent> {
        self.entries.get(id).map(|e| &*e.content).or_else(|| self.pending.get(id))
    }

    /// How many contents are in the set, with all of their past.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has been accepted yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many contents wait for their past.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What somebody depends on and we do not hold, ascending: ask the peers for it.
    pub fn wanted(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.pending.wanted()
    }

    /// What the next content of ours depends on: at most [`MAX_DEPS`] of the newest contents that nothing follows, newest first.
    /// Contents of a proven liar are left out, so that the doubt does not spread to what is written knowingly.
    pub fn frontier(&self) -> Vec<MessageId> {
        let sound = |key: &&Key| self.entries.get(&key.id).is_some_and(|e| e.standing == Standing::Sound);
        self.tips.iter().rev().filter(sound).take(MAX_DEPS).map(|key| key.id).collect()
    }

    /// Whose contents were accepted, ascending; an author stands there once for each of its incarnations.
    pub fn authors(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.streams.authors()
    }

    /// The accepted contents, in the order of their ids.
    pub fn accepted(&self) -> impl Iterator<Item = &Content> {
        self.entries.values().map(|entry| entry.content.content())
    }

    /// (time, id) of all that is held, waiting ones included, for `sync::Session`.
    pub fn sync_items(&self) -> impl Iterator<Item = (u64, MessageId)> + '_ {
        let accepted = self.entries.iter().map(|(id, e)| (e.content.content().hlc.wall_ms, *id));
        accepted.chain(self.pending.iter().map(|c| (c.content().hlc.wall_ms, c.id())))
    }

    /// Of [`Self::sync_items`] the accepted changes of the document, which are for everybody.
    pub fn sync_documents(&self) -> &[(u64, MessageId)] {
        self.places.documents()
    }

    /// Of [`Self::sync_items`] all other accepted contents, by the heads at which they were written.
    pub fn sync_places(&self) -> impl Iterator<Item = (&[OpId], &[(u64, MessageId)])> {
        self.places.written()
    }

    /// Of [`Self::sync_items`] the contents that wait for their past.
    pub fn sync_waiting(&self) -> impl Iterator<Item = &VerifiedContent> {
        self.pending.iter()
    }

    /// The given ids in an order in which a receiver never has to wait; unknown ones are left out.
    pub fn in_causal_order(&self, ids: impl IntoIterator<Item = MessageId>) -> Vec<MessageId> {
        let ids: BTreeSet<MessageId> = ids.into_iter().collect();
        let keys: BTreeSet<Key> = ids.iter().filter_map(|id| self.entries.get(id)).map(|e| e.key).collect();
        let waiting = ids.iter().filter(|id| self.pending.contains(id)).copied();
        keys.into_iter().map(|key| key.id).chain(waiting).collect()
    }

    /// The document changes that count, in causal order: what `Document::rebuild` takes.
    pub fn documents(&self) -> impl Iterator<Item = &VerifiedContent> + '_ {
        self.order.iter().filter_map(|key| self.entries.get(&key.id)).filter_map(|e| {
            let counts = e.standing != Standing::Equivocated;
            (counts && matches!(e.content.content().body, Body::Document(_))).then_some(&*e.content)
        })
    }

    /// How many start-ups (incarnations) a device has written under; the caller caps them per day.
    pub fn incarnations(&self, author: &DeviceId) -> usize {
        self.streams.incarnations(author)
    }

    /// The proofs that are known, one for each frozen incarnation.
    pub fn equivocations(&self) -> impl Iterator<Item = Equivocation> + '_ {
        self.streams.lies()
    }

    /// Whether a content counts fully; `None` for one that is not in the set.
    pub fn standing(&self, id: &MessageId) -> Option<Standing> {
        self.entries.get(id).map(|e| e.standing)
    }
}
