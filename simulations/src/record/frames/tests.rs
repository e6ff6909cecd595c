//! What `frames` promises, tried.

use super::*;
use halloo_engine::lane::PeerKey;
use halloo_engine::wire::direct::{DirectFrame, Realm, Step, SyncFrame};

fn sync(step: Step) -> Output {
    let frame = SyncFrame { realm: Realm::Contents, step, session: 1, message: vec![0; 20] };
    let bytes = DirectFrame::Sync(frame).to_bytes([7; 8]);
    Output::Send { to: PeerKey([0; 32]), lane: Lane::Direct, bytes }
}

#[test]
fn reconciliations_are_known_by_the_bytes_of_the_engine() {
    let mut frames = Frames::default();
    frames.out(&sync(Step::Ask));
    frames.out(&sync(Step::Answer));
    frames.out(&Output::Send {
        to: PeerKey([0; 32]),
        lane: Lane::Direct,
        bytes: DirectFrame::Stranded.to_bytes([7; 8]),
    });
    let mut figures = super::super::Figures::default();
    frames.figures(&mut figures);
    assert_eq!(figures.0["reconcile.sessions"], 1.0);
    assert_eq!(figures.0["reconcile.frames"], 2.0);
    assert_eq!(figures.0["direct.frames"], 3.0);
    let rows = frames.into_rows();
    assert_eq!(rows.words("kind")[..2], ["reconciliation", "stranded"]);
}
