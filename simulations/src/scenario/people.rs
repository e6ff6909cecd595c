//! The part of a scenario that says who there is and what people do.

use super::clock::{Span, When};
use super::crowd::Who;
use crate::chance::normal;
use rand_chacha::ChaCha20Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Spread of the logarithm of drawn sizes: of groups around twelve one in a hundred has more than a hundred members.
const SIZES_SPREAD: f64 = 0.9;

/// A group, or several alike. Members are numbered from 0 through all groups in order; the first of each founds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// What lines of the scenario call its members.
    #[serde(default = "GroupSpec::name", skip_serializing_if = "GroupSpec::is_name")]
    pub name: String,
    /// How many members there are in the end, the founder included.
    pub members: u32,
    /// Each seed draws another number of members, up to this many: log-normal around `members`, half of them smaller, with few
    /// large ones; `outside` grows with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// That many groups alike.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub copies: u32,
    /// The last members that do not come by themselves; `joins` brings them, and lines call them `outside`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outside: u32,
    /// When the founder begins, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_s: Option<Span>,
    /// Between newcomers, seconds; `{ between_s = [0.5, 3] }` draws each gap. All at once flatters delays by a third.
    #[serde(default = "GroupSpec::join_every_s", skip_serializing_if = "GroupSpec::is_join_every_s")]
    pub join_every_s: Span,
    /// Whom each member finds on the network.
    #[serde(default, skip_serializing_if = "Finds::is_default")]
    pub finds: Finds,
    /// From a device's start until it has found another, seconds.
    #[serde(default = "GroupSpec::find_s", skip_serializing_if = "GroupSpec::is_find_s")]
    pub find_s: Span,
    /// Sites that the members are spread over in turn; site 0 without it. Latency by matrix or geography goes by sites.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<u32>,
    /// Share of members, chosen by the seed, whom nobody outside their site can dial.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub nat: f64,
}

/// Whom members of one group find.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Finds {
    /// Everybody.
    #[default]
    Everybody,
    /// That many others, chosen by the seed, and who opens their code.
    Dials(u32),
}

impl Finds {
    fn is_default(&self) -> bool {
        *self == Finds::default()
    }
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_one(value: &u32) -> bool {
    *value == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_nothing(value: &f64) -> bool {
    *value == 0.0
}

impl GroupSpec {
    /// The same group with as many members as this seed draws; itself without `most`.
    pub(super) fn drawn(&self, rng: &mut ChaCha20Rng) -> Self {
        let Some(most) = self.most else { return self.clone() };
        let least = (self.members / 2).max(self.outside + 1);
        let size = (f64::from(self.members) * (SIZES_SPREAD * normal(rng)).exp()).round();
        let members = (size as u32).clamp(least, most.max(least));
        let outside = f64::from(self.outside) * f64::from(members) / f64::from(self.members);
        Self { members, outside: (outside.round() as u32).min(members - 1), most: None, ..self.clone() }
    }

    fn name() -> String {
        "group".to_owned()
    }

    fn is_name(value: &str) -> bool {
        value == Self::name()
    }

    fn join_every_s() -> Span {
        Span::Between([0.5, 1.5])
    }

    fn is_join_every_s(value: &Span) -> bool {
        *value == Self::join_every_s()
    }

    fn find_s() -> Span {
        Span::Between([0.0, 2.0])
    }

    fn is_find_s(value: &Span) -> bool {
        *value == Self::find_s()
    }
}

/// People come into their group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Joins {
    /// Who; at each time the next of them.
    pub who: Who,
    /// Who lets them in; the founder of their group without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Who>,
    /// When.
    pub when: When,
}

/// People write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// Who.
    pub who: Who,
    /// When; each person has its own draws.
    pub when: When,
    /// Characters of a message.
    #[serde(default = "Says::bytes", skip_serializing_if = "Says::is_bytes")]
    pub bytes: Span,
}

impl Says {
    fn bytes() -> Span {
        Span::Between([10.0, 120.0])
    }

    fn is_bytes(value: &Span) -> bool {
        *value == Self::bytes()
    }
}

/// People are in a call: at each time the first of them rings, the others answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// Who; the first rings.
    pub who: Who,
    /// When.
    pub when: When,
    /// From the ring to each answer.
    #[serde(default = "Calls::answer_s", skip_serializing_if = "Calls::is_answer_s")]
    pub answer_s: Span,
    /// From the ring until the first hangs up; the others follow within a second.
    pub lasts_s: Span,
    /// How long somebody speaks at a stretch.
    #[serde(default = "Calls::speech_s", skip_serializing_if = "Calls::is_speech_s")]
    pub speech_s: Span,
    /// How long it is quiet between.
    #[serde(default = "Calls::silence_s", skip_serializing_if = "Calls::is_silence_s")]
    pub silence_s: Span,
}

impl Calls {
    fn answer_s() -> Span {
        Span::Between([2.0, 6.0])
    }

    fn is_answer_s(value: &Span) -> bool {
        *value == Self::answer_s()
    }

    fn speech_s() -> Span {
        Span::Between([1.0, 5.0])
    }

    fn is_speech_s(value: &Span) -> bool {
        *value == Self::speech_s()
    }

    fn silence_s() -> Span {
        Span::Between([0.2, 2.0])
    }

    fn is_silence_s(value: &Span) -> bool {
        *value == Self::silence_s()
    }
}

/// People are taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Removes {
    /// Who goes; at each time the next of them.
    pub whom: Who,
    /// Who does it; the founder of their group without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// When.
    pub when: When,
}

/// People leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaves {
    /// Who; at each time the next of them.
    pub who: Who,
    /// When.
    pub when: When,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleName {
    /// Talks, writes, is on the map.
    Member,
    /// Invites, adds and removes members too.
    Moderator,
    /// Appoints moderators, removes everybody but owners.
    Admin,
    /// Everything.
    Owner,
}

/// Roles change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Whose.
    pub whom: Who,
    /// The new role.
    pub role: RoleName,
    /// Who does it; the founder of their group without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// When.
    pub when: When,
}

/// What newcomers are given of what was written before they came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Histories {
    /// Who says it: an admin.
    pub who: Who,
    /// At most so many of the last lines, up to 500; 0 is nothing.
    pub lines: u16,
    /// None older than so many days; 0 is any age.
    #[serde(default, skip_serializing_if = "is_any_age")]
    pub days: u16,
    /// When.
    pub when: When,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_any_age(days: &u16) -> bool {
    *days == 0
}

/// Groups get another name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Renames {
    /// Who does it.
    pub who: Who,
    /// When.
    pub when: When,
}
