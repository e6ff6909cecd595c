//! How many connections the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are no connections: store, log, listeners, the runtime's own.
pub const RESERVED: usize = 128;

/// Asks for as many descriptors as this process may have: shells and service managers give 1,024 by default, for programs of
/// another age. Gives how many there are.
#[must_use]
pub fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let granted = if setrlimit(Resource::Nofile, wanted).is_ok() { limit.maximum } else { limit.current };
    // None: without a limit.
    granted.map_or(usize::MAX, |granted| usize::try_from(granted).unwrap_or(usize::MAX))
}
