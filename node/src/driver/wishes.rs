//! Granting what an engine wishes: each output goes to the network, the disk, the voice or the people who watch.

use super::voice::SignalKind;
use super::{Driver, now};
use crate::net::NetCommand;
use crate::views;
use halloo_crypto::id::GroupId;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Event, Output, Warning};
use halloo_mesh::{Topic, Verdict};
use halloo_wire::mailbox::Deposit;
use serde_json::{Value, json};

impl Driver {
    /// Grants the wishes of one drain in order; returns the verdict among them, if any.
    pub(super) async fn grant(&mut self, group: GroupId, wishes: Vec<Output>) -> Option<Verdict> {
        let mut verdict = None;
        for wish in wishes {
            match wish {
                Output::Send { to, lane, bytes } => self.send(to, lane, bytes).await,
                Output::Publish { topic, bytes } => {
                    self.carry(NetCommand::Publish { topic: Topic(topic), bytes }).await;
                }
                Output::Subscribe(topic) => self.subscribe(group, topic).await,
                Output::Unsubscribe(topic) => {
                    if let Some(membership) = self.groups.get_mut(&group) {
                        membership.topics.remove(&topic);
                    }
                    self.carry(NetCommand::Unsubscribe(Topic(topic))).await;
                }
                Output::Admit { peer, topic } => self.admit(group, peer, topic).await,
                Output::Expel { peer, .. } => self.expel(group, peer).await,
                Output::Write(batch) => self.storage.write(group, batch).await,
                Output::Plan(plan) => {
                    self.voice.plan(group, *plan);
                    self.tell_unheard();
                }
                Output::Verdict(word) => verdict = Some(mesh_verdict(word)),
                Output::Reply { request, result } => {
                    if let Some(membership) = self.groups.get_mut(&group) {
                        membership.answer(request, result);
                    }
                }
                Output::Event(event) => self.tell(group, event).await,
                Output::Deposit { id, via, address, item, bytes } => {
                    Box::pin(self.deposit(group, id, &via, Deposit { address, item, bytes })).await;
                }
                Output::Doors(doors) => self.mailboxes(group, doors),
                Output::Taken { address, items } => self.taken_in(address, items),
                Output::Meet(places) => self.meet(group, places),
                Output::Idle(_) => unreachable!("a drain ends at Idle"),
            }
        }
        verdict
    }

    pub(super) async fn send(&mut self, to: PeerKey, lane: Lane, bytes: Vec<u8>) {
        match lane {
            Lane::Direct => self.carry(NetCommand::Direct { to: halloo_mesh::PeerKey(to.0), bytes }).await,
            Lane::Pair => {
                let waiting = self.pair_replies.get_mut(&to).and_then(std::collections::VecDeque::pop_front);
                // The asker gave up in the meantime; it will ask again.
                let Some(reply) = waiting else { return };
                self.carry(NetCommand::PairReply { reply, bytes }).await;
            }
            Lane::Gossip(_) => debug_assert!(false, "gossip is published, not sent"),
        }
    }

    async fn subscribe(&mut self, group: GroupId, topic: [u8; 32]) {
        if let Some(membership) = self.groups.get_mut(&group) {
            membership.topics.insert(topic);
        }
        self.carry(NetCommand::Subscribe(Topic(topic))).await;
    }

    async fn admit(&mut self, group: GroupId, peer: PeerKey, topic: [u8; 32]) {
        if let Some(membership) = self.groups.get_mut(&group) {
            membership.admitted.insert(peer);
        }
        self.carry(NetCommand::Admit { peer: halloo_mesh::PeerKey(peer.0), topic: Topic(topic) }).await;
        let notes = self.addresses.keep(peer);
        self.note(notes).await;
    }

    /// One group's outcast may be another group's member: the connection goes only when nobody admits the peer.
    async fn expel(&mut self, group: GroupId, peer: PeerKey) {
        if let Some(membership) = self.groups.get_mut(&group) {
            membership.admitted.remove(&peer);
        }
        if !self.groups.admit(&peer) {
            self.carry(NetCommand::Expel(halloo_mesh::PeerKey(peer.0))).await;
        }
    }

    /// Tells everyone who watches; what concerns the voice or a conversation of two goes there too.
    async fn tell(&mut self, group: GroupId, event: Event) {
        if let Event::Signal { from, bytes } = &event {
            match SignalKind::split(bytes) {
                Some((SignalKind::Media, rest)) => self.voice.signal(group, *from, rest.to_vec()),
                Some((SignalKind::Invite, rest)) => Box::pin(self.invited(group, *from, rest)).await,
                Some((SignalKind::Sibling, rest)) => Box::pin(self.on_sibling(group, *from, rest)).await,
                Some((SignalKind::Way, rest)) => self.on_way(group, *from, rest),
                None => {}
            }
            return;
        }
        if matches!(event, Event::Invite(_) | Event::InviteClosed { .. } | Event::ViaChanged { .. }) {
            self.tend();
        }
        self.heed(group, &event).await;
        let Some(mut value) = views::event(&event, now().wall_ms) else { return };
        value["group"] = json!(group.to_string());
        if let Some(with) = self.groups.get(&group).and_then(super::Membership::partner) {
            value["with"] = json!(with.to_string());
        }
        self.name(group, &event, &mut value);
        if let Event::Evicted { .. } = event {
            // The person is in it still: one of the other devices took this one out.
            let own = |m: &super::Membership| m.engine.members().iter().any(|member| member.own);
            value["revoked"] = json!(self.groups.get(&group).is_some_and(own));
        }
        self.watchers.tell(value);
    }

    /// Does what an event asks of this node itself.
    async fn heed(&mut self, group: GroupId, event: &Event) {
        let Some(membership) = self.groups.get_mut(&group) else { return };
        match event {
            Event::PeerProven { peer, device, account } => {
                membership.proven.insert(*peer, *device);
                self.voice.reachable(group, *device);
                if *account == self.keys.identity().account() {
                    return Box::pin(self.meet_sibling(group, *device, false)).await;
                }
                Box::pin(self.offer_again(group, *account, *device)).await;
            }
            Event::Warning(Warning::ClockSkew { device, seconds }) => {
                membership.clocks.insert(*device, *seconds);
            }
            Event::MemberJoined { .. } => {
                self.carry(NetCommand::SomebodyCame).await;
                Box::pin(self.say_unsaid()).await;
            }
            Event::DeviceAdded { .. } => self.carry(NetCommand::SomebodyCame).await,
            // Perhaps on another device: groups that begin here from now on are told the same.
            Event::ProfileChanged { account, name }
                if *account == self.keys.identity().account() && membership.renamed(name) =>
            {
                if *name != self.keys.name
                    && let Err(error) = self.rename_self(name)
                {
                    tracing::warn!("the new name is not kept here: {error}");
                }
            }
            // Whoever took it out may not be in all groups that it is in.
            Event::DeviceRevoked { account, device }
                if *account == self.keys.identity().account() && *device != self.voice.me =>
            {
                Box::pin(self.revoke_everywhere(*device, None)).await;
            }
            Event::CallJoined { .. } => {
                membership.call_since_ms.get_or_insert(now().wall_ms);
            }
            Event::CallLeft { .. } if !super::calls::anybody(&membership.engine) => {
                membership.call_since_ms = None;
            }
            Event::SyncProgress { done: true, .. } => self.returning.synced(group),
            _ => {}
        }
    }

    /// The last connection to a peer is gone: whoever watches learns which member that was.
    pub(super) fn tell_lost(&mut self, peer: &PeerKey) {
        for group in self.groups.ids() {
            let Some(membership) = self.groups.get_mut(&group) else { continue };
            let Some(device) = membership.proven.remove(peer) else { continue };
            let name = membership.name_of_device(&device);
            self.watchers.tell(json!({
                "event": "unconnected", "group": group.to_string(), "device": device.to_string(), "name": name,
            }));
        }
    }

    /// Adds the display name of whoever the event is about.
    fn name(&self, group: GroupId, event: &Event, value: &mut Value) {
        let Some(membership) = self.groups.get(&group) else { return };
        if let Event::Invite(_) = event {
            *value = super::via::named(value.take(), self.via_of(&group).as_ref());
        }
        if let Event::Warning(Warning::ClockSkew { device, seconds }) = event {
            let name = membership.name_of_device(device).unwrap_or_else(|| device.to_string());
            value["text"] = json!(views::clock_text(&name, *seconds));
        }
        if let Event::Warning(Warning::UnreadableKeys { account, commits, by }) = event {
            let by: Vec<String> = by.iter().map(|account| membership.name_of(account)).collect();
            value["text"] = json!(views::unreadable_text(&membership.name_of(account), *commits, &by));
        }
        if let Event::Message(line) | Event::Edited(line) = event
            && !line.reactions.is_empty()
        {
            views::name_reactions(value, &super::reads::names(&membership.engine));
        }
        if let Event::Poll(_) | Event::Task(_) = event {
            views::name_agenda(value, &super::reads::names(&membership.engine));
        }
        let name = match event {
            Event::MemberLeft { account }
            | Event::MemberRemoved { account, .. }
            | Event::RoleChanged { account, .. }
            | Event::Receipt { account, .. }
            | Event::PeerProven { account, .. }
            | Event::DeviceAdded { account, .. }
            | Event::DeviceRevoked { account, .. }
            | Event::Presence { account, .. } => Some(membership.name_of(account)),
            Event::Location(view) => Some(membership.name_of(&view.account)),
            Event::Muted { device, .. }
            | Event::CallJoined { device }
            | Event::CallLeft { device }
            | Event::SyncProgress { device, .. }
            | Event::LocationExpired { device } => membership.name_of_device(device),
            _ => None,
        };
        if let Some(name) = name {
            value["name"] = json!(name);
        }
    }
}

fn mesh_verdict(verdict: halloo_engine::output::Verdict) -> Verdict {
    match verdict {
        halloo_engine::output::Verdict::Accept => Verdict::Accept,
        halloo_engine::output::Verdict::Ignore => Verdict::Ignore,
        halloo_engine::output::Verdict::Reject => Verdict::Reject,
    }
}
