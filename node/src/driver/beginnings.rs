//! How groups begin in a home: a new one, and the conversation of two that a call or a private message needs.

use super::asks::{answer, done, said};
use super::joining::ticket;
use super::memberships::Membership;
use super::voice::SignalKind;
use super::{Driver, now};
use crate::door::{DoorError, NewAsk, Reply as DoorReply};
use crate::net::Net;
use crate::vault::random;
use crate::views;
use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, DeviceId, GroupId};
use halloo_engine::engine::Engine;
use halloo_engine::input::Command;
use halloo_engine::output::{MAX_NAME_BYTES, MemberView, Reply};
use halloo_engine::start::{Config, Origin};
use libp2p::Multiaddr;
use serde_json::json;
use std::time::Duration;
use tokio::sync::oneshot;

/// People that the first invite of a group lets in: a family, a crew; more by `halloo invite`.
const FIRST_INVITE_USES: u16 = 16;
/// How long the first invite stays open.
const FIRST_INVITE_SPAN: Duration = Duration::from_secs(24 * 3600);
/// Addresses put into a link: enough for QUIC and TCP on two interfaces, few enough for a QR that a phone reads.
const LINK_ADDRESSES_MAX: usize = 4;
/// How long the other one of a conversation has to come in.
const CONVERSATION_SPAN: Duration = Duration::from_secs(7 * 24 * 3600);

/// The link of an invite that is not durable yet: through which group and to which device it goes.
pub type PendingLink = (GroupId, DeviceId, oneshot::Receiver<DoorReply>);

impl Driver {
    /// `new`: begins a group and opens its first invite.
    pub(super) async fn begin(&mut self, ask: NewAsk, reply: oneshot::Sender<DoorReply>) {
        if let Some(name) = &ask.profile
            && let Err(error) = self.rename_self(name)
        {
            return answer(reply, Err(error));
        }
        let group = match self.found(&ask.name, None).await {
            Ok(group) => group,
            Err(error) => return answer(reply, Err(error)),
        };
        let (name, profile) = (ask.name, self.keys.name.clone());
        let shape = Box::new(move |reply| {
            let Reply::Invite(view) = reply else { return json!({}) };
            json!({ "group": group.to_string(), "name": name, "profile": profile, "invite": views::invite(&view) })
        });
        let command =
            Command::Invite { max_uses: FIRST_INVITE_USES, expiry: FIRST_INVITE_SPAN, role: Role::Member };
        self.command(group, command, shape, reply).await;
    }

    /// Starts an engine of a new group.
    async fn found(&mut self, name: &str, with: Option<AccountId>) -> Result<GroupId, DoorError> {
        if !self.groups.room() {
            return Err(DoorError::new(
                "too-many",
                "this home is in as many groups as it can hold",
                "leave one first",
            ));
        }
        let seed = random().map_err(|error| DoorError::new("world", error.to_string(), "restart"))?;
        let origin = Origin::Create { group_name: name.to_owned() };
        let engine = Engine::new(self.config(), self.keys.identity(), origin, seed, now())
            .map_err(|error| DoorError::new("invalid", error.to_string(), "choose another name"))?;
        let group = engine.group();
        self.groups.insert(group, Membership::new(engine, with));
        self.note_group(group, with).await;
        self.settle(group).await;
        Ok(group)
    }

    /// The limits of an engine of this home, with the addresses that links shall carry.
    pub(super) fn config(&self) -> Config {
        Config { addresses: link_addresses(&self.net), ..Config::default() }
    }

    /// Keeps a group's note: with whom it is, if it is a conversation of two.
    pub(super) async fn note_group(&self, group: GroupId, with: Option<AccountId>) {
        let value = with.map_or_else(Vec::new, |account| account.as_bytes().to_vec());
        self.storage.put_local(crate::storage::group_key(&group), Some(value)).await;
    }

    /// Changes the display name of this home for groups that begin from now on.
    pub(super) fn rename_self(&mut self, name: &str) -> Result<(), DoorError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            let next = format!("1 to {MAX_NAME_BYTES} bytes without control characters");
            return Err(DoorError::new("invalid", "that name cannot be used", next));
        }
        name.clone_into(&mut self.keys.name);
        self.keys
            .save(&self.home, &self.vault)
            .map_err(|error| DoorError::new("disk", error.to_string(), "check the disk of this home"))
    }

    /// `call NAME`: the conversation with that member, begun if need be; the caller then talks in it.
    pub(super) async fn call(&mut self, group: GroupId, to: &str, reply: oneshot::Sender<DoorReply>) {
        let outcome = self.conversation(group, to).await;
        answer(reply, outcome.map(|conversation| json!({ "group": conversation.to_string() })));
    }

    /// `send NAME TEXT`: a message in the conversation with that member; it waits there until the other one has come in.
    pub(super) async fn send_to(
        &mut self,
        group: GroupId,
        to: &str,
        text: String,
        reply: oneshot::Sender<DoorReply>,
    ) {
        match self.conversation(group, to).await {
            Err(error) => answer(reply, Err(error)),
            Ok(conversation) => {
                self.command(conversation, Command::Say { text, reply_to: None }, said(), reply).await
            }
        }
    }

    async fn conversation(&mut self, group: GroupId, to: &str) -> Result<GroupId, DoorError> {
        let membership = self
            .groups
            .get(&group)
            .ok_or_else(|| DoorError::new("unknown", "no such group", "`halloo groups`"))?;
        let member = membership.member(to)?;
        if member.own {
            return Err(DoorError::new(
                "invalid",
                "that is yourself",
                "`halloo echo` lets you hear yourself",
            ));
        }
        if let Some(conversation) = self.groups.with(&member.account) {
            return Ok(conversation);
        }
        let Some(device) = reachable(&member) else {
            let next = "try again when they are here; a first conversation begins while both are connected";
            return Err(DoorError::new(
                "not-connected",
                format!("{} is not connected now", member.name),
                next,
            ));
        };
        let conversation =
            self.found(&format!("{} & {}", self.keys.name, member.name), Some(member.account)).await?;
        self.invite_to(group, device, conversation).await?;
        Ok(conversation)
    }

    /// Opens an invite for one in the conversation, and sends its link sealed to the member's device.
    async fn invite_to(
        &mut self,
        group: GroupId,
        device: DeviceId,
        conversation: GroupId,
    ) -> Result<(), DoorError> {
        let (tell, told) = oneshot::channel();
        let shape = Box::new(|reply| match reply {
            Reply::Invite(view) => json!({ "qr": view.qr }),
            _ => json!({}),
        });
        let command = Command::Invite { max_uses: 1, expiry: CONVERSATION_SPAN, role: Role::Owner };
        self.command(conversation, command, shape, tell).await;
        // The answer comes when the invite is durable; until then the loop must turn, so the link is sent from there.
        self.pending_links.push((group, device, told));
        Ok(())
    }

    /// Sends the links of invites that have become durable.
    pub(super) async fn send_links(&mut self) {
        let mut waiting = Vec::new();
        for (group, device, mut told) in std::mem::take(&mut self.pending_links) {
            match told.try_recv() {
                Ok(Ok(answer)) => {
                    let bytes = SignalKind::Invite.join(answer["qr"].as_str().unwrap_or_default().as_bytes());
                    let (ignored, _) = oneshot::channel();
                    self.command(group, Command::Signal { to: device, bytes }, done(), ignored).await;
                }
                Err(oneshot::error::TryRecvError::Empty) => waiting.push((group, device, told)),
                Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        self.pending_links.extend(waiting);
    }

    /// A member of a common group opened a conversation of two: come in by its link, without asking the person, because
    /// it comes sealed and signed from a member; nothing is played or shared before the person takes the call.
    pub(super) async fn invited(&mut self, group: GroupId, from: DeviceId, link: &[u8]) {
        let Some(membership) = self.groups.get(&group) else { return };
        let members = membership.engine.members();
        let Some(member) = members.iter().find(|m| m.devices.iter().any(|d| d.device == from)) else {
            return;
        };
        let Ok(ticket) =
            std::str::from_utf8(link).map_err(|_| ()).and_then(|text| ticket(text).map_err(|_| ()))
        else {
            return;
        };
        if self.joining.is_none() {
            let account = member.account;
            self.watchers
                .tell(json!({"event": "conversation", "name": member.name, "account": account.to_string()}));
            self.begin_joining(ticket, Some(account), None).await;
        }
    }
}

fn reachable(member: &MemberView) -> Option<DeviceId> {
    member.devices.iter().find(|d| d.connected).map(|d| d.device)
}

/// The addresses of this node as links carry them: with its peer id, without loopback.
pub fn link_addresses(net: &Net) -> Vec<String> {
    let Some(peer) = net.local().to_peer_id() else { return Vec::new() };
    let reachable = |address: &Multiaddr| {
        !address.iter().any(|part| match part {
            libp2p::multiaddr::Protocol::Ip4(ip) => ip.is_loopback() || ip.is_unspecified(),
            libp2p::multiaddr::Protocol::Ip6(ip) => {
                ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local()
            }
            _ => false,
        })
    };
    let addresses = net.addresses();
    let mut chosen: Vec<_> = addresses.iter().filter(|address| reachable(address)).collect();
    if chosen.is_empty() {
        chosen = addresses.iter().collect();
    }
    chosen.into_iter().take(LINK_ADDRESSES_MAX).map(|address| format!("{address}/p2p/{peer}")).collect()
}
