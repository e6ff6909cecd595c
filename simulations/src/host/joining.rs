//! Coming into a group: drives the real pairing machine of a newcomer until it yields what an engine starts from.

use super::Host;
use super::network::since_start;
use crate::seen::Seen;
use crate::stage::Stage;
use halloo_engine::lane::PeerKey;
use halloo_engine::pairing::{Joiner, JoinerIdentity, JoinerInput, JoinerOutput, Ticket};
use halloo_engine::start::Origin;
use halloo_engine::time::Time;
use halloo_vtime::now_us;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// What happened to a newcomer.
#[derive(Debug)]
pub(super) enum Happened {
    Up(PeerKey),
    Down(PeerKey),
    Frame(PeerKey, Vec<u8>),
    Failed(PeerKey),
    Wake,
}

impl Host {
    /// Looks for the host of this ticket.
    pub fn seek(&mut self, ticket: &Ticket, stage: &mut Stage) {
        let who = JoinerIdentity {
            device: self.identity.device.clone(),
            certificate: self.identity.certificate.clone(),
            peer: self.identity.peer,
            name: self.identity.name.clone(),
        };
        let Some(node) = self.node.as_mut().filter(|node| node.engine.is_none()) else { return };
        let mut seed = [0; 32];
        node.seeds.fill_bytes(&mut seed);
        let now = Time::from_micros(now_us());
        node.joiner = Some(Joiner::new(who, ticket, ChaCha20Rng::from_seed(seed), now));
        node.dials.look_around(since_start(), true);
        let peers: Vec<PeerKey> = node.connected.iter().copied().collect();
        for peer in peers {
            self.drive_joiner(Happened::Up(peer), stage);
        }
        self.waker.wake_by_ref();
    }

    pub(super) fn drive_joiner(&mut self, happened: Happened, stage: &mut Stage) {
        let at = self.at();
        let Some(node) = self.node.as_mut() else { return };
        let Some(joiner) = node.joiner.as_mut() else { return };
        let input = match happened {
            Happened::Up(peer) => JoinerInput::PeerUp(peer),
            Happened::Down(peer) => JoinerInput::PeerDown(peer),
            Happened::Frame(from, bytes) => JoinerInput::Frame { from, bytes },
            Happened::Failed(peer) => JoinerInput::Failed(peer),
            Happened::Wake => JoinerInput::Wake,
        };
        joiner.handle(Time::from_micros(now_us()), input);
        let mut begin = None;
        while let Some(wish) = joiner.poll() {
            match wish {
                JoinerOutput::Send { to, bytes } => {
                    // A peer that went away meanwhile is told as failed by the lane.
                    node.stack.touch();
                    let _gone = node.swarm.behaviour_mut().send_pair(halloo_mesh::PeerKey(to.0), bytes);
                }
                JoinerOutput::Progress(_) => {}
                JoinerOutput::Joined(joined) => begin = Some(joined),
                JoinerOutput::Failed(error) => {
                    let why = error.to_string();
                    stage.see(at, &Seen::NotJoined(&why));
                    stage.not_joined(self.id);
                    node.joiner = None;
                    return;
                }
            }
        }
        if let Some(joined) = begin {
            node.joiner = None;
            let origin = Origin::Join { bundle: joined.bundle, key_package: joined.key_package };
            self.begin(origin, "join", stage);
        }
    }
}
