//! The part of a scenario that says what breaks.

use super::clock::{Span, When};
use super::crowd::Who;
use super::links::LinksSpec;
use crate::plan::{Adversary, End};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What disks do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// From a write to its confirmation, milliseconds.
    pub write_ms: Span,
    /// Share of power cuts that tear the batch under way.
    pub torn: f64,
}

impl Default for Disk {
    fn default() -> Self {
        Disk { write_ms: Span::Between([0.5, 4.0]), torn: 0.5 }
    }
}

/// Everybody is on an island for a while; those of different islands cannot reach each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partitions {
    /// When the links go.
    pub when: When,
    /// Until they are back.
    pub lasts_s: Span,
    /// Who is on which island; whom no island names is on the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub islands: Vec<Who>,
    /// Instead of `islands`: that many, 2 to 8, drawn for each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_islands: Option<[u32; 2]>,
    /// How unequal random islands are: 0 makes them alike, at 3 most of the members are on one.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub skew: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_nothing(value: &f64) -> bool {
    *value == 0.0
}

/// Links between two sets of members are cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cuts {
    /// One end; with `somebody of` another one each time.
    pub from: Who,
    /// The other.
    pub to: Who,
    /// When.
    pub when: When,
    /// Until the links are back.
    pub lasts_s: Span,
}

/// Devices are switched off and on again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Whose.
    pub who: Who,
    /// How long they are on, the mean of exponential draws, seconds.
    pub on_s: f64,
    /// How long they are off, the mean of exponential draws, seconds.
    pub off_s: f64,
    /// Not before this second.
    pub from_s: f64,
}

/// How a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Death {
    /// The process is killed; its kernel closes its connections, the disk keeps what it was given.
    Kill,
    /// The power goes: nobody is told, the batch under way may be torn.
    PowerCut,
}

impl From<Death> for End {
    fn from(death: Death) -> Self {
        match death {
            Death::Kill => End::Kill,
            Death::PowerCut => End::PowerCut,
        }
    }
}

/// Processes die.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crashes {
    /// Whose.
    pub who: Who,
    /// When.
    pub when: When,
    /// How.
    pub how: Death,
    /// Until it begins again from its disk; without it, it stays dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_s: Option<Span>,
}

/// Devices sleep: timers and sockets rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sleeps {
    /// Whose.
    pub who: Who,
    /// When.
    pub when: When,
    /// How long.
    pub lasts_s: Span,
}

/// Wall clocks are wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skews {
    /// Whose.
    pub who: Who,
    /// By how much, seconds; drawn for each.
    pub by_s: Span,
    /// When they jump; from the beginning without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// Disks confirm nothing for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StuckDisks {
    /// Whose.
    pub who: Who,
    /// When.
    pub when: When,
    /// How long.
    pub lasts_s: Span,
}

/// All links are different for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weather {
    /// When.
    pub when: When,
    /// How long.
    pub lasts_s: Span,
    /// What they do then.
    pub links: LinksSpec,
}

/// How somebody breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Signs two contents for one place and tells some members this, the others that.
    Equivocator,
    /// Sends everything many times over, and noise between.
    Spammer,
    /// Sends frames in others' names, with broken signatures, with changed bytes.
    Forger,
    /// Answers reconciliation with nothing and passes nothing on.
    Withholding,
}

/// Frames a second of a spammer when the scenario does not say: some ten times what a member sends.
pub const SPAM_PER_S: u32 = 40;
/// Most frames a second of a spammer: more than the CPU that hosts are given could take in.
pub const SPAM_PER_S_MAX: u32 = 1_000;

/// Members who break the rules. Nothing is asked of them at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adversaries {
    /// Who.
    pub who: Who,
    /// How.
    pub kind: Kind,
    /// Frames a second of a spammer, 40 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_s: Option<u32>,
}

impl Adversaries {
    /// As the plan has it.
    #[must_use]
    pub fn adversary(&self) -> Adversary {
        match self.kind {
            Kind::Equivocator => Adversary::Equivocator,
            Kind::Spammer => Adversary::Spammer { per_s: self.per_s.unwrap_or(SPAM_PER_S) },
            Kind::Forger => Adversary::Forger,
            Kind::Withholding => Adversary::Withholder,
        }
    }
}
