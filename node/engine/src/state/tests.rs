//! The ground: what leaves, to whom, and what is counted.

use super::*;
use crate::rig::Rig;

#[test]
fn nothing_is_sealed_to_a_tainted_epoch_or_by_who_is_out() {
    let mut rig = Rig::group(2, 130);
    let state = &mut rig.engine(0).state;
    assert!(state.seal(b"x", b"hello").is_some());
    state.tainted = true;
    assert!(state.seal(b"x", b"hello").is_none());
    assert_eq!(state.next_fact(), Some(Fact::MustCommit), "it is ended at once");
    state.tainted = false;
    state.membership = Membership::Evicted { by: None };
    assert!(state.seal(b"x", b"hello").is_none());
    assert!(!state.has_facts());
    state.membership = Membership::Member;
}

#[test]
#[should_panic(expected = "strangers are told nothing")]
fn sending_more_than_the_handshake_to_a_stranger_is_a_bug_of_ours() {
    let mut rig = Rig::group(1, 131);
    rig.engine(0).state.send(PeerKey([9; 32]), &DirectFrame::Stranded);
}

#[test]
fn a_box_opens_for_its_receiver_from_its_sender_and_kind_only() {
    let mut rig = Rig::group(2, 132);
    let (ada, ben) = (rig.members[0].identity.device.id(), rig.members[1].identity.device.id());
    let group = rig.engine(0).group();
    let aad = box_aad(&group, ParcelKind::BoxedBeacons, &ada, &ben);
    assert_eq!(aad.len(), 97);
    let mut plain = Vec::new();
    put_blobs(&mut plain, &[b"one".to_vec(), b"two".to_vec()]);
    let to = rig.members[1].identity.device.box_public();
    let seal = sealed::seal_to(&mut rig.engine(0).state.rng, &to, BOX_INFO, &aad, &plain).expect("sealed");
    let state = &rig.engine(1).state;
    assert_eq!(
        state.open_box(&ada, ParcelKind::BoxedBeacons, &seal),
        Ok(vec![b"one".to_vec(), b"two".to_vec()])
    );
    assert_eq!(state.open_box(&ada, ParcelKind::BoxedContents, &seal), Err(WireError::BrokenSeal));
    let other = DeviceId::from_bytes([7; 32]);
    assert_eq!(state.open_box(&other, ParcelKind::BoxedBeacons, &seal), Err(WireError::BrokenSeal));
}

#[test]
fn the_same_fact_twice_in_a_row_is_told_once() {
    let mut rig = Rig::group(1, 133);
    let state = &mut rig.engine(0).state;
    state.tell(Fact::Gap);
    state.tell(Fact::Gap);
    state.tell(Fact::Beacon);
    assert_eq!(
        (state.next_fact(), state.next_fact(), state.next_fact()),
        (Some(Fact::Gap), Some(Fact::Beacon), None)
    );
}

#[test]
fn what_is_dropped_is_counted_by_reason() {
    let mut rig = Rig::group(2, 134);
    let peer = rig.peer(1);
    let state = &mut rig.engine(0).state;
    for _ in 0..BAD_FRAMES_WARNED {
        state.drop_frame(&peer, "for the test");
    }
    state.count("for the test too");
    let dropped = state.dropped();
    assert!(dropped.contains(&("for the test", u64::from(BAD_FRAMES_WARNED))));
    assert!(dropped.contains(&("for the test too", 1)));
    assert_eq!(state.peers.get(&peer).expect("up").bad_frames, 0, "told and counted anew");
}

#[test]
fn who_has_said_no_name_is_called_by_the_beginning_of_the_id() {
    let mut rig = Rig::group(1, 135);
    let nobody = AccountId::from_bytes([0xab; 32]);
    assert_eq!(name_of(&rig.engine(0).state, &nobody), "abababab");
    let ada = rig.members[0].identity.account();
    assert_eq!(name_of(&rig.engine(0).state, &ada), "Ada");
}

#[test]
fn leases_run_on_the_monotonic_clock() {
    let mut rig = Rig::group(1, 136);
    let before = rig.engine(0).state.lease_ms();
    rig.engine(0).state.now.wall_ms += 1_000_000;
    assert_eq!(rig.engine(0).state.lease_ms(), before);
}
