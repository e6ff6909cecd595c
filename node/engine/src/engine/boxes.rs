//! Parcels, and the boxes of the direct lane: what a proven neighbour sealed to this device alone.

use super::Engine;
use crate::lane::PeerKey;
use crate::wire::parcel::{Parcel, ParcelKind};
use crate::{chat, commits, location, membership, reconcile, rejoin, topics};

impl Engine {
    pub(super) fn on_parcel(&mut self, from: PeerKey, parcel: Parcel) {
        let Parcel { kind, items } = parcel;
        let state = &mut self.state;
        match kind {
            ParcelKind::Operations => drop(membership::on_frames(state, &from, &items)),
            ParcelKind::Commits => commits::on_commits(&mut self.commits, state, &from, items),
            ParcelKind::Acknowledgements => membership::on_acknowledgements(state, &from, &items),
            ParcelKind::Contents => chat::on_seals(&mut self.chat, state, &from, &items),
            ParcelKind::Live => location::on_seals(&mut self.here, state, from, &items),
            ParcelKind::Beacons => topics::on_beacons(state, &from, &items),
            ParcelKind::Nacks => rejoin::on_nacks(&mut self.commits, state, &from, &items),
            ParcelKind::Welcomes => rejoin::on_welcomes(&mut self.commits, state, &from, &items),
            ParcelKind::BoxedContents | ParcelKind::BoxedBeacons => self.on_boxes(from, kind, &items),
        }
    }

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
