//! The coordinator of a self-hosting group: one small process of rooms that helps members find each other and cannot read what they say.
//!
//! From the ground up: [`problem`] is how every door refuses, [`world`] the one clock and chance, [`hall`] what rooms are given, then the rooms;
//! [`config`] says which are open, [`door`] speaks HTTP, [`serve`] puts all together, [`cli`] is the command. A room's `service` is pure (store, time and chance are arguments); without `server` there are only these.
#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod descriptors;
#[cfg(feature = "server")]
pub mod described;
#[cfg(feature = "server")]
pub mod problem;
#[cfg(feature = "server")]
pub mod world;
#[cfg(feature = "server")]
pub mod limits;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "server")]
pub mod meters;
#[cfg(feature = "server")]
pub mod hall;
#[cfg(feature = "server")]
pub mod stream;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
pub mod acme;
#[cfg(feature = "server")]
pub mod front;
#[cfg(feature = "server")]
pub mod ticket;
pub mod auth;
pub mod subscriptions;
pub mod mailbox;
pub mod rendezvous;
pub mod turn;
pub mod push;
#[cfg(feature = "server")]
pub mod relay;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod house;
#[cfg(feature = "server")]
pub mod invite_page;
#[cfg(feature = "server")]
pub mod plain;
#[cfg(feature = "server")]
pub mod door;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod backup;
#[cfg(feature = "server")]
pub mod hatch;
#[cfg(feature = "server")]
pub mod cli;
