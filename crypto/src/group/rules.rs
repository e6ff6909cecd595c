//! What a commit of ours may contain, and the log heads it realises, which travel in the group context.
//!
//! The heads are the only extension of the group context. There they are encrypted in the commit, covered by the
//! transcript, the same for every member of the epoch, and known to those who join by welcome.
//!
//! ```text
//!  extension type 0xF4A2:   0         1                33      ...
//!                           | version | op id, 32 B    | op id ... |      ascending, no duplicates, at most 64
//! ```

use mls_rs::client_builder::PaddingMode;
use mls_rs::extension::ExtensionType;
use mls_rs::group::{GroupContext, Roster};
use mls_rs::mls_rules::{CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle};
use mls_rs::{Extension, ExtensionList, MlsRules};

use super::desk;
use super::error::PeerFault;
use crate::id::OpId;

/// Our group context extension, from the private-use range of RFC 9420 (0xF000 to 0xFFFF).
pub(super) const HEADS: ExtensionType = ExtensionType::new(0xF4A2);

const VERSION: u8 = 1;

/// Most log heads that one commit names. Concurrent heads are as many as devices that wrote authority operations
/// without having seen each other; a log with more is merged by one operation first.
pub const MAX_HEADS: usize = 64;

/// Most members of a group: the largest size measured (a commit in a cold tree is 0.41 MB there).
pub const MAX_MEMBERS: usize = 5_000;

/// The group context extensions of an epoch that realises `heads`; order and repetition do not matter.
pub(super) fn heads_extension(heads: &[OpId]) -> ExtensionList {
    let mut heads = heads.to_vec();
    heads.sort_unstable();
    heads.dedup();
    let mut data = vec![VERSION];
    data.extend(heads.iter().flat_map(|head| head.as_bytes()));
    vec![Extension::new(HEADS, data)].into()
}

/// Reads what [`heads_extension`] wrote.
pub(super) fn heads_of(extensions: &ExtensionList) -> Result<Vec<OpId>, PeerFault> {
    const REFUSED: PeerFault = PeerFault::NotAllowed("group context other than log heads");
    if extensions.len() != 1 {
        return Err(REFUSED);
    }
    let extension = extensions.get(HEADS).ok_or(REFUSED)?;
    let (&[VERSION], ids) = extension.extension_data.split_first_chunk::<1>().ok_or(REFUSED)? else {
        return Err(REFUSED);
    };
    let (ids, rest) = ids.as_chunks::<{ OpId::LEN }>();
    if !rest.is_empty() || ids.len() > MAX_HEADS || !ids.is_sorted_by(|a, b| a < b) {
        return Err(REFUSED);
    }
    Ok(ids.iter().copied().map(OpId).collect())
}

/// The rules that mls-rs asks on every commit, sent or received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules;

fn allowed(source: &CommitSource, proposals: &ProposalBundle) -> Result<(), PeerFault> {
    let refuse = |what| Err(PeerFault::NotAllowed(what));
    if !matches!(source, CommitSource::ExistingMember(_)) {
        return refuse("an external commit");
    }
    let known = proposals.add_proposals().len()
        + proposals.remove_proposals().len()
        + proposals.group_context_ext_proposals().len();
    if proposals.length() != known {
        return refuse("a proposal other than add, remove and log heads");
    }
    if proposals.iter_proposals().any(|proposal| proposal.is_by_reference()) {
        return refuse("a proposal by reference");
    }
    let [heads] = proposals.group_context_ext_proposals() else {
        return refuse("a commit without log heads");
    };
    heads_of(&heads.proposal).map(|_| ())
}

/// The path must be counted before mls-rs follows it, which is right after this; see [`super::path`].
fn path_fits(source: &CommitSource, proposals: &ProposalBundle) -> Result<(), PeerFault> {
    let CommitSource::ExistingMember(committer) = source else {
        return Err(PeerFault::NotAllowed("an external commit"));
    };
    let removed: Vec<u32> =
        proposals.remove_proposals().iter().map(|info| info.proposal.to_remove()).collect();
    let fits = desk::path_fits(&removed, proposals.add_proposals().len(), committer.index);
    fits.then_some(()).ok_or(PeerFault::NotAllowed("a path with too few nodes or too many"))
}

impl MlsRules for Rules {
    type Error = PeerFault;

    fn filter_proposals(
        &self,
        direction: CommitDirection,
        source: CommitSource,
        _roster: &Roster<'_>,
        _context: &GroupContext,
        proposals: ProposalBundle,
    ) -> Result<ProposalBundle, PeerFault> {
        allowed(&source, &proposals)?;
        if matches!(direction, CommitDirection::Receive) {
            path_fits(&source, &proposals)?;
        }
        Ok(proposals)
    }

    fn commit_options(
        &self,
        _roster: &Roster<'_>,
        _context: &GroupContext,
        _proposals: &ProposalBundle,
    ) -> Result<CommitOptions, PeerFault> {
        Ok(CommitOptions::new()
            .with_path_required(true)
            .with_ratchet_tree_extension(true)
            .with_single_welcome_message(true)
            .with_allow_external_commit(false))
    }

    fn encryption_options(
        &self,
        _roster: &Roster<'_>,
        _context: &GroupContext,
    ) -> Result<EncryptionOptions, PeerFault> {
        Ok(EncryptionOptions::new(true, PaddingMode::Padme))
    }
}

#[cfg(test)]
mod tests;
