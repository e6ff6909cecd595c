//! Where two neighbours stand: each is sent the commits that it lacks, or its welcome, or is told that none lead on.

use core::time::Duration;
use std::collections::btree_map::Entry;

use halloo_crypto::group::peek_depth;

use super::Commits;
use crate::epochs::commit_name;
use crate::lane::PeerKey;
use crate::peers::STRANDED_PATIENCE;
use crate::state::{Fact, State};
use crate::welcomes;
use crate::wire::direct::{DirectFrame, EpochsFrame, MAX_NAMES};
use crate::wire::parcel::ParcelKind;

/// A commit is not handed to one neighbour again before this: it lies there already, is applied a moment later, or waits for
/// its operations. Longer than any comparison takes; what was dropped there because too much waited is handed again after it.
const HANDED_AGAIN: Duration = Duration::from_secs(10);

/// Whether a commit waits that may lead beyond the current epoch.
pub(crate) fn waits_ahead(room: &Commits, state: &State) -> bool {
    let here = state.epochs.tip().session.depth();
    room.waiting.values().any(|commit| peek_depth(commit).is_some_and(|depth| depth >= here))
}

/// Tells a neighbour where we stand, so that it sends us the commits that we lack.
pub(crate) fn tell_epochs(state: &mut State, peer: PeerKey) {
    let tags = state.epochs.tags(MAX_NAMES);
    let (weight, commit) = state.epochs.standing();
    state.send(peer, &DirectFrame::Epochs(EpochsFrame { weight, commit, tags }));
}

/// A neighbour says where it stands: it gets the commits that lead from there to ours, or its welcome, or is told that none do.
pub(crate) fn on_epochs(room: &mut Commits, state: &mut State, from: PeerKey, theirs: EpochsFrame) {
    let mut commits = state.epochs.commits_after(&theirs.tags);
    let device = state.peers.member(&from);
    let stranded = device
        .filter(|_| !state.tainted)
        .is_some_and(|device| state.epochs.strands(&theirs.tags, &device, (theirs.weight, theirs.commit)));
    let now = state.now.mono;
    let Some(peer) = state.peers.get_mut(&from) else { return };
    peer.epochs = theirs.tags;
    peer.handed.retain(|_, at| now.since(*at) < HANDED_AGAIN);
    // In a heal of halves members compare again and again, each time something was handed over, and name their epochs each time.
    commits.retain(|commit| match peer.handed.entry(commit_name(commit)) {
        Entry::Vacant(first) => {
            first.insert(now);
            true
        }
        Entry::Occupied(_) => false,
    });
    let since = stranded.then(|| peer.stranded_since.unwrap_or(now));
    peer.stranded_since = since;
    match since {
        Some(since) if now.since(since) >= STRANDED_PATIENCE => state.send(from, &DirectFrame::Stranded),
        Some(_) => state.tell(Fact::Stranded(from)),
        None => {}
    }
    state.send_items(from, ParcelKind::Commits, commits);
    welcomes::hand(&mut room.welcomes, state, from, false);
}
