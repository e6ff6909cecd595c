//! The call's edges: who is in it, what is muted, signalling.

use std::time::Duration;

use halloo_engine::input::Command;
use halloo_engine::output::{Event, Refusal};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn two_in_a_call_see_each_other_and_signal() {
    let mut world = World::group(2, 100);
    for who in 0..2 {
        world.command(who, Command::JoinCall).expect("in");
    }
    world.run(3 * SECOND);
    let (ada, ben) = (world.device(0), world.device(1));
    assert!(world.people[0].events.contains(&Event::CallJoined { device: ben }));
    assert!(world.people[1].events.contains(&Event::CallJoined { device: ada }));
    world.command(0, Command::Signal { to: ben, bytes: b"offer".to_vec() }).expect("signalled");
    world.run(SECOND);
    assert!(world.people[1].events.contains(&Event::Signal { from: ada, bytes: b"offer".to_vec() }));
    world.command(1, Command::MuteMicrophone(false)).expect("open");
    world.run(SECOND);
    assert!(world.people[0].events.contains(&Event::Muted {
        device: ben,
        microphone: false,
        speaker: false
    }));
    world.command(1, Command::LeaveCall).expect("out");
    world.run(SECOND);
    assert!(world.people[0].events.contains(&Event::CallLeft { device: ben }));
}

#[test]
fn signalling_to_nobody_is_refused() {
    let mut world = World::group(2, 101);
    let ben = world.device(1);
    world.cut_off(0);
    world.run(SECOND);
    let refused = world.command(0, Command::Signal { to: ben, bytes: vec![1] });
    assert_eq!(refused, Err(Refusal::NotConnected));
}

#[test]
fn who_is_removed_is_out_of_the_call() {
    let mut world = World::group(3, 102);
    for who in 0..3 {
        world.command(who, Command::JoinCall).expect("in");
    }
    world.run(3 * SECOND);
    let (cleo, device) = (world.account(2), world.device(2));
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(2 * SECOND);
    for who in [0, 1] {
        assert!(world.people[who].events.contains(&Event::CallLeft { device }), "{who}");
    }
}
