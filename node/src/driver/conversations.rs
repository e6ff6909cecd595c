//! Conversations of two: a group of two, made through a common group by an invite sealed to the other's device.
//!
//! ```text
//!   caller                                            the other
//!   call/send NAME -> found the group, open an invite
//!   invite durable -> Signal(link), sealed ---------> come in by the link
//!                 <---------- pair lane, as any newcomer ---------->
//! ```
//! Whoever did not come in (it went away, it was busy) is sent the link again when it proves itself next. A newcomer reads
//! nothing older than itself, so a first message is written when the other has come in, and answered for only then.

use super::asks::{answer, done, said};
use super::joining::Coming;
use super::memberships::CONVERSATIONS_EACH_MAX;
use super::naming::invitation;
use super::voice::SignalKind;
use super::{Driver, now};
use crate::door::{DoorError, Reply as DoorReply};
use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, DeviceId, GroupId};
use halloo_engine::input::Command;
use halloo_engine::output::{MemberView, Reply};
use halloo_engine::pairing::Ticket;
use halloo_engine::time::Time;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the other one of a conversation has to come in.
const CONVERSATION_SPAN: Duration = Duration::from_secs(7 * 24 * 3600);

/// Links that wait while this node comes into another group; more are dropped and come again with the next proof.
const WAITING_MAX: usize = 16;

/// How long a first message waits for the other to come in, which takes two round trips and two disks.
const COMING_IN: Duration = Duration::from_secs(10);

/// First messages that may wait: each holds a program at the door.
const UNSAID_MAX: usize = crate::door::CLIENTS_MAX;

/// A message that waits for the other to come in.
struct Unsaid {
    conversation: GroupId,
    account: AccountId,
    text: String,
    reply: oneshot::Sender<DoorReply>,
    until: Time,
}

/// What of the conversations is under way.
#[derive(Default)]
pub struct Conversations {
    /// First messages.
    unsaid: Vec<Unsaid>,
    /// Invites that are not durable yet: through which group and to which device their link goes.
    pending: Vec<(GroupId, DeviceId, oneshot::Receiver<DoorReply>)>,
    /// Links of others' conversations that wait for their turn, and whose they are.
    waiting: VecDeque<(AccountId, Ticket)>,
}

impl Conversations {
    /// When the first message that waits is given up.
    pub fn deadline(&self) -> Option<Time> {
        self.unsaid.iter().map(|unsaid| unsaid.until).min()
    }
}

impl Driver {
    /// `call NAME`: the conversation with that member, begun if need be; the caller then talks in it.
    pub(super) async fn call(&mut self, group: GroupId, to: &str, reply: oneshot::Sender<DoorReply>) {
        let outcome = self.conversation(group, to).await;
        answer(reply, outcome.map(|(group, with)| json!({ "group": group.to_string(), "with": with.name })));
    }

    /// `send NAME TEXT`: a message in the conversation with that member, once they are in it.
    pub(super) async fn send_to(
        &mut self,
        group: GroupId,
        to: &str,
        text: String,
        reply: oneshot::Sender<DoorReply>,
    ) {
        match self.conversation(group, to).await {
            Err(error) => answer(reply, Err(error)),
            Ok((conversation, with)) => {
                let (account, until) = (with.account, now().mono.after(COMING_IN));
                self.conversations.unsaid.push(Unsaid { conversation, account, text, reply, until });
                self.say_unsaid().await;
            }
        }
    }

    /// Writes the first messages whose reader has come in, and gives up on those that waited too long.
    pub(super) async fn say_unsaid(&mut self) {
        let mut waiting = Vec::new();
        for unsaid in std::mem::take(&mut self.conversations.unsaid) {
            let membership = self.groups.get(&unsaid.conversation);
            if membership.is_some_and(|m| m.has(&unsaid.account)) {
                let command = Command::Say { text: unsaid.text, reply_to: None };
                self.command(unsaid.conversation, command, said(), unsaid.reply).await;
            } else if unsaid.until <= now().mono || waiting.len() >= UNSAID_MAX {
                answer(unsaid.reply, Err(not_here("the other one did not come into the conversation")));
            } else {
                waiting.push(unsaid);
            }
        }
        self.conversations.unsaid.extend(waiting);
    }

    /// The conversation with the member of this name, and the member; begun or offered again if they are not in it.
    async fn conversation(&mut self, group: GroupId, to: &str) -> Result<(GroupId, MemberView), DoorError> {
        let membership = self
            .groups
            .get(&group)
            .ok_or_else(|| DoorError::new("unknown", "no such group", "`halloo groups`"))?;
        let member = membership.member(to)?;
        if member.own {
            let next = "`halloo echo` lets you hear yourself";
            return Err(DoorError::new("invalid", "that is yourself", next));
        }
        let known = self.groups.with(&member.account);
        let known = known.filter(|id| self.groups.get(id).is_some_and(|m| m.has(&member.account)));
        if let Some(conversation) = known {
            return Ok((conversation, member));
        }
        let device =
            reachable(&member).ok_or_else(|| not_here(&format!("{} is not connected now", member.name)))?;
        if let Some(conversation) = self.groups.with(&member.account) {
            self.offer_again(group, member.account, device).await;
            return Ok((conversation, member));
        }
        let name = format!("{} & {}", self.keys.name, member.name);
        let conversation = self.found(&name, Some(member.account)).await?;
        self.invite_to(group, device, conversation).await;
        Ok((conversation, member))
    }

    /// Opens an invite for one in the conversation, and sends its link sealed to the member's device.
    async fn invite_to(&mut self, group: GroupId, device: DeviceId, conversation: GroupId) {
        let (tell, told) = oneshot::channel();
        let shape = Box::new(|reply| match reply {
            Reply::Invite(view) => json!({ "qr": view.qr }),
            _ => json!({}),
        });
        let command = Command::Invite { max_uses: 1, expiry: CONVERSATION_SPAN, role: Role::Owner };
        self.command(conversation, command, shape, tell).await;
        // The answer comes when the invite is durable; until then the loop must turn, so the link is sent from there.
        self.conversations.pending.push((group, device, told));
    }

    /// Sends the links of invites that have become durable.
    pub(super) async fn send_links(&mut self) {
        let mut waiting = Vec::new();
        for (group, device, mut told) in std::mem::take(&mut self.conversations.pending) {
            match told.try_recv() {
                Ok(Ok(answer)) => self.send_link(group, device, answer["qr"].as_str().unwrap_or("")).await,
                Err(oneshot::error::TryRecvError::Empty) => waiting.push((group, device, told)),
                Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        self.conversations.pending.extend(waiting);
    }

    async fn send_link(&mut self, group: GroupId, device: DeviceId, link: &str) {
        let bytes = SignalKind::Invite.join(link.as_bytes());
        let (ignored, _) = oneshot::channel();
        self.command(group, Command::Signal { to: device, bytes }, done(), ignored).await;
    }

    /// A member's device proved itself in `group`: conversations that its account did not come into are offered again.
    pub(super) async fn offer_again(&mut self, group: GroupId, account: AccountId, device: DeviceId) {
        for conversation in self.groups.waiting_for(&account) {
            if conversation == group {
                continue;
            }
            let invites = self.groups.get(&conversation).map(|m| m.engine.invites()).unwrap_or_default();
            match invites.into_iter().find_map(|invite| invite.qr) {
                Some(link) => self.send_link(group, device, &link).await,
                None => self.invite_to(group, device, conversation).await,
            }
        }
    }

    /// A member of a common group opened a conversation of two: come in by its link, without asking the person, because
    /// it comes sealed and signed from a member; nothing is played or shared before the person takes the call.
    pub(super) async fn invited(&mut self, group: GroupId, from: DeviceId, link: &[u8]) {
        let Some(membership) = self.groups.get(&group) else { return };
        let members = membership.engine.members();
        let Some(member) = members.iter().find(|m| m.devices.iter().any(|d| d.device == from)) else {
            return;
        };
        let ticket = std::str::from_utf8(link)
            .ok()
            .and_then(|text| invitation(text, None).ok())
            .map(|(ticket, _)| ticket);
        let Some(ticket) = ticket else { return };
        if member.own || self.groups.count_with(&member.account) >= CONVERSATIONS_EACH_MAX {
            return;
        }
        let waiting = &mut self.conversations.waiting;
        let known = waiting.iter().any(|(account, _)| *account == member.account);
        if !known && waiting.len() < WAITING_MAX {
            waiting.push_back((member.account, ticket));
        }
        self.next_conversation().await;
    }

    /// Comes into the next conversation that waits, when no other pairing is under way.
    pub(super) async fn next_conversation(&mut self) {
        if self.joining.is_some() {
            return;
        }
        if let Some((account, ticket)) = self.conversations.waiting.pop_front() {
            self.begin_joining(ticket, Coming::Conversation(account), None).await;
        }
    }
}

fn not_here(what: &str) -> DoorError {
    let next = "try again when they are here; a first conversation begins while both are connected";
    DoorError::new("not-connected", what, next)
}

fn reachable(member: &MemberView) -> Option<DeviceId> {
    member.devices.iter().find(|d| d.connected).map(|d| d.device)
}
