//! Boxes of the direct lane: what a proven neighbour sealed to this device alone.

use super::Engine;
use crate::lane::PeerKey;
use crate::wire::parcel::ParcelKind;
use crate::{chat, reconcile, topics};

impl Engine {
    pub(super) fn on_boxes(&mut self, from: PeerKey, kind: ParcelKind, boxes: &[Vec<u8>]) {
        let state = &mut self.state;
        let Some(sender) = state.peers.member(&from) else { return };
        debug_assert!(!kind.may_gossip(), "boxes come by the direct lane");
        let before = state.messages.len();
        for seal in boxes {
            let Ok(items) = state.open_box(&sender, kind, seal) else {
                state.drop_frame(&from, "box that does not open");
                continue;
            };
            for item in items {
                match kind {
                    ParcelKind::BoxedContents => chat::on_content(&mut self.chat, state, &from, &item),
                    _ => topics::on_record(state, &from, &item),
                }
            }
        }
        if state.messages.len() > before {
            reconcile::on_brought(&mut self.reconcile, state);
        }
    }
}
