//! Pairing: how a stranger with a short code or a link becomes a newcomer with a welcome, as two pure machines.
//!
//! ```text
//!   joiner                                                    host (a member, inside its engine)
//!     | probe door ------------------------------------------->|   "is this nameplate yours?"
//!     |<------------------------------ offered, or a refusal --|
//!     | commitment, SPAKE2 message ---------------------------->|
//!     |<--------------------------------------- SPAKE2 answer --|
//!     | confirmation ------------------------------------------>|   a wrong one is a try; three burn the code
//!     |<-- confirmation, {group, invite, its secret, certificate}|  both show four emoji
//!     | {join request} ----------------------------------------->|  membership: log, commit, welcome, durable
//!     |<----------------------------------- bundle, in chunks --|
//! ```
//!
//! A device that came out of a backup uses the same lane: `readmission` has its frames, `seeker` its machine.
//!
//! `{}` is sealed under the session key. The lane is request and reply: the joiner asks, the host's next frame to that peer is
//! the reply, and it may be held back until a commit is durable. A joiner probes at most [`PROBES_MAX`] peers and tries one
//! responder of a short code: every responder tried is a guess given away. A link's secret cannot be guessed, so all who know it
//! may be tried.
//!
//! A device of the inviter's own account comes by the same steps, at a door without an Invite operation ([`DEVICE_DOOR`]): first
//! at one of the account, whose bundle is the account's word and the links of its groups, then at one of each group.

mod frames;
mod doors;
mod host;
mod joiner;
pub(crate) mod readmission;
mod seeker;

pub use doors::{DEVICE_DOOR, Ending, HostInvite, INVITES_MAX};
pub use frames::{CHUNK_BYTES, RefusedWhy, not_mine, peek_door};
pub(crate) use frames::{Reply, VERSION};
pub use host::{HOLD, Host, HostEvent, HostIdentity, HostInput, HostOutput, SESSIONS_MAX};
pub(crate) use host::{chunk, clipped};
pub use joiner::{
    FIND, JoinError, Joined, Joiner, JoinerIdentity, JoinerInput, JoinerOutput, PROBES_MAX, Ticket,
};

pub use readmission::{Knock, Tag, peek_knock};
pub use seeker::{Returned, Seeker, SeekerIdentity, SeekerInput, SeekerOutput};

#[cfg(test)]
mod tests;
