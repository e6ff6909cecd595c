//! The shell of a halloo member: the only sockets, disks and microphones of the product.

pub mod home;
pub mod vault;
pub mod net;
pub mod media;
