//! Who asks whom on the pairing lane: one request to a peer at a time, so that a reply is known to be whose.

use super::Driver;
use crate::net::NetCommand;
use halloo_engine::input::Input;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::pairing::SeekerInput;
use std::collections::{BTreeMap, VecDeque};

/// Requests to one peer that may wait: a newcomer and a seeker have one each under way, and one that they repeat.
const WAITING_MAX: usize = 8;

/// Which machine asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A newcomer.
    Joiner,
    /// A device that came out of a backup.
    Seeker,
}

/// Requests under way: the first of each peer is out, the others wait.
#[derive(Debug, Default)]
pub struct PairLane {
    asked: BTreeMap<PeerKey, VecDeque<(Asker, Vec<u8>)>>,
}

impl PairLane {
    /// Notes a request; gives it back if it is to be sent now. One too many is dropped: its asker waits in vain and asks again.
    pub fn ask(&mut self, to: PeerKey, asker: Asker, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let asked = self.asked.entry(to).or_default();
        if asked.len() >= WAITING_MAX {
            return None;
        }
        let first = asked.is_empty().then(|| bytes.clone());
        asked.push_back((asker, bytes));
        first
    }

    /// The request that is out has been answered, or will not be; gives whose it was, and the next one to send.
    pub fn answered(&mut self, peer: &PeerKey) -> (Option<Asker>, Option<Vec<u8>>) {
        let Some(asked) = self.asked.get_mut(peer) else { return (None, None) };
        let asker = asked.pop_front().map(|(asker, _)| asker);
        let next = asked.front().map(|(_, bytes)| bytes.clone());
        if next.is_none() {
            self.asked.remove(peer);
        }
        (asker, next)
    }

    /// The peer is gone, and all that was asked of it.
    pub fn gone(&mut self, peer: &PeerKey) {
        self.asked.remove(peer);
    }
}

impl Driver {
    /// Asks a peer, after what else it is asked.
    pub(super) async fn ask_pair(&mut self, to: PeerKey, asker: Asker, bytes: Vec<u8>) {
        if let Some(bytes) = self.pair_lane.ask(to, asker, bytes) {
            self.carry(NetCommand::Pair { to: halloo_mesh::PeerKey(to.0), bytes }).await;
        }
    }

    /// A reply came, or (nothing) none will come.
    pub(super) async fn on_pair_reply(&mut self, from: PeerKey, bytes: Option<Vec<u8>>) {
        let (asker, next) = self.pair_lane.answered(&from);
        if let Some(bytes) = next {
            self.carry(NetCommand::Pair { to: halloo_mesh::PeerKey(from.0), bytes }).await;
        }
        match (asker, bytes) {
            (Some(Asker::Joiner), Some(bytes)) => {
                self.drive_joining(Some(Input::Frame { from, lane: Lane::Pair, bytes })).await;
            }
            (Some(Asker::Joiner), None) => self.joining_failed(from).await,
            (Some(Asker::Seeker), Some(bytes)) => {
                self.drive_returning(SeekerInput::Frame { from, bytes }).await;
            }
            (Some(Asker::Seeker), None) => self.drive_returning(SeekerInput::Failed(from)).await,
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
