//! Keys, identities and sealing of halloo: pure functions and small values, randomness and time are arguments.
//!
//! From the ground up: [`base16`] writes bytes as text, [`id`] names things by key or hash, [`secret`] keeps bytes out of logs, [`chance`] forgets what was drawn, [`kdf`] derives and
//! tags with a named purpose, [`aead`] seals under a key, [`identity`] says which device belongs to whom, [`sealed`]
//! seals to one device, [`data`] seals to an epoch of a group, [`invite`] and [`pake`] let a newcomer in,
//! [`mailbox`], [`ticket`] and [`voucher`] are what a coordinator checks without knowing anybody. The voice
//! keys (feature `media`), the MLS session (feature `group`) and the backup of an account (feature `backup`) are off by
//! default, so that a server cannot even name them. The feature `memo` is for simulations alone.
#![forbid(unsafe_code)]

pub mod base16;
pub mod id;
pub mod secret;
pub mod chance;
pub mod kdf;
pub mod aead;
#[cfg(feature = "memo")]
pub mod memo;
pub mod identity;
pub mod sealed;
pub mod data;
pub mod invite;
pub mod mailbox;
pub mod ticket;
pub mod voucher;
pub mod pake;
#[cfg(feature = "backup")]
pub mod backup;
#[cfg(feature = "media")]
pub mod media;
#[cfg(feature = "group")]
pub mod group;
