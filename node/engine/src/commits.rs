//! The room of the group keys: MLS follows the log. Plans commits, makes them, judges those of others, ends tainted epochs.
//!
//! ```text
//!  log changed --> leaves differ from the roster? --> I signed the change: commit at once
//!                                                \--> else after a ranked delay of at most 4 round trips, if nobody else did
//!  commit came --> parent known? heads known? --no--> waits (bounded)
//!              --> applied to a clone, leaves = roster at its heads? --no--> dropped
//!              --> into the tree; the rule of `epochs` picks the current one
//! ```

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use halloo_crypto::group::{CommitPlan, GroupError, PeerFault, Prepared, check_key_package, peek_depth};
use halloo_crypto::id::{DeviceId, EpochId};
use halloo_crypto::identity::DeviceCertificate;

use crate::bundles::{hand_bundle, open_welcome_of};
use crate::epochs::{MAX_NODES, Node, Planted, Pruned, commit_name, leaves_of};
use crate::invariants::{
    BranchTrail, inv_2_ends_alone, inv_6_commit_realises_the_plan, inv_6_within_bound, uphold,
};
use crate::lane::PeerKey;
use crate::nacks::{self, Nacks};
use crate::output::Event;
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::timers::Timer;
use crate::topics;
use crate::welcomes::{self, Welcomes};
use crate::wire::parcel::ParcelKind;

mod anchors;
mod fitness;
mod fresh;
mod standing;
mod turn;

use self::anchors::weigh;
pub(crate) use self::anchors::{on_anchor_due, schedule_word};
use self::fitness::judge_again;
pub(crate) use self::fitness::realises;
use self::fresh::Fresh;
pub(crate) use self::standing::{on_epochs, tell_epochs, waits_ahead};
pub(crate) use self::turn::{on_due, schedule, schedule_update};

/// Commits that may wait for their parent or for operations: as many as the epoch tree holds.
pub(crate) const MAX_WAITING: usize = 64;
/// Commits whose fate is remembered, so that a second copy costs no work.
const MAX_JUDGED: usize = 1_024;
/// Newcomers that may wait for a bundle at a time; the pairing admits fewer.
pub(crate) const MAX_JOINING: usize = 64;
/// Heads that a commit may name.
const MAX_HEADS: usize = 64;

/// The room's own memory.
#[derive(Default)]
pub(crate) struct Commits {
    /// Commits whose parent or heads are not known yet, by hash.
    waiting: BTreeMap<[u8; 32], Vec<u8>>,
    judged: BTreeSet<[u8; 32]>,
    judged_order: VecDeque<[u8; 32]>,
    /// Devices to be given a fresh leaf.
    pub(crate) fresh: Fresh,
    /// Welcomes that wait for their devices, and what this device can be welcomed by.
    pub(crate) welcomes: Welcomes,
    /// What this device cannot apply, and what others cannot.
    pub(crate) nacks: Nacks,
    /// Newcomers that wait for a bundle: the transport to hand it to, and whom to seal it to.
    pub(crate) joining: BTreeMap<DeviceId, (PeerKey, DeviceCertificate)>,
    /// Branches left.
    left: BranchTrail,
    /// Whether this device, a newcomer, still owes its first commit.
    pub(crate) owes_update: bool,
    /// Whether the last change of epoch was a commit of this device.
    pub(crate) made_here: bool,
    last_change_ms: u64,
    /// [`halloo_crdt::log::Log::settlements`] when the tree was last judged.
    settlements: u64,
}

/// What became of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Judgement {
    Grown,
    Known,
    Waits,
    /// It is our own and this home does not know it: an old copy was put back. Nobody can process a commit of their own.
    Forgotten,
    /// Signed by a member, and its path is not for us; or it puts us out, which our log does not say.
    Unreadable(Option<DeviceId>),
    Bad,
}

/// Remembers a newcomer that waits for its bundle; with a key package, it is given a fresh leaf by it. False when too many wait.
pub(crate) fn expect(
    room: &mut Commits,
    state: &State,
    newcomer: PeerKey,
    certificate: DeviceCertificate,
    fresh: Option<Vec<u8>>,
) -> bool {
    let device = certificate.device;
    if room.joining.len() >= MAX_JOINING && !room.joining.contains_key(&device) {
        return false;
    }
    if let Some(key_package) = fresh {
        room.fresh.ask(device, key_package, leaf_of(state, &device), state.now.mono);
    }
    room.joining.insert(device, (newcomer, certificate));
    uphold(inv_6_within_bound("MAX_JOINING", room.joining.len(), MAX_JOINING));
    true
}

/// The leaf of a device in the current epoch.
pub(crate) fn leaf_of(state: &State, device: &DeviceId) -> Option<[u8; 32]> {
    state.epochs.tip().leaves.get(device).copied()
}

/// The newcomer's connection is gone: nobody waits for its bundle any more.
pub(crate) fn on_peer_down(room: &mut Commits, peer: &PeerKey) {
    room.joining.retain(|_, (newcomer, _)| newcomer != peer);
}

/// What would make the leaves of the current epoch those of the roster; `None` if they are.
fn plan(room: &Commits, state: &State) -> Option<CommitPlan> {
    let tip = state.epochs.tip();
    let (session, leaves) = (&tip.session, &tip.leaves);
    let authorised = state.log.view().devices();
    let me = state.me();
    let mut plan = CommitPlan::default();
    let fresh_of = |device: &DeviceId| {
        let leaf = leaves.get(device).copied();
        let nacked = || room.nacks.package_for(device, &leaf?);
        room.fresh.package_for(device, leaf).or_else(nacked)
    };
    for leaf in leaves.keys().filter(|leaf| **leaf != me) {
        let fresh = fresh_of(leaf).is_some() && authorised.contains_key(leaf);
        if fresh || !authorised.contains_key(leaf) {
            plan.remove.push(*leaf);
        }
    }
    for device in authorised.keys().filter(|device| **device != me) {
        let fresh = fresh_of(device);
        if leaves.contains_key(device) && fresh.is_none() {
            continue;
        }
        let granted = state.log.view().device(device).map(|entry| &entry.grant.key_package);
        let Some(key_package) = fresh.or(granted) else { continue };
        let usable = check_key_package(&state.group, key_package).is_ok_and(|info| info.device == *device);
        if usable && (fresh.is_some() || !session.clashes(key_package)) {
            plan.add.push(key_package.clone());
        }
    }
    assert!(!plan.remove.contains(&me), "a device cannot remove its own leaf");
    if plan.add.is_empty() && plan.remove.is_empty() {
        return None;
    }
    Some(plan)
}

/// Makes and publishes the commit that is due, if any. `update` also commits when only the own leaf is to be renewed.
pub(crate) fn commit_now(room: &mut Commits, state: &mut State, update: bool) {
    state.timers.stop(Timer::CommitDue);
    if !state.is_member() || !state.epochs.may_commit() {
        return;
    }
    let Some(mut plan) = plan(room, state).or_else(|| update.then(CommitPlan::default)) else { return };
    plan.heads = state.heads();
    plan.heads.truncate(MAX_HEADS);
    let leaves: BTreeSet<DeviceId> = state.epochs.tip().leaves.keys().copied().collect();
    let authorised: BTreeSet<DeviceId> = state.log.view().devices().keys().copied().collect();
    uphold(inv_2_ends_alone(&leaves, &authorised, &state.me(), &plan));
    let parent = state.epochs.tip().id();
    match state.epochs.tip().session.prepare(&plan, &mut state.rng) {
        Ok(prepared) => publish(room, state, parent, &plan, prepared),
        Err(_) => state.count("commit could not be made"),
    }
}

fn publish(room: &mut Commits, state: &mut State, parent: EpochId, plan: &CommitPlan, prepared: Prepared) {
    let Prepared { commit, welcome, next, parent: spent, added, skipped, .. } = prepared;
    let device_of = |bytes: &Vec<u8>| check_key_package(&state.group, bytes).ok().map(|info| info.device);
    let to_add: BTreeSet<DeviceId> = plan.add.iter().filter_map(device_of).collect();
    let left_out = skipped.iter().filter_map(|skip| plan.add.get(skip.at)).filter_map(device_of).collect();
    let after: BTreeSet<DeviceId> = next.roster().into_keys().collect();
    uphold(inv_6_commit_realises_the_plan(plan, &to_add, &after, &left_out));
    let Ok(weight) = state.log.weight(&plan.heads) else { return };
    let Ok(mut node) = Node::new(next, Some(parent), weight, state.now.wall_ms) else { return };
    node.own = true;
    node.committer = Some(state.me());
    let child = node.id();
    assert_ne!(child, parent, "a commit begins another epoch");
    remember(room, commit_name(&commit));
    state.epochs.spend(&parent, spent);
    store_node(state, &parent);
    let planted = state.epochs.insert(node, commit.clone());
    if planted == Planted::Added {
        store_node(state, &child);
    }
    room.owes_update = false;
    added.iter().for_each(|device| room.fresh.given(device, state.now.mono));
    room.made_here = true;
    settle_on_chosen(room, state, false);
    state.broadcast(ParcelKind::Commits, vec![commit]);
    let Some(welcome) = welcome else { return };
    let mut open = None;
    for device in added {
        if let Some((newcomer, certificate)) = room.joining.remove(&device) {
            hand_bundle(state, newcomer, &certificate, welcome.clone());
            continue;
        }
        room.welcomes.keep_for(device, child, welcome.clone());
        let asked = plan.remove.contains(&device);
        if let Some(peer) = state.peers.of_device(&device) {
            welcomes::hand(&mut room.welcomes, state, peer, asked);
        } else if room.nacks.is_due(&device) {
            let open = open.get_or_insert_with(|| open_welcome_of(state, &welcome));
            room.nacks.answer(&device, open);
            state.leave_too(ParcelKind::Welcomes, Some(device), open);
        }
    }
    if let Some(open) = open {
        state.gossip(ParcelKind::Welcomes, vec![open]);
    }
}

/// The current epoch changed under newcomers that wait: who got a leaf by another's commit is given a fresh one by ours, since
/// only then is the welcome ours to hand over.
pub(crate) fn on_epoch(room: &mut Commits, state: &mut State) {
    topics::on_epoch(state);
    nacks::review(&mut room.nacks, state);
    let leaves = &state.epochs.tip().leaves;
    let stranded: Vec<DeviceId> =
        room.joining.keys().filter(|device| leaves.contains_key(device)).copied().collect();
    for device in &stranded {
        if let Some(key_package) =
            state.log.view().device(device).map(|entry| entry.grant.key_package.clone())
        {
            room.fresh.ask(*device, key_package, leaf_of(state, device), state.now.mono);
        }
    }
    if !room.joining.is_empty() || state.tainted {
        commit_now(room, state, false);
    } else {
        schedule(room, state);
    }
}

/// Commits came from a neighbour or by gossip.
pub(crate) fn on_commits(room: &mut Commits, state: &mut State, from: &PeerKey, commits: Vec<Vec<u8>>) {
    let mut grown = false;
    for commit in commits {
        match judge(room, state, commit) {
            Judgement::Grown => grown = true,
            Judgement::Bad => state.drop_frame(from, "commit that does not follow the log"),
            Judgement::Forgotten => state.tell(Fact::Forgotten(*from)),
            Judgement::Known | Judgement::Waits | Judgement::Unreadable(_) => {}
        }
    }
    if grown {
        retry(room, state);
        settle_on_chosen(room, state, false);
    }
}

/// The newest of the commits that wait, by their names: they may lie behind one that this device cannot apply.
pub(crate) fn newest_waiting(room: &Commits, most: usize) -> Vec<[u8; 32]> {
    let mut waiting: Vec<_> = room.waiting.iter().map(|(name, commit)| (peek_depth(commit), *name)).collect();
    waiting.sort_unstable_by_key(|place| Reverse(*place));
    waiting.into_iter().take(most).map(|(_, name)| name).collect()
}

/// Tries the waiting commits again until none moves.
fn retry(room: &mut Commits, state: &mut State) {
    loop {
        let waiting = core::mem::take(&mut room.waiting);
        if waiting.is_empty() {
            return;
        }
        let before = waiting.len();
        for commit in waiting.into_values() {
            if judge(room, state, commit) == Judgement::Bad {
                state.count("waiting commit that does not follow the log");
            }
        }
        if room.waiting.len() == before {
            return;
        }
    }
}

fn judge(room: &mut Commits, state: &mut State, commit: Vec<u8>) -> Judgement {
    let hash = commit_name(&commit);
    if room.judged.contains(&hash) {
        if room.nacks.is_unreadable(&hash) {
            state.tell(Fact::Unreadable);
        }
        return Judgement::Known;
    }
    let judgement = match examine(state, &commit) {
        Ok(node) => plant(state, node, commit),
        Err(Judgement::Forgotten) => {
            // The rival that we would make of it was not meant: a device commits once from an epoch.
            if let Some(parent) = state.epochs.retire(&commit) {
                store_node(state, &parent);
            }
            return Judgement::Forgotten;
        }
        Err(Judgement::Waits) => {
            if room.waiting.len() < MAX_WAITING {
                room.waiting.insert(hash, commit);
            }
            return Judgement::Waits;
        }
        Err(Judgement::Unreadable(by)) => {
            state.count("commit that this device cannot apply");
            room.nacks.note(hash, by, state.now.mono);
            state.tell(Fact::Unreadable);
            Judgement::Unreadable(by)
        }
        Err(other) => other,
    };
    debug_assert!(room.waiting.len() <= MAX_WAITING, "bounded where it grows");
    remember(room, hash);
    judgement
}

/// A second copy of this commit costs no work.
fn remember(room: &mut Commits, hash: [u8; 32]) {
    debug_assert_eq!(room.judged.len(), room.judged_order.len(), "one place in the queue each");
    if !room.judged.insert(hash) {
        return;
    }
    room.judged_order.push_back(hash);
    if room.judged_order.len() > MAX_JUDGED {
        room.judged_order.pop_front().inspect(|old| {
            room.judged.remove(old);
        });
    }
}

/// Applies a commit to a clone of its parent and checks it against the log. Nothing changes.
fn examine(state: &State, commit: &[u8]) -> Result<Node, Judgement> {
    let parent = state.epochs.parent_of(commit).ok_or(Judgement::Waits)?;
    let applied = match parent.session.apply(commit) {
        Ok(applied) => applied,
        Err(GroupError::Peer(PeerFault::Own)) if state.epochs.holds(commit) => return Err(Judgement::Known),
        Err(GroupError::Peer(PeerFault::Own)) => return Err(Judgement::Forgotten),
        // It puts us out. If our log agrees we are evicted by the log; if not, we may have been given another leaf by it.
        Err(GroupError::Removed(_)) if state.is_member() => return Err(Judgement::Unreadable(None)),
        Err(GroupError::Removed(_)) => return Err(Judgement::Known),
        Err(GroupError::Peer(PeerFault::Unreadable(by))) => return Err(Judgement::Unreadable(Some(by))),
        Err(_) => return Err(Judgement::Bad),
    };
    if applied.heads.iter().any(|head| !state.log.contains(head)) {
        return Err(Judgement::Waits);
    }
    if !realises(state, &parent.session, &parent.leaves, &leaves_of(&applied.next), &applied.heads) {
        // Acknowledgements that are still to come may make it fit; nothing else ever will.
        let hinges = state.log.hinges_on_acknowledgements(&applied.heads);
        return Err(if hinges { Judgement::Waits } else { Judgement::Bad });
    }
    let weight = state.log.weight(&applied.heads).map_err(|_| Judgement::Waits)?;
    let node = Node::new(applied.next, Some(parent.id()), weight, state.now.wall_ms);
    let mut node = node.map_err(|_| Judgement::Bad)?;
    node.committer = Some(applied.committer);
    Ok(node)
}

fn plant(state: &mut State, node: Node, commit: Vec<u8>) -> Judgement {
    let id = node.id();
    match state.epochs.insert(node, commit) {
        Planted::Added => {
            store_node(state, &id);
            Judgement::Grown
        }
        Planted::Known => Judgement::Known,
        Planted::Outranked => {
            state.count("commit outranked by its rivals");
            Judgement::Known
        }
    }
}

/// Makes the epoch that the rule picks the current one, and tells the others if that changed anything; `settled`: acknowledgements
/// have just changed what is fit.
fn settle_on_chosen(room: &mut Commits, state: &mut State, settled: bool) {
    move_to_chosen(room, state, settled);
    if state.epochs.len() > MAX_NODES {
        // A hundred newcomers in a quarter of an hour make more epochs than are kept for a day.
        prune(state);
    }
}

fn move_to_chosen(room: &mut Commits, state: &mut State, settled: bool) {
    weigh(state);
    let before = state.epochs.tip().session.commit_id();
    let before_id = state.epochs.tip().id();
    if !state.epochs.settle_on_chosen() {
        return;
    }
    let tip = state.epochs.tip();
    let (after, id, devices) = (tip.session.commit_id(), tip.id(), tip.session.member_count());
    let continues = state.epochs.descends(&id, &before_id);
    if !continues {
        let anchored = settled || state.epochs.has_anchors();
        uphold(room.left.inv_1_no_return(before, after, anchored));
    }
    room.last_change_ms = state.now.mono.as_millis();
    schedule_word(state);
    state.out.put(Table::Head, &[], id.as_bytes().to_vec());
    refresh_taint(state);
    state.durable_event(Event::EpochChanged {
        epoch: id,
        devices: u32::try_from(devices).unwrap_or(u32::MAX),
    });
    state.tell(Fact::Epoch);
}

/// At a start: what in the tree is fit, who stands behind it, and when the current epoch is acknowledged.
pub(crate) fn begin(room: &mut Commits, state: &mut State) {
    let gone = state.epochs.take_gone();
    delete(state, &gone);
    judge_again(room, state);
    weigh(state);
    schedule_word(state);
}

/// Somebody acknowledged an epoch: one of two rivals may be anchored by that.
pub(crate) fn on_words(room: &mut Commits, state: &mut State) {
    if weigh(state) {
        settle_on_chosen(room, state, true);
    }
}

/// Looks again whether the current epoch holds a leaf that the log removed.
pub(crate) fn refresh_taint(state: &mut State) {
    let authorised = state.log.view().devices();
    state.tainted = state.epochs.tip().leaves.keys().any(|leaf| !authorised.contains_key(leaf));
}

/// After the log changed: commits that waited for operations, and whether one of ours is due.
pub(crate) fn on_operations(room: &mut Commits, state: &mut State) {
    refresh_taint(state);
    let settled = judge_again(room, state) | weigh(state);
    retry(room, state);
    settle_on_chosen(room, state, settled);
    schedule(room, state);
}

/// After a welcome: what waited for the epoch that it leads to.
pub(crate) fn catch_up(room: &mut Commits, state: &mut State) {
    retry(room, state);
    settle_on_chosen(room, state, false);
}

/// Gives up what is settled, here and in the store.
pub(crate) fn on_settle(room: &mut Commits, state: &mut State) {
    prune(state);
    room.welcomes.forget_packages();
}

fn prune(state: &mut State) {
    let pruned = state.epochs.prune(state.now.wall_ms);
    delete(state, &pruned);
    anchors::forget_settled(state);
}

/// Deletes from the store what the tree gave up.
fn delete(state: &mut State, gone: &Pruned) {
    gone.epochs.iter().for_each(|id| state.out.del(Table::Epoch, id.as_bytes()));
    gone.traces.iter().for_each(|tag| state.out.del(Table::Trail, tag));
}

/// Keeps the commits that led here, for members who stand where they begin.
pub(crate) fn lay_trail(state: &mut State, trail: &[Vec<u8>]) {
    for tag in state.epochs.lay(trail) {
        let trace = state.epochs.trace_bytes(&tag).expect("it was just laid");
        state.out.put(Table::Trail, &tag, trace);
    }
}

/// Writes one epoch and the commit that began it, and deletes what they took the place of.
pub(crate) fn store_node(state: &mut State, id: &EpochId) {
    let node = state.epochs.get(id).expect("stored when it is planted");
    let tag = node.tag();
    let bytes = node.to_bytes().expect("a session that works can be written");
    let trace = state.epochs.trace_bytes(&tag);
    state.out.put(Table::Epoch, id.as_bytes(), bytes);
    if let Some(trace) = trace {
        state.out.put(Table::Trail, &tag, trace);
    }
    let gone = state.epochs.take_gone();
    delete(state, &gone);
}

#[cfg(test)]
mod tests;
