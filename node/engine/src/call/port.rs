//! What goes into a call and what comes out of it.

use std::collections::BTreeSet;

use halloo_crypto::id::{DeviceId, EpochId, GroupId, Incarnation};
use halloo_crypto::secret::Secret;

use crate::voice::VoicePlan;

/// Epochs whose keys are at hand at a time: the current one and one branch or predecessor.
pub const MAX_EPOCHS: usize = 2;

/// What a call is set up with.
#[derive(Clone, Copy, Debug)]
pub struct CallConfig {
    /// This device.
    pub me: DeviceId,
    /// The group.
    pub group: GroupId,
    /// Of this start of the engine.
    pub incarnation: Incarnation,
    /// Whether the microphone is muted to begin with.
    pub microphone_muted: bool,
}

/// Media secret of one epoch.
#[derive(Clone, Debug)]
pub struct EpochKey {
    /// Which epoch.
    pub epoch: EpochId,
    /// Its exporter for calls.
    pub exporter: Secret<[u8; 32]>,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum CallInput {
    /// The user enters.
    Join,
    /// The user leaves.
    Leave,
    /// The user mutes or opens the microphone.
    MuteMicrophone(bool),
    /// The user switches the loudspeaker off or on.
    MuteSpeaker(bool),
    /// A proven direct connection to this device stands.
    Reachable(DeviceId),
    /// It is gone.
    Unreachable(DeviceId),
    /// An opened call frame of a proven device.
    Frame {
        /// Who sent it.
        from: DeviceId,
        /// Untrusted in form.
        bytes: Vec<u8>,
    },
    /// Signalling of the own media endpoint.
    SendSignal {
        /// For whose endpoint.
        to: DeviceId,
        /// Opaque.
        bytes: Vec<u8>,
    },
    /// Opened signalling of a proven device.
    Signal {
        /// From whose endpoint.
        from: DeviceId,
        /// Opaque.
        bytes: Vec<u8>,
    },
    /// The epochs that may be heard, the current one first, at most [`MAX_EPOCHS`] are used.
    Epochs(Vec<EpochKey>),
    /// All devices that are members now, this one included. Who is no longer here is dropped at once.
    Roster(BTreeSet<DeviceId>),
    /// Other devices of the own account: they are in the call beside this one, and the two do not hear each other.
    Siblings(BTreeSet<DeviceId>),
    /// The deadline has come.
    Wake,
}

/// What a call wishes.
#[derive(Clone, PartialEq, Debug)]
pub enum CallOutput {
    /// A call frame: seal it to the device's box key, direct lane.
    Send {
        /// To whom.
        to: DeviceId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Signalling: seal it to the device's box key, direct lane.
    SendSignal {
        /// To whom.
        to: DeviceId,
        /// Opaque.
        bytes: Vec<u8>,
    },
    /// What the media thread shall do from now on.
    Plan(Box<VoicePlan>),
    /// Tell the group whether this device is in the call.
    InCall(bool),
    /// Tell the group what is muted here.
    Muted {
        /// Microphone off.
        microphone: bool,
        /// Loudspeaker off.
        speaker: bool,
    },
    /// A device came into the call.
    Joined(DeviceId),
    /// A device left the call, or was not heard for a while, or was removed.
    Left(DeviceId),
    /// For the own media endpoint.
    Signal {
        /// From whose endpoint.
        from: DeviceId,
        /// Opaque.
        bytes: Vec<u8>,
    },
}
