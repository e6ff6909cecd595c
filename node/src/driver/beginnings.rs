//! How groups begin in a home.

use super::asks::{answer, done};
use super::memberships::Membership;
use super::naming::Then;
use super::{Driver, now};
use crate::door::{DoorError, NewAsk, Reply as DoorReply};
use crate::net::Net;
use crate::vault::random;
use crate::views;
use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, GroupId};
use halloo_engine::engine::Engine;
use halloo_engine::input::Command;
use halloo_engine::output::{MAX_NAME_BYTES, Reply};
use halloo_engine::start::{Config, Origin as Beginning};
use halloo_wire::origin::Origin;
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
impl Driver {
    /// `new`: begins a group and opens its first invite, after a look at its coordinator.
    pub(super) async fn begin(&mut self, ask: NewAsk, reply: oneshot::Sender<DoorReply>) {
        match ask.via.clone() {
            Some(via) => self.look_first(&via, Then::Begin(ask), reply),
            None => self.begin_by(ask, None, reply).await,
        }
    }

    /// Begins a group that meets by this coordinator, or by none.
    pub(super) async fn begin_by(
        &mut self,
        ask: NewAsk,
        via: Option<Origin>,
        reply: oneshot::Sender<DoorReply>,
    ) {
        if let Some(name) = &ask.profile
            && let Err(error) = self.rename_self(name)
        {
            return answer(reply, Err(error));
        }
        let group = match self.found(&ask.name, None).await {
            Ok(group) => group,
            Err(error) => return answer(reply, Err(error)),
        };
        if let Some(via) = &via {
            // Answered before the invite is: an engine obeys in order.
            let (unheard, _) = oneshot::channel();
            self.command(group, Command::SetVia(Some(via.to_string())), done(), unheard).await;
        }
        let (name, profile) = (ask.name, self.keys.name.clone());
        let shape = Box::new(move |reply| {
            let Reply::Invite(view) = reply else { return json!({}) };
            let invite = super::via::named(views::invite(&view), via.as_ref());
            json!({ "group": group.to_string(), "name": name, "profile": profile, "invite": invite })
        });
        let command =
            Command::Invite { max_uses: FIRST_INVITE_USES, expiry: FIRST_INVITE_SPAN, role: Role::Member };
        self.command(group, command, shape, reply).await;
    }

    /// Starts an engine of a new group.
    pub(super) async fn found(&mut self, name: &str, with: Option<AccountId>) -> Result<GroupId, DoorError> {
        if !self.groups.room() {
            return Err(DoorError::new(
                "too-many",
                "this home is in as many groups as it can hold",
                "leave one first",
            ));
        }
        let seed = random().map_err(|error| DoorError::new("world", error.to_string(), "restart"))?;
        let origin = Beginning::Create { group_name: name.to_owned() };
        let engine = Engine::new(self.config(), self.keys.identity(), origin, seed, now())
            .map_err(|error| DoorError::new("invalid", error.to_string(), "choose another name"))?;
        let group = engine.group();
        self.groups.insert(group, Membership::new(engine, with));
        self.devices.names.news = true;
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

    /// `name`: the new name in this home and in every group; answered when the last group has it on disk.
    pub(super) async fn rename(&mut self, name: &str, reply: oneshot::Sender<DoorReply>) {
        if let Err(error) = self.rename_self(name) {
            return answer(reply, Err(error));
        }
        let mut waiting = Some(reply);
        let member = |group: &GroupId| self.groups.get(group).is_some_and(|m| m.engine.status().member);
        let groups: Vec<GroupId> = self.groups.ids().into_iter().filter(member).collect();
        for (at, group) in groups.iter().enumerate() {
            // Groups store in the order they are told, so the last one's answer is good for all.
            let last = if at + 1 == groups.len() { waiting.take() } else { None };
            let to = last.unwrap_or_else(|| oneshot::channel().0);
            self.command(*group, Command::SetProfile { name: name.to_owned() }, done(), to).await;
        }
        if let Some(reply) = waiting {
            answer(reply, Ok(json!({})));
        }
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
}

/// The addresses of this node as links carry them: with its peer id, without loopback.
pub fn link_addresses(net: &Net) -> Vec<String> {
    let Some(peer) = net.local().to_peer_id() else { return Vec::new() };
    let chosen = reachable_addresses(net).into_iter().take(LINK_ADDRESSES_MAX);
    chosen.map(|address| format!("{address}/p2p/{peer}")).collect()
}

/// The addresses of this node at which others may reach it: without loopback, unless there is nothing else.
pub(super) fn reachable_addresses(net: &Net) -> Vec<Multiaddr> {
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
    let chosen: Vec<_> = addresses.iter().filter(|address| reachable(address)).cloned().collect();
    if chosen.is_empty() { addresses } else { chosen }
}
