//! What one device knows of another with regard to the call.

use super::frame::Here;
use crate::time::Time;

/// A device that is in the call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Participant {
    /// What it said last.
    pub(super) here: Here,
    /// It counts as gone from here on, unless it says more.
    pub(super) until: Time,
}

/// Another device of the group, in the call or not.
#[derive(Default)]
pub(super) struct Neighbour {
    /// A proven direct connection stands.
    pub(super) reachable: bool,
    /// Set while it is in the call.
    pub(super) participant: Option<Participant>,
    /// When it was last asked for its step.
    pub(super) wished: Option<Time>,
    /// How often it was asked since it was last heard.
    pub(super) wishes: u8,
    /// When it was last told that this device is in the call.
    pub(super) told: Option<Time>,
    /// Since when the steps sealed to it are counted.
    pub(super) answered: Option<Time>,
    /// How many were.
    pub(super) answers: u8,
}
