//! What the CPU of a host does, one piece of work after the other.

use super::{Host, Work, joining};
use crate::meter;
use crate::stage::Stage;
use halloo_engine::input::{Input, WakeReason};
use halloo_engine::lane::Lane;
use halloo_engine::time::Time;
use halloo_vtime::now_us;

impl Host {
    pub(super) fn work(&mut self, stage: &mut Stage) -> bool {
        let mut moved = false;
        loop {
            let now = now_us();
            let Some(node) = self.node.as_mut() else { return moved };
            let Some((_, work)) = node.inbox.pop_front_if(|(ready, _)| *ready <= now) else { return moved };
            moved = true;
            meter::work(work.kind(), || (self.do_work(work, stage), 1));
        }
    }

    pub(super) fn do_work(&mut self, work: Work, stage: &mut Stage) {
        match work {
            Work::Up(peer) => {
                self.node_mut().connected.insert(peer);
                self.drive_joiner(joining::Happened::Up(peer), stage);
                self.feed(Input::PeerUp(peer), stage);
            }
            Work::Down(peer) => {
                self.node_mut().connected.remove(&peer);
                self.node_mut().pair_replies.remove(&peer);
                self.drive_joiner(joining::Happened::Down(peer), stage);
                self.feed(Input::PeerDown(peer), stage);
            }
            Work::Gossip { from, topic, bytes, ticket } => {
                let lane = Lane::Gossip(topic);
                self.overhear(from, &lane, &bytes);
                let frame = Input::Frame { from, lane, bytes };
                let verdict = self.feed(frame, stage).unwrap_or(halloo_mesh::Verdict::Ignore);
                self.node_mut().mesh().verdict(ticket, verdict);
            }
            Work::Direct { from, bytes } => {
                self.overhear(from, &Lane::Direct, &bytes);
                let ours = self.engine().is_some_and(|engine| {
                    halloo_engine::wire::direct::peek_route(&bytes) == Some(engine.route_tag())
                });
                if ours {
                    self.feed(Input::Frame { from, lane: Lane::Direct, bytes }, stage);
                }
            }
            Work::Pair { from, bytes, reply } => self.on_pair(from, bytes, reply, stage),
            Work::PairReplied { from, bytes } => {
                self.drive_joiner(joining::Happened::Frame(from, bytes), stage);
            }
            Work::PairFailed(peer) => self.drive_joiner(joining::Happened::Failed(peer), stage),
            Work::DirectFailed(peer) => {
                // A lost frame means that the two differ: to prove and to reconcile again mends it.
                if self.node_mut().connected.contains(&peer) {
                    self.feed(Input::PeerDown(peer), stage);
                    self.feed(Input::PeerUp(peer), stage);
                }
            }
            Work::Command(request, command) => {
                self.feed(Input::Command { request, command }, stage);
            }
            Work::Fix(fix) => {
                self.feed(Input::Fix(fix), stage);
            }
            Work::Written(id) => {
                self.feed(Input::Written(id), stage);
            }
            Work::Wake => {
                let now = Time::from_micros(now_us());
                let node = self.node_mut();
                node.wake_queued = false;
                // What came in between may have put the deadline off, as in the shell's driver.
                if node.deadline.is_none_or(|at| at > now) {
                    return;
                }
                self.feed(Input::Wake(WakeReason::Deadline), stage);
            }
            Work::JoinerWake => self.drive_joiner(joining::Happened::Wake, stage),
        }
    }
}
