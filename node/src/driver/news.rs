//! What the voice tells: signals go to the engine, the rest to whoever watches.

use super::voice::{SignalKind, VoiceNews};
use super::{Driver, crowd, now};
use crate::media::endpoint::EndpointEvent;
use crate::media::thread::MediaEvent;
use halloo_crypto::id::DeviceId;
use halloo_engine::input::Command;
use serde_json::json;
use tokio::sync::oneshot;

impl Driver {
    /// What the voice told: signals go to the engine, the rest to whoever watches.
    pub(super) async fn on_voice(&mut self, news: VoiceNews) {
        let Some(group) = self.voice.group() else { return };
        match news {
            VoiceNews::Endpoint(EndpointEvent::Signal { to, bytes }) => {
                let (ignored, _) = oneshot::channel();
                let command = Command::Signal { to, bytes: SignalKind::Media.join(&bytes) };
                self.command(group, command, super::asks::done(), ignored).await;
            }
            VoiceNews::Endpoint(EndpointEvent::Up { peer, setup_ms }) => {
                self.voice.on_up(&peer);
                self.watchers
                    .tell(json!({"event": "voice-up", "device": peer.to_string(), "setup_ms": setup_ms}));
            }
            VoiceNews::Endpoint(EndpointEvent::Down { peer, reason }) => {
                self.watchers
                    .tell(json!({"event": "voice-down", "device": peer.to_string(), "reason": reason}));
            }
            VoiceNews::Endpoint(EndpointEvent::Full { peer }) => {
                self.voice.on_full(peer);
                self.tell_unheard();
            }
            VoiceNews::Thread(MediaEvent::Stats(stats)) => self.voice.note(*stats),
            VoiceNews::Thread(MediaEvent::Talking { speaker, on }) => {
                let device = speaker.unwrap_or(self.voice.me).to_string();
                self.watchers
                    .tell(json!({"event": "talking", "device": device, "on": on, "at_ms": now().wall_ms}));
            }
            VoiceNews::Thread(MediaEvent::Checkpoint(draft)) => {
                self.voice.send_checkpoint(draft.sign(&self.keys.identity().device));
            }
            VoiceNews::Thread(MediaEvent::Forged { speaker, on }) => self.tell_forged(&speaker, on),
            VoiceNews::Thread(MediaEvent::SourceEnded) => {
                self.voice.repeat();
                self.watchers.tell(json!({"event": "source-ended"}));
            }
            VoiceNews::Thread(MediaEvent::SinkFailed(what)) => {
                self.watchers
                    .tell(json!({"event": "warning", "text": format!("the others are not heard: {what}")}));
            }
            VoiceNews::Thread(MediaEvent::Plan(error)) => {
                tracing::error!("a voice plan was not taken: {error}")
            }
        }
    }

    /// Tells the person that a voice is not whose it says to be, and when that has not been so for a while.
    fn tell_forged(&mut self, speaker: &DeviceId, on: bool) {
        let group = self.voice.group();
        let named = group.and_then(|group| self.groups.get(&group)?.name_of_device(speaker));
        let name = named.unwrap_or_else(|| speaker.to_string());
        let text = if on {
            format!(
                "somebody else of this group speaks as {name}: do not believe that voice; write to {name}, or ask face to face"
            )
        } else {
            format!("the voice of {name} has been its own for ten seconds")
        };
        self.watchers.tell(json!({
            "event": "voice-forged", "device": speaker.to_string(), "name": name, "on": on, "text": text,
        }));
    }

    /// Tells the person who is not heard because the call has more devices than places, and what to do.
    pub(super) fn tell_unheard(&mut self) {
        let Some(group) = self.voice.group() else { return };
        let devices = self.voice.newly_unheard();
        let Some(membership) = self.groups.get(&group).filter(|_| !devices.is_empty()) else { return };
        let members = membership.engine.members();
        let mut names: Vec<_> = members
            .iter()
            .filter(|m| m.devices.iter().any(|d| devices.contains(&d.device)))
            .map(|m| m.name.clone())
            .collect();
        names.dedup();
        let most = crate::media::endpoint::MAX_PEERS + 1;
        let text = format!(
            "the call is full: at most {most} devices talk directly, so you and {} do not hear each other; {}",
            names.join(", "),
            crowd::NEXT
        );
        let devices: Vec<_> = devices.iter().map(ToString::to_string).collect();
        self.watchers.tell(json!({
            "event": "call-full", "group": group.to_string(), "devices": devices, "names": names, "text": text,
        }));
    }
}
