//! What waits for the CPU of a host, and what each kind of it is charged.

use crate::plan::Costs;
use halloo_engine::input::Command;
use halloo_engine::lane::PeerKey;
use halloo_engine::output::WriteId;
use halloo_engine::place::Fix;
use halloo_mesh::{GossipTicket, PairReply};

/// Something for the CPU.
#[derive(Debug)]
pub(super) enum Work {
    Up(PeerKey),
    Down(PeerKey),
    Gossip { from: PeerKey, topic: [u8; 32], bytes: Vec<u8>, ticket: GossipTicket },
    Direct { from: PeerKey, bytes: Vec<u8> },
    Pair { from: PeerKey, bytes: Vec<u8>, reply: PairReply },
    PairReplied { from: PeerKey, bytes: Vec<u8> },
    PairFailed(PeerKey),
    DirectFailed(PeerKey),
    Command(u64, Command),
    Fix(Fix),
    Written(WriteId),
    Wake,
    JoinerWake,
}

impl Work {
    /// Which line of the table of costs it is charged by.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Work::Up(_) | Work::Down(_) | Work::DirectFailed(_) => "peer",
            Work::Gossip { .. } => "gossip",
            Work::Direct { .. } => "direct",
            Work::Pair { .. } | Work::PairReplied { .. } => "pair",
            Work::PairFailed(_) | Work::JoinerWake | Work::Wake => "wake",
            Work::Command(..) | Work::Fix(_) => "command",
            Work::Written(_) => "written",
        }
    }

    pub(super) fn cost_us(&self, costs: &Costs) -> u64 {
        match self {
            Work::Up(_) | Work::Down(_) | Work::DirectFailed(_) => costs.peer_us,
            Work::Gossip { .. } => costs.gossip_us,
            Work::Direct { .. } => costs.direct_us,
            Work::Pair { .. } | Work::PairReplied { .. } => costs.pair_us,
            Work::PairFailed(_) | Work::JoinerWake | Work::Wake => costs.wake_us,
            Work::Command(..) | Work::Fix(_) => costs.command_us,
            Work::Written(_) => costs.written_us,
        }
    }
}
