//! The room that says who is who: tickets for anybody who signs, and accounts for those who want one.
//!
//! A ticket needs no account: a key that was never seen is as good as any, and what is remembered is which requests were seen, for as long as
//! they could be sent again, in memory. An account is opened by the keys of devices; it is kept in the [`book`], and nothing else that a
//! group needs depends on it.

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
pub mod rights;
#[cfg(feature = "server")]
pub mod totp;
#[cfg(feature = "server")]
pub mod book;
#[cfg(feature = "server")]
pub mod invitation;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
mod password;
pub mod service;
#[cfg(feature = "server")]
mod object;
#[cfg(feature = "server")]
mod cursor;
#[cfg(feature = "server")]
pub mod office;
#[cfg(feature = "server")]
mod named;
#[cfg(feature = "server")]
mod signed;
#[cfg(feature = "server")]
mod caller;
mod entitled;
#[cfg(feature = "server")]
pub mod ticket;
#[cfg(feature = "server")]
mod challenge_given;
#[cfg(feature = "server")]
mod register;
#[cfg(feature = "server")]
mod login;
#[cfg(feature = "server")]
mod refreshed;
#[cfg(feature = "server")]
mod logout;
#[cfg(feature = "server")]
mod sessions;
#[cfg(feature = "server")]
mod devices;
#[cfg(feature = "server")]
mod session_ticket;
#[cfg(feature = "server")]
mod profile;
#[cfg(feature = "server")]
mod password_set;
#[cfg(feature = "server")]
mod authenticator;
#[cfg(feature = "server")]
mod jwks;
#[cfg(feature = "server")]
pub mod admin;

#[cfg(feature = "server")]
pub use admin::door as admin_door;
#[cfg(feature = "server")]
pub use door::{door, open, root_door, users_door};
#[cfg(feature = "server")]
pub(crate) use {named::date, object::object, office::json, signed::Signed};

#[cfg(feature = "server")]
mod door;
