//! What can go wrong in a session, grouped by whose fault it is.

use mls_rs::error::MlsError;

/// Why a session refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The bytes of a peer are at fault; drop them.
    #[error("refused: {0}")]
    Peer(#[from] PeerFault),
    /// The call makes no sense in this state.
    #[error("wrong call: {0}")]
    Caller(#[from] CallerFault),
    /// The commit is valid and removes this very device: there is no next session.
    #[error("this device was removed by {0}")]
    Removed(crate::id::DeviceId),
    /// Stored bytes of our own do not decode: the storage lost or mixed them.
    #[error("the stored session is damaged")]
    Damaged,
}

/// What is wrong with a peer's bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// No such format or version.
    #[error("malformed")]
    Malformed,
    /// Longer than the named limit of its kind.
    #[error("too long")]
    TooLong,
    /// Sealed to another epoch or branch than this session's.
    #[error("sealed to another epoch")]
    OtherEpoch,
    /// The keyed tag is wrong: not made by a member of the epoch.
    #[error("not from a member of the epoch")]
    Forged,
    /// Made by this device; its own copies are not opened.
    #[error("made by this device")]
    Own,
    /// A welcome or key package for another device or group.
    #[error("addressed to another")]
    NotForUs,
    /// Valid MLS, but outside what a group of ours may do; see [`super`].
    #[error("not allowed here: {0}")]
    NotAllowed(&'static str),
    /// A key that every X25519 exchange would refuse.
    #[error("a public key of small order")]
    WeakKey,
    /// The leaf does not prove its device.
    #[error("the leaf is not certified by its device")]
    Uncertified,
    /// A signed commit of a member whose path is not for this device to open: its keys for us are garbage, or do not fit.
    #[error("the keys that {0} made are not for this device to open")]
    Unreadable(crate::id::DeviceId),
    /// MLS itself refused; the text is for logs only.
    #[error("MLS: {0}")]
    Mls(String),
}

/// What is wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerFault {
    /// A removal of a device that has no leaf.
    #[error("no such member")]
    NotAMember,
    /// More than a named limit.
    #[error("over the limit of {0}")]
    OverLimit(usize),
    /// A session re-entered from commit secrets, or received read-only, must not seal.
    #[error("this session is read-only")]
    ReadOnly,
    /// The export was deleted.
    #[error("the export was used up")]
    ExportUsed,
    /// The commit secrets belong to another parent.
    #[error("not the parent of these commit secrets")]
    NotTheParent,
    /// A device cannot remove its own leaf; another member has to.
    #[error("a device cannot remove itself")]
    OwnLeaf,
}

/// Longest text kept of an MLS error: enough for its name and numbers.
const MLS_TEXT_CHARS: usize = 160;

impl From<MlsError> for PeerFault {
    fn from(error: MlsError) -> Self {
        if matches!(error, MlsError::CantProcessMessageFromSelf) {
            return Self::Own;
        }
        Self::Mls(format!("{error:?}").chars().take(MLS_TEXT_CHARS).collect())
    }
}

impl From<MlsError> for GroupError {
    fn from(error: MlsError) -> Self {
        Self::Peer(error.into())
    }
}
