//! What is measured on both sides is the same work, and everybody is really in a group.

use super::*;

#[test]
fn both_sides_carry_the_same_gossip_and_all_are_members() {
    let size = Size { nodes: 20, load: Load::Member, window_s: 4, seed: 3 };
    let loaded = size.scenario().expect("a scenario");
    let plan = loaded.plan(size.seed).expect("a plan");
    let (ours, tape) = engines::run(size, plan.clone());
    assert_eq!((ours.nodes, ours.members), (20, 20), "two whole groups of ten");
    assert_eq!(ours.findings, [""; 0]);
    assert_eq!(ours.voice_steps, 0, "nobody is in a call");
    assert!(ours.messages[0] > 100, "twenty members write once a second: {:?}", ours.messages);
    assert!(ours.messages[1] * 10 > ours.messages[0] * 9 * 9, "nearly all are shown by the end");
    assert_eq!(ours.connections, 9.0, "everybody is connected with everybody of its group");
    let bare = bare::run(size, plan, tape);
    assert_eq!(bare.nodes, 20);
    let share = bare.gossip as f64 / ours.gossip as f64;
    assert!((0.97..=1.03).contains(&share), "{} frames with engines, {} without", ours.gossip, bare.gossip);
}

#[test]
fn idle_members_say_nothing_but_that_they_are_there() {
    let size = Size { nodes: 10, load: Load::Idle, window_s: 5, seed: 1 };
    let plan = size.scenario().expect("a scenario").plan(size.seed).expect("a plan");
    let (ours, tape) = engines::run(size, plan);
    assert_eq!((ours.members, ours.messages), (10, [0, 0]));
    // Ten members for ten seconds: presence to nine neighbours now and then.
    assert!(tape.wishes.len() < 300, "{} wishes of ten members in ten seconds", tape.wishes.len());
}
