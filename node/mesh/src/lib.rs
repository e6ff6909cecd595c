//! The mesh of a halloo node: gossip, direct and pairing lanes as one libp2p behaviour.
//!
//! It carries opaque bytes between transport keys. It has no transport, no executor and no opinion about groups:
//! the shell gives it sockets, the simulator gives it virtual ones. Modules are listed from the ground up.

pub mod limits;

mod error;
mod peer;
mod topic;

mod event;

mod direct;
mod gossip;
mod pair;
mod per_ip;

mod lanes;

mod mesh;

mod dials;

pub use dials::{DialSource, Dials, FOUND_MAX, GIVEN_MAX, HINT_ADDRESSES_MAX, split_peer};
pub use error::MeshError;
pub use event::{DirectId, GossipTicket, MeshEvent, PairId, PairReply, Published, Verdict};
pub use gossip::setup::GroupSize;
pub use mesh::{Mesh, MeshConfig};
pub use peer::PeerKey;
pub use topic::Topic;
