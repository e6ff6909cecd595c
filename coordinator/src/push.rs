//! The room that wakes devices which are away: a relay keeps sealed tokens for mailboxes, a gateway opens them and asks push services.
//!
//! ```text
//! mailbox -- poke (bounded) --> relay: registered? coalesced, budgeted --> gateway: opened, coalesced, budgeted --> Web Push, FCM, APNs
//!                                 |                                          ^
//!                                 +-- this coordinator: handed over ---------+
//!                                 +-- another one of `push.gateways`: POST /api/v1/push/poke over HTTPS
//! ```
//! A relay sees no device, a gateway no mailbox. Both are here by default; `push.roles` closes one.

#[cfg(feature = "server")]
mod apns;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
mod door;
#[cfg(feature = "server")]
mod ece;
#[cfg(feature = "server")]
mod es256;
#[cfg(feature = "server")]
mod fcm;
#[cfg(feature = "server")]
mod forget;
#[cfg(feature = "server")]
mod gateway;
#[cfg(feature = "server")]
mod line;
#[cfg(feature = "server")]
mod poke;
#[cfg(feature = "server")]
mod register;
#[cfg(feature = "server")]
mod relay;
pub mod service;
#[cfg(feature = "server")]
mod waker;
#[cfg(feature = "server")]
mod web;
#[cfg(feature = "server")]
mod webpush;

#[cfg(feature = "server")]
pub use door::{Push, Secrets, door};
