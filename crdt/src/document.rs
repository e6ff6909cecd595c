//! The automerge document of a group: name, settings, places, profiles, polls, tasks; fed only from content.
//!
//! A change is built here from checked fields (`document/change.rs`), so a peer's bytes never reach automerge's parser. The
//! document is a pure function of the set of contents: a change waits until its dependencies are in, of two changes of one actor
//! under one number the one in the content with the lower id counts and the actor is frozen after it, and what depended on the
//! other stays held: orphaned, never dropped.
//!
//! No chance and no clock: the actor is derived from (device, incarnation), the commit time is 0, and the values are merged here
//! (`document/registers.rs`). Automerge's own merge draws a default actor and the keys of its hash maps from the system. It is
//! given the same changes by whoever exports the document ([`Document::changes`]), and the tests hold the two against each other.

mod change;
mod registers;
mod agenda;
mod via;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use automerge::Change;
use halloo_crypto::id::{AccountId, DeviceId, Incarnation, MessageId};

pub use agenda::{
    AgendaEdit, AgendaId, MAX_OPTION_BYTES, MAX_OPTIONS, MAX_QUESTION_BYTES, MAX_TITLE_BYTES, Matter, Poll,
    Task,
};
pub use change::{MAX_VALUE_BYTES, Value};
pub use model::{Edit, MAX_NAME_BYTES, Place, Profile};
pub use via::{MAX_MAILBOX_BYTES, MAX_VIA_BYTES, Mailbox, is_origin, sets_via};

use crate::content::{Body, VerifiedContent};
use change::{Actor, DocChange, MAX_DEPS, MAX_OPS, MAX_REPLACED, Op, OpName};
use registers::Registers;

/// Most changes that may wait for others. Contents come in causal order, so only the past of a liar's loser makes them wait.
pub const MAX_HELD: usize = 4_096;
/// Most changes of one incarnation: a start of the engine that edits once a minute for a week stays below.
pub const MAX_CHANGES_PER_INCARNATION: u32 = 10_000;
/// Highest operation number; automerge counts in 32 bits.
const MAX_OP_NUMBER: u32 = 1 << 30;

/// What [`Document::apply`] did with one content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in, and so is whatever waited for it.
    Merged,
    /// It was in already.
    Duplicate,
    /// It waits for a change that has not come, or that lost to another under one number.
    Orphaned,
    /// Its incarnation is frozen before it.
    Equivocated,
    /// Its author signed two changes under one number and what was merged is no longer right: call [`Document::rebuild`].
    NeedsRebuild,
    /// It will never count.
    Refused(Refusal),
}

/// Why a change never counts; the same at every member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not content of the document.
    #[error("not a document change")]
    NotDocument,
    /// Not in the one accepted spelling, or beyond a limit.
    #[error("a malformed document change")]
    Malformed,
    /// A key that this person may not write.
    #[error("a key that is not its author's to write")]
    NotYours,
    /// Numbers that do not follow from its dependencies.
    #[error("a document change whose numbers do not follow from its past")]
    Inconsistent,
    /// [`MAX_HELD`] changes wait already; it is tried again at the next rebuild.
    #[error("too many document changes wait for others")]
    HeldFull,
}

/// Why an own edit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Caller: empty, too long or out of range.
    #[error("the {0} is empty, too long or out of range")]
    Value(&'static str),
    /// Caller: everything has this value already.
    #[error("nothing would change")]
    Nothing,
    /// Caller: more than fits one change.
    #[error("too many changes at once: do it in parts")]
    TooMany,
    /// Caller: the edit before this one was not applied yet, nor abandoned.
    #[error("the edit before this one is not applied yet")]
    InFlight,
}

/// A change with all that its merge needs to know.
#[derive(Debug, Clone)]
struct Candidate {
    id: MessageId,
    actor: Actor,
    fields: DocChange,
    change: Change,
}

#[derive(Debug, Clone, Default)]
struct Writer {
    /// Number and hash of the last change merged.
    last: Option<(u32, [u8; 32])>,
    /// number -> change hash -> lowest content that carries it; two hashes are a lie.
    slots: BTreeMap<u32, BTreeMap<[u8; 32], MessageId>>,
    /// The lowest number with two changes.
    frozen: Option<u32>,
}

impl Writer {
    /// The change that counts under a number: the one in the content with the lowest id.
    fn winner(&self, seq: u32) -> Option<[u8; 32]> {
        let slot = self.slots.get(&seq)?;
        slot.iter().min_by_key(|(_, id)| **id).map(|(hash, _)| *hash)
    }

    /// Whether a filed change may count.
    fn allows(&self, seq: u32, hash: &[u8; 32]) -> bool {
        self.frozen.is_none_or(|frozen| seq <= frozen) && self.winner(seq) == Some(*hash)
    }
}

/// The document. See the module's first lines.
#[derive(Debug, Clone)]
pub struct Document {
    me: Actor,
    /// change hash -> number of its last operation
    merged: BTreeMap<[u8; 32], u32>,
    /// The merged changes that no merged one follows.
    heads: BTreeSet<[u8; 32]>,
    writers: BTreeMap<Actor, Writer>,
    registers: Registers,
    /// By change hash: two contents may carry one change.
    held: BTreeMap<[u8; 32], Candidate>,
    in_flight: bool,
    /// Polls and tasks that changed and nobody has asked about.
    touched: BTreeSet<Matter>,
}

impl Document {
    /// An empty document, edited as (device, incarnation).
    pub fn new(device: &DeviceId, incarnation: &Incarnation) -> Self {
        Self::empty(Actor::of(device, incarnation))
    }

    fn empty(me: Actor) -> Self {
        Self {
            me,
            merged: BTreeMap::new(),
            heads: BTreeSet::new(),
            writers: BTreeMap::new(),
            registers: Registers::default(),
            held: BTreeMap::new(),
            in_flight: false,
            touched: BTreeSet::new(),
        }
    }

    /// Merges the change in a content that the log entitles; `account` is whose device its author is. Call it in causal order
    /// (`Inserted::accepted`), for own content too.
    pub fn apply(&mut self, content: &VerifiedContent, account: &AccountId) -> Applied {
        let candidate = match candidate(content, account) {
            Ok(candidate) => candidate,
            Err(refusal) => return Applied::Refused(refusal),
        };
        if candidate.actor == self.me {
            self.in_flight = false;
        }
        let hash = candidate.change.hash().0;
        if self.file(&candidate) {
            return Applied::NeedsRebuild;
        }
        if !self.writers.get(&candidate.actor).is_some_and(|w| w.allows(candidate.fields.seq, &hash)) {
            return Applied::Equivocated;
        }
        if self.merged.contains_key(&hash) {
            return Applied::Duplicate;
        }
        self.settle(candidate)
    }

    /// Files a change under its number. Whether that makes wrong what was merged.
    fn file(&mut self, candidate: &Candidate) -> bool {
        let seq = candidate.fields.seq;
        let writer = self.writers.entry(candidate.actor).or_default();
        let before = writer.winner(seq);
        let slot = writer.slots.entry(seq).or_default();
        let id = slot.entry(candidate.change.hash().0).or_insert(candidate.id);
        *id = candidate.id.min(*id);
        if slot.len() < 2 {
            return false;
        }
        let allowed = |writers: &BTreeMap<Actor, Writer>, hash: &[u8; 32], held: &Candidate| {
            writers.get(&held.actor).is_some_and(|w| w.allows(held.fields.seq, hash))
        };
        writer.frozen = Some(writer.frozen.map_or(seq, |frozen| frozen.min(seq)));
        let last = writer.last.map_or(0, |(last, _)| last);
        let past_freeze = writer.frozen.is_some_and(|frozen| last > frozen);
        let winner_changed = before != writer.winner(seq) && last >= seq;
        let writers = &self.writers;
        self.held.retain(|hash, held| allowed(writers, hash, held));
        past_freeze || winner_changed
    }

    /// Starts over from all contents that count, in causal order (`Messages::documents` with each author's account): after a lie
    /// came to light, after entitlements changed, and at start. About 10 us a change.
    pub fn rebuild<'a>(&mut self, contents: impl IntoIterator<Item = (&'a VerifiedContent, AccountId)>) {
        let agenda = (self.polls(), self.tasks());
        let touched = self.take_touched();
        *self = Self { in_flight: self.in_flight, ..Self::empty(self.me) };
        let candidates: Vec<Candidate> =
            contents.into_iter().filter_map(|(content, account)| candidate(content, &account).ok()).collect();
        for candidate in &candidates {
            self.file(candidate);
        }
        for candidate in candidates {
            let hash = candidate.change.hash().0;
            let allowed =
                self.writers.get(&candidate.actor).is_some_and(|w| w.allows(candidate.fields.seq, &hash));
            if allowed && !self.merged.contains_key(&hash) {
                self.settle(candidate);
            }
        }
        assert!(self.held.keys().all(|hash| !self.merged.contains_key(hash)), "what is merged waits no more");
        self.touched = touched;
        self.touch_what_differs(&agenda);
    }

    /// Checks one change against what is merged, then whoever waited for it, until nothing moves.
    fn settle(&mut self, candidate: Candidate) -> Applied {
        match self.judge(&candidate) {
            Ok(true) => self.merge(candidate),
            Ok(false) if self.held.len() >= MAX_HELD => return Applied::Refused(Refusal::HeldFull),
            Ok(false) => {
                self.held.insert(candidate.change.hash().0, candidate);
                return Applied::Orphaned;
            }
            Err(refusal) => return Applied::Refused(refusal),
        }
        loop {
            let found = self.held.iter().find_map(|(hash, held)| match self.judge(held) {
                Ok(false) => None,
                settled => Some((*hash, settled.is_ok())),
            });
            let Some((hash, good)) = found else { return Applied::Merged };
            let waiting = self.held.remove(&hash).expect("it was just found");
            if good {
                self.merge(waiting);
            }
        }
    }

    /// Whether the change may be merged now; `false` while something that it names is not in.
    fn judge(&self, candidate: &Candidate) -> Result<bool, Refusal> {
        let fields = &candidate.fields;
        let last = self.writers.get(&candidate.actor).and_then(|w| w.last);
        if last.map_or(0, |(seq, _)| seq) + 1 != fields.seq {
            return Ok(false);
        }
        let mut highest = 0;
        for dep in &fields.deps {
            match self.merged.get(dep) {
                Some(last_op) => highest = highest.max(*last_op),
                None => return Ok(false),
            }
        }
        let follows_own = last.is_none_or(|(_, hash)| fields.deps.binary_search(&hash).is_ok());
        if fields.first_op != highest + 1 || !follows_own {
            return Err(Refusal::Inconsistent);
        }
        for op in &fields.ops {
            for name in &op.replaces {
                if name.number >= fields.first_op {
                    return Err(Refusal::Inconsistent);
                }
                if !self.registers.was_set(&op.key, name) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn merge(&mut self, candidate: Candidate) {
        let Candidate { actor, fields, change, .. } = candidate;
        let hash = change.hash().0;
        let last_op = fields.last_op().expect("a candidate's numbers were checked");
        let before = self.merged.insert(hash, last_op);
        assert!(before.is_none(), "a change is merged once");
        let writer = self.writers.entry(actor).or_default();
        assert_eq!(
            writer.last.map_or(0, |(seq, _)| seq) + 1,
            fields.seq,
            "changes of one actor are merged in order"
        );
        writer.last = Some((fields.seq, hash));
        fields.deps.iter().for_each(|dep| {
            self.heads.remove(dep);
        });
        self.heads.insert(hash);
        for (number, op) in (fields.first_op..).zip(fields.ops) {
            self.touched.extend(Matter::of_key(&op.key));
            self.registers.merge(OpName { number, actor }, op);
        }
    }

    /// Makes one change of several edits by one's own `account`. The bytes go into `Body::Document`; the change counts when that
    /// content comes back through [`Self::apply`]. Until then, or [`Self::abandon`], no other edit is made.
    pub fn edit(&mut self, account: &AccountId, edits: &[Edit]) -> Result<Vec<u8>, DocumentError> {
        if self.in_flight {
            return Err(DocumentError::InFlight);
        }
        let mut wanted: BTreeMap<String, Option<Value>> = BTreeMap::new();
        for edit in edits {
            wanted.extend(model::writes(account, edit)?);
        }
        wanted.retain(|key, value| self.get(key) != *value || self.registers.current(key).count() > 1);
        let ops: Vec<Op> = wanted
            .into_iter()
            .map(|(key, value)| Op {
                replaces: self.registers.current(&key).take(MAX_REPLACED).collect(),
                key,
                value,
            })
            .filter(|op| op.value.is_some() || !op.replaces.is_empty())
            .collect();
        if ops.is_empty() {
            return Err(DocumentError::Nothing);
        }
        let last = self.writers.get(&self.me).and_then(|w| w.last);
        let seq = last.map_or(0, |(seq, _)| seq) + 1;
        if ops.len() > MAX_OPS || seq > MAX_CHANGES_PER_INCARNATION {
            return Err(DocumentError::TooMany);
        }
        let mut deps: BTreeSet<[u8; 32]> = last.map(|(_, hash)| hash).into_iter().collect();
        let room = MAX_DEPS - deps.len();
        let mut heads = self.heads();
        // The heads that reach furthest, should there be too many.
        heads.sort_by_key(|hash| std::cmp::Reverse((self.merged.get(hash), *hash)));
        deps.extend(heads.into_iter().take(room));
        let highest = deps.iter().filter_map(|hash| self.merged.get(hash)).max().copied().unwrap_or(0);
        assert!(deps.len() <= MAX_DEPS, "the heads were cut to what fits");
        let replaced = ops.iter().flat_map(|op| &op.replaces).map(|name| name.number).max();
        assert!(replaced.is_none_or(|number| number <= highest), "the heads reach further than any value");
        self.in_flight = true;
        Ok(DocChange { seq, first_op: highest + 1, deps: deps.into_iter().collect(), ops }.encode())
    }

    /// Gives up the edit that was made last: its content was never signed.
    pub fn abandon(&mut self) {
        self.in_flight = false;
    }

    /// How many changes are merged.
    pub fn merged(&self) -> usize {
        self.merged.len()
    }

    /// Contents whose change waits for another, ascending: shown as orphaned. Of several that carry one change, the lowest.
    pub fn orphans(&self) -> BTreeSet<MessageId> {
        let lowest = |(hash, held): (&[u8; 32], &Candidate)| {
            let slot = self.writers.get(&held.actor).and_then(|w| w.slots.get(&held.fields.seq));
            slot.and_then(|slot| slot.get(hash)).copied().unwrap_or(held.id)
        };
        self.held.iter().map(lowest).collect()
    }

    /// The hashes of the changes that nothing merged follows, ascending: equal heads, equal documents.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        self.heads.iter().copied().collect()
    }

    /// The automerge changes that are merged, parents first, for other automerge tools; `contents` as for [`Self::rebuild`].
    /// Each loads into an automerge document that has the ones before it.
    pub fn changes<'a>(
        &self,
        contents: impl IntoIterator<Item = (&'a VerifiedContent, AccountId)>,
    ) -> Vec<Vec<u8>> {
        let candidates =
            contents.into_iter().filter_map(|(content, account)| candidate(content, &account).ok());
        let mut left: BTreeMap<[u8; 32], Candidate> = candidates
            .map(|candidate| (candidate.change.hash().0, candidate))
            .filter(|(hash, _)| self.merged.contains_key(hash))
            .collect();
        // The number of a change's first operation is above those of all that it follows.
        let mut order: Vec<(u32, [u8; 32])> =
            left.iter().map(|(hash, candidate)| (candidate.fields.first_op, *hash)).collect();
        order.sort_unstable();
        let ordered = order.iter().filter_map(|(_, hash)| left.remove(hash));
        ordered.map(|candidate| candidate.change.raw_bytes().to_vec()).collect()
    }
}

/// All checks that need the content alone: the same at every member, whatever else it has.
fn candidate(content: &VerifiedContent, account: &AccountId) -> Result<Candidate, Refusal> {
    let c = content.content();
    let Body::Document(bytes) = &c.body else { return Err(Refusal::NotDocument) };
    let fields = DocChange::decode(bytes).ok_or(Refusal::Malformed)?;
    let in_range = fields.last_op().is_some_and(|last| last <= MAX_OP_NUMBER);
    if !in_range
        || fields.seq > MAX_CHANGES_PER_INCARNATION
        || !fields.ops.iter().all(|op| model::is_key(&op.key))
    {
        return Err(Refusal::Malformed);
    }
    if !fields.ops.iter().all(|op| model::may_write(account, &op.key, op.value.as_ref())) {
        return Err(Refusal::NotYours);
    }
    let actor = Actor::of(&c.author, &c.incarnation);
    let change = fields.build(actor);
    Ok(Candidate { id: content.id(), actor, fields, change })
}
