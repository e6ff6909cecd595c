//! The member of a halloo group, as a pure state machine: time, chance and bytes go in, wishes come out.
//!
//! The daemon, the phone, the tests and the simulator drive the same [`engine::Engine`]. Modules are listed from the ground up;
//! each imports only from those above it.

pub mod time;
pub mod lane;
pub mod place;
pub mod timers;
pub mod invariants;
pub mod voice;
pub mod call;
pub mod views;
pub mod output;
pub mod input;
pub mod snapshot;
pub mod start;
pub mod wire;
pub mod pairing;
pub mod outbox;
pub mod beacons;
pub mod epochs;
pub mod peers;

mod feeds;
mod past;
mod state;
mod topics;
mod handshake;
mod bundles;
mod welcomes;
mod nacks;
mod commits;
mod rejoin;
mod membership;
mod readmission;
mod invites;
mod history;
mod timeline;
mod chat;
mod names;
mod agenda;
mod location;
mod mailbox;
mod post;
mod meeting;
mod reconcile;
mod talk;
mod birth;

pub mod engine;
pub mod query;

#[cfg(test)]
mod rig;
#[cfg(test)]
mod seized;

pub use engine::Engine;
