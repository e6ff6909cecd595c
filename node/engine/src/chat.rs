//! The room of what is written: composes, seals, stores, publishes; takes in what others wrote; shows it.
//!
//! Order of an own message: content, store, *durable*, then the event, the reply and the frame. If the epoch is tainted the frame
//! waits for the next epoch (INV-2); if nobody is there the neighbours get it by reconciliation.

pub(crate) mod notes;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use halloo_crdt::content::{Body, Composer, MAX_TEXT_BYTES, Place, SignedContent, VerifiedContent};
use halloo_crdt::messages::InsertError;
use halloo_crypto::id::{DeviceId, Incarnation, MessageId, OpId};

use crate::history::{self, Claim};
use crate::lane::PeerKey;
use crate::output::{Event, Refusal, Warning};
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::timeline::{self, Vouchers};
use crate::timers::Timer;
use crate::wire::WireError;
use crate::wire::parcel::{Parcel, ParcelKind};

/// Associated data of a content under an epoch.
pub(crate) const AAD: &[u8] = b"content";
/// Own contents that wait for a sound epoch. A tainted device ends its epoch within one input, so this is a burst at most.
const MAX_UNSENT: usize = 1_024;
/// Contents that wait for operations of the log, about 1 kB each.
const MAX_AHEAD: usize = 256;
/// How long receipts are gathered: a conversation of ten costs each reader one receipt, not ten.
const RECEIPT_DELAY: core::time::Duration = core::time::Duration::from_millis(300);
/// Members whose receipts are spread: in a large group not everybody answers in the same third of a second.
const RECEIPT_SPREAD_MS: u64 = 20;
/// Clocks that differ by more are worth a word: display order follows others' stamps by a minute at most.
const MAX_SKEW_MS: u64 = 90_000;
/// Devices whose clocks are complained about in one run.
const MAX_SKEWED: usize = 256;
/// Own contents remembered as not known to be held by anybody else.
const MAX_UNDELIVERED: usize = 4_096;

/// The room's own memory.
#[derive(Default)]
pub(crate) struct Chat {
    unsent: VecDeque<MessageId>,
    /// Frames of contents whose log heads are not known here yet.
    ahead: VecDeque<Vec<u8>>,
    /// Own contents that nobody else is known to hold.
    pub(crate) undelivered: BTreeSet<MessageId>,
    /// Devices in the roster when the stream was begun: a newcomer must see streams from their beginning.
    stream_for: BTreeSet<DeviceId>,
    /// What remaining members vouch for of removed authors.
    pub(crate) vouchers: Vouchers,
    /// Devices whose clock was found to differ from ours, told once.
    skewed: BTreeSet<DeviceId>,
    /// Sealed contents that came by gossip since the start, and how many opened.
    pub(crate) offered: u64,
    /// How many of these opened.
    pub(crate) opened: u64,
    /// Own contents of this run by number, for receipts.
    own: BTreeMap<(Incarnation, u64), MessageId>,
}

impl Chat {
    /// After a restart.
    pub(crate) fn restore(undelivered: BTreeSet<MessageId>) -> Self {
        Chat { undelivered, ..Chat::default() }
    }
}

/// Writes one content of this device and sends it on its way.
///
/// # Errors
/// [`Refusal`]: not a member, outside limits, or the disk is far behind.
pub(crate) fn write(room: &mut Chat, state: &mut State, body: Body) -> Result<MessageId, Refusal> {
    if !state.is_member() {
        return Err(Refusal::NotMember);
    }
    if state.out.is_choked() {
        return Err(Refusal::Busy);
    }
    let document = matches!(body, Body::Document(_));
    let deps = if document { Vec::new() } else { shared_frontier(state) };
    begin_stream(room, state);
    let hlc = state.clock.tick(state.now.wall_ms);
    let place = Place { hlc, deps, heads: state.heads() };
    let composer = if document { &mut state.scribe } else { &mut state.composer };
    let content = composer.compose(&state.identity.device, &mut state.rng, place, body).map_err(|error| {
        let text = match error {
            halloo_crdt::content::ContentError::TooLong { limit, .. } => {
                return Refusal::TooLarge { what: "the content", max: limit };
            }
            _ => "the content is empty or not well formed",
        };
        Refusal::Invalid(text)
    })?;
    let id = content.id();
    assert_eq!(content.content().author, state.me(), "a device writes for itself only");
    assert!(!state.messages.holds(&id), "a fresh salt makes a fresh id");
    if room.own.len() < MAX_UNDELIVERED {
        room.own.insert((content.content().incarnation, content.content().seq), id);
    }
    let worth_keeping = content.content().body.is_worth_a_receipt();
    store(state, &content);
    let accepted = state
        .messages
        .insert(content)
        .map_err(|_| Refusal::Invalid("this device keeps as many messages as it can"))?;
    if worth_keeping && room.undelivered.len() < MAX_UNDELIVERED {
        room.undelivered.insert(id);
        state.out.put(Table::Undelivered, id.as_bytes(), Vec::new());
    }
    if room.unsent.len() < MAX_UNSENT {
        room.unsent.push_back(id);
    }
    assert!(
        accepted.missing.is_empty() && accepted.equivocation.is_none(),
        "own contents follow what is here, once"
    );
    state.tell(Fact::Contents(accepted.accepted));
    flush(room, state);
    Ok(id)
}

/// Begins a new stream if somebody is in the roster who was not when the last one began: receipts speak of whole streams, and a
/// newcomer gets nothing that was written before it.
fn begin_stream(room: &mut Chat, state: &mut State) {
    let grew = state.log.view().devices().keys().any(|device| !room.stream_for.contains(device));
    if grew || state.composer.next_seq() == 1 {
        room.stream_for = state.log.view().devices().keys().copied().collect();
    }
    if grew && state.composer.next_seq() > 1 {
        let incarnation = Incarnation::generate(&mut state.rng);
        assert_ne!(incarnation, state.composer.incarnation(), "INV-3: an incarnation is drawn once");
        state.composer = Composer::new(state.group, state.identity.device.id(), incarnation);
    }
    debug_assert!(room.stream_for.contains(&state.me()), "a member is in the roster that its stream is for");
}

/// The newest contents that every member of today may read: what a newcomer is not entitled to must not stand in the past of what
/// it is entitled to.
fn shared_frontier(state: &State) -> Vec<MessageId> {
    let grants: BTreeSet<_> =
        state.log.view().members().values().flat_map(|m| m.devices.values()).map(|d| d.op).collect();
    let mut judged: BTreeMap<Vec<OpId>, bool> = BTreeMap::new();
    let shared = |id: &MessageId| {
        let Some(content) = state.messages.get(id).map(VerifiedContent::content) else { return false };
        if matches!(content.body, Body::Document(_)) {
            return true;
        }
        *judged
            .entry(content.heads.clone())
            .or_insert_with(|| grants.iter().all(|grant| state.log.closure_contains(&content.heads, grant)))
    };
    state.messages.frontier().into_iter().filter(shared).collect()
}

fn store(state: &mut State, content: &VerifiedContent) {
    state.out.put(Table::Content, content.id().as_bytes(), content.to_bytes());
}

/// Publishes what waits, if the epoch is sound.
pub(crate) fn flush(room: &mut Chat, state: &mut State) {
    debug_assert!(room.unsent.len() <= MAX_UNSENT, "bounded where it grows");
    while let Some(id) = room.unsent.front().copied() {
        let Some(bytes) = state.messages.get(&id).map(VerifiedContent::to_bytes) else {
            room.unsent.pop_front();
            continue;
        };
        let Some(seal) = state.seal(AAD, &bytes) else { return };
        state.publish(&Parcel::new(ParcelKind::Contents, vec![seal]));
        room.unsent.pop_front();
    }
}

/// Sealed contents from gossip or a neighbour.
pub(crate) fn on_seals(room: &mut Chat, state: &mut State, from: &PeerKey, seals: &[Vec<u8>]) {
    for seal in seals {
        room.offered += 1;
        match state.epochs.open(AAD, seal) {
            Ok((_, frame)) => {
                room.opened += 1;
                let before = state.messages.len();
                on_content(room, state, from, &frame);
                if state.messages.len() > before {
                    compare_clocks(room, state, &frame);
                }
            }
            Err(WireError::UnknownKey) => {
                state.count("content of an epoch that is not known");
                state.tell(Fact::Gap);
            }
            Err(_) => state.drop_frame(from, "broken content seal"),
        }
    }
}

/// What comes by gossip was written seconds ago: a stamp far from our time is a wrong clock, theirs or ours. Told once a run for
/// each device.
fn compare_clocks(room: &mut Chat, state: &mut State, frame: &[u8]) {
    let Ok(signed) = SignedContent::parse(frame) else { return };
    let (device, stamp) = (signed.content().author, signed.content().hlc.wall_ms);
    let skew_ms = stamp.abs_diff(state.now.wall_ms);
    if skew_ms < MAX_SKEW_MS || room.skewed.len() >= MAX_SKEWED || !room.skewed.insert(device) {
        return;
    }
    let seconds = i64::try_from(skew_ms / 1_000).unwrap_or(i64::MAX);
    let seconds = if stamp < state.now.wall_ms { -seconds } else { seconds };
    state.event(Event::Warning(Warning::ClockSkew { device, seconds }));
}

/// One opened content: parse, verify, ask the log, keep.
pub(crate) fn on_content(room: &mut Chat, state: &mut State, from: &PeerKey, frame: &[u8]) {
    let Ok(signed) = SignedContent::parse(frame) else { return state.drop_frame(from, "malformed content") };
    if state.messages.holds(&signed.id()) {
        // Whoever sends it has it.
        return delivered(room, state, &[signed.id()]);
    }
    let heads = &signed.content().heads;
    if heads.iter().any(|head| !state.log.contains(head)) {
        if room.ahead.len() >= MAX_AHEAD {
            room.ahead.pop_front();
            state.count("content ahead of the log");
        }
        room.ahead.push_back(frame.to_vec());
        debug_assert!(room.ahead.len() <= MAX_AHEAD, "the oldest made room");
        return state.tell(Fact::Gap);
    }
    // Whether it counts may change with what else comes, so what is void is kept and shown as void: others may have built on it
    // while it was not. Who was never let in is nobody.
    if state.log.author_at(&signed.content().author, heads).is_none() {
        return state.drop_frame(from, "content by somebody who was not a member");
    }
    match history::claim(state, &signed.id(), signed.content()) {
        Claim::Ordinary => {}
        Claim::Handed => return words::on_handed(room, state, from, signed),
        Claim::Foreign => return state.count("older content that nobody named for this device"),
    }
    let Ok(content) = signed.verify() else { return state.drop_frame(from, "content with a bad signature") };
    let (hlc, bytes, id) = (content.content().hlc, content.to_bytes(), content.id());
    match state.messages.insert(content) {
        Ok(inserted) => {
            state.clock.observe(hlc, state.now.wall_ms);
            state.out.put(Table::Content, id.as_bytes(), bytes);
            if let Some(content) = state.messages.get(&id) {
                // The lines that it names may be next in the same frame.
                state.past.note_word(content);
            }
            if let Some(lie) = inserted.equivocation {
                state.durable_event(Event::Warning(Warning::Equivocation { device: lie.author }));
                state.tell(Fact::DocumentLie);
            }
            if !inserted.missing.is_empty() {
                state.tell(Fact::Gap);
            }
            if !inserted.accepted.is_empty() {
                state.tell(Fact::Contents(inserted.accepted));
            }
        }
        Err(InsertError::OtherGroup) => state.drop_frame(from, "content of another group"),
        Err(InsertError::PendingFull | InsertError::SlotFull) => {
            state.drop_frame(from, "too much of one author")
        }
        Err(InsertError::Full) => state.durable_event(Event::Warning(Warning::Overflow { what: "messages" })),
    }
}

/// Others are known to hold these contents of ours.
pub(crate) fn delivered(room: &mut Chat, state: &mut State, ids: &[MessageId]) {
    debug_assert!(room.undelivered.len() <= MAX_UNDELIVERED, "bounded where it grows");
    for id in ids {
        if room.undelivered.remove(id) {
            state.out.del(Table::Undelivered, id.as_bytes());
        }
    }
}

/// Contents are new in the set: the document, the vouchers, the user, the receipts.
pub(crate) fn on_contents(room: &mut Chat, state: &mut State, ids: &[MessageId]) {
    let mut owed = false;
    let mut shown: BTreeSet<MessageId> = BTreeSet::new();
    for id in ids {
        let Some(content) = state.messages.get(id).cloned() else { continue };
        if state.log.view().account_of(&content.content().author).is_none()
            && !room.vouchers.covers(&content.content().author)
        {
            // The first words of somebody who was removed before they arrived.
            timeline::revouch(&mut room.vouchers, state);
        }
        timeline::vouch(&mut room.vouchers, state, content.content());
        let c = content.content();
        owed |= c.author != state.me() && c.body.is_worth_a_receipt();
        match &c.body {
            Body::Chat { .. } | Body::Unknown { .. } => {
                if let Some(entry) = timeline::entry(&room.vouchers, state, id).filter(|entry| !entry.void) {
                    state.durable_event(Event::Message(entry));
                }
            }
            Body::History { .. } => state.past.note_word(&content),
            Body::Edit { target, .. } | Body::Redact { target } | Body::Reaction { target, .. } => {
                state.past.follow(&content, target);
                if shown.insert(*target)
                    && let Some(entry) = timeline::entry(&room.vouchers, state, target)
                {
                    state.durable_event(Event::Edited(entry));
                }
            }
            Body::Receipt { delivered: marks, read } => {
                let (marks, read) = (marks.clone(), read.clone());
                on_receipt(room, state, &c.author, &marks, &read);
            }
            Body::Document(_) => state.tell(Fact::Document(*id)),
        }
    }
    if owed && state.is_member() {
        let spread = RECEIPT_SPREAD_MS * state.log.view().devices().len() as u64;
        let jitter = u64::from(rand_core::Rng::next_u32(&mut state.rng)) % spread.max(1);
        let wait = RECEIPT_DELAY + core::time::Duration::from_millis(jitter.min(10_000));
        state.timers.within(Timer::Receipts, state.now.mono, wait);
    }
}

fn on_receipt(
    room: &mut Chat,
    state: &mut State,
    reader: &DeviceId,
    delivered_marks: &[halloo_crdt::content::Mark],
    read: &[halloo_crdt::content::Mark],
) {
    let me = state.me();
    let Some(account) = state.log.account_of(reader) else { return };
    if *reader == me {
        return;
    }
    if account == state.account() && !read.is_empty() {
        state.event(Event::ReadElsewhere { device: *reader });
    }
    for (marks, is_read) in [(delivered_marks, false), (read, true)] {
        for mark in marks.iter().filter(|mark| mark.author == me) {
            let held: Vec<MessageId> = room
                .undelivered
                .iter()
                .filter(|id| {
                    state.messages.get(id).is_some_and(|c| {
                        c.content().incarnation == mark.incarnation && c.content().seq <= mark.seq
                    })
                })
                .copied()
                .collect();
            delivered(room, state, &held);
            if let Some(message) = room.own.get(&(mark.incarnation, mark.seq)).copied() {
                state.event(Event::Receipt { message, account, read: is_read });
            }
        }
    }
}

/// Sends the receipts that are owed.
pub(crate) fn send_receipts(
    room: &mut Chat,
    state: &mut State,
    read_up_to: Option<MessageId>,
) -> Result<(), Refusal> {
    state.timers.stop(Timer::Receipts);
    while let Some(body) = state.messages.receipt_due(&state.me(), read_up_to) {
        write(room, state, body)?;
    }
    Ok(())
}

/// After the log changed: contents that waited for it, and whom it removed.
pub(crate) fn on_operations(room: &mut Chat, state: &mut State, new: &[OpId], ends: bool) {
    let ahead = core::mem::take(&mut room.ahead);
    let nobody = state.identity.peer;
    for frame in ahead {
        on_content(room, state, &nobody, &frame);
    }
    if ends {
        timeline::revouch(&mut room.vouchers, state);
    }
    words::on_added(room, state, new);
    flush(room, state);
}

/// Whether contents are here, and in no store, that wait for operations.
pub(crate) fn is_ahead(room: &Chat) -> bool {
    !room.ahead.is_empty()
}

/// Whether contents are here that refer to others, or to operations, that are not.
pub(crate) fn lacks(room: &Chat, state: &State) -> bool {
    !room.ahead.is_empty() || state.messages.wanted().next().is_some()
}

/// Checks a text before it becomes a content.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn check_text(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::Invalid("an empty message says nothing"));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(Refusal::TooLarge { what: "the text in bytes", max: MAX_TEXT_BYTES });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
