//! Whether a commit follows the log: judged when it comes, and again when acknowledgements change what the log says at its heads.

use halloo_crypto::group::{GroupSession, check_key_package};
use halloo_crypto::id::{EpochId, OpId};

use super::Commits;
use crate::state::State;

/// Whether the leaves of an epoch are the roster of the log at its heads: nobody else is in, and who is missing has a key
/// package that no commit could have added.
pub(crate) fn realises(state: &State, parent: &GroupSession, next: &GroupSession, heads: &[OpId]) -> bool {
    let Ok(roster) = state.log.view_at(heads) else { return false };
    let leaves = next.roster();
    if leaves.keys().any(|leaf| !roster.devices().contains_key(leaf)) {
        return false;
    }
    // Who had a leaf and is in the roster must have one still: only a package that never got in is an excuse.
    roster.devices().keys().filter(|device| !leaves.contains_key(device)).all(|device| {
        let key_package = roster.device(device).map(|entry| &entry.grant.key_package);
        !parent.contains(device)
            && key_package.is_none_or(|bytes| {
                let usable = check_key_package(&state.group, bytes).is_ok_and(|info| info.device == *device);
                !usable || parent.clashes(bytes)
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
    let verdicts: Vec<(EpochId, bool, bool)> = state
        .epochs
        .pairs()
        .map(|(parent, node)| {
            let heads = node.session.heads();
            (node.id(), node.fit, realises(state, &parent.session, &node.session, &heads))
        })
        .collect();
    verdicts.iter().for_each(|(id, _, fit)| state.epochs.set_fit(id, *fit));
    verdicts.iter().any(|(_, before, fit)| before != fit)
}
