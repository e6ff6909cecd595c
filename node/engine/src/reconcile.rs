//! The room of catching up: after a proof, after a gap, and now and then, two members compare what they hold.
//!
//! ```text
//!  asker                                      answerer
//!  ask(operations) -------------------------> answer ...            until the asker knows the difference
//!  what it has and the other lacks ---------> parcels
//!  want(keyed ids) -------------------------> parcels
//!  then the same for acknowledgements, then for contents
//! ```
//!
//! The lane keeps order, so by the time contents are compared both sides know the same operations. Contents are filtered by
//! entitlement on both sides and travel in boxes to the device key, so the branch that either is on does not matter.

mod gap;
mod news;
mod offer;

use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::sync::{KeyedId, Session};
use halloo_crypto::id::{DeviceId, MessageId};
use halloo_crypto::kdf;

use crate::chat::{self, Chat};
use crate::commits;
use crate::lane::PeerKey;
use crate::output::Event;
use crate::peers::STRANDED_PATIENCE;
use crate::state::State;
use crate::time::Time;
use crate::timers::Timer;
use crate::wire::direct::{DirectFrame, Realm, Step, SyncFrame};
use gap::{Gap, Verdict};
pub(crate) use news::{on_brought, on_heads, on_operations, pass_on};
use offer::{hand_over, items};

/// Items handed over in each direction in one session: with 300 bytes each half of what a lane queues. The rest follows in the
/// next session, begun at once.
const MAX_HANDED: usize = 4_096;
/// Ids in one want frame.
const WANT_IDS: usize = 1_000;
/// A session that has not ended by then is begun anew.
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(5);
/// How long the member with the higher id waits for the other to ask first.
const POLITENESS: core::time::Duration = core::time::Duration::from_millis(500);
/// How long what was named to an asker is kept for what it may still want: 70 bytes for each content, with every neighbour.
const WANTED_WITHIN: core::time::Duration = core::time::Duration::from_secs(30);
/// Between two routine comparisons, of one neighbour each: gossip that was lost is found within it.
const ROUTINE: core::time::Duration = core::time::Duration::from_secs(30);

/// Turns that are remembered: of all neighbours, and of as many that are gone.
const MAX_TURNS: usize = 2 * crate::peers::MAX_PEERS;

/// The room's own memory.
#[derive(Default)]
pub(crate) struct Reconcile {
    peers: BTreeMap<PeerKey, Talk>,
    last_session: u32,
    /// When one neighbour is compared with whether or not anything seems to be missing.
    routine_at: Option<Time>,
    gap: Option<Gap>,
    /// When the neighbours are told of what was handed over to us.
    news_at: Option<Time>,
    /// When each neighbour was last compared with to the end, or had its turn to be; at most [`MAX_TURNS`]. Kept when it goes: one that
    /// begins anew again and again, or never answers, must not keep us from all others.
    turns: BTreeMap<PeerKey, Time>,
}

#[derive(Default)]
struct Talk {
    asking: Option<Asking>,
    answering: Option<(Realm, u32, Session)>,
    answered_at: Option<Time>,
    /// When to begin if nothing has begun.
    begin_at: Option<Time>,
    /// When to look whether it is still stranded; whatever begins meanwhile does not answer that.
    again_at: Option<Time>,
    received: u32,
    sent: u32,
    /// What it was last told of our heads, or told us of its own, hashed.
    heads: Option<[u8; 32]>,
}

struct Asking {
    realm: Realm,
    number: u32,
    session: Session,
    since: Time,
}

/// A member proved itself. The one with the lower id asks; the other does so later if nothing came.
pub(crate) fn on_proven(room: &mut Reconcile, state: &mut State, peer: PeerKey) {
    let Some(device) = state.peers.member(&peer) else { return };
    let talk = room.peers.entry(peer).or_default();
    if state.me() < device {
        begin(room, state, peer, Realm::Operations);
    } else {
        talk.begin_at = Some(state.now.mono.after(POLITENESS));
    }
    schedule(room, state);
}

/// A neighbour seems unable to follow: a while later it is compared with again, and told if it still is.
pub(crate) fn on_stranded(room: &mut Reconcile, state: &mut State, peer: PeerKey) {
    let again = state.now.mono.after(STRANDED_PATIENCE);
    if let Some(talk) = room.peers.get_mut(&peer) {
        talk.again_at.get_or_insert(again);
    }
    schedule(room, state);
}

/// A neighbour is gone.
pub(crate) fn on_gone(room: &mut Reconcile, peer: &PeerKey) {
    room.peers.remove(peer);
}

/// Something is referred to that is not here.
pub(crate) fn on_gap(room: &mut Reconcile, state: &mut State) {
    room.gap = Some(Gap::noticed(room.gap, state.now.mono));
    schedule(room, state);
}

fn schedule(room: &mut Reconcile, state: &mut State) {
    if room.peers.is_empty() || !state.is_member() {
        return state.timers.stop(Timer::Reconcile);
    }
    let now = state.now.mono;
    let routine = *room.routine_at.get_or_insert(now.after(ROUTINE));
    let talks = room.peers.values().flat_map(|talk| {
        [talk.begin_at, talk.again_at, talk.asking.as_ref().map(|a| a.since.after(PATIENCE))]
    });
    let first =
        talks.flatten().chain([routine]).chain(room.gap.map(|gap| gap.at())).chain(room.news_at).min();
    if let Some(at) = first {
        state.timers.set(Timer::Reconcile, at);
    }
}

/// The timer: begins what is due, gives up what takes too long.
pub(crate) fn on_timer(room: &mut Reconcile, chat: &Chat, state: &mut State) {
    let now = state.now.mono;
    let mut begin_with: Vec<PeerKey> = Vec::new();
    for (peer, talk) in &mut room.peers {
        let stuck = talk.asking.as_ref().is_some_and(|asking| now.since(asking.since) >= PATIENCE);
        let again = talk.again_at.take_if(|at| *at <= now).is_some();
        let due = again || talk.begin_at.is_some_and(|at| at <= now);
        if stuck {
            talk.asking = None;
        }
        if talk.answered_at.is_some_and(|at| now.since(at) >= WANTED_WITHIN) {
            (talk.answering, talk.answered_at) = (None, None);
        }
        if due || stuck {
            talk.begin_at = None;
            begin_with.push(*peer);
        }
    }
    let routine = room.routine_at.is_some_and(|at| at <= now);
    if routine || ask_for_gap(room, chat, state) {
        let next = next_in_turn(room);
        if let Some(peer) = next {
            had_its_turn(room, peer, now);
        }
        begin_with.extend(next);
        room.routine_at = Some(now.after(ROUTINE));
    }
    if room.news_at.take_if(|at| *at <= now).is_some() {
        news::tell(room, state);
    }
    for peer in begin_with {
        begin(room, state, peer, Realm::Operations);
    }
    schedule(room, state);
}

/// Whether a gap is due and the neighbour whose turn it is may fill it.
fn ask_for_gap(room: &mut Reconcile, chat: &Chat, state: &State) -> bool {
    let now = state.now.mono;
    let Some(mut gap) = room.gap.filter(|gap| gap.at() <= now) else { return false };
    let missing = state.log.missing().next().is_some() || chat::lacks(chat, state);
    let next = next_in_turn(room);
    let turn = next.and_then(|peer| room.turns.get(&peer).copied());
    let verdict = if next.is_some() { gap.due(now, turn, missing) } else { Verdict::Close };
    room.gap = (verdict == Verdict::Ask).then_some(gap);
    verdict == Verdict::Ask
}

/// Whose turn it is to be compared with: of those who are not being compared with, the one who was longest ago.
fn next_in_turn(room: &Reconcile) -> Option<PeerKey> {
    let free = room.peers.iter().filter(|(_, talk)| talk.asking.is_none()).map(|(key, _)| *key);
    free.min_by_key(|key| (room.turns.get(key), *key))
}

fn had_its_turn(room: &mut Reconcile, peer: PeerKey, now: Time) {
    room.turns.insert(peer, now);
    if room.turns.len() > MAX_TURNS {
        let gone = room.turns.iter().filter(|(key, _)| !room.peers.contains_key(key));
        if let Some(oldest) = gone.min_by_key(|(key, at)| (**at, **key)).map(|(key, _)| *key) {
            room.turns.remove(&oldest);
        }
    }
    debug_assert!(room.turns.len() <= MAX_TURNS, "there are fewer neighbours than turns that are kept");
}

/// The secret under which a session names its items: both sides know both nonces of the connection.
fn session_key(
    state: &State,
    peer: &PeerKey,
    realm: Realm,
    number: u32,
    asker: &DeviceId,
) -> Option<[u8; 32]> {
    let known = state.peers.get(peer)?;
    let (ours, theirs) = (known.nonce, known.their_nonce?);
    let (low, high) = (ours.min(theirs), ours.max(theirs));
    debug_assert!(low <= high, "both sides order the nonces alike");
    Some(kdf::hash("sync session", &[&low, &high, &[realm as u8], &number.to_be_bytes(), asker.as_bytes()]))
}

fn begin(room: &mut Reconcile, state: &mut State, peer: PeerKey, realm: Realm) {
    let Some(device) = state.peers.member(&peer) else { return };
    debug_assert!(room.peers.len() <= crate::peers::MAX_PEERS, "one talk for each neighbour");
    room.last_session = room.last_session.wrapping_add(1);
    let number = room.last_session;
    let key = session_key(state, &peer, realm, number, &state.me());
    let talk = room.peers.entry(peer).or_default();
    let Some(key) = key else {
        talk.begin_at = Some(state.now.mono.after(PATIENCE));
        return;
    };
    talk.begin_at = None;
    if realm == Realm::Operations {
        (talk.received, talk.sent) = (0, 0);
        commits::tell_epochs(state, peer);
    }
    let items = items(state, realm, &device);
    let talk = room.peers.entry(peer).or_default();
    match Session::initiate(&key, items) {
        Ok((session, message)) => {
            talk.asking = Some(Asking { realm, number, session, since: state.now.mono });
            let ask = SyncFrame { realm, step: Step::Ask, session: number, message };
            state.send(peer, &DirectFrame::Sync(ask));
        }
        Err(_) => state.count("reconciliation could not begin"),
    }
}

/// A frame of a reconciliation from a proven member.
pub(crate) fn on_frame(
    room: &mut Reconcile,
    chat: &mut Chat,
    state: &mut State,
    from: PeerKey,
    frame: SyncFrame,
) {
    match frame.step {
        Step::Ask => on_ask(room, state, from, &frame),
        Step::Answer => on_answer(room, chat, state, from, &frame),
        Step::Want => on_want(room, state, from, &frame),
    }
    schedule(room, state);
}

fn on_ask(room: &mut Reconcile, state: &mut State, from: PeerKey, frame: &SyncFrame) {
    let Some(device) = state.peers.member(&from) else { return };
    let talk = room.peers.entry(from).or_default();
    talk.begin_at = None;
    let same = talk
        .answering
        .as_ref()
        .is_some_and(|(realm, number, _)| (*realm, *number) == (frame.realm, frame.session));
    if !same {
        if frame.realm == Realm::Operations {
            commits::tell_epochs(state, from);
        }
        let Some(key) = session_key(state, &from, frame.realm, frame.session, &device) else { return };
        match Session::respond(&key, items(state, frame.realm, &device)) {
            Ok(session) => talk.answering = Some((frame.realm, frame.session, session)),
            Err(_) => return state.count("reconciliation could not begin"),
        }
    }
    talk.answered_at = Some(state.now.mono);
    let Some((_, _, session)) = &mut talk.answering else { return };
    match session.handle(&frame.message) {
        Ok(step) => {
            if let Some(message) = step.reply {
                let answer = SyncFrame { step: Step::Answer, message, ..frame.clone() };
                state.send(from, &DirectFrame::Sync(answer));
            }
        }
        Err(_) => {
            talk.answering = None;
            state.drop_frame(&from, "bad reconciliation frame");
        }
    }
}

fn on_answer(room: &mut Reconcile, chat: &mut Chat, state: &mut State, from: PeerKey, frame: &SyncFrame) {
    let Some(talk) = room.peers.get_mut(&from) else { return };
    let current =
        talk.asking.as_mut().filter(|asking| (asking.realm, asking.number) == (frame.realm, frame.session));
    let Some(asking) = current else { return state.count("answer of a reconciliation that is over") };
    match asking.session.handle(&frame.message) {
        Ok(step) => {
            if let Some(message) = step.reply {
                asking.since = state.now.mono;
                let ask = SyncFrame { step: Step::Ask, message, ..frame.clone() };
                state.send(from, &DirectFrame::Sync(ask));
            }
            if step.done {
                finish(room, chat, state, from);
            }
        }
        Err(_) => {
            talk.asking = None;
            state.drop_frame(&from, "bad reconciliation frame");
        }
    }
}

/// The difference is known: hands over, asks, and goes on with the next realm.
fn finish(room: &mut Reconcile, chat: &mut Chat, state: &mut State, from: PeerKey) {
    let Some(talk) = room.peers.get_mut(&from) else { return };
    let Some(asking) = talk.asking.take() else { return };
    assert!(asking.session.is_done(), "only a whole difference is acted on");
    let all: BTreeSet<MessageId> = asking.session.have().collect();
    assert!(all.iter().all(|id| asking.session.names(id)), "what we have is among what we named");
    let have: Vec<MessageId> = all.iter().take(MAX_HANDED).copied().collect();
    let need: Vec<KeyedId> = asking.session.need().take(MAX_HANDED).collect();
    let more = all.len() > have.len() || asking.session.need().count() > need.len();
    talk.sent = talk.sent.saturating_add(u32::try_from(have.len()).unwrap_or(u32::MAX));
    talk.received = talk.received.saturating_add(u32::try_from(need.len()).unwrap_or(u32::MAX));
    let (received, sent) = (talk.received, talk.sent);
    if asking.realm == Realm::Contents {
        let held: Vec<MessageId> = chat
            .undelivered
            .iter()
            .filter(|id| asking.session.names(id) && !all.contains(id))
            .copied()
            .collect();
        chat::delivered(chat, state, &held);
    }
    hand_over(state, from, asking.realm, &have);
    debug_assert!(
        have.len() <= MAX_HANDED && need.len() <= MAX_HANDED,
        "the rest follows in the next session"
    );
    for ids in need.chunks(WANT_IDS) {
        let message = ids.concat();
        let want = SyncFrame { realm: asking.realm, step: Step::Want, session: asking.number, message };
        state.send(from, &DirectFrame::Sync(want));
    }
    let next = Realm::ALL.into_iter().find(|realm| *realm > asking.realm);
    if more {
        begin(room, state, from, asking.realm);
    } else if let Some(realm) = next {
        begin(room, state, from, realm);
    } else {
        had_its_turn(room, from, state.now.mono);
        if let Some(gap) = &mut room.gap {
            gap.session_ended(state.now.mono);
        }
        if let Some(device) = state.peers.member(&from) {
            state.event(Event::SyncProgress { device, received, sent, done: true });
        }
    }
}

fn on_want(room: &mut Reconcile, state: &mut State, from: PeerKey, frame: &SyncFrame) {
    let Some(talk) = room.peers.get(&from) else { return };
    let current = talk
        .answering
        .as_ref()
        .filter(|(realm, number, _)| (*realm, *number) == (frame.realm, frame.session));
    let Some((_, _, session)) = current else { return state.count("want of a reconciliation that is over") };
    let (ids, rest) = frame.message.as_chunks::<32>();
    if !rest.is_empty() || ids.len() > WANT_IDS {
        return state.drop_frame(&from, "bad reconciliation frame");
    }
    let wanted: Vec<MessageId> = ids.iter().filter_map(|id| session.resolve(id)).collect();
    hand_over(state, from, frame.realm, &wanted);
}

#[cfg(test)]
mod tests;
