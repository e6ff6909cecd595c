//! What a member refuses, and what it says then.

use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, DeviceId, InviteId, MessageId};
use halloo_engine::input::Command;
use halloo_engine::output::{Event, Refusal, Reply, Warning};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn refused(world: &mut World, command: Command) -> Refusal {
    let before = world.engine(0).status();
    let refusal = world.command(0, command.clone()).expect_err(&format!("{command:?} is refused"));
    let after = world.engine(0).status();
    assert_eq!((before.operations, before.contents), (after.operations, after.contents), "nothing changed");
    assert!(refusal.to_string().len() > 10, "it says why: {refusal}");
    refusal
}

#[test]
fn commands_outside_their_limits_change_nothing_and_say_why() {
    let mut world = World::group(2, 300);
    let nobody = AccountId::from_bytes([9; 32]);
    let nothing = MessageId::from_bytes([9; 32]);
    let ada = world.account(0);
    let device = world.device(0);
    let hour = 3_600 * SECOND;
    for (command, expected) in [
        (Command::Say { text: String::new(), reply_to: None }, "Invalid"),
        (Command::Say { text: "x".repeat(16 * 1024 + 1), reply_to: None }, "TooLarge"),
        (Command::Edit { message: nothing, text: "x".into() }, "Unknown"),
        (Command::Delete { message: nothing }, "Unknown"),
        (Command::React { message: nothing, emoji: "👍".into(), on: true }, "Unknown"),
        (Command::MarkRead { message: nothing }, "Unknown"),
        (Command::Remove(nobody), "Unknown"),
        (Command::Remove(ada), "Invalid"),
        (Command::RevokeDevice { device: DeviceId::from_bytes([9; 32]), word: None }, "Unknown"),
        (Command::RevokeDevice { device, word: None }, "Invalid"),
        (Command::SetRole { account: nobody, role: Role::Admin }, "Unknown"),
        (Command::CloseInvite(InviteId::from_bytes([9; 16])), "Unknown"),
        (Command::Invite { max_uses: 0, expiry: hour, role: Role::Member }, "TooLarge"),
        (Command::Invite { max_uses: 1_001, expiry: hour, role: Role::Member }, "TooLarge"),
        (Command::Invite { max_uses: 1, expiry: Duration::ZERO, role: Role::Member }, "Invalid"),
        (Command::Invite { max_uses: 1, expiry: 400 * 24 * hour, role: Role::Member }, "Invalid"),
        (Command::Signal { to: device, bytes: vec![0; 33 * 1024] }, "TooLarge"),
        (Command::Rename(String::new()), "Invalid"),
        (Command::SetProfile { name: "n".repeat(65) }, "TooLarge"),
    ] {
        let refusal = refused(&mut world, command.clone());
        assert!(format!("{refusal:?}").starts_with(expected), "{command:?}: {refusal:?}");
    }
    world.say(0, "hello");
    let id = world.engine(0).timeline(None, 1).entries[0].id;
    let refusal = refused(&mut world, Command::React { message: id, emoji: "x".repeat(41), on: true });
    assert!(matches!(refusal, Refusal::TooLarge { .. }));
}

#[test]
fn a_stuck_disk_makes_a_member_busy_and_loses_nothing() {
    let mut world = World::group(2, 301);
    world.people[0].disk_stuck = true;
    let mut busy = 0;
    let mut asked = Vec::new();
    for n in 0..100 {
        asked.push(world.ask(0, Command::Say { text: format!("line {n}"), reply_to: None }));
        world.run(Duration::from_millis(10));
    }
    for request in &asked {
        busy += usize::from(world.people[0].replies.get(request) == Some(&Err(Refusal::Busy)));
    }
    assert!(busy > 20, "{busy}");
    assert!(world.texts(1).is_empty(), "nothing leaves before it is durable");
    assert!(!world.people[0].replies.values().any(|reply| matches!(reply, Ok(Reply::Message(_)))));
    world.people[0].disk_stuck = false;
    world.run(60 * SECOND);
    let answered =
        world.people[0].replies.values().filter(|reply| matches!(reply, Ok(Reply::Message(_)))).count();
    assert_eq!((world.texts(0).len(), world.texts(1).len()), (answered, answered));
    assert_eq!(answered + busy, 100);
    world.say(0, "fine again");
}

#[test]
fn a_wrong_clock_is_told_to_the_others_once() {
    let mut world = World::group(3, 302);
    world.people[1].skew_ms = 2 * 3_600_000;
    for n in 0..5 {
        world.say(1, &format!("line {n}"));
        world.run(SECOND);
    }
    let device = world.device(1);
    for who in [0, 2] {
        let told: Vec<i64> = world.people[who]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Warning(Warning::ClockSkew { device: of, seconds }) if *of == device => Some(*seconds),
                _ => None,
            })
            .collect();
        assert_eq!(told.len(), 1, "{who}");
        assert!((7_000..7_300).contains(&told[0]), "{told:?}");
        assert_eq!(world.texts(who).len(), 5, "nothing is lost by it");
    }
    assert!(!world.people[0].events.iter().any(|event| {
        matches!(event, Event::Warning(Warning::ClockSkew { device, .. }) if *device == world.device(2))
    }));
}

#[test]
fn many_bad_frames_are_reported_with_their_sender() {
    let mut world = World::group(2, 303);
    let from = world.people[1].identity.peer;
    let route = world.engine(0).route_tag();
    for n in 0..40_u8 {
        let bytes = [route.as_slice(), &[1, 99, n]].concat();
        world.hand(
            0,
            halloo_engine::input::Input::Frame { from, lane: halloo_engine::lane::Lane::Direct, bytes },
        );
    }
    let warned = world.people[0]
        .events
        .iter()
        .filter(|event| matches!(event, Event::Warning(Warning::BadFrames { peer, .. }) if *peer == from));
    assert_eq!(warned.count(), 2);
    world.say(1, "still friends");
    world.run(2 * SECOND);
    assert_eq!(world.texts(0), ["still friends"]);
}

#[test]
fn paging_walks_the_whole_conversation_once() {
    let mut world = World::group(1, 304);
    for n in 0..57 {
        world.say(0, &format!("line {n}"));
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = world.engine(0).timeline(before, 10);
        let mut texts: Vec<String> = page.entries.iter().map(|entry| entry.text.clone()).collect();
        texts.append(&mut seen);
        seen = texts;
        let Some(older) = page.older else { break };
        before = Some(older);
    }
    assert_eq!(seen, (0..57).map(|n| format!("line {n}")).collect::<Vec<_>>());
    let middle = world.engine(0).timeline(None, 500).entries[30].id;
    let cursor = world.engine(0).cursor_of(&middle).expect("a line with others before it");
    let page = world.engine(0).timeline(Some(cursor), 2);
    assert_eq!(
        page.entries.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(),
        ["line 28", "line 29"]
    );
    let first = world.engine(0).timeline(None, 500).entries[0].id;
    assert_eq!(world.engine(0).cursor_of(&first), None);
    assert_eq!(world.engine(0).cursor_of(&MessageId::from_bytes([3; 32])), None);
}
