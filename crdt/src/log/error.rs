//! Why the log refuses: by whose fault.

use halloo_crypto::id::OpId;

use super::roster::VoidReason;

/// What can go wrong with an operation or a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    // the peer's fault
    /// Longer than its limit.
    #[error("longer than its limit")]
    TooLarge,
    /// No canonical bytes of a version that we know, or a shape that breaks the rules of its kind.
    #[error("malformed")]
    Malformed,
    /// A signature in it does not verify.
    #[error("a signature does not verify")]
    BadSignature,
    /// It belongs to another group.
    #[error("belongs to another group")]
    WrongGroup,
    /// Its author was never let into the group before it, or never had a role that allows it.
    #[error("the author never had the power to sign this")]
    Powerless,
    /// Its author has filled its allowance.
    #[error("the author has filled its allowance")]
    TooMany,
    // the caller's fault
    /// Something named is not in this log.
    #[error("operation {0} is not in this log")]
    Unknown(OpId),
    /// The own act would be void.
    #[error("not allowed: {0}")]
    Denied(#[from] VoidReason),
    /// The only owner leaves others behind: somebody else must be made owner first.
    #[error("make somebody else owner first")]
    LastOwner,
}
