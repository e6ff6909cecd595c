//! The two clocks an engine is told about: a monotonic one for deadlines, a wall clock for what people read.

use core::fmt;
use core::time::Duration;

/// A point on the driver's monotonic clock, in microseconds since an origin of the driver's choice.
///
/// Deadlines and leases are measured on this clock, so a wall clock that jumps neither fires nor starves a timer.
/// It restarts with the process: nothing stored may contain one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin of the driver's clock.
    pub const ZERO: Time = Time(0);

    /// From microseconds since the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Time(micros)
    }

    /// From milliseconds since the origin; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Time(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// This time moved later by `span`; saturates.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(micros))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Both clocks, read together by the driver at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic, for deadlines and leases.
    pub mono: Time,
    /// Unix milliseconds, for stamps that other people see. May be wrong, may jump.
    pub wall_ms: u64,
}

impl Now {
    /// Both clocks advanced by the same `span`, as a simulator does.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Now { mono: self.mono.after(span), wall_ms: self.wall_ms.saturating_add(ms) }
    }
}
