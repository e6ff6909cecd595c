//! `Instant` in virtual time.

use std::time::Duration;

use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Microseconds of virtual time, with the interface of [`std::time::Instant`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// The virtual time now.
    #[must_use]
    pub fn now() -> Instant {
        Instant(Duration::from_micros(halloo_vtime::now_us()))
    }

    /// How much later this is than `earlier`; zero if it is not later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// How much later this is than `earlier`, if it is.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// As [`Self::duration_since`].
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// How long ago this was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// Later by `span`, if that can be told.
    #[must_use]
    pub fn checked_add(&self, span: Duration) -> Option<Instant> {
        self.0.checked_add(span).map(Instant)
    }

    /// Earlier by `span`, if that is not before the beginning.
    #[must_use]
    pub fn checked_sub(&self, span: Duration) -> Option<Instant> {
        self.0.checked_sub(span).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, span: Duration) -> Instant {
        Instant(self.0 + span)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        self.0 += span;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, span: Duration) -> Instant {
        Instant(self.0 - span)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, span: Duration) {
        self.0 -= span;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}
