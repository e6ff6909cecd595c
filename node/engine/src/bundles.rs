//! Handing the keys over: the bundle of a newcomer, and the welcome of a member whose branch was lost.

use halloo_crdt::live::{MAX_BATCH_BYTES, PeerView};
use halloo_crdt::log::{Fact, Row, SignedOp};
use halloo_crypto::identity::DeviceCertificate;
use halloo_crypto::sealed;

use crate::beacons::Beacon;
use crate::lane::PeerKey;
use crate::outbox::Then;
use crate::state::State;
use crate::topics;
use crate::wire::MAX_DIRECT_BYTES;
use crate::wire::bundle::{Bundle, WelcomeBack};
use crate::wire::direct::DirectFrame;

/// Longest welcome before sealing, so that its frame fits the direct lane: a tree of 500 members has 148 kB.
const WELCOME_BYTES: usize = MAX_DIRECT_BYTES - 128;
/// Bytes of the trail beside a welcome that goes by gossip, which every member pays for: a few commits, so that who was welcomed
/// can help others who wait for the same.
const TRAIL_BY_GOSSIP_BYTES: usize = 8 * 1024;
/// Purpose of the seal of a welcome.
const WELCOME_INFO: &[u8] = b"halloo v1 welcome";

/// Makes the bundle of a newcomer and hands it over when all that it rests on is durable.
pub(crate) fn hand_bundle(state: &mut State, newcomer: PeerKey, to: &DeviceCertificate, welcome: Vec<u8>) {
    let now_ms = state.lease_ms();
    let cells = state.live.delta(&mut PeerView::default(), now_ms, MAX_BATCH_BYTES);
    let bundle = Bundle {
        group: state.group,
        welcome,
        operations: state.log.ops().into_iter().map(SignedOp::to_bytes).collect(),
        acknowledgements: state.log.board().rows().filter(|row| of_remove(row)).map(Row::to_bytes).collect(),
        beacons: state.beacons.sound().map(Beacon::to_bytes).collect(),
        cells: cells.unwrap_or_default(),
        trail: state.epochs.trail(),
    };
    match bundle.seal(&mut state.rng, to) {
        Ok(bundle) => state.out.then(Then::Bundle { newcomer, bundle }),
        Err(_) => state.count("bundle could not be sealed"),
    }
}

/// Rows about epochs say nothing to whoever was in none of them.
fn of_remove(row: &Row) -> bool {
    matches!(row.fact(), Fact::Remove(_))
}

/// Sends a welcome to a neighbour; `decided` when its branch is known here and has lost.
pub(crate) fn deliver_welcome(state: &mut State, peer: PeerKey, welcome: Vec<u8>, decided: bool) {
    let Some(device) = state.peers.member(&peer) else { return };
    let Some(box_key) = state.log.view().device(&device).map(|entry| entry.box_key()) else { return };
    let aad = [state.group.as_bytes().as_slice(), device.as_bytes()].concat();
    let mut plain = WelcomeBack { decided, welcome, trail: state.epochs.trail(), beacons: Vec::new() };
    let mut bytes = plain.to_bytes();
    if bytes.len() > WELCOME_BYTES {
        plain.trail.clear();
        bytes = plain.to_bytes();
    }
    match sealed::seal_to(&mut state.rng, &box_key, WELCOME_INFO, &aad, &bytes) {
        Ok(_) if bytes.len() > WELCOME_BYTES => state.count("welcome too large for a frame"),
        Ok(seal) => {
            state.send(peer, &DirectFrame::Welcome(seal));
            // Those that were made since it stopped following were sealed to epochs that it does not have.
            topics::on_proven(state, peer);
        }
        Err(_) => state.count("unusable box key"),
    }
}

/// A welcome for members who signed a Nack and are not neighbours, as it is published. MLS seals it to their key packages; the
/// beacons, which they may have missed, are sealed to the epoch that it leads to.
pub(crate) fn open_welcome_of(state: &mut State, welcome: &[u8]) -> Vec<u8> {
    let trail = state.epochs.trail_within(TRAIL_BY_GOSSIP_BYTES);
    let beacons = topics::sealed(state);
    WelcomeBack { decided: false, welcome: welcome.to_vec(), trail, beacons }.to_bytes()
}

/// Opens a welcome that was sealed to this device.
pub(crate) fn open_welcome(state: &State, seal: &[u8]) -> Option<WelcomeBack> {
    let aad = [state.group.as_bytes().as_slice(), state.me().as_bytes()].concat();
    let welcome = state.identity.device.open_sealed(WELCOME_INFO, &aad, seal).ok()?;
    WelcomeBack::parse(welcome.expose()).ok()
}
