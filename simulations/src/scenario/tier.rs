//! What the abstract tier cannot honour: it is refused, so that nobody takes a silence for a result.

use super::faults::Death;
use super::{Fidelity, Scenario};

/// From this size on gossipsub tells neighbours not to send a message again, which the model leaves out.
const BYTES_MAX: f64 = 3_000.0;

impl Scenario {
    /// The first key that this scenario has and its tier does not: the key, and what it would take.
    pub(super) fn beyond_the_abstract(&self) -> Option<(String, &'static str)> {
        if self.fidelity != Fidelity::Abstract {
            return None;
        }
        let lines = [
            ("radio", self.radio.is_some(), "it has no places"),
            ("moves", !self.moves.is_empty(), "it has no places"),
            ("calls", !self.calls.is_empty(), "it has no voice"),
            ("removes", !self.removes.is_empty(), "it has no keys that a removal could change"),
            ("leaves", !self.leaves.is_empty(), "it has no keys that a departure could change"),
            ("roles", !self.roles.is_empty(), "it has no roles"),
            ("histories", !self.histories.is_empty(), "its newcomers compare with everything"),
            ("renames", !self.renames.is_empty(), "it has no documents"),
            ("sleeps", !self.sleeps.is_empty(), "its devices do not sleep; churn switches them off"),
            ("skews", !self.skews.is_empty(), "it has no wall clocks"),
            ("adversaries", !self.adversaries.is_empty(), "its members have no rules that could be broken"),
            ("stuck_disks", !self.stuck_disks.is_empty(), "its disks never hang"),
        ];
        if let Some((key, _, why)) = lines.into_iter().find(|(_, there, _)| *there) {
            return Some((key.to_owned(), why));
        }
        let power = self.crashes.iter().position(|crashes| crashes.how == Death::PowerCut);
        if let Some(n) = power {
            return Some((format!("crashes[{n}].how"), "it has no disk that a power cut could tear"));
        }
        let long = self.says.iter().position(|says| says.bytes.ends().1 > BYTES_MAX);
        long.map(|n| (format!("says[{n}].bytes"), "messages beyond 3000 bytes spread by other rules"))
    }
}
