//! A scenario: what a researcher writes. A TOML file that says who there is, what the network does, what people do, what breaks, and
//! what must hold. With a seed it compiles to a [`Plan`].
//!
//! ```text
//!   file --parse--> Scenario --check--> (errors name the key) --compile(seed)--> Plan
//! ```

pub mod clock;
pub mod crowd;
pub mod gpx;
pub mod links;
pub mod mobility;
pub mod people;
pub mod faults;
pub mod must;
mod radio;
mod compile;
mod check;
mod tier;

use crate::plan::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Longest scenario file, bytes: a slip of the hand, such as a trace given as a scenario, is told at once.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Longest GPX file, bytes: a day at one point a second is about 10 MB.
const GPX_BYTES_MAX: u64 = 32 << 20;

/// How much of the real stack runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Fidelity {
    /// The model of how gossip spreads: no libp2p and no engine, 100,000 members and more.
    #[serde(rename = "abstract")]
    Abstract,
    /// The real engine and libp2p over the simulator's own muxer.
    #[default]
    #[serde(rename = "real")]
    Real,
    /// The same with the real Noise and Yamux below.
    #[serde(rename = "real+noise")]
    RealNoise,
}

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence: why this scenario is worth running.
    pub why: String,
    /// How long it lasts, virtual seconds.
    pub seconds: f64,
    /// At the end, the time without any random fault, so that what must hold can come true, seconds.
    #[serde(default = "Scenario::settle_s", skip_serializing_if = "Scenario::is_settle_s")]
    pub settle_s: f64,
    /// Seeds to run when the command does not say how many.
    #[serde(default = "Scenario::seeds", skip_serializing_if = "Scenario::is_seeds")]
    pub seeds: u64,
    /// The first seed when the command does not say.
    #[serde(default = "Scenario::seeds", skip_serializing_if = "Scenario::is_seeds")]
    pub first_seed: u64,
    /// How much of the real stack runs.
    #[serde(default)]
    pub fidelity: Fidelity,
    /// Whether computing takes virtual time; on unless switched off.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub cpu: bool,
    /// Who there is.
    pub groups: Vec<people::GroupSpec>,
    /// What the network does.
    #[serde(default)]
    pub links: links::LinksSpec,
    /// A radio that joins only those who are near each other; needs `moves`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio: Option<mobility::Radio>,
    /// What disks do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<faults::Disk>,
    /// Who comes into its group, and when, apart from those who come by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<people::Joins>,
    /// Who writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<people::Says>,
    /// Who moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<mobility::Moves>,
    /// Who is in calls and talks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<people::Calls>,
    /// Who is taken out of its group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removes: Vec<people::Removes>,
    /// Who leaves its group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<people::Leaves>,
    /// Whose role changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<people::Roles>,
    /// Who says what newcomers are given of the past.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub histories: Vec<people::Histories>,
    /// Who gives its group another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renames: Vec<people::Renames>,
    /// Islands that cannot reach each other for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<faults::Partitions>,
    /// Links that are cut for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<faults::Cuts>,
    /// Devices that are switched off and on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub churn: Vec<faults::Churn>,
    /// Processes that die and come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<faults::Crashes>,
    /// Devices that sleep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sleeps: Vec<faults::Sleeps>,
    /// Wall clocks that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skews: Vec<faults::Skews>,
    /// Disks that hang.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stuck_disks: Vec<faults::StuckDisks>,
    /// Networks that are different for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weather: Vec<faults::Weather>,
    /// Who breaks the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adversaries: Vec<faults::Adversaries>,
    /// What is kept of a run.
    #[serde(default, skip_serializing_if = "must::Record::is_default")]
    pub record: must::Record,
    /// What must hold.
    #[serde(default)]
    pub must: must::Must,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_yes(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
impl Scenario {
    fn settle_s() -> f64 {
        30.0
    }

    fn is_settle_s(value: &f64) -> bool {
        *value == Self::settle_s()
    }

    fn seeds() -> u64 {
        1
    }

    fn is_seeds(value: &u64) -> bool {
        *value == Self::seeds()
    }
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The file is not there or not readable.
    #[error("{path}: {why}; `halloo-sim list` shows the scenarios that ship")]
    File {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// Not TOML, or a key that does not exist, or a value of another kind.
    #[error("{0}\n`halloo-sim schema` prints all keys with their meaning")]
    Toml(String),
    /// A value that cannot be.
    #[error("{key}: {what}")]
    Key {
        /// Where: `partitions[0].islands`.
        key: String,
        /// What is wrong and what to write instead.
        what: String,
    },
}

/// A scenario as read, with everything that a rerun needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its name: the file's, without `.toml`.
    pub name: String,
    /// The text.
    pub text: String,
    /// GPX files by the name that the text uses.
    pub files: BTreeMap<String, String>,
    /// What it says.
    pub scenario: Scenario,
}

impl Loaded {
    /// Reads a scenario file and the GPX files beside it.
    ///
    /// # Errors
    /// Says which key is wrong and what to write instead.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = read_text(path, FILE_BYTES_MAX)?;
        let scenario = parse(&text)?;
        let mut files = BTreeMap::new();
        for name in scenario.gpx_files() {
            let beside = path.parent().unwrap_or(Path::new(".")).join(name);
            files.insert(name.to_owned(), read_text(&beside, GPX_BYTES_MAX)?);
        }
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Loaded::new(name, text, files)
    }

    /// From its parts, checked.
    ///
    /// # Errors
    /// Says which key is wrong and what to write instead.
    pub fn new(name: String, text: String, files: BTreeMap<String, String>) -> Result<Self, ScenarioError> {
        let loaded = Loaded { scenario: parse(&text)?, name, text, files };
        loaded.scenario.check(&loaded.files)?;
        Ok(loaded)
    }

    /// The plan of one seed: the same scenario and seed always give the same plan.
    ///
    /// # Errors
    /// Says which key asks for something that does not exist.
    pub fn plan(&self, seed: u64) -> Result<Plan, ScenarioError> {
        compile::plan(&self.scenario, &self.files, seed)
    }
}

impl Scenario {
    /// Names of the GPX files.
    fn gpx_files(&self) -> impl Iterator<Item = &str> {
        self.moves.iter().filter_map(|moves| moves.path.file())
    }

    /// As TOML.
    ///
    /// # Panics
    /// Never: every scenario can be written down.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a scenario has a form in TOML")
    }
}

fn read_text(path: &Path, bytes_max: u64) -> Result<String, ScenarioError> {
    let refuse = |why: String| ScenarioError::File { path: path.display().to_string(), why };
    let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if size > bytes_max {
        return Err(refuse(format!("is {size} bytes long, more than {bytes_max}; is it the right file?")));
    }
    std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))
}

/// Parses a text; refuses keys that do not exist.
///
/// # Errors
/// Says where the text is wrong.
pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    toml::from_str(text).map_err(|error| ScenarioError::Toml(error.to_string().trim_end().to_owned()))
}

/// The schema of scenario files, as JSON.
///
/// # Panics
/// Never: a schema is JSON.
#[must_use]
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(Scenario)).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
