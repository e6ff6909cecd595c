//! Sound and its road: devices, files, the voice loop, and the connections that carry sealed frames between members.
//!
//! ```text
//! microphone/file -> device -> thread (owns VoicePath) -> endpoint (WebRTC, one connection a member) -> the others
//! loudspeaker/file <- device <- thread (owns VoicePath) <- endpoint
//! ```
//! The thread is the only loop; the endpoint never sees a key, the devices never see a network.

pub mod clock;
pub mod interfaces;
pub mod device;
pub mod resample;
pub mod wave;
pub mod pipe;
pub mod drift;
#[cfg(feature = "device")]
pub mod hardware;
#[cfg(feature = "device")]
pub mod treat;
pub mod open;
pub mod speech;
pub mod stamps;
pub mod opus;
pub mod endpoint;
pub mod signalling;
pub mod webrtc;
pub mod plain;
pub mod record;
pub mod step;
pub mod thread;
