//! Whether a commit follows the log: judged when it comes, and again when acknowledgements change what the log says at its heads.

use std::collections::BTreeMap;

use halloo_crdt::log::Roster;
use halloo_crypto::group::{GroupSession, check_key_package};
use halloo_crypto::id::{EpochId, GroupId, OpId};

use super::Commits;
use crate::epochs::Leaves;
use crate::state::State;

/// Whether the leaves of an epoch are the roster of the log at its heads: nobody else is in, and who is missing has a key
/// package that no commit could have added.
pub(crate) fn realises(
    state: &State,
    parent: &GroupSession,
    before: &Leaves,
    next: &Leaves,
    heads: &[OpId],
) -> bool {
    let Ok(roster) = state.log.view_at(heads) else { return false };
    fits(&state.group, &roster, before, next, &|bytes| parent.clashes(bytes))
}

/// [`realises`] for a roster that is known; `clashes` is asked for members only whose package never got in.
fn fits(
    group: &GroupId,
    roster: &Roster,
    before: &Leaves,
    leaves: &Leaves,
    clashes: &dyn Fn(&[u8]) -> bool,
) -> bool {
    if leaves.keys().any(|leaf| !roster.devices().contains_key(leaf)) {
        return false;
    }
    // Who had a leaf and is in the roster must have one still: only a package that never got in is an excuse.
    roster.devices().keys().filter(|device| !leaves.contains_key(device)).all(|device| {
        let key_package = roster.device(device).map(|entry| &entry.grant.key_package);
        !before.contains_key(device)
            && key_package.is_none_or(|bytes| {
                let usable = check_key_package(group, bytes).is_ok_and(|info| info.device == *device);
                !usable || clashes(bytes)
            })
    })
}

/// Looks again at every epoch in the tree if acknowledgements may have changed what the log says at its heads (INV-1: what is fit
/// is a function of what is known, not of what came first). True if one became fit or ceased to be.
pub(crate) fn judge_again(room: &mut Commits, state: &mut State) -> bool {
    let settlements = state.log.settlements();
    if core::mem::replace(&mut room.settlements, settlements) == settlements {
        return false;
    }
    // Many epochs realise the same heads, and of most heads no acknowledgement changes anything.
    let mut rosters: BTreeMap<&[OpId], Option<Roster>> = BTreeMap::new();
    let mut verdicts: Vec<(EpochId, bool, bool)> = Vec::new();
    for (parent, node) in state.epochs.pairs() {
        let roster = rosters.entry(&node.heads).or_insert_with(|| {
            let hinges = state.log.hinges_on_acknowledgements(&node.heads);
            hinges.then(|| state.log.view_at(&node.heads).ok()).flatten()
        });
        let Some(roster) = roster else { continue };
        let clashes = |bytes: &[u8]| parent.session.clashes(bytes);
        let fit = fits(&state.group, roster, &parent.leaves, &node.leaves, &clashes);
        verdicts.push((node.id(), node.fit, fit));
    }
    verdicts.iter().for_each(|(id, _, fit)| state.epochs.set_fit(id, *fit));
    verdicts.iter().any(|(_, before, fit)| before != fit)
}
