//! The MLS session of a group (RFC 9420): a value that commits, follows, seals and is stored, without clock or chance of its own.
//!
//! ```text
//!            prepare(plan)                      apply(commit)
//!   session ---------------> commit, welcome   session ------> next epoch, who came, who went, log heads
//!      |                     next epoch           ^
//!      | to_bytes                                 | one session per epoch and branch; parents are kept by clone
//!      v                                          |
//!   storage                      welcome + KeyPackageSecret ---> join
//! ```
//!
//! **Value semantics.** `prepare`, `apply` and `join` return new sessions and change nothing in `self`, so a branch is
//! abandoned by dropping a value and re-entered by keeping one. Two commits of one parent give two children of the same
//! MLS epoch *number*; [`GroupSession::epoch_id`] tells them apart and is the key to store them under.
//!
//! **What the caller must do, because a value cannot.** Store before sending: [`Prepared::parent`] and
//! [`Prepared::next`] before the commit leaves, the session after [`GroupSession::seal_application`] before the message
//! leaves, the joined session before anything else (and the key package secret erased in the same write). A clone that
//! was kept as a parent must not seal again once another copy of the same epoch has sealed: both would draw the same
//! MLS generation.
//!
//! **No clock.** mls-rs 0.57 reads the system clock in `Config::lifetime` (key packages, group creation),
//! `Lifetime::seconds`, `Group::commit_internal` and `validate_key_package`, even where a time is passed and wins; with
//! its feature `std` off none of these reads exists, and its hash maps (seeded by the system) become ordered maps. So
//! the manifest leaves `std` out, key packages carry the constant lifetime [`key_package::NOT_AFTER_S`], and no time
//! is ever checked: age is the log's affair (DESIGN: a clock-free check when the key package is logged).
//!
//! ```
//! let _zero = mls_rs_core::time::MlsTime::from(0_u64);
//! ```
//! ```compile_fail,E0599
//! // Only `std` has this function; if this compiles, some crate has switched mls-rs to `std`.
//! mls_rs_core::time::MlsTime::now();
//! ```
//!
//! **No chance.** Our provider has no source. Calls that need chance take `&mut ChaCha20Rng` and lend it for the
//! duration of the call (module `desk`); in every other call (`apply`, `join`, opening) a draw is an error, never a fallback.
//!
//! **Where we are narrower than RFC 9420**, on purpose: one cipher suite (0x0001); handshakes always encrypted; only
//! commits of members, by value, with a path, containing Add, Remove and exactly one GroupContextExtensions with the log
//! heads; no external commits, proposals by reference, PSKs, reinit, branching or external senders; key package
//! lifetimes are constant; a signature key is not rotated within a leaf.

pub mod error;
mod desk;
mod path;
pub mod provider;
pub mod credential;
mod rules;
pub mod exports;
pub mod key_package;
mod config;
mod frame;
pub mod session;
#[cfg(feature = "poison")]
pub mod poison;
mod commit;
mod join;
mod application;
mod stored;

pub use application::Opened;
pub use commit::{Applied, CommitPlan, CommitSecrets, Prepared, Skipped};
pub use error::{CallerFault, GroupError, PeerFault};
pub use exports::Export;
pub use frame::{EpochTag, FRAME_OVERHEAD, MAX_APPLICATION_BYTES, MAX_COMMIT_BYTES, peek_depth, peek_epoch};
pub use join::MAX_WELCOME_BYTES;
pub use key_package::{KeyPackageInfo, KeyPackageSecret, check_key_package};
pub use rules::{MAX_HEADS, MAX_MEMBERS};
pub use session::{CommitId, GroupSession, LeafInfo};
pub use stored::MAX_SESSION_BYTES;
