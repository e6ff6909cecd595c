//! What the network tells, on its way to the engines, to a running pairing, and to the voice.

use super::Driver;
use crate::net::{NetCommand, NetEvent, TapLane};
use halloo_engine::input::Input;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::pairing::{HostInput, SeekerInput};
use halloo_mesh::{MeshEvent, PairReply, Verdict};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Pairing requests of one peer that may wait for their answer.
const PAIR_WAITING_MAX: usize = 4;

impl Driver {
    pub(super) async fn on_net(&mut self, event: NetEvent) {
        if self.isolated {
            return;
        }
        match event {
            NetEvent::Listening(addresses) => self.on_listening(&addresses).await,
            NetEvent::Mesh(event) => self.on_mesh(event).await,
            NetEvent::Relayed(circuits) => self.on_relayed(circuits),
            NetEvent::Path { peer, direct } => tracing::info!(?peer, direct, "a peer is reached another way"),
            NetEvent::NotSent { peer, lane: TapLane::Pair } => {
                self.on_pair_reply(PeerKey(peer.0), None).await
            }
            NetEvent::NotSent { peer, .. } => self.on_lost_frame(PeerKey(peer.0)).await,
        }
    }

    async fn on_mesh(&mut self, event: MeshEvent) {
        match event {
            MeshEvent::PeerUp { peer, .. } => {
                let peer = PeerKey(peer.0);
                self.connected.insert(peer);
                self.drive_joining(Some(Input::PeerUp(peer))).await;
                self.drive_returning(SeekerInput::PeerUp(peer)).await;
                self.feed_all(Input::PeerUp(peer)).await;
            }
            MeshEvent::PeerDown { peer } => {
                let peer = PeerKey(peer.0);
                self.connected.remove(&peer);
                self.addresses.gone(&peer);
                self.pair_replies.remove(&peer);
                self.tell_lost(&peer);
                self.pair_lane.gone(&peer);
                self.drive_joining(Some(Input::PeerDown(peer))).await;
                self.drive_account_door(HostInput::PeerDown(peer)).await;
                self.drive_returning(SeekerInput::PeerDown(peer)).await;
                self.feed_all(Input::PeerDown(peer)).await;
            }
            MeshEvent::PeerAddresses { peer, addresses } => {
                let peer = PeerKey(peer.0);
                let member = self.groups.admit(&peer);
                let notes = self.addresses.claim(peer, &addresses, member);
                self.note(notes).await;
            }
            MeshEvent::Gossip { topic, from, bytes, ticket } => {
                let verdict = self.on_gossip(topic.0, PeerKey(from.0), bytes).await;
                self.carry(NetCommand::Verdict { ticket, verdict }).await;
            }
            MeshEvent::Direct { from, bytes } => {
                let Some(group) = self.groups.by_route(&bytes) else { return };
                let input = Input::Frame { from: PeerKey(from.0), lane: Lane::Direct, bytes };
                self.feed(group, input).await;
            }
            MeshEvent::DirectFailed { peer, .. } => self.on_lost_frame(PeerKey(peer.0)).await,
            MeshEvent::Pair { from, bytes, reply } => self.on_pair(PeerKey(from.0), bytes, reply).await,
            MeshEvent::PairReplied { peer, bytes, .. } => {
                self.on_pair_reply(PeerKey(peer.0), Some(bytes)).await;
            }
            MeshEvent::PairFailed { peer, .. } => self.on_pair_reply(PeerKey(peer.0), None).await,
            MeshEvent::GossipDropped { .. } => {}
        }
    }

    async fn on_gossip(&mut self, topic: [u8; 32], from: PeerKey, bytes: Vec<u8>) -> Verdict {
        let Some(group) = self.groups.by_topic(&topic) else { return Verdict::Ignore };
        let frame = Input::Frame { from, lane: Lane::Gossip(topic), bytes };
        self.feed(group, frame).await.unwrap_or(Verdict::Ignore)
    }

    /// A lost frame means that the two differ: to prove and to reconcile again mends it.
    async fn on_lost_frame(&mut self, peer: PeerKey) {
        if self.connected.contains(&peer) {
            self.feed_all(Input::PeerDown(peer)).await;
            self.feed_all(Input::PeerUp(peer)).await;
        }
    }

    /// A pairing request goes to whoever has the door it knocks at, the account or an engine; without one it is told so.
    async fn on_pair(&mut self, from: PeerKey, bytes: Vec<u8>, reply: PairReply) {
        let door = halloo_engine::pairing::peek_door(&bytes);
        let knock = halloo_engine::pairing::peek_knock(&bytes);
        let account = door.is_some_and(|door| self.devices.answers(&door));
        let group = door.and_then(|door| self.groups.by_door(&door));
        let group = group.or_else(|| self.groups.by_knock(&from, &knock?));
        if group.is_none() && !account {
            let bytes = halloo_engine::pairing::not_mine();
            return self.carry(NetCommand::PairReply { reply, bytes }).await;
        }
        let waiting = self.pair_replies.entry(from).or_default();
        if waiting.len() >= PAIR_WAITING_MAX {
            return; // Dropping the reply refuses the request.
        }
        waiting.push_back(reply);
        match group.filter(|_| !account) {
            Some(group) => {
                self.feed(group, Input::Frame { from, lane: Lane::Pair, bytes }).await;
            }
            None => self.drive_account_door(HostInput::Frame { from, bytes }).await,
        }
    }

    /// The machine is somewhere else on the network: links shown from now on say so, and the voice looks for new paths.
    async fn on_listening(&mut self, addresses: &[Multiaddr]) {
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.watchers.tell(serde_json::json!({"event": "listening", "addresses": texts}));
        self.feed_all(Input::Addresses(super::link_addresses(&self.net))).await;
        self.publish_addresses();
        let here = reachable(addresses);
        if here != self.here {
            self.here = here;
            self.voice.network_changed();
        }
    }

    /// Writes notes of the node itself.
    pub(super) async fn note(&self, notes: Vec<super::addresses::Note>) {
        for (key, value) in notes {
            self.storage.put_local(key, value).await;
        }
    }
}

/// The addresses among these at which another machine could find this one.
fn reachable(addresses: &[Multiaddr]) -> BTreeSet<IpAddr> {
    let ip = |address: &Multiaddr| match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    addresses.iter().filter_map(ip).filter(crate::media::interfaces::is_reachable).collect()
}
