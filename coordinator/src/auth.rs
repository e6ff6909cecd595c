//! The room that gives tickets: who asks signs with a key made for this coordinator alone, and gets a short-lived capability for one room.
//!
//! It keeps no accounts: a key that was never seen is as good as any. What it remembers is which requests it has seen, for as long
//! as they could be sent again, in memory.

#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod jose;
pub mod seen;
#[cfg(feature = "server")]
pub mod challenge;
#[cfg(feature = "server")]
pub mod access;
#[cfg(feature = "server")]
pub mod dpop;
#[cfg(feature = "server")]
pub mod book;
pub mod service;
#[cfg(feature = "server")]
pub mod ticket;

#[cfg(feature = "server")]
pub use door::door;

#[cfg(feature = "server")]
mod door;
