//! Who is in, who is out, and what each may read.

use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_engine::input::Command;
use halloo_engine::output::{Event, Refusal, Reply};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_newcomer_reads_what_is_written_after_it_came_and_nothing_older() {
    let mut world = World::group(2, 10);
    world.say(0, "old secret");
    world.run(SECOND);
    let cleo = world.join(0, "Cleo");
    world.say(0, "welcome Cleo");
    world.run(10 * SECOND);
    assert_eq!(world.texts(cleo), ["welcome Cleo"]);
    assert_eq!(world.texts(0), ["old secret", "welcome Cleo"]);
    // Routine comparisons do not hand the old line over either.
    world.run(120 * SECOND);
    assert_eq!(world.texts(cleo), ["welcome Cleo"]);
    // And it knows everybody's name although they were said before it came.
    let names: Vec<_> = world.engine(cleo).members().into_iter().map(|member| member.name).collect();
    assert_eq!(names, ["Ada", "Ben", "Cleo"]);
}

#[test]
fn receipts_reach_across_a_join() {
    let mut world = World::group(2, 11);
    world.say(0, "one");
    let cleo = world.join(0, "Cleo");
    world.say(0, "two");
    world.run(10 * SECOND);
    let two = world.engine(0).timeline(None, 1).entries.remove(0);
    assert_eq!(two.text, "two");
    let mut expected = vec![world.account(1), world.account(cleo)];
    expected.sort();
    assert_eq!(two.delivered_to, expected);
    world.command(cleo, Command::MarkRead { message: two.id }).expect("read");
    world.run(2 * SECOND);
    assert_eq!(world.engine(0).message(&two.id).expect("there").read_by, [world.account(cleo)]);
    assert!(
        world.people[0]
            .events
            .iter()
            .any(|event| matches!(event, Event::Receipt { message, read: true, .. } if *message == two.id))
    );
}

#[test]
fn a_member_removed_while_away_learns_it_when_it_comes_back() {
    let mut world = World::group(3, 12);
    world.cut_off(2);
    world.run(SECOND);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.say(2, "I am still here");
    world.say(1, "she is gone");
    world.run(5 * SECOND);
    world.connect_all();
    world.run(10 * SECOND);
    assert!(world.people[2].events.contains(&Event::Evicted { by: Some(world.account(0)) }));
    let own = world.engine(2).timeline(None, 10).entries;
    assert_eq!((own.len(), own[0].text.as_str(), own[0].void), (1, "I am still here", true));
    for who in [0, 1] {
        assert_eq!(world.texts(who), ["she is gone"], "what nobody remaining vouches for is not shown");
        assert_eq!(world.engine(who).members().len(), 2);
    }
}

#[test]
fn what_the_removed_wrote_before_stays() {
    let mut world = World::group(3, 13);
    world.say(2, "see you at the hut");
    world.run(2 * SECOND);
    let cleo = world.account(2);
    world.command(1, Command::Remove(cleo)).expect_err("a member removes nobody");
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(5 * SECOND);
    for who in [0, 1] {
        assert_eq!(world.texts(who), ["see you at the hut"]);
    }
}

#[test]
fn who_leaves_is_out_and_the_keys_follow() {
    let mut world = World::group(3, 14);
    let before = world.engine(0).status().epoch;
    world.command(1, Command::Leave).expect("left");
    world.run(5 * SECOND);
    assert!(world.people[1].events.contains(&Event::Evicted { by: None }));
    for who in [0, 2] {
        assert!(world.people[who].events.contains(&Event::MemberLeft { account: world.account(1) }));
        let status = world.engine(who).status();
        assert_eq!((status.epoch_devices, status.tainted), (2, false));
        assert_ne!(status.epoch, before);
    }
    world.say(2, "bye Ben");
    world.run(2 * SECOND);
    assert_eq!(world.texts(0), ["bye Ben"]);
    assert!(world.texts(1).is_empty());
}

#[test]
fn the_last_owner_must_name_another_before_leaving() {
    let mut world = World::group(2, 15);
    assert!(matches!(world.command(0, Command::Leave), Err(Refusal::Invalid(_))));
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Owner }).expect("owner");
    world.run(SECOND);
    world.command(0, Command::Leave).expect("left");
    world.run(5 * SECOND);
    assert_eq!(world.engine(1).members().len(), 1);
    assert_eq!(world.engine(1).status().epoch_devices, 1);
}

#[test]
fn roles_decide_who_may_invite_and_remove() {
    let mut world = World::group(3, 16);
    let invite = Command::Invite { max_uses: 1, expiry: 60 * SECOND, role: Role::Member };
    assert_eq!(world.command(1, invite.clone()), Err(Refusal::NotAllowed));
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Moderator }).expect("moderator");
    world.run(SECOND);
    assert!(matches!(world.command(1, invite), Ok(Reply::Invite(_))));
    let cleo = world.account(2);
    world.command(1, Command::Remove(cleo)).expect("a moderator removes members");
    let ada = world.account(0);
    assert_eq!(world.command(1, Command::Remove(ada)), Err(Refusal::NotAllowed));
}

#[test]
fn two_inviters_at_once_bring_in_two_and_all_agree() {
    for seed in 20..24 {
        let mut world = World::group(2, seed);
        let ben = world.account(1);
        world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("admin");
        world.run(SECOND);
        let (a, b) = (world.invite(0, 1), world.invite(1, 1));
        let cleo = world.stranger("Cleo", &a, &[0, 1]);
        let dan = world.stranger("Dan", &b, &[0, 1]);
        world.connect(cleo, dan);
        world.run_until(20 * SECOND, |world| {
            world.people[cleo].engine.is_some() && world.people[dan].engine.is_some()
        });
        world.run(40 * SECOND);
        let epoch = world.engine(0).status().epoch;
        for who in 0..4 {
            let status = world.engine(who).status();
            assert_eq!(world.engine(who).members().len(), 4, "seed {seed} member {who}");
            assert_eq!(
                (status.epoch_devices, status.epoch),
                (4, epoch),
                "seed {seed} member {who} {status:#?}"
            );
        }
        for who in 0..4 {
            world.say(who, &format!("I am {who}"));
        }
        world.run(5 * SECOND);
        for who in 0..4 {
            assert_eq!(world.texts(who).len(), 4, "seed {seed} member {who}");
        }
    }
}

#[test]
fn a_partition_that_changed_the_roster_on_both_sides_heals() {
    let mut world = World::group(4, 30);
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("admin");
    world.run(5 * SECOND);
    for (a, b) in [(0, 1), (0, 3), (2, 1), (2, 3)] {
        world.cut(a, b);
    }
    world.run(SECOND);
    world.say(0, "left side");
    world.say(1, "right side");
    let code = world.invite(1, 1);
    let eve = world.stranger("Eve", &code, &[1, 3]);
    world.run_until(20 * SECOND, |world| world.people[eve].engine.is_some());
    let dan = world.account(3);
    world.command(0, Command::Remove(dan)).expect("removed on the left");
    world.say(0, "left again");
    world.say(3, "Dan does not know");
    world.run(30 * SECOND);
    world.connect_all();
    world.run(60 * SECOND);
    let remaining = [0, 1, 2, eve];
    let epoch = world.engine(0).status().epoch;
    for who in remaining {
        let status = world.engine(who).status();
        assert_eq!(status.epoch_devices, 4, "member {who}");
        assert_eq!(status.epoch, epoch, "member {who}");
        assert!(!status.tainted);
        let texts = world.texts(who);
        assert!(
            who == eve || (texts.contains(&"left side".into()) && texts.contains(&"right side".into())),
            "{who} {texts:?}"
        );
    }
    assert!(!world.engine(3).status().member);
    world.say(eve, "hello all");
    world.run(5 * SECOND);
    for who in remaining {
        assert!(world.texts(who).contains(&"hello all".to_string()), "member {who}");
    }
    assert!(!world.texts(3).contains(&"hello all".to_string()));
}

#[test]
fn a_code_serves_one_and_a_wrong_word_serves_nobody() {
    let mut world = World::new(40);
    let ada = world.found("Ada");
    let code = world.invite(ada, 5);
    let ben = world.stranger("Ben", &code, &[ada]);
    world.run_until(20 * SECOND, |world| world.people[ben].engine.is_some());
    let late = world.stranger("Cleo", &code, &[ada]);
    world.run_until(60 * SECOND, |world| world.people[late].pairing_failed.is_some());
    let fresh = world.engine(ada).invites()[0].code.clone().expect("a fresh code by itself");
    assert_ne!(fresh, code);
    let number = fresh.split('-').next().expect("a number");
    let wrong = format!("{number}-otter-quartz");
    let guesser = world.stranger("Eve", &wrong, &[ada]);
    world.run_until(60 * SECOND, |world| world.people[guesser].pairing_failed.is_some());
    assert_eq!(world.engine(ada).members().len(), 2);
    let right = world.stranger("Dan", &fresh, &[ada]);
    world.run_until(20 * SECOND, |world| world.people[right].engine.is_some());
    world.run(5 * SECOND);
    assert_eq!(world.engine(ada).members().len(), 3);
}

#[test]
fn a_closed_or_expired_invite_lets_nobody_in() {
    let mut world = World::new(41);
    let ada = world.found("Ada");
    let code = world.invite(ada, 5);
    let invite = world.engine(ada).invites()[0].invite;
    world.command(ada, Command::CloseInvite(invite)).expect("closed");
    assert!(world.people[ada].events.contains(&Event::InviteClosed { invite }));
    let ben = world.stranger("Ben", &code, &[ada]);
    world.run_until(60 * SECOND, |world| world.people[ben].pairing_failed.is_some());
    let short = Command::Invite { max_uses: 1, expiry: 5 * SECOND, role: Role::Member };
    let Ok(Reply::Invite(view)) = world.command(ada, short) else { panic!("an invite") };
    world.run(6 * SECOND);
    assert!(world.engine(ada).invites().is_empty());
    let cleo = world.stranger("Cleo", &view.code.expect("it had a code"), &[ada]);
    world.run_until(60 * SECOND, |world| world.people[cleo].pairing_failed.is_some());
    assert_eq!(world.engine(ada).members().len(), 1);
}

#[test]
fn names_are_shared_and_checked() {
    let mut world = World::group(2, 42);
    world.command(1, Command::Rename("Monday hike".into())).expect("renamed");
    world.command(1, Command::SetProfile { name: "Benjamin".into() }).expect("named");
    world.run(2 * SECOND);
    assert_eq!(world.engine(0).status().group_name, "Monday hike");
    assert!(world.engine(0).members().iter().any(|member| member.name == "Benjamin"));
    assert!(world.people[0].events.contains(&Event::Renamed { name: "Monday hike".into() }));
    assert!(matches!(
        world.command(1, Command::SetProfile { name: "x".repeat(65) }),
        Err(Refusal::TooLarge { .. })
    ));
    assert!(matches!(world.command(1, Command::Rename("  ".into())), Err(Refusal::Invalid(_))));
}

#[test]
fn messages_are_edited_withdrawn_and_reacted_to() {
    let mut world = World::group(2, 43);
    world.say(1, "meet at 9");
    world.run(SECOND);
    let id = world.engine(0).timeline(None, 1).entries[0].id;
    assert_eq!(world.command(0, Command::Edit { message: id, text: "no".into() }), Err(Refusal::NotYours));
    let beginning = &id.to_string()[..6];
    assert_eq!(world.engine(0).lines_like(beginning, 2), [id]);
    assert!(
        world.engine(0).lines_like("zz", 2).is_empty()
            && world.engine(0).lines_like(&"0".repeat(65), 2).is_empty()
    );
    world.command(1, Command::Edit { message: id, text: "meet at 10".into() }).expect("edited");
    world.command(0, Command::React { message: id, emoji: "👍".into(), on: true }).expect("reacted");
    world.run(SECOND);
    let line = world.engine(0).message(&id).expect("there");
    assert_eq!((line.text.as_str(), line.edited), ("meet at 10", true));
    assert_eq!(line.reactions, [("👍".to_string(), vec![world.account(0)])]);
    let texts = |world: &World| world.engine(0).versions(&id).into_iter().map(|v| v.text).collect::<Vec<_>>();
    assert_eq!(texts(&world), ["meet at 9", "meet at 10"]);
    let written = world.engine(0).status().contents;
    world.command(0, Command::React { message: id, emoji: "👍".into(), on: true }).expect("it is on already");
    world
        .command(0, Command::React { message: id, emoji: "🥾".into(), on: false })
        .expect("it is off already");
    assert_eq!(world.engine(0).status().contents, written, "what changes nothing is not written");
    world.command(0, Command::Delete { message: id }).expect("an owner moderates");
    world.run(SECOND);
    let line = world.engine(1).message(&id).expect("there");
    assert!(line.deleted && line.text.is_empty());
    assert!(texts(&world).is_empty(), "what was taken back is not told");
    for command in [
        Command::Edit { message: id, text: "meet at 11".into() },
        Command::React { message: id, emoji: "👍".into(), on: true },
    ] {
        assert!(matches!(world.command(1, command), Err(Refusal::Invalid(_))), "it was taken back");
    }
}

#[test]
fn the_activity_log_is_the_same_everywhere() {
    let mut world = World::group(3, 44);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(5 * SECOND);
    assert_eq!(world.engine(0).activity(100), world.engine(1).activity(100));
    assert_eq!(world.engine(0).activity(2).len(), 2);
}
