//! What happens in a run, worked out before it begins: hosts, links, and acts with their times. A scenario and a seed make a plan.

use crate::net::links::{HostId, LinkSpec, Nat};
use halloo_crdt::live::{Fix, Precision};

/// Virtual time at which every run begins, microseconds: not zero, so that "a second ago" exists.
pub const START_US: u64 = 10_000_000;

/// How much of the real stack carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// libp2p's Swarm, gossipsub and the other behaviours over the simulator's own muxer.
    Plain,
    /// The same with the real Noise and Yamux below.
    Noise,
}

/// What a disk does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiskSpec {
    /// Shortest time from a write to its confirmation, microseconds.
    pub low_us: u64,
    /// Longest, microseconds.
    pub high_us: u64,
    /// Share of power cuts that leave the batch under way torn.
    pub torn: f64,
}

impl Default for DiskSpec {
    fn default() -> Self {
        DiskSpec { low_us: 500, high_us: 4_000, torn: 0.5 }
    }
}

/// One host of a plan.
#[derive(Clone, Debug, Default)]
pub struct HostPlan {
    /// The display name.
    pub name: String,
    /// The group that it belongs to.
    pub group: u32,
    /// Where on the network it is.
    pub site: u32,
    /// How it can be reached from other sites.
    pub nat: Nat,
    /// How far its wall clock is off, milliseconds.
    pub skew_ms: i64,
    /// Whom it finds, and when at the earliest, microseconds.
    pub finds: Vec<(u64, HostId)>,
    /// Breaks the rules in this way; checkers ask nothing of it.
    pub adversary: Option<Adversary>,
}

/// How a host breaks the rules. It runs the real engine; what leaves it is tampered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adversary {
    /// Signs two contents for one place in its stream and tells one half of the members this, the other half that.
    Equivocator,
    /// Sends everything many times over, and noise between.
    Spammer {
        /// Frames a second.
        per_s: u32,
    },
    /// Sends frames in others' names, with broken signatures, with changed bytes.
    Forger,
    /// Answers reconciliation with nothing and passes nothing on.
    Withholder,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process is killed; its kernel tells the other ends, the disk keeps what was handed to it.
    Kill,
    /// The power goes: nobody is told, what was not confirmed may be lost or torn.
    PowerCut,
}

/// One thing that is done to the world or asked of a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Begins a group.
    Found(HostId),
    /// Comes into the group of `via` by a short code that `via` opens.
    Join {
        /// The newcomer.
        who: HostId,
        /// The inviter.
        via: HostId,
    },
    /// Writes a message.
    Say(HostId, String),
    /// Is somewhere.
    Fix(HostId, Fix),
    /// Shares its places for this long, seconds; `None` stops.
    Share(HostId, Option<u64>),
    /// Chooses how exactly others see it.
    Precision(HostId, Precision),
    /// Enters or leaves the call.
    Call(HostId, bool),
    /// Begins or ends to speak.
    Speak(HostId, bool),
    /// Mutes or opens its microphone.
    Mute(HostId, bool),
    /// Takes a member out.
    Remove {
        /// Who does it.
        by: HostId,
        /// Who goes.
        whom: HostId,
    },
    /// Changes a role.
    Role {
        /// Who does it.
        by: HostId,
        /// Whose role.
        whom: HostId,
        /// The new role.
        role: halloo_crdt::log::Role,
    },
    /// Says what newcomers are given of the past.
    History(HostId, halloo_crdt::log::History),
    /// Leaves the group.
    Leave(HostId),
    /// Renames the group.
    Rename(HostId, String),
    /// The process ends.
    Stop(HostId, End),
    /// The process begins again, from its disk.
    Start(HostId),
    /// Sleeps: timers and sockets rest; `false` wakes it.
    Sleep(HostId, bool),
    /// Puts each host on an island.
    Partition(Vec<u32>),
    /// Cuts a link or mends it.
    Cut(HostId, HostId, bool),
    /// Two hosts find each other.
    Meet(HostId, HostId),
    /// Changes what all links do.
    Links(Box<LinkSpec>),
    /// Where a host is on the plane of the links, kilometres.
    Move(HostId, (f64, f64)),
    /// The wall clock of a host jumps, milliseconds.
    Skew(HostId, i64),
    /// The disk of a host confirms nothing; `false`: it confirms again.
    DiskStuck(HostId, bool),
    /// The scenario's own note in the trace: where a phase begins.
    Note(String),
}

/// What a computation costs in virtual time, microseconds: a queue of one CPU for each host.
///
/// The built-in table is what `halloo-sim costs` measured on one core of a 2-core machine in the release profile, rounded: means, a
/// frame with its share of the stack (Noise, Yamux, gossipsub). What the disk takes is the disk model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// A gossip frame taken in, stack included.
    pub gossip_us: u64,
    /// A direct frame taken in.
    pub direct_us: u64,
    /// A pairing frame taken in.
    pub pair_us: u64,
    /// A command.
    pub command_us: u64,
    /// A confirmation of the disk.
    pub written_us: u64,
    /// A wake-up.
    pub wake_us: u64,
    /// A connection come up or gone down.
    pub peer_us: u64,
}

impl Costs {
    /// Computation takes no time.
    pub const NONE: Costs = Costs {
        gossip_us: 0,
        direct_us: 0,
        pair_us: 0,
        command_us: 0,
        written_us: 0,
        wake_us: 0,
        peer_us: 0,
    };
}

impl Default for Costs {
    fn default() -> Self {
        Costs {
            gossip_us: 140,
            direct_us: 105,
            pair_us: 400,
            command_us: 60,
            written_us: 5,
            wake_us: 30,
            peer_us: 80,
        }
    }
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides every draw.
    pub seed: u64,
    /// What carries the bytes.
    pub stack: Stack,
    /// The hosts, numbered in order.
    pub hosts: Vec<HostPlan>,
    /// What all links do at the beginning.
    pub links: LinkSpec,
    /// What all disks do.
    pub disk: DiskSpec,
    /// What computing costs.
    pub costs: Costs,
    /// Limits and habits of the engines.
    pub config: halloo_engine::start::Config,
    /// Acts in the order of their times, microseconds.
    pub acts: Vec<(u64, Act)>,
    /// When the time to settle begins, microseconds: who breaks the rules rests from then on, as all that is random does.
    pub rest_us: u64,
    /// When the run ends and is judged, microseconds.
    pub end_us: u64,
    /// Whether everybody honest must agree at the end.
    pub must_converge: bool,
}

impl Plan {
    /// A plan in which `hosts` hosts of one group find each other at once, and nothing happens.
    #[must_use]
    pub fn quiet(seed: u64, hosts: usize, links: LinkSpec, end_us: u64) -> Self {
        let all = u32::try_from(hosts).expect("hosts are counted in 32 bits");
        let host = |number: HostId| HostPlan {
            name: format!("h{number}"),
            finds: (0..all).filter(|other| *other != number).map(|other| (0, other)).collect(),
            ..HostPlan::default()
        };
        Plan {
            seed,
            stack: Stack::Plain,
            hosts: (0..all).map(host).collect(),
            links,
            disk: DiskSpec::default(),
            costs: Costs::default(),
            config: halloo_engine::start::Config::default(),
            acts: Vec::new(),
            rest_us: end_us,
            end_us,
            must_converge: true,
        }
    }
}
