//! What one connection counts, shared without a lock between the tasks that serve it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::media::endpoint::ConnectionStats;

/// Stands for a number that is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// Counters of all connections with one peer since it was named.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) up: AtomicBool,
    pub(super) packets_sent: AtomicU64,
    pub(super) bytes_sent: AtomicU64,
    pub(super) packets_received: AtomicU64,
    pub(super) bytes_received: AtomicU64,
    pub(super) packets_lost: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) connections: AtomicU64,
    /// Monotonic nanoseconds of the last payload that arrived; zero before the first.
    heard_ns: AtomicU64,
    setup_ms: AtomicU64,
    rtt_us: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            up: AtomicBool::new(false),
            packets_sent: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            packets_received: AtomicU64::new(0),
            bytes_received: AtomicU64::new(0),
            packets_lost: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            heard_ns: AtomicU64::new(0),
            setup_ms: AtomicU64::new(UNKNOWN),
            rtt_us: AtomicU64::new(UNKNOWN),
        }
    }
}

impl Counters {
    pub(super) fn set_setup_ms(&self, ms: u64) {
        self.setup_ms.store(ms, Relaxed);
    }

    /// A payload arrived.
    pub(super) fn heard(&self, at_ns: u64, bytes: usize) {
        self.heard_ns.store(at_ns, Relaxed);
        self.packets_received.fetch_add(1, Relaxed);
        self.bytes_received.fetch_add(bytes as u64, Relaxed);
    }

    /// How long nothing has arrived.
    pub(super) fn silence(&self, now_ns: u64) -> Duration {
        Duration::from_nanos(now_ns.saturating_sub(self.heard_ns.load(Relaxed)))
    }

    /// Takes a round trip in seconds; the library says zero while it has none.
    pub(super) fn set_rtt(&self, seconds: f64) {
        if seconds > 0.0 && seconds < 1_000.0 {
            // The range is checked just above, so the cast keeps the value.
            self.rtt_us.store((seconds * 1_000_000.0) as u64, Relaxed);
        }
    }

    pub(super) fn snapshot(&self) -> ConnectionStats {
        let known = |value: &AtomicU64| Some(value.load(Relaxed)).filter(|value| *value != UNKNOWN);
        ConnectionStats {
            up: self.up.load(Relaxed),
            setup_ms: known(&self.setup_ms),
            rtt_ms: known(&self.rtt_us).map(|us| us as f64 / 1_000.0),
            packets_sent: self.packets_sent.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
            packets_received: self.packets_received.load(Relaxed),
            bytes_received: self.bytes_received.load(Relaxed),
            packets_lost: self.packets_lost.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            reconnects: self.connections.load(Relaxed).saturating_sub(1),
        }
    }
}

/// Loss of one RTP stream by its sequence numbers, RFC 3550 A.3: expected less received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    first: Option<i64>,
    highest: i64,
    received: u64,
}

impl Sequence {
    /// Takes one packet; returns the packets missing so far, which falls again when a late one comes.
    pub(super) fn note(&mut self, sequence: u16) -> u64 {
        let number = i64::from(sequence);
        let extended = match self.first {
            None => {
                self.first = Some(number);
                self.highest = number;
                number
            }
            Some(_) => {
                // The nearest number to the highest one that has these low 16 bits.
                let delta = (number - self.highest).rem_euclid(1 << 16);
                self.highest + if delta < 1 << 15 { delta } else { delta - (1 << 16) }
            }
        };
        self.highest = self.highest.max(extended);
        self.received += 1;
        let expected = self.highest - self.first.unwrap_or(extended) + 1;
        u64::try_from(expected).unwrap_or(0).saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests;
