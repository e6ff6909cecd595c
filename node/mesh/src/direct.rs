//! The direct lane `/halloo/direct/1`: ordered frames to one peer, acknowledged, resumed when a stream or one of two connections breaks.

pub(crate) mod behaviour;
pub(crate) mod handler;
pub(crate) mod wire;
