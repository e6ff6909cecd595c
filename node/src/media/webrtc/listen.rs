//! Takes the payloads of one connection off the transport and hands them to the voice thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use halloo_crypto::id::DeviceId;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::counters::{Counters, Sequence};
use super::options::PAYLOAD_TYPE;
use crate::media::clock::mono_ns;
use crate::media::endpoint::{Incoming, MAX_PAYLOAD};

/// Where the payloads of one peer go.
pub(super) struct Ear {
    pub(super) peer: DeviceId,
    pub(super) counters: Arc<Counters>,
    pub(super) incoming: std::sync::mpsc::SyncSender<Incoming>,
}

/// Runs until the connection is closed.
pub(super) async fn listen(track: Arc<dyn TrackRemote>, ear: Ear) {
    let mut sequence = Sequence::default();
    let lost_before = ear.counters.packets_lost.load(Relaxed);
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        let arrived_ns = mono_ns();
        let length = packet.payload.len();
        if packet.header.payload_type != PAYLOAD_TYPE || length == 0 || length > MAX_PAYLOAD {
            ear.counters.dropped.fetch_add(1, Relaxed);
            continue;
        }
        ear.counters.heard(arrived_ns, length);
        ear.counters.packets_lost.store(lost_before + sequence.note(packet.header.sequence_number), Relaxed);
        let frame = Incoming { from: Some(ear.peer), payload: packet.payload, arrived_ns };
        if ear.incoming.try_send(frame).is_err() {
            ear.counters.dropped.fetch_add(1, Relaxed);
        }
    }
}
