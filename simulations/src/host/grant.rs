//! Feeding the engine and granting what it wishes, in order.

use super::network::since_start;
use super::{Host, Work};
use crate::seen::Seen;
use crate::stage::Stage;
use halloo_engine::input::Input;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Event, Output};
use halloo_engine::pairing::{not_mine, peek_door};
use halloo_mesh::{PairReply, Topic, Verdict};
use halloo_vtime::now_us;

/// Pairing requests of one peer that may wait for their answer, as in the shell.
const PAIR_WAITING_MAX: usize = 4;

impl Host {
    /// Gives the engine one input and grants its wishes; its verdict on a gossip frame, if it gave one.
    pub(super) fn feed(&mut self, input: Input, stage: &mut Stage) -> Option<Verdict> {
        if self.is_parted() { self.feed_twins(input, stage) } else { self.feed_one(input, stage) }
    }

    /// As [`Self::feed`], for the engine that faces the host.
    pub(super) fn feed_one(&mut self, input: Input, stage: &mut Stage) -> Option<Verdict> {
        let (now, at) = (self.now(), self.at());
        let engine = self.node.as_mut()?.engine.as_mut()?;
        stage.see(at, &Seen::Input { input: &input, engine });
        engine.handle(now, input);
        self.drain(stage)
    }

    pub(super) fn drain(&mut self, stage: &mut Stage) -> Option<Verdict> {
        let at = self.at();
        let mut verdict = None;
        loop {
            let node = self.node.as_mut()?;
            let engine = node.engine.as_mut()?;
            let output = engine.poll();
            if let Output::Idle(deadline) = output {
                node.deadline = deadline.map(|deadline| deadline.at);
                stage.see(at, &Seen::Drained { engine });
                return verdict;
            }
            stage.see(at, &Seen::Output { output: &output, engine });
            if let Some(output) = self.bend(output, stage) {
                verdict = self.grant(output, stage).or(verdict);
            }
        }
    }

    fn grant(&mut self, output: Output, stage: &mut Stage) -> Option<Verdict> {
        let id = self.id;
        let now = now_us();
        let node = self.node.as_mut()?;
        let key = |peer: PeerKey| halloo_mesh::PeerKey(peer.0);
        // A peer that went away meanwhile is told by `PeerDown`; what is lost is for reconciliation, as in the shell.
        match output {
            Output::Send { to, lane: Lane::Direct, bytes } => {
                if node.mesh().send_direct(key(to), bytes).is_err() {
                    self.push(Work::DirectFailed(to), &stage.plan.costs.clone());
                }
            }
            Output::Send { to, lane: Lane::Pair, bytes } => {
                let reply = node.pair_replies.get_mut(&to).and_then(std::collections::VecDeque::pop_front);
                if let Some(reply) = reply {
                    let _gone = node.mesh().reply_pair(reply, bytes);
                }
            }
            Output::Send { lane: Lane::Gossip(_), .. } => {
                stage.findings.add("driver", self.at(), "gossip was sent instead of published");
            }
            Output::Publish { topic, bytes } => {
                if let Err(error) = node.mesh().publish(Topic(topic), bytes) {
                    stage.count(id, "publish refused", &error.to_string());
                }
            }
            Output::Subscribe(topic) => {
                node.topics.insert(topic);
                if let Err(error) = node.mesh().subscribe(Topic(topic)) {
                    stage.count(id, "subscribe refused", &error.to_string());
                }
            }
            Output::Unsubscribe(topic) => {
                node.topics.remove(&topic);
                node.mesh().unsubscribe(Topic(topic));
            }
            Output::Admit { peer, topic } => {
                let _gone = node.mesh().admit(key(peer), Topic(topic));
                node.dials.is_member(key(peer));
            }
            Output::Expel { peer, .. } => {
                node.mesh().expel(key(peer));
                node.dials.disown(key(peer));
            }
            Output::Verdict(word) => return Some(mesh_verdict(word)),
            Output::Write(batch) => self.disk.write(now, batch),
            Output::Reply { request, result } => stage.replied(id, request, result),
            Output::Plan(plan) => self.follow(&plan, stage),
            Output::Event(Event::MemberJoined { .. }) => node.dials.somebody_came(since_start()),
            // Events are for people; judges and records have seen them.
            // No coordinator is in the world yet.
            Output::Event(_)
            | Output::Deposit { .. }
            | Output::Doors(_)
            | Output::Taken { .. }
            | Output::Meet(_) => {}
            Output::Idle(_) => unreachable!("a drain ends at Idle"),
        }
        None
    }

    /// A pairing request goes to the engine that has the door it knocks at; without one it is told so.
    pub(super) fn on_pair(&mut self, from: PeerKey, bytes: Vec<u8>, reply: PairReply, stage: &mut Stage) {
        let door = peek_door(&bytes);
        let ours = door.is_some_and(|door| self.engine().is_some_and(|engine| engine.answers(&door)));
        let node = self.node_mut();
        if !ours {
            let _gone = node.mesh().reply_pair(reply, not_mine());
            return;
        }
        let waiting = node.pair_replies.entry(from).or_default();
        if waiting.len() >= PAIR_WAITING_MAX {
            return; // Dropping the reply refuses the request.
        }
        waiting.push_back(reply);
        self.feed(Input::Frame { from, lane: Lane::Pair, bytes }, stage);
    }
}

fn mesh_verdict(verdict: halloo_engine::output::Verdict) -> Verdict {
    match verdict {
        halloo_engine::output::Verdict::Accept => Verdict::Accept,
        halloo_engine::output::Verdict::Ignore => Verdict::Ignore,
        halloo_engine::output::Verdict::Reject => Verdict::Reject,
    }
}
