//! Members who are never there together: what one writes the other finds, once and in order, and nobody else finds anything.

use std::time::Duration;

use halloo_crdt::log::{Fact, Row};
use halloo_crypto::group::poison;
use halloo_crypto::id::{MailboxAddress, MailboxItem};
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_engine::input::{Command, Input, WakeReason};
use halloo_engine::output::Event;
use halloo_engine::snapshot::Table;

use crate::world::{Fall, World};

const SECOND: Duration = Duration::from_secs(1);
const A_DAY: Duration = Duration::from_secs(86_400);
const VIA: &str = "https://halloo.example";

/// A group of `n` with a coordinator, all of whose mailboxes are known to all.
fn group(n: usize, seed: u64) -> World {
    let mut world = World::group(n, seed);
    world.office = Some(Default::default());
    world.command(0, Command::SetVia(Some(VIA.into()))).expect("an owner says so");
    world.run(90 * SECOND);
    assert_eq!(world.office.as_ref().expect("open").items(), 0, "all were here");
    world
}

fn items(world: &World) -> usize {
    world.office.as_ref().expect("open").items()
}

/// Somebody is there alone for a while.
fn alone(world: &mut World, who: usize) {
    world.only(&[who]);
    world.run(60 * SECOND);
}

fn shown(world: &World, who: usize) -> usize {
    world.people[who].events.iter().filter(|event| matches!(event, Event::Message(_))).count()
}

#[test]
fn what_one_writes_and_leaves_the_other_finds_once_and_in_order() {
    let mut world = group(2, 900);
    alone(&mut world, 0);
    for text in ["one", "two", "three"] {
        world.say(0, text);
        world.run(SECOND);
    }
    alone(&mut world, 0);
    assert!(items(&world) > 0);
    let before = shown(&world, 1);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["one", "two", "three"]);
    assert_eq!(shown(&world, 1), before + 3);
    let mine: Vec<_> = world.people[1].letters.doors.iter().map(|door| door.key.address()).collect();
    let office = world.office.as_ref().expect("open");
    assert!(
        mine.iter().all(|address| office.boxes.get(address).is_none_or(|lying| lying.is_empty())),
        "gone once taken"
    );
    // The receipts come back the same way.
    alone(&mut world, 0);
    let ben = world.account(1);
    let lines = world.engine(0).timeline(None, 3).entries;
    assert!(lines.iter().all(|line| line.delivered_to.contains(&ben)));
    assert_eq!(items(&world), 0);
}

#[test]
fn who_writes_and_goes_at_once_has_left_it_before_it_is_gone() {
    let mut world = group(2, 920);
    world.run(30 * SECOND);
    // Ben has just gone: by the lease of his presence he is still here.
    world.only(&[0]);
    world.say(0, "bring a rope");
    world.run(SECOND);
    assert_eq!(items(&world), 0, "who seems to be here is given its time");
    world.hand(0, Input::Wake(WakeReason::Leaving));
    world.run(SECOND);
    assert_eq!(world.engine(0).status().to_leave, 0);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["bring a rope"]);
}

#[test]
fn three_who_are_each_there_at_other_times_read_the_same_conversation() {
    let mut world = group(3, 901);
    for round in 0..3 {
        for who in 0..3 {
            alone(&mut world, who);
            world.say(who, &format!("{who} in round {round}"));
            world.run(10 * SECOND);
        }
    }
    for who in 0..3 {
        alone(&mut world, who);
    }
    let texts: Vec<_> = (0..3)
        .map(|who| {
            world.only(&[who]);
            world.texts(who)
        })
        .collect();
    assert_eq!(texts[0].len(), 9);
    assert!(texts.iter().all(|others| *others == texts[0]), "{texts:?}");
}

#[test]
fn who_was_away_at_a_removal_follows_it_and_the_removed_finds_nothing() {
    let mut world = group(3, 902);
    world.only(&[0]);
    world.run(30 * SECOND);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(20 * SECOND);
    world.say(0, "without her");
    alone(&mut world, 0);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["without her"]);
    assert_eq!(world.engine(1).members().len(), 2);
    assert!(!world.engine(1).outsider_holds_epoch() && !world.engine(1).status().tainted);
    world.say(1, "I know");
    alone(&mut world, 1);
    alone(&mut world, 2);
    assert!(world.texts(2).is_empty(), "nothing was left for her, and she reads nothing");
    alone(&mut world, 0);
    assert_eq!(world.texts(0), ["without her", "I know"]);
    assert_eq!(world.engine(0).status().epoch, {
        alone(&mut world, 1);
        world.engine(1).status().epoch
    });
}

#[test]
fn a_removal_gives_everybody_another_mailbox_and_the_old_one_is_still_looked_into() {
    let mut world = group(3, 903);
    let old = world.people[1].letters.doors.clone();
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(60 * SECOND);
    let new = &world.people[1].letters.doors;
    assert!(new.len() > old.len() && old.iter().all(|door| new.contains(door)));
    // What is left from now on lies where the removed does not know.
    world.only(&[0]);
    world.run(30 * SECOND);
    let before = world.office.as_ref().expect("open").left.len();
    world.say(0, "elsewhere");
    alone(&mut world, 0);
    let left = world.office.as_ref().expect("open").left[before..].to_vec();
    assert!(!left.is_empty());
    assert!(left.iter().all(|(_, address, _)| old.iter().all(|door| door.key.address() != *address)));
}

#[test]
fn a_newcomer_and_its_words_are_known_to_who_was_away_all_the_time() {
    let mut world = group(2, 904);
    world.only(&[0]);
    world.run(30 * SECOND);
    let dan = world.join_by(0, "Dan", &[0]);
    world.run(60 * SECOND);
    world.only(&[dan]);
    world.say(dan, "hello from Dan");
    alone(&mut world, dan);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["hello from Dan"]);
    assert_eq!(world.engine(1).members().len(), 3);
    assert!(world.engine(1).members().iter().any(|member| member.name == "Dan"), "its name too");
    world.say(1, "welcome");
    alone(&mut world, 1);
    alone(&mut world, dan);
    assert_eq!(world.texts(dan), ["hello from Dan", "welcome"]);
}

#[test]
fn what_was_acknowledged_is_left_although_the_power_went_before() {
    let mut world = group(2, 905);
    world.only(&[0]);
    world.run(30 * SECOND);
    world.say(0, "just in time");
    let before = world.office.as_ref().expect("open").left.len();
    world.crash(0, 0);
    assert_eq!(world.office.as_ref().expect("open").left.len(), before, "not left yet");
    world.run(SECOND);
    world.restart(0);
    world.run(60 * SECOND);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["just in time"]);
}

/// What was taken out of a mailbox.
type Lost = (MailboxAddress, MailboxItem, (Day, Vec<u8>));

/// Dan was let in by Ada while Ben (1) was away, and has written; what Ada left for Ben was taken out of the mailbox, and is given.
fn overtaken(seed: u64) -> (World, usize, Vec<Lost>) {
    let mut world = group(3, seed);
    world.only(&[0]);
    world.run(30 * SECOND);
    let dan = world.join_by(0, "Dan", &[0]);
    world.run(60 * SECOND);
    world.only(&[dan]);
    world.say(dan, "after Ada let me in");
    alone(&mut world, dan);
    let mut kept = Vec::new();
    for (address, name) in lying_for(&world, 1) {
        let office = world.office.as_mut().expect("open");
        if office.by.get(&name) == Some(&0) {
            let row = office.boxes.get_mut(&address).and_then(|lying| lying.remove(&name));
            kept.push((address, name, row.expect("it lies there")));
        }
    }
    assert!(!kept.is_empty() && !lying_for(&world, 1).is_empty());
    (world, dan, kept)
}

fn lying_for(world: &World, who: usize) -> Vec<(MailboxAddress, MailboxItem)> {
    let office = world.office.as_ref().expect("open");
    let lying = office.boxes.iter().filter(|(address, _)| office.owners.get(address) == Some(&who));
    lying.flat_map(|(address, lying)| lying.keys().map(|name| (*address, *name))).collect()
}

#[test]
fn mail_that_waits_for_other_mail_survives_a_power_cut_in_between() {
    let (mut world, dan, kept) = overtaken(914);
    alone(&mut world, 1);
    assert!(lying_for(&world, 1).is_empty(), "all was taken");
    assert!(world.texts(1).is_empty());
    assert!(world.people[1].disk.table(Table::Letter).count() > 0, "and is kept");
    world.only(&[]);
    for (address, name, row) in kept {
        world.office.as_mut().expect("open").boxes.entry(address).or_default().insert(name, row);
    }
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["after Ada let me in"]);
    assert_eq!(world.people[1].disk.table(Table::Letter).count(), 0);
    assert_eq!(world.engine(1).status().epoch, {
        alone(&mut world, dan);
        world.engine(dan).status().epoch
    });
}

#[test]
fn who_lost_the_mail_that_all_other_mail_follows_is_let_in_again_by_mail() {
    let (mut world, dan, lost) = overtaken(919);
    drop(lost);
    (0..world.people.len()).for_each(|who| world.cut_off(who));
    alone(&mut world, 1);
    assert!(world.texts(1).is_empty(), "the line of somebody of whom nothing is known");
    world.run(120 * SECOND);
    // Ben stays; the others come one after the other, and no string is between them.
    for other in [2, 0, dan] {
        world.only(&[1, other]);
        world.run(200 * SECOND);
    }
    world.run(60 * SECOND);
    assert_eq!(world.texts(1), ["after Ada let me in"]);
    assert_eq!(world.engine(1).status().epoch, world.engine(dan).status().epoch);
    assert_eq!(world.people[1].disk.table(Table::Letter).count(), 0, "nothing waits any more");
}

#[test]
fn a_coordinator_that_does_not_answer_and_a_mailbox_that_is_full_are_tried_again() {
    let mut world = group(2, 906);
    world.only(&[0]);
    world.run(30 * SECOND);
    world.office.as_mut().expect("there").open = false;
    world.say(0, "nobody home");
    world.run(600 * SECOND);
    assert_eq!(items(&world), 0);
    let tries = world.office.as_ref().expect("there").left.len();
    assert!((2..20).contains(&tries), "it backs off: {tries}");
    let office = world.office.as_mut().expect("there");
    (office.open, office.room) = (true, 0);
    world.run(1_200 * SECOND);
    assert_eq!(items(&world), 0);
    world.office.as_mut().expect("there").room = 1_000;
    world.run(3 * 3_600 * SECOND);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["nobody home"]);
}

#[test]
fn wakes_that_are_lost_and_items_that_come_twice_change_nothing() {
    let mut world = group(2, 907);
    world.office.as_mut().expect("there").deaf = 1_000;
    world.faults.duplicates = 500;
    // Both are there, and the strings between them are cut.
    world.cut_off(0);
    world.run(30 * SECOND);
    for n in 0..10 {
        world.say(n % 2, &format!("line {n}"));
        world.run(70 * SECOND);
    }
    world.run(700 * SECOND);
    assert_eq!(world.texts(0).len(), 10);
    let (zero, one) = (world.texts(0), world.texts(1));
    assert_eq!(zero, one);
    assert_eq!(items(&world), 0);
}

#[test]
fn who_comes_after_days_finds_what_was_left_on_each_of_them() {
    let mut world = group(2, 908);
    for day in 0..12 {
        world.only(&[0]);
        world.run(60 * SECOND);
        world.say(0, &format!("day {day}"));
        world.run(30 * SECOND);
        world.only(&[]);
        world.run(A_DAY);
    }
    alone(&mut world, 1);
    let expected: Vec<String> = (0..12).map(|day| format!("day {day}")).collect();
    assert_eq!(world.texts(1), expected);
    // Days that are over and empty are looked into no more.
    world.run(600 * SECOND);
    assert!(
        world.people[1].letters.doors.iter().all(|door| door.watch),
        "{:?}",
        world.people[1].letters.doors.len()
    );
}

#[test]
fn what_lay_too_long_comes_when_the_two_meet() {
    let mut world = group(2, 909);
    world.only(&[0]);
    world.run(30 * SECOND);
    world.say(0, "long ago");
    alone(&mut world, 0);
    world.only(&[]);
    world.run(20 * A_DAY);
    alone(&mut world, 1);
    assert!(world.texts(1).is_empty());
    world.only(&[0, 1]);
    world.connect_all();
    world.run(60 * SECOND);
    assert_eq!(world.texts(1), ["long ago"]);
}

#[test]
fn who_leaves_is_gone_for_those_who_were_away_too() {
    let mut world = group(3, 910);
    world.only(&[0]);
    world.run(30 * SECOND);
    let ben = world.account(1);
    world.only(&[1]);
    world.run(30 * SECOND);
    world.command(1, Command::Leave).expect("left");
    world.run(5 * SECOND);
    assert!(world.people[1].letters.doors.is_empty() && world.people[1].letters.places.is_empty());
    for who in [2, 0, 2] {
        alone(&mut world, who);
        assert!(world.engine(who).members().iter().all(|member| member.account != ben), "{who}");
        assert!(!world.engine(who).outsider_holds_epoch(), "{who}");
    }
    world.say(2, "he is gone");
    alone(&mut world, 2);
    alone(&mut world, 0);
    assert_eq!(world.texts(0), ["he is gone"]);
}

#[test]
fn mail_for_another_is_not_opened_and_junk_does_not_stay() {
    let mut world = group(2, 911);
    world.only(&[0]);
    world.run(30 * SECOND);
    world.say(0, "for Ben");
    alone(&mut world, 0);
    let office = world.office.as_ref().expect("open");
    let (_, lying) = office.boxes.iter().find(|(_, lying)| !lying.is_empty()).expect("left");
    let stolen: Vec<_> = lying.iter().map(|(name, (_, bytes))| (*name, bytes.clone())).collect();
    let own = world.people[0].letters.doors[0].key.address();
    let junk = (MailboxItem([7; 16]), vec![0; 1 << 10]);
    let count = |world: &World| {
        let dropped = world.engine(0).status().dropped;
        dropped.iter().find(|(why, _)| *why == "mailbox item that does not open").map_or(0, |(_, n)| *n)
    };
    let before = count(&world);
    let all: Vec<_> = stolen.into_iter().chain([junk]).collect();
    let n = all.len() as u64;
    world
        .office
        .as_mut()
        .expect("open")
        .boxes
        .entry(own)
        .or_default()
        .extend(all.iter().map(|(name, bytes)| (*name, (Day(0), bytes.clone()))));
    world.hand(0, Input::Fetched { address: own, items: all });
    world.run(5 * SECOND);
    assert_eq!(count(&world), before + n);
    assert!(world.office.as_ref().expect("open").boxes.get(&own).is_none_or(|lying| lying.is_empty()));
}

#[test]
fn members_meet_at_the_same_places_and_give_them_up_with_the_coordinator() {
    let mut world = group(3, 912);
    let ids = |world: &World, who: usize| {
        world.people[who].letters.places.iter().map(|place| (place.id, place.publish)).collect::<Vec<_>>()
    };
    let first = ids(&world, 0);
    assert!(!first.is_empty() && (1..3).all(|who| ids(&world, who) == first));
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(30 * SECOND);
    let second = ids(&world, 0);
    assert!(ids(&world, 2).is_empty());
    assert_eq!(ids(&world, 1), second);
    assert!(second.iter().all(|place| !first.contains(place)), "the removed does not know where");
    world.command(0, Command::SetVia(None)).expect("taken back");
    world.run(30 * SECOND);
    assert!((0..2).all(|who| ids(&world, who).is_empty()));
}

#[test]
fn an_old_copy_of_a_home_draws_another_mailbox_when_it_sees_that_it_is_one() {
    let mut world = group(2, 913);
    let old = world.people[1].disk.clone();
    // Another mailbox since: the coordinator was changed and changed back.
    for via in ["https://other.example", VIA] {
        world.command(0, Command::SetVia(Some(via.into()))).expect("an owner says so");
        world.run(30 * SECOND);
    }
    let drawn = world.people[1].disk.table(Table::Mailbox).count();
    world.crash(1, 0);
    world.people[1].disk = old;
    world.restart(1);
    world.run(60 * SECOND);
    assert!(world.people[1].disk.table(Table::Mailbox).count() >= 2 && drawn >= 3);
    world.only(&[0]);
    world.run(30 * SECOND);
    world.say(0, "do you find this");
    alone(&mut world, 0);
    alone(&mut world, 1);
    assert_eq!(world.texts(1), ["do you find this"]);
}

#[test]
fn who_cannot_apply_a_commit_that_came_by_mail_is_let_in_again_by_mail() {
    let mut world = group(4, 915);
    world.only(&[0]);
    world.run(30 * SECOND);
    let dan = world.account(3);
    poison::arm([world.device(1)]);
    world.command(0, Command::Remove(dan)).expect("removed");
    poison::arm([]);
    world.say(0, "by a commit that Ben cannot apply");
    alone(&mut world, 0);
    // From now on two are there at a time, and no string is between them.
    (0..4).for_each(|who| world.cut_off(who));
    alone(&mut world, 1);
    let dropped = world.engine(1).status().dropped;
    assert!(dropped.iter().any(|(why, _)| *why == "commit that this device cannot apply"), "{dropped:?}");
    assert_eq!(world.texts(1), ["by a commit that Ben cannot apply"], "lines need no epoch");
    world.only(&[1, 2]);
    world.run(300 * SECOND);
    let (ben, cleo) = (world.engine(1).status(), world.engine(2).status());
    assert_eq!((ben.epoch, ben.epoch_devices, ben.tainted), (cleo.epoch, 3, false));
    alone(&mut world, 0);
    assert_eq!(world.engine(0).status().epoch, cleo.epoch);
}

#[test]
fn a_removal_is_anchored_by_members_who_are_never_there_together() {
    let mut world = group(3, 916);
    world.only(&[0]);
    world.run(30 * SECOND);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    alone(&mut world, 0);
    alone(&mut world, 1);
    // The word of one that it has seen the removal goes with what it says next.
    world.say(1, "seen");
    alone(&mut world, 1);
    alone(&mut world, 0);
    let words = |who: usize| {
        let rows = world.people[who].disk.table(Table::Acknowledgement);
        let rows = rows.filter_map(|(_, row)| Row::from_bytes(row).ok());
        rows.filter(|row| matches!(row.fact(), Fact::Remove(_))).map(|row| row.name()).collect::<Vec<_>>()
    };
    assert_eq!(words(0).len(), 2, "of both who are left");
    assert_eq!(words(0), words(1));
}

#[test]
fn a_quiet_group_asks_nothing_of_its_coordinator_though_somebody_is_away() {
    let mut world = group(4, 917);
    world.only(&[0, 1, 2]);
    world.say(0, "the last word");
    world.run(600 * SECOND);
    let before = world.office.as_ref().expect("open").left.len();
    world.run(2 * 3_600 * SECOND);
    assert_eq!(world.office.as_ref().expect("open").left.len(), before);
    for who in 0..3 {
        assert_eq!(
            world.engine(who).status().to_leave,
            0,
            "{who}: what waits for another to go with is not counted"
        );
    }
}

/// Members come and go, together and apart, write, read and put one out; at the end each is there alone for a while.
fn weather(seed: u64, removal: bool) {
    let mut world = group(4, seed);
    world.faults.duplicates = 100;
    world.faults.gossip_loss = 100;
    world.office.as_mut().expect("open").deaf = 200;
    let mut said = Vec::new();
    for step in 0..16_u64 {
        let draw = kdf::hash("weather", &[&seed.to_le_bytes(), &step.to_le_bytes()]);
        let there: Vec<usize> = (0..4).filter(|who| draw[*who] < 110).collect();
        world.only(&there);
        for (n, (a, b)) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)].into_iter().enumerate() {
            if draw[8 + n] < 128 { world.connect(a, b) } else { world.cut(a, b) }
        }
        world.run(Duration::from_secs(u64::from(draw[16]) / 3));
        for who in there {
            if world.engine(who).status().member && draw[20 + who] < 150 {
                let text = format!("{who} in step {step}");
                world.say(who, &text);
                said.push(text);
            }
        }
        if removal && step == 8 {
            world.only(&[0]);
            let account = world.account(3);
            world.command(0, Command::Remove(account)).expect("removed");
        }
        world.run(Duration::from_secs(5 + u64::from(draw[17]) / 3));
    }
    (0..4).for_each(|who| world.cut_off(who));
    let remaining: Vec<usize> = if removal { vec![0, 1, 2] } else { vec![0, 1, 2, 3] };
    for _ in 0..3 {
        for who in &remaining {
            alone(&mut world, *who);
        }
    }
    let mut told = Vec::new();
    for who in &remaining {
        alone(&mut world, *who);
        let status = world.engine(*who).status();
        told.push((world.texts(*who), status.epoch, status.tainted));
    }
    assert!(told.iter().all(|one| *one == told[0]), "seed {seed}: {told:#?}");
    assert!(!told[0].2);
    if !removal {
        let mut all = told[0].0.clone();
        all.sort();
        said.sort();
        assert_eq!(all, said, "seed {seed}");
    }
}

#[test]
fn whoever_comes_and_goes_all_read_the_same_in_the_end() {
    (1..=12).for_each(|seed| weather(seed, false));
}

#[test]
fn whoever_comes_and_goes_all_agree_on_a_removal_in_the_end() {
    (21..=32).for_each(|seed| weather(seed, true));
}

#[test]
fn wherever_the_power_goes_what_was_acknowledged_is_read_and_what_was_taken_is_kept() {
    for (writer, at) in (0..14).flat_map(|at| [(true, at), (false, at)]) {
        let mut world = group(2, 930 + at);
        world.only(&[0]);
        world.run(30 * SECOND);
        let durable = usize::try_from(at % 2).expect("0 or 1");
        if writer {
            world.fall = Some(Fall { who: 0, after: at, durable });
        }
        let request = world.ask(0, Command::Say { text: "a word".into(), reply_to: None });
        world.run(60 * SECOND);
        world.fall = None;
        let acknowledged = matches!(world.people[0].replies.get(&request), Some(Ok(_)));
        alone(&mut world, 0);
        world.only(&[]);
        if !writer {
            world.restart(1);
            world.fall = Some(Fall { who: 1, after: at, durable });
            world.run(60 * SECOND);
            world.fall = None;
        }
        alone(&mut world, 1);
        let read = world.texts(1);
        assert!(!acknowledged || read == ["a word"], "writer {writer}, boundary {at}: {read:?}");
        assert!(writer || acknowledged, "only the reader lost its power");
    }
}
