//! Nothing that was said more than 62 s before a device was seized opens, whoever it is and whatever happened since.

use super::*;
use crate::input::Command;
use halloo_crypto::media::CALL_STEP_MS;

/// A step, and the time that old keys live.
const REACH: Duration = Duration::from_millis(CALL_STEP_MS + OLD_KEY_MS);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// How many seeds: a few in the gate, many in a proof.
fn seeds() -> u64 {
    if std::env::var_os("HALLOO_PROVE").is_some() { 12 } else { 1 }
}

/// Seizes a device, and says what came of it when proofs are printed.
fn seize(tapped: &mut Tapped, who: usize, story: &str) -> Opened {
    let opened = tapped.seize(who);
    let reach = opened.oldest.unwrap_or_default();
    assert!(reach <= REACH, "{story}, member {who}: {reach:?} back: {opened:?}");
    println!(
        r#"{{"name":"seized: {story}","member":{who},"opened":{},"of":{},"oldest_s":{:.1},"exporters":{},"steps":{},"keys":{},"sealed_steps":{}}}"#,
        opened.frames,
        opened.of,
        reach.as_secs_f64(),
        opened.exporters,
        opened.steps,
        opened.keys,
        opened.sealed_steps
    );
    opened
}

fn enter(tapped: &mut Tapped, who: usize) {
    tapped.rig.command(who, Command::JoinCall).expect("in the call");
    tapped.rig.command(who, Command::MuteMicrophone(false)).expect("heard");
}

#[test]
fn of_a_seized_device_nothing_opens_that_was_said_more_than_a_step_before() {
    for seed in 0..seeds() {
        let mut tapped = Tapped::group(3, 900 + seed);
        (0..3).for_each(|who| enter(&mut tapped, who));
        tapped.talk(secs(20));
        // Two epochs in the middle of the call, whose parents and commits are kept.
        tapped.rig.let_in("Dan", 4);
        enter(&mut tapped, 3);
        tapped.talk(secs(47));
        let gone = tapped.rig.members[2].identity.certificate.account;
        tapped.rig.command(0, Command::Remove(gone)).expect("out");
        for part in 0..8 {
            tapped.talk(secs(13 + (seed + part) % 5));
            for who in [0, 1, 3] {
                let opened = seize(&mut tapped, who, "a call over several epochs");
                assert!(opened.exporters >= 3, "epochs are kept, and are no help: {opened:?}");
                assert!(opened.frames > 0, "what is said now opens, so the attacker is real: {opened:?}");
            }
        }
        let reach = tapped.seize(0).oldest.expect("something opens");
        assert!(reach > secs(1), "{reach:?}");
    }
}

#[test]
fn the_whole_step_of_a_seized_device_opens_up_to_its_beginning() {
    let mut tapped = Tapped::group(2, 950);
    (0..2).for_each(|who| enter(&mut tapped, who));
    tapped.talk(secs(110));
    // The second step has gone on for fifty seconds: all of it opens, and nothing of the first.
    let opened = seize(&mut tapped, 0, "late in a step");
    assert!(opened.oldest.is_some_and(|reach| (secs(48)..=secs(52)).contains(&reach)), "{opened:?}");
    let of_first = tapped.tape.iter().position(|taped| tapped.rig.now.mono.since(taped.at) < secs(70));
    let newest = tapped.tape.len() - 1;
    assert!(!tapped.path_knows(0, of_first.expect("said in the first step")), "the path forgot");
    assert!(tapped.path_knows(0, newest), "and knows what is said now");
}

#[test]
fn a_late_joiner_opens_nothing_of_before_its_step() {
    for seed in 0..seeds() {
        let mut tapped = Tapped::group(3, 960 + seed);
        (0..2).for_each(|who| enter(&mut tapped, who));
        tapped.talk(secs(100 + seed * 3));
        enter(&mut tapped, 2);
        for after in [2, 20, 45] {
            tapped.talk(secs(after));
            let opened = seize(&mut tapped, 2, "a late joiner");
            assert!(opened.frames > 0 && opened.sealed_steps > 0, "it got a step: {opened:?}");
        }
    }
}

#[test]
fn of_two_calls_in_one_epoch_the_second_opens_nothing_of_the_first() {
    for seed in 0..seeds() {
        let mut tapped = Tapped::group(2, 970 + seed);
        (0..2).for_each(|who| enter(&mut tapped, who));
        let epoch = tapped.rig.engine(0).status().epoch;
        tapped.talk(secs(30));
        let first = tapped.tape.len();
        (0..2).for_each(|who| drop(tapped.rig.command(who, Command::LeaveCall).expect("out of the call")));
        tapped.talk(secs(3));
        let nothing = seize(&mut tapped, 0, "after a call");
        assert_eq!(nothing.frames, 0, "a call that is over is over at once: {nothing:?}");
        (0..2).for_each(|who| enter(&mut tapped, who));
        tapped.talk(secs(10));
        assert_eq!(tapped.rig.engine(0).status().epoch, epoch, "no commit came between");
        let opened = seize(&mut tapped, 1, "the second call of an epoch");
        assert!(opened.frames > 0 && opened.frames <= tapped.tape.len() - first, "{opened:?}");
        assert!(opened.oldest.is_some_and(|reach| reach <= secs(11)), "{opened:?}");
    }
}
