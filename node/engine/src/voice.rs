//! The data plane of a call: captured sound becomes sealed payloads, sealed payloads become sound; 50 steps a second.
//!
//! ```text
//!   capture(pcm) -> gate -> encode -> redundancy -> frame -> pad -> seal -> next_payload()  == network ==
//!   receive(from, payload) -> open (key of that very device) -> jitter buffer of that speaker
//!   play(out) <- limiter <- mix <- gain <- stretch <- decode (itself, list copy, in-band, deep, concealment)
//! ```
//! The engine decides and hands over a [`VoicePlan`]; the thread that owns the sound devices steps this machine. Nothing
//! here reads a clock or allocates once every speaker of the plan has been set up. Codecs come through
//! [`codec::CodecFactory`].

pub mod codec;
pub mod plan;

pub use codec::{CodecError, CodecFactory, Decoder, Encoder, FrameLength, SAMPLE_RATE_HZ};
pub use plan::{Connect, Peer, Transmit, VoicePlan};
