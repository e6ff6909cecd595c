//! The member of a halloo group, as a pure state machine: time, chance and bytes go in, wishes come out.
//!
//! The daemon, the phone, the tests and the simulator drive the same [`engine::Engine`]. Modules are listed from the ground up.

pub mod time;
pub mod lane;
pub mod place;
pub mod timers;
