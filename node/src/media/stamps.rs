//! The log that mouth-to-ear time is measured from: when each piece of sound was captured and when it was played.
//!
//! One text line a frame, times in nanoseconds of the machine's monotonic clock, media time in 48 kHz ticks, wrapping:
//! ```text
//! b <time that sample 0 of every file of the recording stands for; always the first line>
//! c <media time of the first sample> <time at which that sample was at the mouth>
//! p <speaker, 64 hex digits> <media time of the first sample> <time at which that sample is at the ear>
//! ```
//! The sender's `c` and the listener's `p` of the same media time are the two ends of one way.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use halloo_crypto::id::DeviceId;

use super::clock::NS_PER_S;
use super::device::SAMPLE_RATE;

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// The recording began.
    Began {
        /// When the first step was done: sample 0 of the ears is heard then, sample 0 of the mouth was spoken a frame before.
        mono_ns: u64,
    },
    /// Sound was captured and left.
    Captured {
        /// Media time of its first sample.
        media_time: u32,
        /// When that sample was at the mouth.
        mono_ns: u64,
    },
    /// Sound of a speaker was played.
    Played {
        /// Whose.
        speaker: DeviceId,
        /// Media time of its first sample.
        media_time: u32,
        /// When that sample is at the ear.
        mono_ns: u64,
    },
}

/// A line that is no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a stamp log")]
pub struct StampError;

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { mono_ns } => write!(f, "b {mono_ns}"),
            Self::Captured { media_time, mono_ns } => write!(f, "c {media_time} {mono_ns}"),
            Self::Played { speaker, media_time, mono_ns } => write!(f, "p {speaker} {media_time} {mono_ns}"),
        }
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    fn from_str(line: &str) -> Result<Self, StampError> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |text: &str| text.parse::<u64>().map_err(|_| StampError);
        let media = |text: &str| text.parse::<u32>().map_err(|_| StampError);
        match words[..] {
            ["b", ns] => Ok(Self::Began { mono_ns: number(ns)? }),
            ["c", at, ns] => Ok(Self::Captured { media_time: media(at)?, mono_ns: number(ns)? }),
            ["p", who, at, ns] => Ok(Self::Played {
                speaker: who.parse().map_err(|_| StampError)?,
                media_time: media(at)?,
                mono_ns: number(ns)?,
            }),
            _ => Err(StampError),
        }
    }
}

/// Reads a log; a last line that a killed process left half written is skipped.
pub fn parse(text: &str) -> Vec<Stamp> {
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Longest distance between a played sample and the start of the captured frame that holds it: frames of 60 ms, and a
/// stretch of one more.
const REACH: u32 = 120 * (SAMPLE_RATE / 1_000);

/// Milliseconds from mouth to ear of each piece that `listener` played of `speaker`, in the order played.
///
/// Pieces invented for sound that was never captured (concealment past the end of a talk) have no mouth and are left out.
pub fn mouth_to_ear(speaker: DeviceId, mouth: &[Stamp], ear: &[Stamp]) -> Vec<f64> {
    let captured: BTreeMap<u32, u64> = mouth
        .iter()
        .filter_map(|stamp| match stamp {
            Stamp::Captured { media_time, mono_ns } => Some((*media_time, *mono_ns)),
            Stamp::Played { .. } | Stamp::Began { .. } => None,
        })
        .collect();
    let mut ways = Vec::new();
    for stamp in ear {
        let Stamp::Played { speaker: who, media_time, mono_ns } = *stamp else { continue };
        if who != speaker {
            continue;
        }
        let holder = captured.range(..=media_time).next_back().or_else(|| captured.iter().next_back());
        let Some((start, at_mouth)) = holder else { continue };
        let into = media_time.wrapping_sub(*start);
        if into < REACH {
            let spoken_ns = at_mouth + u64::from(into) * NS_PER_S / u64::from(SAMPLE_RATE);
            ways.push((mono_ns as f64 - spoken_ns as f64) / 1e6);
        }
    }
    ways
}

/// The value below which `share` (0..=1) of the values lie; `None` without values.
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    // The share is within 0..=1, so the index is within the values.
    let at = (share.clamp(0.0, 1.0) * last as f64).round() as usize;
    sorted.get(at).copied()
}

#[cfg(test)]
mod tests;
