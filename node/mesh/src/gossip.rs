//! The gossip lane: gossipsub tuned for groups, behind a gate that only admitted peers pass.

pub(crate) mod gate;
pub(crate) mod setup;
pub(crate) mod verdicts;
pub(crate) mod waiting;
