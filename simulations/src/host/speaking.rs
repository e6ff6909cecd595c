//! The voice of a host between its engine's plans and the datagrams of the wire.

use super::Host;
use crate::net::wire;
use crate::seen::Seen;
use crate::stage::Stage;
use crate::voice::{Played, Stepped, mouth_to_ear_us};
use halloo_engine::voice::VoicePlan;
use halloo_vtime::now_us;
use std::task::{Context, Poll};

impl Host {
    /// Begins or ends to speak.
    pub fn speak(&mut self, speaking: bool) {
        if let Some(node) = self.node.as_mut() {
            node.voice.speak(speaking);
        }
    }

    /// Follows a plan of the engine.
    pub(super) fn follow(&mut self, plan: &VoicePlan, stage: &mut Stage) {
        let (id, at) = (self.id, self.at());
        if plan.seal.is_none() {
            self.tell_ears(stage);
        }
        let Some(node) = self.node.as_mut() else { return };
        let round_trip =
            |other| wire::with(|wire| wire.links.latency_us(id, other) + wire.links.latency_us(other, id));
        node.voice.follow(now_us(), plan, |device| stage.host_of_device(device), round_trip);
        for refused in std::mem::take(&mut node.voice.refused) {
            stage.findings.add("voice-plan", at, refused);
        }
    }

    /// Takes what arrived and makes the steps that are due; whether anything was.
    pub(super) fn poll_voice(&mut self, cx: &mut Context<'_>, stage: &mut Stage) -> bool {
        let (id, at, now) = (self.id, self.at(), now_us());
        let mut moved = false;
        while let Poll::Ready((from, payload)) = wire::with(|wire| wire.poll_datagram(id, cx)) {
            let Some(node) = self.node.as_mut() else { return moved };
            let opened = node.voice.receive(now, from, &payload);
            stage.see(at, &Seen::VoiceIn { from, opened });
            moved = true;
        }
        while self.node.as_ref().and_then(|node| node.voice.due_us()).is_some_and(|due| due <= now) {
            self.step_voice(stage);
            moved = true;
        }
        moved
    }

    fn step_voice(&mut self, stage: &mut Stage) {
        let (id, at, now) = (self.id, self.at(), now_us());
        let Some(node) = self.node.as_mut() else { return };
        let Stepped { payloads, ready, played, spoken, tells } = node.voice.step(now);
        if tells {
            stage.see(at, &Seen::Spoke { media_time: spoken, ready: &ready });
        }
        for (payload, to) in payloads.iter().flat_map(|payload| ready.iter().map(move |to| (payload, *to))) {
            stage.see(at, &Seen::VoiceOut { to, payload });
            wire::with(|wire| wire.send_datagram(id, to, payload));
        }
        // A mouth's frames are known to the stage, not to the ears: only the measurement looks there.
        stage.mouths.entry(id).or_default().clone_from(&node.voice.captured);
        for Played { speaker, media_time, invented } in played {
            let mouth = stage.mouths.get(&speaker);
            let after_us = mouth.and_then(|mouth| mouth_to_ear_us(mouth, media_time, now));
            stage.see(at, &Seen::Heard { speaker, media_time, invented, after_us });
        }
    }

    /// Shows what became of every speaker's frames at this ear so far.
    pub fn tell_ears(&self, stage: &mut Stage) {
        let Some(node) = self.node.as_ref() else { return };
        for (speaker, stats) in node.voice.speakers() {
            if stats.received > 0 {
                stage.see(self.at(), &Seen::Ear { speaker, stats: &stats });
            }
        }
    }
}
