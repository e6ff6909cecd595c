//! What the world shows its judges and its records: every input and output of every member, and what happens around them.

use crate::net::links::HostId;
use crate::plan::End;
use halloo_engine::Engine;
use halloo_engine::input::Input;
use halloo_engine::output::{Output, WriteId};

/// When and to whom something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Virtual time, microseconds.
    pub us: u64,
    /// The host.
    pub host: HostId,
    /// How often its process has been started before.
    pub life: u32,
}

/// How full the queues around a member are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Work that waits for the CPU.
    pub inbox: usize,
    /// Batches that wait for the disk.
    pub disk: usize,
    /// Connections on the wire.
    pub connections: usize,
    /// Peers of the mesh.
    pub peers: usize,
    /// Topics followed.
    pub topics: usize,
}

/// One thing that happened.
#[derive(Clone, Copy)]
pub enum Seen<'a> {
    /// A member started.
    Began {
        /// `create`, `join` or `restore`.
        origin: &'static str,
        /// The member.
        engine: &'a Engine,
    },
    /// A member is about to be given this.
    Input {
        /// What.
        input: &'a Input,
        /// The member before it takes it.
        engine: &'a Engine,
    },
    /// A member wishes this.
    Output {
        /// What.
        output: &'a Output,
        /// The member, in the middle of its drain.
        engine: &'a Engine,
    },
    /// A drain has ended.
    Drained {
        /// The member.
        engine: &'a Engine,
    },
    /// A batch is durable.
    Written(WriteId),
    /// The process ended.
    Ended(End),
    /// A pairing failed; what the newcomer is told.
    NotJoined(&'a str),
    /// A voice payload leaves for a peer.
    VoiceOut {
        /// To whom.
        to: HostId,
        /// The sealed payload.
        payload: &'a [u8],
    },
    /// A voice payload was taken in, or refused.
    VoiceIn {
        /// From whom.
        from: HostId,
        /// Whether it opened, or why not; `Err(None)` is somebody outside the plan.
        opened: Result<(), Option<halloo_engine::voice::Rejected>>,
    },
    /// Sound of a speaker is at the ear.
    Heard {
        /// Whose.
        speaker: HostId,
        /// Media time of its first sample.
        media_time: u32,
        /// Whether some of it was made up.
        invented: bool,
        /// How long after it was at the mouth, microseconds; `None` for what never left it.
        after_us: Option<u64>,
    },
    /// Somebody spoke a frame, whether or not it could leave; or it is only told to whom connections stand, which is not in the trace.
    Spoke {
        /// Media time of its first sample.
        media_time: Option<u32>,
        /// To whom a connection stands.
        ready: &'a [HostId],
    },
    /// A call ended for this ear, or the run did: what became of a speaker's frames since the device came into the plan.
    Ear {
        /// Whose.
        speaker: HostId,
        /// Figures.
        stats: &'a halloo_engine::voice::SpeakerStats,
    },
    /// How full the queues around the member are, once a second while it does anything; not in the trace.
    Load(&'a Load),
    /// A host broke the rules in this way.
    Broke(&'static str),
    /// An act of the plan was carried out.
    Acted(&'a crate::plan::Act),
    /// The scenario's note.
    Note(&'a str),
}
