//! Stands in for `web-time` in the simulator: `Instant` and `SystemTime` of the thread's virtual time.

pub use std::time::{Duration, SystemTime, SystemTimeError, UNIX_EPOCH};

mod instant;

pub use instant::Instant;
