//! One durable, ordered key-value log: sled with guards, or memory with fault hooks.
//!
//! | room | holds |
//! |---|---|
//! | [`batch`] | what one commit writes, and the limits |
//! | [`error`] | what can go wrong, each with the next step |
//! | [`store`] | the contract |
//! | [`export`] | the logical copy: backups and the last resort of repair |
//! | [`memory`] | the engine for tests and simulations, with faults on demand |
//! | [`sled_store`] | the default engine: sled with the guards that make it safe |
//! | [`writer`] | one thread that commits for everybody, several batches at once |
//!
//! A commit returns when what it wrote would survive a power cut. `docs/STORAGE.md` prints the crash matrix that says so.

#![forbid(unsafe_code)]

pub mod batch;
pub mod error;
pub mod store;
mod files;
mod record;
pub mod export;
pub mod memory;
pub mod sled_store;
pub mod writer;
