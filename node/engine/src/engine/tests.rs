//! The contract of the machine: drain to Idle, time forward, one answer for each command, the same twice.

use super::*;
use crate::output::{Event, WriteId};
use crate::rig::{Rig, identity};
use crate::time::Time;
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const NOW: Now = Now { mono: Time::from_millis(5), wall_ms: 1_790_000_000_000 };

fn fresh() -> Engine {
    let ada = identity(&mut ChaCha20Rng::seed_from_u64(1), "Ada", 1);
    Engine::new(Config::default(), ada, Origin::Create { group_name: "g".into() }, [1; 32], NOW)
        .expect("it starts")
}

fn drain(engine: &mut Engine) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        outputs.push(engine.poll());
        if matches!(outputs.last(), Some(Output::Idle(_))) {
            return outputs;
        }
    }
}

#[test]
fn a_drain_ends_with_idle_and_goes_on_ending_with_it() {
    let mut engine = fresh();
    let outputs = drain(&mut engine);
    assert!(outputs.len() > 2);
    assert!(matches!(engine.poll(), Output::Idle(Some(_))), "a member has leases to renew");
    assert!(
        outputs.iter().filter(|output| matches!(output, Output::Write(_))).count() == 1,
        "one batch for each input"
    );
}

#[test]
#[should_panic(expected = "drain to Idle")]
fn a_driver_that_does_not_drain_is_found_out() {
    let mut engine = fresh();
    engine.handle(NOW, Input::Wake(crate::input::WakeReason::Outside));
}

#[test]
#[should_panic(expected = "never goes back")]
fn a_monotonic_clock_that_goes_back_is_found_out() {
    let mut engine = fresh();
    drain(&mut engine);
    engine.handle(Now { mono: Time::ZERO, ..NOW }, Input::Wake(crate::input::WakeReason::Outside));
}

#[test]
#[should_panic(expected = "asked for")]
fn a_confirmation_of_nothing_is_found_out() {
    let mut engine = fresh();
    drain(&mut engine);
    engine.handle(NOW, Input::Written(WriteId(1)));
    drain(&mut engine);
    engine.handle(NOW, Input::Written(WriteId(2)));
}

#[test]
fn one_seed_gives_one_story_and_another_seed_another() {
    let tell = |seed: u8| {
        let ada = identity(&mut ChaCha20Rng::seed_from_u64(1), "Ada", 1);
        let origin = Origin::Create { group_name: "g".into() };
        let mut engine = Engine::new(Config::default(), ada, origin, [seed; 32], NOW).expect("it starts");
        let mut story = format!("{:?}", drain(&mut engine));
        for (n, command) in
            [Command::JoinCall, Command::Say { text: "x".into(), reply_to: None }].into_iter().enumerate()
        {
            engine.handle(NOW.after(Duration::from_millis(n as u64)), Input::Command { request: 1, command });
            story.push_str(&format!("{:?}", drain(&mut engine)));
        }
        story
    };
    assert_eq!(tell(1), tell(1));
    assert_ne!(tell(1), tell(2));
}

#[test]
fn an_answer_waits_for_the_disk_and_a_refusal_does_not() {
    let mut engine = fresh();
    drain(&mut engine);
    engine.handle(NOW, Input::Written(WriteId(1)));
    drain(&mut engine);
    let say = |text: &str| Command::Say { text: text.into(), reply_to: None };
    engine.handle(NOW, Input::Command { request: 7, command: say("") });
    let refused = drain(&mut engine);
    assert!(refused.iter().any(|output| matches!(output, Output::Reply { request: 7, result: Err(_) })));
    engine.handle(NOW, Input::Command { request: 8, command: say("hello") });
    let asked = drain(&mut engine);
    assert!(!asked.iter().any(|output| matches!(output, Output::Reply { .. } | Output::Publish { .. })));
    let written = asked.iter().find_map(|output| match output {
        Output::Write(batch) => Some(batch.id),
        _ => None,
    });
    engine.handle(NOW, Input::Written(written.expect("a batch")));
    let answered = drain(&mut engine);
    assert!(answered.iter().any(|output| matches!(output, Output::Reply { request: 8, result: Ok(_) })));
    assert!(answered.iter().any(|output| matches!(output, Output::Publish { .. })));
    assert!(answered.iter().any(|output| matches!(output, Output::Event(Event::Message(_)))));
}

#[test]
fn every_wake_has_a_reason_and_an_idle_member_wakes_seldom() {
    let mut rig = Rig::group(1, 120);
    let before: u64 = rig.engine(0).status().wakes.iter().map(|(_, count)| count).sum();
    rig.pass(Duration::from_secs(600));
    let after: u64 = rig.engine(0).status().wakes.iter().map(|(_, count)| count).sum();
    // Presence is renewed three times a lease of 15 s; nothing else is to do.
    assert!(after - before <= 130 + 20, "{} wakes in ten minutes", after - before);
    assert!(rig.engine(0).status().wakes.iter().all(|(name, _)| !name.is_empty()));
}

#[test]
fn frames_of_peers_that_are_not_up_are_counted_and_dropped() {
    let mut rig = Rig::group(2, 121);
    let nobody = PeerKey([200; 32]);
    rig.hand_direct(0, nobody, &DirectFrame::Hello { nonce: [1; 32] });
    assert_eq!(rig.dropped(0, "frame of a peer that is not up"), 1);
}

#[test]
fn a_member_can_be_moved_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Engine>();
}
