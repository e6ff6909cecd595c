//! How often may be asked: per ticket, and per blinded bucket of addresses for those who have none.
//!
//! A bucket is a /24 of IPv4 or a /48 of IPv6: what one household or one carrier hands out. It is kept as a keyed hash whose key
//! is drawn anew at each start and never written, and only until it is as good as never seen.

use crate::problem::{Kind, Problem};
use crate::world::World;
use governor::clock::{Clock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use halloo_crypto::kdf;
use rand_core::Rng as _;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Most names that one limit remembers (about 100 bytes each); beyond, all strangers share one until the next round.
pub const MAX_NAMES: usize = 65_536;
/// The name that strangers share when there are too many.
const CROWD: [u8; 16] = [0; 16];

/// Whom a limit counts: a blinded name.
pub type Name = [u8; 16];

/// The clock of the limits: it never goes back.
#[derive(Clone, Debug)]
struct Elapsed(World);

impl Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A limit with a burst and a pace, kept for each name apart.
pub struct Limit {
    by_name: RateLimiter<Name, HashMapStateStore<Name>, Elapsed, NoOpMiddleware<Duration>>,
    clock: Elapsed,
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").field("names", &self.by_name.len()).finish_non_exhaustive()
    }
}

impl Limit {
    /// At most `burst` at once, and one more every `every`.
    #[must_use]
    pub fn new(world: &World, burst: NonZeroU32, every: Duration) -> Self {
        let every = every.max(Duration::from_nanos(1));
        let quota = Quota::with_period(every).expect("a period above zero").allow_burst(burst);
        let clock = Elapsed(world.clone());
        Limit { by_name: RateLimiter::hashmap_with_clock(quota, clock.clone()), clock }
    }

    /// Counts one request.
    pub fn pass(&self, name: &Name) -> Result<(), Problem> {
        self.pass_many(name, NonZeroU32::MIN)
    }

    /// Counts what weighs as much as `weight` requests.
    pub fn pass_many(&self, name: &Name, weight: NonZeroU32) -> Result<(), Problem> {
        let name = if self.by_name.len() < MAX_NAMES { name } else { &CROWD };
        match self.by_name.check_key_n(name, weight) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = Duration::from(until.earliest_possible().duration_since(self.clock.now()));
                Err(Problem::new(Kind::TooManyRequests, "too many requests of this kind")
                    .after(wait.as_secs() + 1))
            }
            Err(_) => Err(Problem::new(Kind::TooManyRequests, "more at once than is ever allowed")),
        }
    }

    /// Forgets who is as good as never seen.
    pub fn round(&self) {
        self.by_name.retain_recent();
        self.by_name.shrink_to_fit();
    }
}

/// What is counted together: a /24 of IPv4 or a /48 of IPv6. Not blinded, so kept no longer than a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Household([u8; 7]);

impl Household {
    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let mut prefix = [0; 7];
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                prefix[0] = 4;
                prefix[1..4].copy_from_slice(&v4.octets()[..3]);
            }
            IpAddr::V6(v6) => {
                prefix[0] = 6;
                prefix[1..].copy_from_slice(&v6.octets()[..6]);
            }
        }
        Household(prefix)
    }
}

/// Turns addresses into names that nobody can turn back once the process has ended.
#[derive(Clone)]
pub struct Buckets([u8; 32]);

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Buckets")
    }
}

impl Buckets {
    /// With a key of its own.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let mut key = [0; 32];
        world.chance().fill_bytes(&mut key);
        Buckets(key)
    }

    /// The name of the bucket of an address.
    #[must_use]
    pub fn name(&self, address: IpAddr) -> Name {
        let tag = kdf::mac(&self.0, &[&Household::of(address).0]);
        tag.first_chunk().copied().unwrap_or(CROWD)
    }
}

#[cfg(test)]
mod tests;
