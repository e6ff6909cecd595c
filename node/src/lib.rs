//! The shell of a halloo member: the only sockets, disks and microphones of the product.

pub mod args;
pub mod terminal;
pub mod home;
pub mod vault;
pub mod tap;
pub mod place_name;
pub mod views;
pub mod net;
pub mod media;
pub mod door;
pub mod keys;
pub mod storage;
pub mod track;
pub mod driver;
pub mod daemon;
pub mod echo;
pub mod doctor;
pub mod demo;
pub mod cli;
