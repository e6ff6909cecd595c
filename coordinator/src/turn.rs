//! The TURN room: a relay for two members whose networks let nothing else through (RFC 8656).
//!
//! ```text
//! TURN client -- UDP or TCP --> shell --> service (pure) --> relay socket --> peer
//!                                             |
//!                                             +-- the peer is a relay of ours: handed over inside the process
//! ```

pub mod account;
pub mod allocation;
pub mod credential;
pub mod frame;
pub mod peers;
pub mod service;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod sockets;
#[cfg(feature = "server")]
pub mod shell;
#[cfg(feature = "server")]
mod streams;
#[cfg(feature = "server")]
pub mod room;
#[cfg(feature = "server")]
mod credentials;
#[cfg(feature = "server")]
mod door;

#[cfg(feature = "server")]
pub use door::door;

#[cfg(test)]
mod tests;
