//! The figures of a run: numbers by name. Names are paths, `what.which_unit`; [`LEGEND`] says what each means and which way is good.

use super::spread::{Spread, quantile};
use std::collections::BTreeMap;

/// Numbers by name. What is not a number is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub BTreeMap<String, f64>);

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither: it says what happened.
    Neither,
}

impl Figures {
    /// Puts a figure down.
    pub fn put(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// A quotient; left out where there is nothing to divide by.
    pub fn share(&mut self, name: &str, part: f64, whole: f64) {
        if whole > 0.0 {
            self.put(name, part / whole);
        }
    }

    /// Median, 90th, 99th percentile, greatest and mean; left out where there is no value.
    pub fn spread(&mut self, name: &str, unit: &str, divide_by: f64, spread: &Spread) {
        let sorted = spread.sorted();
        for (label, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            if let Some(value) = quantile(&sorted, share) {
                self.put(&format!("{name}.{label}_{unit}"), value as f64 / divide_by);
            }
        }
        if let (Some(max), Some(mean)) = (spread.max(), spread.mean()) {
            self.put(&format!("{name}.max_{unit}"), max as f64 / divide_by);
            self.put(&format!("{name}.mean_{unit}"), mean / divide_by);
        }
    }
}

/// Beginnings of names, what they mean, and which way is better. The longest that fits counts.
pub const LEGEND: &[(&str, Better, &str)] = {
    use Better::{Higher, Lower, Neither};
    &[
        ("messages.refused", Lower, "wishes of members to write that were refused"),
        ("messages.accepted", Lower, "from the wish to write until the author has it for good"),
        ("messages.written", Neither, "messages that became their author's own"),
        ("messages.delivered", Neither, "messages shown at a receiver, each receiver counted"),
        (
            "messages.delivered_share",
            Higher,
            "of the receivers who were members then and run as members at the end",
        ),
        (
            "messages.delivery",
            Lower,
            "from the wish to write to the receiver's eyes, receivers within reach when it was written",
        ),
        (
            "messages.travel",
            Lower,
            "of these, from the moment that the author's own device shows it to the receiver's eyes",
        ),
        (
            "messages.away",
            Neither,
            "the same for receivers who were off, asleep or on another island; their absence is in it",
        ),
        ("places.measured", Neither, "positions that devices measured"),
        ("places.shown", Neither, "positions shown at a receiver"),
        (
            "places.unmatched",
            Neither,
            "positions shown that were coarsened or are older than what is kept to compare",
        ),
        ("places.delivery", Lower, "from the measurement to the receiver's map"),
        ("places.peak_age", Lower, "how old a position was when the next one replaced it"),
        (
            "places.age.mean_s",
            Lower,
            "how old the position is that one sees of another, on average over time",
        ),
        ("calls.ring", Lower, "from the ring to each other member's phone"),
        ("calls.answer", Lower, "from the answer to each phone in the call"),
        ("calls.heard", Lower, "from somebody beginning to speak to the first sound of it at each ear"),
        ("calls.hang_up", Lower, "from hanging up to each who learns of it"),
        ("joins.asked", Neither, "people who asked to come in"),
        ("joins.done_share", Higher, "of these, how many came in"),
        ("joins.took", Lower, "from the first question to being a member"),
        ("joins.known", Lower, "from the first question to the list of each who was a member then"),
        ("epochs.distinct", Neither, "epochs of the group keys that anybody entered"),
        ("epochs.changes", Neither, "times that anybody changed the epoch"),
        ("epochs.reached", Lower, "from the first host in an epoch to each other one"),
        ("heals.count", Neither, "returns of links, processes or sleepers, near ones taken together"),
        ("epochs.nearly_all", Lower, "from the first host in an epoch until 95 % of its devices are in it"),
        ("heals.agreed_share", Higher, "of these, after how many all were at one time of one view"),
        (
            "heals.agreed",
            Lower,
            "from the last return until members, roles, names and epoch of all are equal for the first time",
        ),
        ("heals.done_share", Higher, "of these, after how many all views agreed again"),
        (
            "heals.took",
            Lower,
            "from the last return until all views agreed and nobody lacked a message written before",
        ),
        ("reconcile.sessions", Neither, "reconciliations begun"),
        ("reconcile.frames", Lower, "frames of reconciliations"),
        ("reconcile.bytes", Lower, "bytes of reconciliation frames"),
        ("reconcile.items", Neither, "items that came by reconciliation"),
        ("gossip.published", Neither, "gossip frames published"),
        ("gossip.published_bytes", Lower, "bytes of published gossip frames"),
        ("gossip.received", Neither, "gossip frames received, copies not counted"),
        ("gossip.copies", Lower, "copies that came for each gossip frame received"),
        (
            "gossip.degree",
            Neither,
            "neighbours of a host in a topic's mesh, on average over hosts and seconds",
        ),
        ("direct.frames", Lower, "frames from member to member"),
        ("direct.bytes", Lower, "bytes of frames from member to member"),
        ("pair.frames", Neither, "answers of inviters to newcomers"),
        ("bytes.streams", Lower, "bytes of all streams, headers included"),
        ("bytes.datagrams", Lower, "bytes of all datagrams, headers included"),
        ("bytes.per_host_s", Lower, "bytes that one host sends in one second, on average"),
        ("bytes.busiest_host_s", Lower, "most bytes that one host sent in one second"),
        ("datagrams.dropped", Lower, "datagrams dropped by a full queue"),
        ("queues", Lower, "most that ever waited"),
        ("connections.max", Neither, "most connections of one host"),
        ("writes.batches", Lower, "batches given to disks"),
        ("wakes", Lower, "times that a member was woken by its own deadlines, by reason"),
        ("voice.pairs", Neither, "pairs of a listener and a speaker"),
        ("voice.frames", Neither, "frames of speech sent, each listener counted"),
        ("voice.lost_share", Lower, "of these, how many never came"),
        ("voice.concealed_share", Lower, "share of the sound at the ears that had to be made up"),
        ("voice.ear", Lower, "mouth to ear"),
        (
            "voice.gap",
            Lower,
            "longest run of speech that a listener connected with its speaker did not hear, within ten seconds of each heal and removal",
        ),
        (
            "voice.gap.pairs",
            Neither,
            "pairs of a listener and a speaker at a heal or a removal of whom anything was to be heard",
        ),
        ("voice.gap.long", Lower, "of these, how many missed more than 200 ms"),
        ("voice.gap.any", Lower, "the longest such run of the whole run"),
        ("voice.rating", Higher, "R of the E-model, ITU-T G.107"),
        ("voice.mos", Higher, "mean opinion score by the E-model"),
        ("counts", Lower, "things that went wrong without breaking a rule"),
        ("inputs", Neither, "inputs that engines were given"),
        ("machine", Neither, "of the machine that ran it: differs from run to run"),
        ("machine.node_s_per_s", Higher, "virtual seconds of hosts for each second of CPU"),
        ("rows_left_out", Neither, "rows that found no room in their table"),
    ]
};

/// What a figure means and which way is better, if it is in the legend.
#[must_use]
pub fn meaning(name: &str) -> Option<(Better, &'static str)> {
    let fits =
        |begin: &str| name.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let fitting = LEGEND.iter().filter(|(begin, ..)| fits(begin));
    fitting.max_by_key(|(begin, ..)| begin.len()).map(|(_, better, about)| (*better, *about))
}
