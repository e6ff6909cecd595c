//! Voice: what each listener heard of each speaker, and the figures of it.

use super::schemas;
use super::table::{Cell, Table};
use crate::net::links::HostId;
use crate::voice::emodel;
use halloo_engine::voice::SpeakerStats;
use std::collections::BTreeMap;

/// Mouth-to-ear times are told apart up to here, milliseconds; beyond, nobody talks.
const EAR_MAX_MS: usize = 4_000;

/// What one listener heard of one speaker over the run.
#[derive(Debug, Default)]
struct Heard {
    /// Steps by mouth-to-ear time in whole milliseconds.
    after_ms: Vec<u32>,
    steps: u64,
    sum_us: u64,
    sent: u64,
    played: u64,
    repaired: u64,
    concealed: u64,
    lost: u64,
    late: u64,
    run: f64,
}

impl Heard {
    fn invented(&self) -> f64 {
        let all = self.played + self.repaired + self.concealed;
        if all == 0 { 0.0 } else { self.concealed as f64 / all as f64 }
    }

    /// The time that this share of the steps did not exceed, milliseconds.
    fn after(&self, share: f64) -> f64 {
        let wanted = (self.steps as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let place = self.after_ms.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        place.map_or(f64::NAN, |ms| ms as f64)
    }

    fn mean_ms(&self) -> f64 {
        if self.steps == 0 { f64::NAN } else { self.sum_us as f64 / self.steps as f64 / 1e3 }
    }

    fn rating(&self) -> f64 {
        emodel::rating(self.mean_ms(), self.invented(), self.run)
    }
}

/// All ears.
#[derive(Debug, Default)]
pub(super) struct Ears {
    heard: BTreeMap<(HostId, HostId), Heard>,
}

impl Ears {
    /// Sound of a speaker is at an ear.
    pub(super) fn heard(&mut self, listener: HostId, speaker: HostId, after_us: u64) {
        let heard = self.heard.entry((listener, speaker)).or_default();
        let ms = usize::try_from(after_us / 1_000).unwrap_or(EAR_MAX_MS).min(EAR_MAX_MS);
        if heard.after_ms.len() <= ms {
            heard.after_ms.resize(ms + 1, 0);
        }
        heard.after_ms[ms] += 1;
        heard.steps += 1;
        heard.sum_us += after_us;
    }

    /// What became of a speaker's frames at an ear, told when its process or the run ends.
    pub(super) fn ended(&mut self, listener: HostId, speaker: HostId, stats: &SpeakerStats) {
        let heard = self.heard.entry((listener, speaker)).or_default();
        heard.sent += stats.received + stats.lost;
        heard.played += stats.played;
        heard.repaired += stats.from_list + stats.from_in_band + stats.from_deep;
        heard.concealed += stats.concealed;
        heard.lost += stats.lost;
        heard.late += stats.late;
        heard.run = heard.run.max(f64::from(stats.burst)).max(1.0);
    }

    pub(super) fn figures(&self, figures: &mut super::Figures) {
        if self.heard.is_empty() {
            return;
        }
        let sum = |value: fn(&Heard) -> u64| self.heard.values().map(value).sum::<u64>() as f64;
        figures.put("voice.pairs", self.heard.len() as f64);
        figures.put("voice.frames", sum(|row| row.sent));
        figures.share("voice.lost_share", sum(|row| row.lost), sum(|row| row.sent));
        let pieces = sum(|row| row.played + row.repaired + row.concealed);
        figures.share("voice.concealed_share", sum(|row| row.concealed), pieces);
        let rated: Vec<&Heard> = self.heard.values().filter(|row| row.steps > 0).collect();
        if rated.is_empty() {
            return;
        }
        let mean =
            |value: fn(&Heard) -> f64| rated.iter().map(|row| value(row)).sum::<f64>() / rated.len() as f64;
        figures.put("voice.ear.p50_mean_ms", mean(|row| row.after(0.5)));
        figures.put("voice.ear.p99_max_ms", rated.iter().map(|row| row.after(0.99)).fold(0.0, f64::max));
        figures.put("voice.rating.mean", mean(Heard::rating));
        figures.put("voice.mos.mean", mean(|row| emodel::opinion(row.rating())));
        let least = rated.iter().map(|row| emodel::opinion(row.rating())).fold(f64::INFINITY, f64::min);
        figures.put("voice.mos.min", least);
    }

    pub(super) fn into_rows(self) -> Table {
        let mut rows = Table::new(&schemas::VOICE);
        for ((listener, speaker), row) in self.heard {
            let (rating, rated) = (row.rating(), row.steps > 0);
            let only_if = |value: f64| Cell::Real(if rated { value } else { f64::NAN });
            rows.push(&[
                listener.into(),
                speaker.into(),
                row.sent.into(),
                row.lost.into(),
                row.late.into(),
                row.played.into(),
                row.repaired.into(),
                row.concealed.into(),
                Cell::Real(row.after(0.5)),
                Cell::Real(row.after(0.99)),
                only_if(rating),
                only_if(emodel::opinion(rating)),
            ]);
        }
        rows
    }
}

#[cfg(test)]
mod tests;
