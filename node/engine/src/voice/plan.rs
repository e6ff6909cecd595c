//! What the engine tells the voice path: whose keys, to whom, how.

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::MediaKey;

/// Most speakers that one path hears: a full mesh of eight has seven others; the rest is room for a call that changes.
pub const MAX_SPEAKERS: usize = 12;

/// When the microphone's sound leaves the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transmit {
    /// All the time.
    OpenMicrophone,
    /// While somebody speaks, with a little before and after.
    VoiceActivated,
    /// While the key is held, and not one sample before.
    PushToTalk {
        /// Whether the key is held now.
        pressed: bool,
    },
}

/// One other device in the call.
#[derive(Clone, PartialEq, Debug)]
pub struct Peer {
    /// Which device.
    pub device: DeviceId,
    /// Keys under which its frames are opened. A key that is no longer named lives on for
    /// [`halloo_crypto::media::OLD_KEY_MS`]; keys of a device that is no longer named are dropped at once.
    pub keys: Vec<MediaKey>,
}

/// What the media thread shall do from now on. Replaces the plan before.
#[derive(Clone, PartialEq, Debug)]
pub struct VoicePlan {
    /// Under which key this device seals; `None` when it is in no call: nothing leaves. A key that the path already
    /// uses goes on with its counter; a key that it has used up before is refused.
    pub seal: Option<MediaKey>,
    /// The others in the call, ascending by device, at most [`MAX_SPEAKERS`].
    pub peers: Vec<Peer>,
    /// Devices of `peers` with which the media endpoint keeps a direct connection, and who offers it.
    pub connect: Vec<Connect>,
    /// Microphone muted: not one voice frame leaves.
    pub microphone_muted: bool,
    /// Loudspeaker off: others are received but not heard.
    pub speaker_muted: bool,
    /// Most bits per second of frames before sealing, redundancy included.
    pub budget_bps: u32,
    /// Whether frames travel through a forwarder, so that checkpoints must prove who spoke. On direct paths the
    /// connection does, at no cost.
    pub checkpoints: bool,
}

/// One connection of the full mesh.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connect {
    /// The other end.
    pub device: DeviceId,
    /// Whether this side makes the offer: the lower device id does.
    pub offer: bool,
}

/// Payload bits per second that a member may spend in a full mesh: at eight members seven times this leaves, 0.8 Mbit/s.
pub const DEFAULT_BUDGET_BPS: u32 = 116_000;

impl VoicePlan {
    /// The plan of a device that is in no call.
    pub fn silent() -> Self {
        VoicePlan {
            seal: None,
            peers: Vec::new(),
            connect: Vec::new(),
            microphone_muted: true,
            speaker_muted: false,
            budget_bps: DEFAULT_BUDGET_BPS,
            checkpoints: false,
        }
    }
}

#[cfg(test)]
mod tests;
