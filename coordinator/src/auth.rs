//! The room that gives tickets: who asks signs with a key made for this coordinator alone, and gets a short-lived capability for one room.
//!
//! It keeps no accounts: a key that was never seen is as good as any. What it remembers is which requests it has seen, for as long
//! as they could be sent again, in memory.

#[cfg(feature = "server")]
pub mod config;
pub mod seen;
pub mod service;
#[cfg(feature = "server")]
pub mod ticket;

#[cfg(feature = "server")]
pub use door::door;

#[cfg(feature = "server")]
mod door;
