//! What a halloo group agrees on: bytes in, bytes out, time passed in.
//!
//! The rooms, from the ground up; each imports only from those above it:
//!
//! | room | holds |
//! |---|---|
//! | [`clock`] | the hybrid logical clock: display order, never authority |
//! | [`log`] | signed, hash-linked operations: members, roles, devices, invites |
//! | [`content`] | what a member says, content-addressed and signed once |
//! | [`messages`] | chat: messages, edits, reactions, receipts |
//! | [`document`] | the automerge document: profile, settings, places, plans |
//! | [`live`] | last-writer-wins cells with a lease: location, presence, typing |
//! | [`sync`] | set reconciliation between two members |
//!
//! Nothing here reads a clock, draws a random number or touches a socket: the wall time is a
//! `now_ms: u64` argument (Unix milliseconds) and every map is ordered.

pub mod clock;
pub mod log;
pub mod content;
pub mod messages;
pub mod document;
pub mod live;
pub mod sync;
