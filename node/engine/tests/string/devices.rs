//! Several devices of one person: brought in by a sibling, as entitled as the account, read on one and read on all, and taken out.

use std::time::Duration;

use halloo_crdt::log::History;
use halloo_crypto::identity::{DeviceCertificate, Revocation, Vouch};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::invite::link::Link;
use halloo_engine::input::Command;
use halloo_engine::output::{Event, Refusal, Reply};
use halloo_engine::pairing::Ticket;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Somebody new with keys that the account of `of` vouched for.
fn new_device(world: &mut World, of: usize, name: &str) -> usize {
    let who = world.person(name);
    let device = world.people[who].identity.device.clone();
    let vouch =
        Vouch::issue(&world.people[of].account, &device.id(), &device.box_public(), world.now.wall_ms);
    world.people[who].identity.certificate = vouch.accept(&device).expect("its own");
    world.people[who].account = world.people[of].account.clone();
    world.people[who].as_device = true;
    who
}

/// The sibling opens a door for this device; the link that leads to it.
fn open_door(world: &mut World, sibling: usize, for_whom: usize) -> Link {
    let secret = InviteSecret::from_bytes([for_whom as u8; 16]);
    let device = world.device(for_whom);
    let opened = world.command(sibling, Command::OpenForDevice { device, secret: secret.clone() });
    assert_eq!(opened, Ok(Reply::Done));
    Link { coordinator: None, addresses: Vec::new(), secret }
}

/// A second device of `of`, brought in by the device `of` and connected to `to`.
fn second_device(world: &mut World, of: usize, name: &str, to: &[usize]) -> usize {
    let who = new_device(world, of, name);
    let link = open_door(world, of, who);
    world.seek(who, &Ticket::Link(link));
    to.iter().for_each(|other| world.connect(who, *other));
    world.run_until(30 * SECOND, |world| world.people[who].engine.is_some());
    who
}

fn same_epoch(world: &World, who: &[usize]) {
    let standing = |who: usize| {
        let status = world.engine(who).status();
        (status.epoch, status.epoch_devices, status.tainted)
    };
    for other in &who[1..] {
        assert_eq!(standing(who[0]), standing(*other), "{} and {other}", who[0]);
    }
}

#[test]
fn a_second_device_reads_what_was_written_before_it_and_all_that_comes() {
    let mut world = World::group(2, 300);
    world.say(0, "meet at the hut");
    world.say(1, "at nine");
    world.command(0, Command::SetProfile { name: "Ada L.".into() }).expect("named");
    world.run(5 * SECOND);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.run(10 * SECOND);
    assert_eq!(world.texts(phone), ["meet at the hut", "at nine"], "a sibling is as entitled as the account");
    let read = world.engine(phone).timeline(None, 10).entries;
    assert!(read.iter().all(|line| !line.forwarded), "what its person could read was not handed on to it");
    world.say(1, "bring bread");
    world.say(phone, "from the phone");
    world.say(0, "from the laptop");
    world.run(5 * SECOND);
    for who in [0, 1, phone] {
        let mut texts = world.texts(who);
        texts[3..].sort();
        let all = ["meet at the hut", "at nine", "bring bread", "from the laptop", "from the phone"];
        assert_eq!(texts, all, "{who}");
    }
    same_epoch(&world, &[0, 1, phone]);
    assert_eq!(world.engine(1).status().epoch_devices, 3, "one leaf each");
    let seen = world.engine(1).members();
    assert_eq!(seen.len(), 2, "a person is one row, however many devices");
    let ada = seen.iter().find(|m| m.account == world.account(0)).expect("she is in");
    assert_eq!(
        (ada.devices.len(), ada.name.as_str()),
        (2, "Ada L."),
        "a second device does not rename its person"
    );
    let own = |who: usize| world.engine(who).timeline(None, 10).entries.iter().filter(|e| e.own).count();
    assert_eq!(
        (own(0), own(phone), own(1)),
        (3, 3, 2),
        "what one device wrote is the person's own on the other"
    );
    let added = Event::DeviceAdded { account: world.account(0), device: world.device(phone) };
    assert!(world.people[1].events.contains(&added), "the others are told");
}

#[test]
fn a_stranger_reads_nothing_older_than_itself_though_a_sibling_does() {
    let mut world = World::group(2, 301);
    world.say(0, "before");
    world.run(5 * SECOND);
    let cleo = world.join(0, "Cleo");
    world.run(5 * SECOND);
    let phone = second_device(&mut world, cleo, "Cleo\u{2019}s phone", &[0, 1, cleo]);
    world.say(0, "after");
    world.run(10 * SECOND);
    assert_eq!(world.texts(cleo), ["after"]);
    assert_eq!(world.texts(phone), ["after"], "not more than its account");
}

#[test]
fn what_a_newcomer_was_given_of_the_past_its_later_device_has_too_and_shows_as_forwarded() {
    let mut world = World::group(2, 306);
    for text in ["nobody names this", "one", "two"] {
        world.say(0, text);
        world.run(SECOND);
    }
    world.command(0, Command::SetHistory(History::last(2))).expect("an owner says so");
    world.run(SECOND);
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    world.say(1, "welcome");
    world.run(SECOND);
    let phone = second_device(&mut world, cleo, "Cleo\u{2019}s phone", &[0, 1, cleo]);
    world.run(40 * SECOND);
    for who in [cleo, phone] {
        let read = world.engine(who).timeline(None, 10).entries;
        let read: Vec<_> =
            read.iter().map(|line| (line.text.as_str(), line.forwarded, line.forwarded_by)).collect();
        let by = Some(world.account(0));
        assert_eq!(read, [("one", true, by), ("two", true, by), ("welcome", false, None)], "{who}");
    }
}

#[test]
fn what_one_device_has_read_is_read_on_the_others() {
    let mut world = World::group(2, 302);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.run(10 * SECOND);
    world.say(1, "one");
    world.say(1, "two");
    world.run(5 * SECOND);
    assert_eq!((world.engine(0).unread(100), world.engine(phone).unread(100)), (2, 2));
    let two = world.engine(phone).timeline(None, 1).entries.remove(0);
    world.command(phone, Command::MarkRead { message: two.id }).expect("read");
    world.run(5 * SECOND);
    assert_eq!((world.engine(0).unread(100), world.engine(phone).unread(100)), (0, 0));
    let told = Event::ReadElsewhere { device: world.device(phone) };
    assert!(world.people[0].events.contains(&told), "and the other device is told");
    assert_eq!(
        world.engine(1).message(&two.id).expect("his").read_by,
        [world.account(0)],
        "he sees a person"
    );
    world.say(phone, "mine");
    world.run(5 * SECOND);
    assert_eq!(world.engine(0).unread(100), 0, "what the own person wrote is not unread");
    // Three days later the laptop is new to a restart and still knows.
    world.crash(0, 99);
    world.run(SECOND);
    world.restart(0);
    world.run(5 * SECOND);
    assert_eq!(world.engine(0).unread(100), 0);
}

#[test]
fn a_revoked_device_opens_nothing_sealed_after_and_is_told() {
    let mut world = World::group(2, 303);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.say(1, "before");
    world.run(10 * SECOND);
    let lost = world.device(phone);
    // It lies in a drawer and hears nothing, but holds all its keys; whoever has it is handed every frame.
    world.cut_off(phone);
    world.run(SECOND);
    world.keep_frames = true;
    let revoked = world.command(0, Command::RevokeDevice { device: lost, word: None });
    assert_eq!(revoked, Ok(Reply::Done));
    world.run(5 * SECOND);
    same_epoch(&world, &[0, 1]);
    assert_eq!(world.engine(0).status().epoch_devices, 2);
    world.say(1, "after");
    world.say(0, "after too");
    world.run(5 * SECOND);
    let opened = world.engine(phone).status().seals_opened;
    let heard = world.people[1].heard.clone();
    assert!(!heard.is_empty(), "there is something to try");
    for (from, lane, bytes) in heard {
        let halloo_engine::lane::Lane::Gossip(topic) = lane else { continue };
        let peer = world.people[from].identity.peer;
        world.hand_gossip(phone, peer, topic, bytes);
    }
    assert_eq!(world.engine(phone).status().seals_opened, opened, "no seal made after opens");
    assert_eq!(world.texts(phone), ["before"]);
    // Back on the network it learns why, and is let in nowhere.
    world.keep_frames = false;
    world.connect_all();
    world.run(10 * SECOND);
    assert!(world.people[phone].events.contains(&Event::Evicted { by: None }));
    assert_eq!(world.texts(phone), ["before"]);
    let said = world.command(phone, Command::Say { text: "still me".into(), reply_to: None });
    assert_eq!(said, Err(Refusal::NotMember));
    assert!(
        world.people[1].events.contains(&Event::DeviceRevoked { account: world.account(0), device: lost })
    );
    assert_eq!(world.engine(1).members().len(), 2, "the person stays");
    // And its key never comes back.
    let link = open_door(&mut world, 0, phone);
    world.people[phone].engine = None;
    world.seek(phone, &Ticket::Link(link));
    world.run_until(60 * SECOND, |world| world.people[phone].pairing_failed.is_some());
}

#[test]
fn a_lost_device_that_backdates_is_believed_only_what_somebody_vouches_for() {
    let mut world = World::group(2, 304);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.say(phone, "honest");
    world.run(10 * SECOND);
    world.cut_off(phone);
    world.run(SECOND);
    let device = world.device(phone);
    world.command(0, Command::RevokeDevice { device, word: None }).expect("revoked");
    // It has not heard and writes on, as of before.
    world.say(phone, "backdated");
    world.run(5 * SECOND);
    world.connect_all();
    world.run(10 * SECOND);
    for who in [0, 1] {
        assert_eq!(world.texts(who), ["honest"], "{who}");
    }
    let own = world.engine(phone).timeline(None, 10).entries;
    let standing: Vec<_> = own.iter().map(|line| (line.text.as_str(), line.void)).collect();
    assert_eq!(standing, [("honest", false), ("backdated", true)], "nobody who remains vouches for it");
}

#[test]
fn a_device_added_while_the_group_is_split_is_in_for_all_when_it_heals() {
    let mut world = World::group(4, 305);
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        world.cut(a, b);
    }
    world.run(SECOND);
    let cleo = world.account(2);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.say(phone, "on our side");
    world.say(3, "on theirs");
    let tablet = second_device(&mut world, 2, "Cleo\u{2019}s tablet", &[2, 3]);
    world.say(tablet, "from the tablet");
    world.run(20 * SECOND);
    world.connect_all();
    world.run(60 * SECOND);
    same_epoch(&world, &[0, 1, 2, 3, phone, tablet]);
    assert_eq!(world.engine(0).status().epoch_devices, 6);
    let mut all = vec!["from the tablet", "on our side", "on theirs"];
    all.sort_unstable();
    for who in [0, 1, 2, 3, phone, tablet] {
        let mut texts = world.texts(who);
        texts.sort();
        assert_eq!(texts, all, "{who}");
    }
    let seen = world.engine(phone).members();
    assert_eq!(seen.iter().find(|m| m.account == cleo).expect("in").devices.len(), 2);
}

#[test]
fn a_device_added_by_one_that_is_revoked_meanwhile_is_out_with_it_everywhere() {
    let mut world = World::group(2, 306);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.run(10 * SECOND);
    // The phone is stolen. Away from the others the thief lets a device of his own in by it.
    world.cut_off(phone);
    world.run(SECOND);
    let device = world.device(phone);
    let word = Revocation::issue(&world.people[0].account, device, world.now.wall_ms);
    world.command(0, Command::RevokeDevice { device, word: Some(word) }).expect("revoked");
    let theirs = second_device(&mut world, phone, "the thief\u{2019}s", &[phone]);
    world.run(10 * SECOND);
    assert!(world.engine(phone).status().member, "it has not heard");
    world.connect_all();
    world.say(1, "are we alone");
    world.run(60 * SECOND);
    for who in [0, 1] {
        assert_eq!(world.engine(who).status().epoch_devices, 2, "{who}");
        let ada = world.account(0);
        let seen = world.engine(who).members();
        assert_eq!(seen.iter().find(|m| m.account == ada).expect("in").devices.len(), 1, "{who}");
    }
    for who in [phone, theirs] {
        assert!(world.people[who].events.contains(&Event::Evicted { by: None }), "{who}");
        assert!(world.texts(who).is_empty(), "{who}");
    }
}

#[test]
fn a_door_is_for_one_device_and_a_members_invite_for_none() {
    let mut world = World::group(2, 307);
    let phone = new_device(&mut world, 0, "Ada\u{2019}s phone");
    let link = open_door(&mut world, 0, phone);
    // Another device of hers that found the link.
    let other = new_device(&mut world, 0, "found it");
    world.seek(other, &Ticket::Link(link.clone()));
    world.connect(other, 0);
    world.run_until(60 * SECOND, |world| world.people[other].pairing_failed.is_some());
    // Somebody else's device, certified by another account.
    let eve = world.person("Eve");
    world.people[eve].as_device = true;
    world.seek(eve, &Ticket::Link(link.clone()));
    world.connect(eve, 0);
    world.run_until(60 * SECOND, |world| world.people[eve].pairing_failed.is_some());
    // A member that comes to a device's door, and a device that comes to a member's: both are told which it is.
    let code = world.invite(0, 1);
    let member = world.stranger_by_link("Dan", &link.to_text(), &[0]);
    world.run_until(60 * SECOND, |world| world.people[member].pairing_failed.is_some());
    let why = world.people[member].pairing_failed.clone().expect("it failed");
    assert!(why.contains("halloo device join"), "{why}");
    world.cut_off(member);
    let tablet = new_device(&mut world, 0, "tablet");
    world.seek(tablet, &Ticket::Code(code.parse().expect("a code")));
    world.connect(tablet, 0);
    world.run_until(60 * SECOND, |world| world.people[tablet].pairing_failed.is_some());
    let why = world.people[tablet].pairing_failed.clone().expect("it failed");
    assert!(why.contains("halloo join"), "{why}");
    assert_eq!(world.engine(0).members().len(), 2);
    // None of it closed the door to the one it is for.
    world.seek(phone, &Ticket::Link(link));
    world.connect(phone, 0);
    world.run_until(60 * SECOND, |world| world.people[phone].engine.is_some());
    let certificate: &DeviceCertificate = &world.people[phone].identity.certificate;
    assert_eq!(certificate.account, world.account(0));
}

#[test]
fn two_devices_of_one_person_in_a_call_do_not_hear_each_other() {
    let mut world = World::group(2, 308);
    let phone = second_device(&mut world, 0, "Ada\u{2019}s phone", &[0, 1]);
    world.run(10 * SECOND);
    for who in [0, 1, phone] {
        world.command(who, Command::JoinCall).expect("in the call");
    }
    world.run(10 * SECOND);
    let heard = |who: usize| world.plans[&who].peers.iter().map(|peer| peer.device).collect::<Vec<_>>();
    assert_eq!(heard(0), [world.device(1)]);
    assert_eq!(heard(phone), [world.device(1)]);
    assert_eq!(heard(1).len(), 2, "the other one hears whichever speaks");
    let seen = world.engine(0).members();
    let in_call = seen.iter().flat_map(|m| &m.devices).filter(|device| device.in_call).count();
    assert_eq!(in_call, 3, "all are shown as in the call");
}
