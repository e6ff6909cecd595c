//! The room where members find each other: sealed records at places, under a lease, in memory only.

#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
mod delete;
#[cfg(feature = "server")]
mod door;
#[cfg(feature = "server")]
mod get;
#[cfg(feature = "server")]
mod put;
pub mod service;

#[cfg(feature = "server")]
pub use door::{Meetings, door};
