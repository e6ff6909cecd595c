//! What members can do to each other who keep to no rule but have their keys: nobody is stopped, nobody is left on another side.

use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::{Refusal, Reply};
use halloo_engine::place::Fix;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn appoint(world: &mut World, who: &[usize], role: Role) {
    for member in who {
        let account = world.account(*member);
        world.command(0, Command::SetRole { account, role }).expect("an owner appoints");
        world.run(SECOND);
    }
    world.run(5 * SECOND);
}

/// Cuts the strings between the two sides.
fn split(world: &mut World, here: &[usize], there: &[usize]) {
    for a in here {
        there.iter().for_each(|b| world.cut(*a, *b));
    }
    world.run(SECOND);
}

/// Time passes: a while awake, the rest asleep.
fn pass(world: &mut World, span: Duration) {
    let awake = span.min(600 * SECOND);
    world.run(awake);
    world.now = world.now.after(span.saturating_sub(awake));
    world.run(5 * SECOND);
}

/// These and nobody else are members, for all of them, in one epoch, and each hears what the others say.
#[track_caller]
fn one_group(world: &mut World, who: &[usize], why: &str) {
    let mut accounts: Vec<_> = who.iter().map(|member| world.account(*member)).collect();
    accounts.sort();
    let epoch = world.engine(who[0]).status().epoch;
    for member in who {
        let mut seen: Vec<_> = world.engine(*member).members().into_iter().map(|one| one.account).collect();
        seen.sort();
        assert_eq!(seen, accounts, "{why}: who is in, as {member} sees it");
        let status = world.engine(*member).status();
        let state = (status.epoch, status.epoch_devices as usize, status.tainted, status.member);
        assert_eq!(state, (epoch, who.len(), false, true), "{why}: the keys of {member}");
        world.say(*member, &format!("{why}: {member}"));
    }
    world.run(120 * SECOND);
    for member in who {
        let texts = world.texts(*member);
        for other in who {
            assert!(texts.contains(&format!("{why}: {other}")), "{why}: {member} hears {other}: {texts:?}");
        }
    }
}

fn fix(world: &World, who: usize) -> Fix {
    Fix {
        lat_deg: 47.0,
        lon_deg: 8.0,
        accuracy_m: 5.0,
        altitude_m: None,
        speed_mps: None,
        heading_deg: None,
        time_ms: world.now_of(who).wall_ms,
    }
}

#[test]
fn an_answer_signed_late_with_old_parents_changes_nothing_that_most_had_acknowledged() {
    for (seed, late) in [(1_000, HOUR), (1_001, 30 * DAY)] {
        let mut world = World::group(5, seed);
        // Ben before Cleo, so that of two acts beside each other his would count.
        appoint(&mut world, &[1, 2], Role::Admin);
        world.cut_off(1);
        world.run(SECOND);
        let (ben, cleo, dan) = (world.account(1), world.account(2), world.account(3));
        world.command(2, Command::Remove(ben)).expect("removed");
        pass(&mut world, late);
        world.command(1, Command::Remove(cleo)).expect("he knows of nothing");
        world.command(1, Command::Remove(dan)).expect("he knows of nothing");
        world.connect_all();
        world.run(60 * SECOND);
        one_group(&mut world, &[0, 2, 3, 4], &format!("after {late:?}"));
        assert!(!world.engine(1).status().member);
    }
}

#[test]
fn a_word_of_an_honest_sleeper_with_old_parents_counts_whenever_it_comes() {
    for (seed, late) in [(1_002, HOUR), (1_003, 30 * DAY)] {
        let mut world = World::group(4, seed);
        appoint(&mut world, &[1], Role::Admin);
        world.cut_off(1);
        let dan = world.account(3);
        world.run(SECOND);
        world.join_by(0, "Eve", &[0, 2, 3]);
        pass(&mut world, late);
        world.command(1, Command::Remove(dan)).expect("an admin");
        world.connect_all();
        world.run(60 * SECOND);
        one_group(&mut world, &[0, 1, 2, 4], &format!("after {late:?}"));
    }
}

#[test]
fn who_removes_each_other_ends_the_same_in_whichever_order_the_others_hear_of_it() {
    // Everybody meets both in another order: which of the two strings is there first, and for whom.
    for order in 0..16_u64 {
        let mut world = World::group(5, 1_010 + order);
        world.judges.anchors_appear = true;
        appoint(&mut world, &[1, 2], Role::Admin);
        for who in 0..5 {
            world.cut_off(who);
        }
        world.run(SECOND);
        let (ben, cleo) = (world.account(1), world.account(2));
        world.command(1, Command::Remove(cleo)).expect("removed");
        world.command(2, Command::Remove(ben)).expect("removed");
        world.run(SECOND);
        let others = [0, 3, 4];
        for (at, other) in others.into_iter().enumerate() {
            let first = if order >> at & 1 == 0 { 1 } else { 2 };
            world.connect(other, first);
            if order & 8 != 0 {
                world.run(2 * SECOND);
            }
        }
        world.run(5 * SECOND);
        world.connect_all();
        world.run(60 * SECOND);
        let remaining: Vec<usize> = (0..5).filter(|who| world.engine(*who).status().member).collect();
        assert_eq!(remaining.len(), 4, "order {order}: one of the two is out: {remaining:?}");
        one_group(&mut world, &remaining, &format!("order {order}"));
    }
}

#[test]
fn a_minority_undoes_nothing_that_the_majority_acknowledged_behind_a_split() {
    let mut world = World::group(7, 1_030);
    world.judges.anchors_appear = true;
    appoint(&mut world, &[1, 2], Role::Admin);
    let (minority, majority) = ([1, 6], [0, 2, 3, 4, 5]);
    split(&mut world, &minority, &majority);
    let (ben, cleo) = (world.account(1), world.account(2));
    // The senior of the two is in the minority, and removes all that it may.
    for who in [2, 3, 4, 5] {
        let account = world.account(who);
        world.command(1, Command::Remove(account)).expect("an admin");
    }
    world.command(2, Command::Remove(ben)).expect("an admin");
    world.run(60 * SECOND);
    assert_eq!(world.engine(0).members().len(), 6);
    assert_eq!(world.engine(6).members().len(), 3);
    world.connect_all();
    world.run(60 * SECOND);
    one_group(&mut world, &[0, 2, 3, 4, 5, 6], "the majority");
    assert!(!world.engine(1).status().member);
    assert!(world.engine(6).members().iter().any(|member| member.account == cleo));
}

#[test]
fn an_admin_who_adds_and_removes_without_end_leaves_the_others_one_group() {
    let mut world = World::group(4, 1_040);
    appoint(&mut world, &[1], Role::Admin);
    let eve = world.join(1, "Eve");
    let account = world.account(eve);
    let strobe = |world: &mut World, turns: usize| {
        for turn in 0..turns {
            let role = if turn % 2 == 0 { Role::Moderator } else { Role::Member };
            world.ask(1, Command::SetRole { account, role });
            world.run(Duration::from_millis(20));
        }
    };
    for round in 0..6 {
        let coming = world.join(1, &format!("X{round}"));
        let going = world.account(coming);
        // Before anybody has caught its breath.
        world.ask(1, Command::Remove(going));
        strobe(&mut world, 6);
        world.say(0, &format!("still here {round}"));
    }
    strobe(&mut world, 200);
    let refused =
        world.people[1].replies.values().filter(|answer| **answer == Err(Refusal::NotAllowed)).count();
    assert!(refused > 60, "the rule counts the operations of a minute: {refused}");
    world.run(120 * SECOND);
    one_group(&mut world, &[0, 1, 2, 3, eve], "strobed");
    for who in [0, 2, 3] {
        assert_eq!(world.texts(who).iter().filter(|text| text.starts_with("still here")).count(), 6);
    }
    world
        .command(1, Command::SetRole { account, role: Role::Moderator })
        .expect("in another minute it counts again");
}

const TEN_YEARS_MS: i64 = 10 * 365 * 24 * 3_600_000;

#[test]
fn a_clock_ten_years_ahead_binds_nobody_else() {
    let mut world = World::group(4, 1_050);
    appoint(&mut world, &[1], Role::Admin);
    world.say(0, "before");
    world.people[1].skew_ms = TEN_YEARS_MS;
    world.say(1, "from the future");
    world.command(1, Command::Rename("the future".into())).expect("renamed");
    world.command(1, Command::Share { lease: Some(60 * SECOND) }).expect("shared");
    let place = fix(&world, 1);
    world.hand(1, Input::Fix(place));
    let line = world.engine(1).timeline(None, 1).entries[0].id;
    world.command(1, Command::React { message: line, emoji: "⌛".into(), on: true }).expect("reacted");
    world.run(5 * SECOND);
    for who in [0, 2, 3] {
        assert_eq!(world.texts(who), ["before", "from the future"], "{who}");
        assert_eq!(world.engine(who).status().group_name, "the future", "{who}");
        assert_eq!(world.engine(who).locations().len(), 1, "{who}");
    }
    // Whoever renames after it has the last word.
    world.command(0, Command::Rename("now".into())).expect("renamed");
    world.run(5 * SECOND);
    for who in [0, 2, 3] {
        assert_eq!(world.engine(who).status().group_name, "now", "{who}");
    }
    // It follows the topics of another hour: what others publish comes to it when it compares, twice a minute.
    world.run(31 * SECOND);
    assert_eq!(world.engine(1).status().group_name, "now", "ten years ahead");
    // A place that was shared for a minute is shared for a minute.
    world.run(60 * SECOND);
    for who in [0, 2, 3] {
        assert_eq!(world.engine(who).locations().len(), 0, "{who}");
    }
    // Whoever it lets in is in, whoever it takes out is out.
    let eve = world.join(1, "Eve");
    world.run(10 * SECOND);
    let dan = world.account(3);
    world.command(1, Command::Remove(dan)).expect("removed");
    world.run(20 * SECOND);
    one_group(&mut world, &[0, 1, 2, eve], "ten years ahead");
    // And when the clock is right again everything goes on.
    world.people[1].skew_ms = 0;
    world.say(1, "what year is it");
    world.command(1, Command::Rename("today".into())).expect("renamed");
    world.run(5 * SECOND);
    for who in [0, 1, 2, eve] {
        assert_eq!(world.engine(who).status().group_name, "today", "{who}");
        assert!(world.texts(who).contains(&"what year is it".to_string()), "{who}");
    }
}

#[test]
fn an_invite_of_a_clock_ten_years_off_lets_in_by_whoever_made_it() {
    for (seed, skew) in [(1_051, TEN_YEARS_MS), (1_052, -TEN_YEARS_MS)] {
        let mut world = World::group(3, seed);
        appoint(&mut world, &[1], Role::Admin);
        world.people[1].skew_ms = skew;
        let invite = Command::Invite { max_uses: 2, expiry: 600 * SECOND, role: Role::Member };
        let Ok(Reply::Invite(view)) = world.command(1, invite) else { panic!("no invite") };
        let code = view.code.expect("a fresh invite has a code");
        world.run(5 * SECOND);
        // Another member answers by the same invite, whose clock is right.
        let eve = world.stranger("Eve", &code, &[0, 1, 2]);
        world.run(30 * SECOND);
        let inside = world.people[eve].engine.is_some();
        assert!(inside, "it is open by the clock of whoever made it and was not used up");
        one_group(&mut world, &[0, 1, 2, eve], &format!("skewed by {skew}"));
    }
}

#[test]
fn sleepers_of_an_hour_a_day_and_a_week_come_back_over_three_forks_by_one_who_was_there() {
    let mut world = World::group(9, 1_060);
    appoint(&mut world, &[1, 2], Role::Admin);
    // Six to eight sleep; the others are three sides that each change something for themselves.
    let forks = |world: &mut World, round: usize| {
        for sides in [[[0, 3], [1, 4]], [[0, 3], [2, 5]], [[1, 4], [2, 5]]] {
            split(world, &sides[0], &sides[1]);
        }
        for (admin, other) in [(0, 3), (1, 4), (2, 5)] {
            world.join_by(admin, &format!("N{round}{admin}"), &[admin, other]);
            world.say(other, &format!("round {round} at {admin}"));
            world.run(5 * SECOND);
        }
        let awake: Vec<usize> = (0..world.people.len()).filter(|who| !(6..9).contains(who)).collect();
        for a in &awake {
            awake.iter().for_each(|b| world.connect(*a, *b));
        }
        world.run(60 * SECOND);
    };
    let sleeps = [(8, 7 * DAY - HOUR), (7, DAY), (6, HOUR)];
    for (round, (sleeper, span)) in sleeps.into_iter().enumerate() {
        world.cut_off(sleeper);
        world.run(SECOND);
        forks(&mut world, round);
        pass(&mut world, span);
    }
    // Asleep: 8 for a week and a day, 7 for 25 hours, 6 for one.
    for sleeper in [6, 7, 8] {
        world.connect(0, sleeper);
    }
    world.run(120 * SECOND);
    let all: Vec<usize> = (0..world.people.len()).collect();
    let mut expected: Vec<String> =
        (0..3).flat_map(|round| (0..3).map(move |at| format!("round {round} at {at}"))).collect();
    for sleeper in [6, 7, 8] {
        let texts = world.texts(sleeper);
        expected.retain(|text| texts.contains(text));
        assert_eq!(expected.len(), 9, "{sleeper} reads what was said meanwhile: {texts:?}");
    }
    one_group(&mut world, &all, "all awake");
}

#[test]
fn a_home_put_back_in_the_middle_of_a_call_speaks_under_no_key_of_before() {
    // The judges look at every key of every life; this makes sure that there is something to look at.
    for (seed, age) in [(1_070, Duration::from_millis(200)), (1_071, 90 * SECOND), (1_072, HOUR)] {
        let mut world = World::group(3, seed);
        for who in 0..3 {
            world.command(who, Command::JoinCall).expect("in");
            world.command(who, Command::MuteMicrophone(false)).expect("open");
        }
        world.run(10 * SECOND);
        let copy = world.people[1].disk.clone();
        world.say(1, "on the way");
        pass(&mut world, age);
        world.crash(1, 99);
        world.people[1].disk = copy;
        world.restart(1);
        world.run(5 * SECOND);
        world.command(1, Command::JoinCall).expect("in again");
        world.command(1, Command::MuteMicrophone(false)).expect("open");
        world.run(150 * SECOND);
        let keys = |world: &World, life: u64| {
            world.judges.voices.values().filter(|spoken| **spoken == (1, life)).count()
        };
        assert!(keys(&world, 0) >= 1 && keys(&world, 1) >= 2, "{age:?}: keys in both lives");
        one_group(&mut world, &[0, 1, 2], &format!("a copy of {age:?}"));
    }
}
