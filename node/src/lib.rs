//! The shell of a halloo member: the only sockets, disks and microphones of the product.
// Inside private modules `pub` says what a file offers its siblings; nothing of it leaves the crate.
#![allow(unreachable_pub)]

pub mod args;
pub mod terminal;
pub mod home;
pub mod keyring;
pub mod vault;
pub mod tap;
pub mod place_name;
pub mod views;
pub mod net;
pub mod media;
pub mod uplink;
pub mod door;
#[cfg(feature = "rest")]
pub mod rest;
pub mod keys;
pub mod storage;
pub mod backup;
pub mod track;
pub mod driver;
pub mod daemon;
pub mod echo;
pub mod doctor;
pub mod demo;
pub mod cli;
