//! INV-1 to INV-6 as named checks: what a member may never do, whoever sends what.
//!
//! Each check takes plain facts and says whether they break its invariant. No bytes of a peer can break one, only a bug
//! of ours, so the engine calls them through [`uphold`], which panics loudly in every build; tests and the simulator
//! call them directly on facts that they gather from several members.
//!
//! | name | what it says | where the engine checks it |
//! |---|---|---|
//! | INV-1 | roster and branch are functions of the set of signed facts; no return to a branch but for an anchor | after each evaluation; at each switch |
//! | INV-2 | nothing is sealed to an epoch with a leaf that my log removes; I can end that state alone | before each seal; when a taint appears |
//! | INV-3 | no (key, nonce), no MLS generation twice | at each start; before each seal; before each send |
//! | INV-4 | a content's id and signature know no epoch; readable by exactly its entitled; shown once | at each re-seal; before each event |
//! | INV-5 | a signer void at an anchored Remove changes nothing later | after inserting an operation of such a signer |
//! | INV-6 | no member makes the next commit impossible or exceeds a named bound | after each commit made; after each insertion |

use std::collections::BTreeSet;
use std::fmt::Debug;

use halloo_crypto::group::{CommitId, CommitPlan};
use halloo_crypto::id::{DeviceId, EpochId, Incarnation, MessageId, Signature};

/// A broken invariant: its name and the facts that break it (ids only, no content).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} broken: {facts}")]
pub struct Broken {
    /// `INV-1` to `INV-6`.
    pub name: &'static str,
    /// What was found.
    pub facts: String,
}

/// What a check gives.
pub type Check = Result<(), Broken>;

/// Panics if an invariant is broken: our own bugs are loud, in tests, in simulations and in the field.
///
/// # Panics
/// With the name and the facts of the [`Broken`] invariant.
#[track_caller]
pub fn uphold(check: Check) {
    if let Err(broken) = check {
        panic!("{broken}");
    }
}

fn hold(name: &'static str, holds: bool, facts: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Broken { name, facts: facts() }) }
}

/// **INV-1**, first half. The same set of facts gives the same verdict, in whatever order it arrived.
///
/// Facts: the verdict (roster, branch) that was reached step by step, and the one evaluated at once from the whole set,
/// possibly by another member.
///
/// # Errors
/// [`Broken`] if they differ.
pub fn inv_1_function_of_the_set<V: PartialEq + Debug>(step_by_step: &V, at_once: &V) -> Check {
    hold("INV-1", step_by_step == at_once, || format!("the same facts gave {step_by_step:?} and {at_once:?}"))
}

/// Most branches whose leaving is remembered. A branch settles within a day or 64 epochs, after which its commits are
/// refused as too old, so more need not be known.
pub const TRAIL_MAX: usize = 64;

/// The branches that a device has left, newest last; it is part of the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BranchTrail {
    left: Vec<CommitId>,
}

impl BranchTrail {
    /// **INV-1**, second half. Notes that the device switches from one child of a parent to another.
    ///
    /// Facts: the commits that begin the two branches, and whether the new one is anchored. A branch once left is never
    /// entered again unless an anchor has appeared on it.
    ///
    /// # Errors
    /// [`Broken`] on a return without an anchor, and on a switch to the same branch.
    pub fn inv_1_no_return(&mut self, from: CommitId, to: CommitId, to_is_anchored: bool) -> Check {
        hold("INV-1", from != to, || format!("a switch from {from:?} to itself"))?;
        let returns = self.left.contains(&to);
        hold("INV-1", !returns || to_is_anchored, || {
            format!("back to the abandoned {to:?} without an anchor")
        })?;
        self.left.retain(|branch| *branch != to && *branch != from);
        self.left.push(from);
        if self.left.len() > TRAIL_MAX {
            self.left.remove(0);
        }
        assert!(self.left.len() <= TRAIL_MAX, "the trail is bounded");
        Ok(())
    }

    /// The branches left, for the snapshot.
    #[must_use]
    pub fn left(&self) -> &[CommitId] {
        &self.left
    }

    /// A trail from a snapshot; what is over [`TRAIL_MAX`] is the oldest and is dropped.
    #[must_use]
    pub fn from_left(mut left: Vec<CommitId>) -> Self {
        let over = left.len().saturating_sub(TRAIL_MAX);
        left.drain(..over);
        Self { left }
    }
}

/// **INV-2**, first half. Nothing is sealed to an epoch that holds a leaf which my log removes.
///
/// Facts: the leaves of the epoch about to be sealed to, and the devices that my log authorises now.
///
/// # Errors
/// [`Broken`] with the first leaf that is not authorised.
pub fn inv_2_seal_to_authorised<'a>(
    leaves: impl IntoIterator<Item = &'a DeviceId>,
    authorised: &BTreeSet<DeviceId>,
) -> Check {
    let outsider = leaves.into_iter().find(|leaf| !authorised.contains(leaf));
    hold("INV-2", outsider.is_none(), || format!("sealing to an epoch that holds {outsider:?}"))
}

/// **INV-2**, second half. A tainted device can end the taint alone: one commit of its own removes every leaf that its
/// log does not authorise, and itself stays.
///
/// Facts: the leaves of the tainted epoch, the devices my log authorises, my device, and the plan that I would commit.
/// A device that its own log removes has nothing to end; for it the check holds.
///
/// # Errors
/// [`Broken`] if the plan leaves a taint or removes me.
pub fn inv_2_ends_alone(
    leaves: &BTreeSet<DeviceId>,
    authorised: &BTreeSet<DeviceId>,
    me: &DeviceId,
    plan: &CommitPlan,
) -> Check {
    if !authorised.contains(me) {
        return Ok(());
    }
    let removed: BTreeSet<_> = plan.remove.iter().collect();
    hold("INV-2", !removed.contains(me), || "the plan removes the committer".to_owned())?;
    let missed = leaves.difference(authorised).find(|leaf| !removed.contains(leaf));
    hold("INV-2", missed.is_none(), || format!("the plan keeps the tainted leaf {missed:?}"))
}

/// **INV-3**, at a start. The incarnation drawn is none that this device has had.
///
/// Facts: the incarnations that the snapshot remembers, and the new one.
///
/// # Errors
/// [`Broken`] on a repetition: the generator was seeded twice alike.
pub fn inv_3_fresh_incarnation(earlier: &[Incarnation], now: &Incarnation) -> Check {
    hold("INV-3", !earlier.contains(now), || format!("{now:?} was drawn before"))
}

/// **INV-3**, at a seal. Only the current epoch encrypts; a retained parent or an epoch re-entered read-only never does.
///
/// Facts: the epoch about to seal, the current one, and whether its session is read-only.
///
/// # Errors
/// [`Broken`] on any other epoch than the current one.
pub fn inv_3_only_current_seals(sealing: &EpochId, current: &EpochId, read_only: bool) -> Check {
    hold("INV-3", sealing == current, || format!("{sealing:?} seals while {current:?} is current"))?;
    hold("INV-3", !read_only, || format!("{sealing:?} is read-only and seals"))
}

/// **INV-3**, at a counter. Counters of one (incarnation, key) only grow.
///
/// Facts: the last counter used, if any, and the next.
///
/// # Errors
/// [`Broken`] if the next is not larger.
pub fn inv_3_counter_grows(last: Option<u64>, next: u64) -> Check {
    hold("INV-3", last.is_none_or(|last| next > last), || format!("counter {next} after {last:?}"))
}

/// **INV-3**, at a send. What spends a generation or makes an epoch leaves after the state that knows of it is durable.
///
/// Facts: the number of the write batch that holds this state, and the newest batch known to be durable.
///
/// # Errors
/// [`Broken`] if the batch is not durable yet.
pub fn inv_3_durable_before_sent(state_in_batch: u64, durable_batch: u64) -> Check {
    hold("INV-3", state_in_batch <= durable_batch, || {
        format!("sending what batch {state_in_batch} holds while {durable_batch} is durable")
    })
}

/// **INV-4**, at a re-seal. A seal is replaceable: the content's id and signature are the same in every epoch.
///
/// Facts: id and author's signature before and after.
///
/// # Errors
/// [`Broken`] if either changed.
pub fn inv_4_reseal_changes_nothing(
    before: (&MessageId, &Signature),
    after: (&MessageId, &Signature),
) -> Check {
    hold("INV-4", before == after, || format!("{:?} became {:?} by a new seal", before.0, after.0))
}

/// **INV-4**, at a seal. Those who can open are exactly those entitled at the content's causal point.
///
/// Facts: the devices that the seal can be opened by (leaves of the epoch, or recipients' boxes), the devices entitled
/// and reachable by this seal. An epoch wider than the entitled calls for boxes; a narrower one for a second seal.
///
/// # Errors
/// [`Broken`] with a device that can open and must not.
pub fn inv_4_only_entitled_open(can_open: &BTreeSet<DeviceId>, entitled: &BTreeSet<DeviceId>) -> Check {
    let intruder = can_open.difference(entitled).next();
    hold("INV-4", intruder.is_none(), || format!("{intruder:?} could open without being entitled"))
}

/// **INV-4**, at an event. A content is shown once.
///
/// Facts: the ids shown so far and the one about to be shown.
///
/// # Errors
/// [`Broken`] on a repetition.
pub fn inv_4_shown_once(shown: &BTreeSet<MessageId>, next: &MessageId) -> Check {
    hold("INV-4", !shown.contains(next), || format!("{next:?} shown twice"))
}

/// **INV-5**. What a signer void at an anchored Remove signs changes nothing later, whatever it backdates.
///
/// Facts: whether the operation's signer is void at an anchored Remove and none of its anchoring acknowledgements'
/// pasts holds the operation, and the evaluation (roster, roles, invites) before and after inserting it.
///
/// # Errors
/// [`Broken`] if such an operation moved the evaluation.
pub fn inv_5_void_signer_changes_nothing<V: PartialEq + Debug>(
    signer_is_void: bool,
    before: &V,
    after: &V,
) -> Check {
    hold("INV-5", !signer_is_void || before == after, || {
        format!("a void signer turned {before:?} into {after:?}")
    })
}

/// **INV-6**, at a commit. Whatever others put into the log, a commit that realises it can be made: key packages may be
/// skipped (their owners stay outside), but removals and the commit itself never fail for a member's doing.
///
/// Facts: the plan, the leaves after the commit, and the devices whose key packages were skipped.
///
/// # Errors
/// [`Broken`] if a removal was not made, or if somebody is outside for no fault of their own package.
pub fn inv_6_commit_realises_the_plan(
    plan: &CommitPlan,
    to_add: &BTreeSet<DeviceId>,
    leaves_after: &BTreeSet<DeviceId>,
    skipped: &BTreeSet<DeviceId>,
) -> Check {
    let stayed = plan.remove.iter().find(|device| leaves_after.contains(device) && !to_add.contains(device));
    hold("INV-6", stayed.is_none(), || format!("{stayed:?} was to be removed and has a leaf"))?;
    let absent = to_add.iter().find(|device| !leaves_after.contains(device) && !skipped.contains(device));
    hold("INV-6", absent.is_none(), || format!("{absent:?} was to be added and has no leaf"))
}

/// **INV-6**, at an insertion. No peer makes us hold more than a named bound.
///
/// Facts: the name of the bound (its constant), what is held, and the limit.
///
/// # Errors
/// [`Broken`] if more is held.
pub fn inv_6_within_bound(bound: &'static str, held: usize, limit: usize) -> Check {
    hold("INV-6", held <= limit, || format!("{bound}: {held} held, at most {limit} allowed"))
}

#[cfg(test)]
mod tests;
