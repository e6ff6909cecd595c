//! The member: one input changes it, a drain of `poll` says what it wishes.

use halloo_crypto::id::GroupId;

use crate::input::Input;
use crate::output::*;
use crate::start::{Config, Identity, Origin, StartError};
use crate::time::Now;

/// One membership: one device in one group.
pub struct Engine {}

impl Engine {
    /// Starts a member. The seed must be fresh chance; two runs with one seed and the same inputs give the same outputs.
    pub fn new(config: Config, identity: Identity, origin: Origin, seed: [u8; 32], now: Now) -> Result<Self, StartError>;
    /// Takes one input. The engine must be drained (`poll` until `Idle`) before the next; asserted.
    pub fn handle(&mut self, now: Now, input: Input);
    /// The next wish; `Idle` ends the drain.
    pub fn poll(&mut self) -> Output;
    /// The group.
    pub fn group(&self) -> GroupId;
    /// The first eight bytes of every frame on the direct lane that belongs to this engine.
    pub fn route_tag(&self) -> [u8; 8];
    /// Whether an invite of this nameplate is open here: the pair lane goes to such an engine.
    pub fn answers_nameplate(&self, nameplate: u16) -> bool;
    pub fn members(&self) -> Vec<MemberView>;
    /// Newest first; `before` continues a page.
    pub fn timeline(&self, before: Option<MessageId>, limit: usize) -> Vec<ChatEntry>;
    pub fn locations(&self) -> Vec<LocationView>;
    pub fn activity(&self, limit: usize) -> Vec<ActivityEntry>;
    pub fn invites(&self) -> Vec<InviteView>;
    pub fn status(&self) -> StatusView;
}
