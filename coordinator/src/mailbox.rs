//! The room that keeps items for who is away: blinded addresses, padded sizes, gone once acknowledged or expired.

#[cfg(feature = "server")]
mod acknowledge;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
mod deposits;
#[cfg(feature = "server")]
mod door;
#[cfg(feature = "server")]
mod fetch;
pub mod service;
#[cfg(feature = "server")]
mod subscribe;
#[cfg(feature = "server")]
mod watchers;

#[cfg(feature = "server")]
pub use door::{Mail, door};
