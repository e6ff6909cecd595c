//! The calls of this home's groups: since when, and who is in them. A group has one call, so it is named by the group.

use super::{Driver, Membership};
use halloo_crypto::id::GroupId;
use halloo_engine::engine::Engine;
use serde_json::{Value, json};

impl Driver {
    /// The calls that somebody is in.
    pub(super) fn calls_view(&self) -> Value {
        let calls = self.groups.iter().filter_map(|(id, membership)| self.call_of(*id, membership));
        json!({ "calls": calls.collect::<Vec<Value>>() })
    }

    fn call_of(&self, group: GroupId, membership: &Membership) -> Option<Value> {
        let mut participants = Vec::new();
        let mut own = false;
        for member in membership.engine.members() {
            for device in member.devices.iter().filter(|device| device.in_call) {
                let this = device.device == self.voice.me;
                own |= this;
                participants.push(json!({
                    "account": member.account.to_string(),
                    "name": member.name,
                    "device": device.device.to_string(),
                    "this": this,
                    "microphone_muted": device.microphone_muted,
                    "speaker_muted": device.speaker_muted,
                    "voice": self.voice.standing(group, &device.device),
                }));
            }
        }
        (!participants.is_empty()).then(|| {
            json!({
                "group": group.to_string(),
                "name": membership.engine.status().group_name,
                "type": "voice",
                "started_ms": membership.call_since_ms,
                "own": own,
                "participants": participants,
            })
        })
    }
}

/// Whether anybody is in the call.
pub(super) fn anybody(engine: &Engine) -> bool {
    engine.members().iter().any(|member| member.devices.iter().any(|device| device.in_call))
}
