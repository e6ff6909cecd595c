//! The room that knows which account has which plan, for who sells them; where nobody does, everything is everybody's.
//!
//! ```text
//!  voucher (signed offline) -> redeem -> ledger: account, plan, last day
//!  POST auth/ticket -> hall/entitlements -> ledger: allowed? -> ticket -> the room, which learns of no account
//! ```
//! A plan gates what is begun, never what is read: reading takes no ticket. What a plan has is looked up where a ticket is given, because there
//! the account is known already; a ticket says of whom it is in no other way than it did before.

pub mod code;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod ledger;
#[cfg(feature = "server")]
mod door;
#[cfg(feature = "server")]
mod invoices;
#[cfg(feature = "server")]
mod plans;
#[cfg(feature = "server")]
mod shown;
#[cfg(feature = "server")]
mod redeem;

#[cfg(feature = "server")]
pub use door::{Subscriptions, door, open, users_door};
