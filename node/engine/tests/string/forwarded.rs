//! What newcomers are given of the past: nothing, or what the group allows, by the word of who let them in.

use std::time::Duration;

use halloo_crdt::log::{History, Role};
use halloo_crypto::id::MessageId;
use halloo_engine::input::Command;
use halloo_engine::output::{ChatEntry, Event, Refusal, Reply};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const DAY_MS: u64 = 24 * 3_600 * 1_000;

fn allow(world: &mut World, who: usize, history: History) -> Result<Reply, Refusal> {
    let reply = world.command(who, Command::SetHistory(history));
    world.run(SECOND);
    reply
}

fn say(world: &mut World, who: usize, text: &str) -> MessageId {
    let said = world.command(who, Command::Say { text: text.into(), reply_to: None });
    world.run(SECOND);
    match said {
        Ok(Reply::Message(id)) => id,
        other => panic!("not said: {other:?}"),
    }
}

fn lines(world: &World, who: usize) -> Vec<ChatEntry> {
    world.engine(who).timeline(None, 500).entries
}

fn moderator(world: &mut World, who: usize) {
    let account = world.account(who);
    world.command(0, Command::SetRole { account, role: Role::Moderator }).expect("an owner may");
    world.run(SECOND);
}

/// A group of two, both of whom may invite, in which five lines were written.
fn five(seed: u64) -> World {
    let mut world = World::group(2, seed);
    moderator(&mut world, 1);
    for n in 1..=5 {
        say(&mut world, n % 2, &format!("line {n}"));
    }
    world
}

#[test]
fn a_newcomer_gets_nothing_older_as_long_as_the_group_says_nothing() {
    let mut world = five(400);
    assert_eq!(world.engine(0).history(), History::NONE);
    let cleo = world.join(0, "Cleo");
    world.run(60 * SECOND);
    assert_eq!(world.texts(cleo), [""; 0]);
}

#[test]
fn a_newcomer_gets_the_last_lines_that_the_group_allows_shown_as_forwarded_and_nothing_older() {
    let mut world = five(401);
    allow(&mut world, 0, History::last(2)).expect("an owner says so");
    let cleo = world.join(1, "Cleo");
    world.run(40 * SECOND);
    assert_eq!(world.texts(cleo), ["line 4", "line 5"]);
    for line in lines(&world, cleo) {
        assert!(line.forwarded && !line.void);
        assert_eq!(line.forwarded_by, Some(world.account(1)), "who let her in chose them");
        let there = world.engine(0).message(&line.id).expect("the very line");
        assert_eq!((line.author, line.device, line.sent_ms), (there.author, there.device, there.sent_ms));
        assert!(!there.forwarded);
    }
    let told = |event: &&Event| matches!(event, Event::Message(entry) if entry.forwarded);
    assert_eq!(world.people[cleo].events.iter().filter(told).count(), 2);
    say(&mut world, 0, "welcome");
    say(&mut world, cleo, "thank you");
    for who in [0, 1] {
        assert_eq!(world.texts(who)[5..], ["welcome", "thank you"]);
    }
    assert_eq!(world.texts(cleo), ["line 4", "line 5", "welcome", "thank you"]);
    let new = lines(&world, cleo).split_off(2);
    assert!(new.iter().all(|line| !line.forwarded && line.forwarded_by.is_none()));
}

#[test]
fn a_page_ends_between_what_was_handed_on_and_what_was_not() {
    let mut world = five(402);
    allow(&mut world, 0, History::last(4)).expect("said");
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    for text in ["a", "b", "c"] {
        say(&mut world, 1, text);
    }
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let page = world.engine(cleo).timeline(before, 2);
        assert!(page.entries.len() <= 2);
        let texts: Vec<String> = page.entries.into_iter().map(|line| line.text).collect();
        all.splice(0..0, texts);
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(all, ["line 2", "line 3", "line 4", "line 5", "a", "b", "c"]);
}

#[test]
fn a_newcomer_gets_the_lines_of_the_last_days() {
    let mut world = World::group(2, 403);
    allow(&mut world, 0, History::of_days(7)).expect("said");
    say(&mut world, 1, "nine days ago");
    world.now.wall_ms += 4 * DAY_MS;
    say(&mut world, 1, "five days ago");
    world.now.wall_ms += 5 * DAY_MS;
    say(&mut world, 0, "today");
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    assert_eq!(world.texts(cleo), ["five days ago", "today"]);
}

#[test]
fn what_was_withdrawn_is_not_handed_on_and_what_is_withdrawn_later_is_shown_so() {
    let mut world = five(404);
    allow(&mut world, 0, History::last(3)).expect("said");
    let secret = say(&mut world, 1, "a secret");
    let later = say(&mut world, 1, "another one");
    world.command(1, Command::Delete { message: secret }).expect("her own");
    world.run(SECOND);
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    assert_eq!(world.texts(cleo), ["line 4", "line 5", "another one"]);
    assert!(world.engine(cleo).message(&secret).is_none());
    world.command(1, Command::Delete { message: later }).expect("her own");
    world.run(5 * SECOND);
    let line = world.engine(cleo).message(&later).expect("still a line");
    assert!(line.deleted && line.text.is_empty(), "{line:?}");
    // Nobody hands it to the next one.
    moderator(&mut world, cleo);
    let dan = world.join(cleo, "Dan");
    world.run(40 * SECOND);
    assert!(world.engine(dan).message(&later).is_none());
}

#[test]
fn edits_and_reactions_come_with_their_line_whenever_they_are_made() {
    let mut world = five(405);
    allow(&mut world, 0, History::last(2)).expect("said");
    let line = say(&mut world, 1, "tpyo");
    world.command(1, Command::Edit { message: line, text: "typo".into() }).expect("her own");
    world.command(0, Command::React { message: line, emoji: "\u{1f44d}".into(), on: true }).expect("a line");
    world.run(SECOND);
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    let shown = world.engine(cleo).message(&line).expect("handed on");
    assert_eq!((shown.text.as_str(), shown.edited, shown.reactions.len()), ("typo", true, 1));
    world.command(1, Command::Edit { message: line, text: "mistake".into() }).expect("her own");
    world
        .command(cleo, Command::React { message: line, emoji: "\u{2764}".into(), on: true })
        .expect("a line");
    world.run(5 * SECOND);
    for who in [0, 1, cleo] {
        let shown = world.engine(who).message(&line).expect("a line");
        assert_eq!((shown.text.as_str(), shown.reactions.len()), ("mistake", 2), "{who}");
    }
}

#[test]
fn only_an_admin_says_what_newcomers_get() {
    let mut world = World::group(3, 406);
    assert_eq!(allow(&mut world, 1, History::last(5)), Err(Refusal::NotAllowed));
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("an owner may");
    world.run(SECOND);
    allow(&mut world, 1, History::last(5)).expect("an admin may");
    for who in 0..3 {
        assert_eq!(world.engine(who).history(), History::last(5));
        assert!(world.people[who].events.contains(&Event::HistoryChanged(History::last(5))));
    }
    let too_many = History { lines: 501, days: 0 };
    assert!(matches!(allow(&mut world, 0, too_many), Err(Refusal::TooLarge { .. })));
}

#[test]
fn what_is_said_later_changes_nothing_for_who_is_in() {
    let mut world = five(407);
    let cleo = world.join(0, "Cleo");
    world.run(30 * SECOND);
    allow(&mut world, 0, History::last(3)).expect("said");
    world.run(60 * SECOND);
    assert_eq!(world.texts(cleo), [""; 0], "she came under the old word");
    let dan = world.join(0, "Dan");
    world.run(30 * SECOND);
    allow(&mut world, 0, History::NONE).expect("said");
    world.run(60 * SECOND);
    assert_eq!(world.texts(dan), ["line 3", "line 4", "line 5"], "he keeps what he was given");
    let eve = world.join(0, "Eve");
    world.run(60 * SECOND);
    assert_eq!(world.texts(eve), [""; 0]);
}

#[test]
fn of_two_words_that_nobody_saw_together_what_both_allow_counts() {
    let mut world = five(408);
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("an owner may");
    world.run(SECOND);
    world.cut(0, 1);
    world.run(SECOND);
    allow(&mut world, 0, History::last(4)).expect("said");
    allow(&mut world, 1, History { lines: 500, days: 3 }).expect("said");
    world.connect(0, 1);
    world.run(10 * SECOND);
    for who in [0, 1] {
        assert_eq!(world.engine(who).history(), History { lines: 4, days: 3 });
    }
}

#[test]
fn a_newcomer_hands_on_to_the_next_what_it_was_given() {
    let mut world = five(409);
    allow(&mut world, 0, History::last(3)).expect("said");
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    moderator(&mut world, cleo);
    say(&mut world, cleo, "mine");
    // Only she is there for Dan.
    let dan = world.join_by(cleo, "Dan", &[cleo]);
    world.run(40 * SECOND);
    assert_eq!(world.texts(dan), ["line 4", "line 5", "mine"]);
    assert!(lines(&world, dan).iter().all(|line| line.forwarded_by == Some(world.account(cleo))));
}

#[test]
fn what_was_handed_on_is_there_after_a_restart() {
    let mut world = five(410);
    allow(&mut world, 0, History::last(2)).expect("said");
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    let before = lines(&world, cleo);
    world.crash(cleo, 99);
    world.run(SECOND);
    world.restart(cleo);
    world.run(40 * SECOND);
    let after = lines(&world, cleo);
    assert_eq!(after.len(), 2);
    assert_eq!(after, before);
}

#[test]
fn who_comes_back_gets_the_last_lines_as_any_newcomer_does() {
    let mut world = World::group(3, 411);
    allow(&mut world, 0, History::last(2)).expect("said");
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("an owner may");
    world.run(5 * SECOND);
    for text in ["while she was out", "the day before", "last"] {
        say(&mut world, 1, text);
    }
    let code = world.invite(0, 1);
    world.people[2].engine = None;
    world.seek(2, &halloo_engine::pairing::Ticket::Code(code.parse().expect("a code")));
    world.run_until(30 * SECOND, |world| world.people[2].engine.is_some());
    world.run(40 * SECOND);
    assert_eq!(world.texts(2), ["the day before", "last"]);
    assert!(lines(&world, 2).iter().all(|line| line.forwarded));
}

#[test]
fn a_newcomer_acknowledges_nothing_that_it_was_handed() {
    let mut world = five(412);
    allow(&mut world, 0, History::last(2)).expect("said");
    let cleo = world.join(0, "Cleo");
    world.run(40 * SECOND);
    let last = lines(&world, cleo).pop().expect("a line").id;
    world.command(cleo, Command::MarkRead { message: last }).expect("a line");
    world.run(5 * SECOND);
    let account = world.account(cleo);
    for line in lines(&world, 0) {
        assert!(!line.delivered_to.contains(&account) && !line.read_by.contains(&account), "{line:?}");
    }
}
