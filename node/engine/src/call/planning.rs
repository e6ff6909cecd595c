//! The plan of a call: under which key this device seals, whom it hears and by which keys.

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{KEYS_PER_DEVICE_MAX, MediaKey};

use super::frame::Here;
use super::{Call, CallOutput, MAX_EPOCHS};
use crate::time::Time;
use crate::voice::{Connect, MAX_SPEAKERS, Peer, VoicePlan};

impl Call {
    pub(super) fn emit_plan(&mut self) {
        let plan = self.make_plan();
        assert!(plan.seal.is_none() || self.in_call(), "outside the call nothing is sealed");
        assert!(plan.peers.iter().all(|p| self.roster.contains(&p.device)), "only members are heard");
        assert!(
            plan.peers.iter().all(|p| !self.siblings.contains(&p.device)),
            "a person does not hear itself"
        );
        if plan != self.plan {
            self.plan = plan.clone();
            self.wish(CallOutput::Plan(Box::new(plan)));
        }
    }

    fn make_plan(&mut self) -> VoicePlan {
        let mut plan =
            VoicePlan { microphone_muted: self.muted.0, speaker_muted: self.muted.1, ..VoicePlan::silent() };
        if !self.in_call() {
            self.keys.retire();
            return plan;
        }
        plan.seal = self.seal_key();
        for (device, here) in self.heard() {
            plan.peers.push(Peer { device, keys: self.keys_of(&device, &here) });
            plan.connect.push(Connect { device, offer: self.config.me < device });
        }
        assert!(plan.peers.len() <= MAX_SPEAKERS, "participants are bounded");
        plan
    }

    /// Who is heard: everybody in the call but the own person's other devices, which stand beside this one and would echo.
    fn heard(&self) -> Vec<(DeviceId, Here)> {
        let others = self.neighbours.iter().filter(|(device, _)| !self.siblings.contains(device));
        others.filter_map(|(d, n)| n.participant.map(|p| (*d, p.here))).collect()
    }

    fn seal_key(&mut self) -> Option<MediaKey> {
        let (Some(chain), Some(epoch)) = (&self.chain, &self.sealing) else {
            self.keys.retire();
            return None;
        };
        let make =
            |kid| chain.current().media_key(&epoch.exporter, &self.config.me, self.config.incarnation, kid);
        let kid = self.keys.kid();
        let key = self.keys.take(make, &mut self.rng);
        if self.keys.kid() != kid {
            self.next_here = Time::ZERO;
        }
        Some(key)
    }

    /// The keys under which a participant's frames may come, most likely first.
    fn keys_of(&self, device: &DeviceId, here: &Here) -> Vec<MediaKey> {
        let Some(chain) = &self.chain else { return Vec::new() };
        let mut keys = Vec::with_capacity(KEYS_PER_DEVICE_MAX);
        for step in chain.steps() {
            for epoch in &self.epochs {
                keys.push(step.media_key(&epoch.exporter, device, here.incarnation, here.kid));
            }
        }
        assert!(keys.len() <= 2 * MAX_EPOCHS, "two steps by two epochs");
        keys.truncate(KEYS_PER_DEVICE_MAX);
        keys
    }
}
