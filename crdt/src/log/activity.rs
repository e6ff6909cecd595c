//! The group's activity log for people: who did what, when, and what counts for nothing and why.

use halloo_crypto::id::{AccountId, DeviceId, OpId};

use super::Log;
use super::op::OpKind;
use super::roster::VoidReason;

/// One line of the activity log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The operation.
    pub op: OpId,
    /// Unix milliseconds by the author's word.
    pub at_ms: u64,
    /// The account that acted.
    pub account: AccountId,
    /// The device that signed.
    pub device: DeviceId,
    /// What it did or tried.
    pub kind: OpKind,
    /// Why it counts for nothing, when it does.
    pub void: Option<VoidReason>,
}

impl Log {
    /// Everything that was signed, causes before effects, void acts marked; the same on every replica.
    #[must_use]
    pub fn activity(&self) -> Vec<Activity> {
        self.ops()
            .into_iter()
            .map(|op| Activity {
                op: op.id(),
                at_ms: op.at_ms(),
                account: self.actor(&op.id()).expect("listed operations are here"),
                device: op.author(),
                kind: op.kind().clone(),
                void: self.void(&op.id()),
            })
            .collect()
    }

    /// The account that an operation acts for.
    #[must_use]
    pub fn actor(&self, id: &OpId) -> Option<AccountId> {
        self.dag.node(id).map(|node| self.dag.account(node))
    }
}
