//! The call's edges: what is sealed to whom, and what does not open.

use super::*;
use crate::input::Command;
use crate::rig::Rig;
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

#[test]
fn signalling_is_sealed_and_reaches_the_other_end_whole() {
    let mut rig = Rig::group(3, 140);
    let (ada, ben) = (rig.members[0].identity.device.id(), rig.members[1].identity.device.id());
    let before = rig.members[0].sent.len();
    let offer = b"v=0 offer with a candidate".to_vec();
    rig.command(0, Command::Signal { to: ben, bytes: offer.clone() }).expect("signalled");
    let frames = &rig.members[0].sent[before..];
    assert!(
        !frames.is_empty()
            && frames.iter().all(|(_, bytes)| !bytes.windows(5).any(|window| window == b"offer"))
    );
    assert!(rig.members[1].events.contains(&Event::Signal { from: ada, bytes: offer }));
    assert!(!rig.members[2].events.iter().any(|event| matches!(event, Event::Signal { .. })));
}

#[test]
fn signalling_that_is_too_long_or_to_nobody_is_refused() {
    let mut rig = Rig::group(2, 141);
    let ben = rig.members[1].identity.device.id();
    let long = Command::Signal { to: ben, bytes: vec![0; MAX_SIGNAL_BYTES + 1] };
    assert!(matches!(rig.command(0, long), Err(Refusal::TooLarge { .. })));
    let nobody = Command::Signal { to: DeviceId::from_bytes([9; 32]), bytes: vec![1] };
    assert_eq!(rig.command(0, nobody), Err(Refusal::NotConnected));
}

#[test]
fn frames_sealed_by_or_for_another_do_not_open() {
    let mut rig = Rig::group(3, 142);
    let from = rig.peer(1);
    let (ada, cleo) = (rig.members[0].identity.device.clone(), rig.members[2].identity.device.id());
    let group = rig.engine(0).group();
    // Sealed to Ada, but as if Cleo had sent it: Ben hands it over.
    let aad = [group.as_bytes().as_slice(), cleo.as_bytes(), ada.id().as_bytes()].concat();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let seal = sealed::seal_to(&mut rng, &ada.box_public(), SIGNAL_INFO, &aad, b"hello").expect("sealed");
    rig.hand_direct(0, from, &DirectFrame::Signal(seal.clone()));
    rig.hand_direct(0, from, &DirectFrame::Call(seal));
    rig.hand_direct(0, from, &DirectFrame::Call(vec![1; 80]));
    assert_eq!(rig.dropped(0, "call frame that does not open"), 3);
    assert!(!rig.members[0].events.iter().any(|event| matches!(event, Event::Signal { .. })));
}

#[test]
fn the_plan_follows_who_is_in_the_call() {
    let mut rig = Rig::group(2, 143);
    for who in 0..2 {
        rig.command(who, Command::JoinCall).expect("in");
    }
    rig.pass(Duration::from_secs(3));
    assert!(rig.engine(0).status().in_call);
    let ben = rig.members[1].identity.device.id();
    let in_call = |rig: &mut Rig| {
        let members = rig.engine(0).members();
        members.iter().flat_map(|member| &member.devices).any(|view| view.device == ben && view.in_call)
    };
    assert!(in_call(&mut rig));
    rig.command(1, Command::LeaveCall).expect("out");
    rig.pass(Duration::from_secs(1));
    assert!(!in_call(&mut rig));
}

#[test]
fn who_enters_a_call_cannot_compute_again_what_its_generator_came_from() {
    let mut rig = Rig::group(2, 96);
    let seeds = |rig: &mut Rig| {
        let engine = rig.engine(0);
        (engine.state.rng.get_seed(), engine.call.seized().seed)
    };
    let before = seeds(&mut rig);
    rig.command(0, Command::JoinCall).expect("entered");
    let after = seeds(&mut rig);
    assert_ne!(after.0, before.0, "the generator of the engine, of which the call's was drawn");
    assert_ne!(after.1, before.1, "and the call's, of which the step was drawn");
}
