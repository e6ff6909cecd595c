//! What a node and a coordinator say to each other: one shape per file, and nothing else that both sides share.
//!
//! JSON where people may look, bytes where items travel. Modules are listed from the ground up.
#![forbid(unsafe_code)]

mod bytes;

pub mod origin;
pub mod server;
pub mod ticket;
pub mod login;
pub mod work;
pub mod turn;
pub mod mailbox;
pub mod push;
pub mod rendezvous;
