//! Polls and tasks among people who are together, apart, and together again.

use std::time::Duration;

use halloo_crdt::document::AgendaId;
use halloo_engine::input::{AgendaAsk, Command};
use halloo_engine::output::{Event, PollView, Refusal, Reply};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn ask(world: &mut World, who: usize, ask: AgendaAsk) -> Result<Reply, Refusal> {
    world.command(who, Command::Agenda(ask))
}

fn opened(world: &mut World, who: usize, ask_for: AgendaAsk) -> AgendaId {
    match ask(world, who, ask_for) {
        Ok(Reply::Agenda(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn poll(world: &mut World, who: usize) -> AgendaId {
    let options = ["hut", "tent"].map(String::from).to_vec();
    opened(world, who, AgendaAsk::OpenPoll { question: "where do we sleep?".into(), options })
}

fn vote(world: &mut World, who: usize, poll: AgendaId, option: &str) {
    let vote = AgendaAsk::Vote { poll, option: Some(option.into()) };
    assert_eq!(ask(world, who, vote), Ok(Reply::Done));
}

/// How many chose what, as somebody sees the one poll.
fn tally(world: &World, who: usize) -> Vec<(String, usize)> {
    let polls: Vec<PollView> = world.engine(who).polls();
    assert_eq!(polls.len(), 1, "{who}");
    polls[0].options.iter().map(|(option, by)| (option.clone(), by.len())).collect()
}

#[test]
fn votes_cast_on_both_sides_of_a_split_are_all_counted_once_and_nobody_votes_twice() {
    let mut world = World::group(4, 71);
    let id = poll(&mut world, 0);
    world.run(2 * SECOND);
    vote(&mut world, 3, id, "tent");
    world.run(2 * SECOND);
    world.cut_off(3);
    vote(&mut world, 0, id, "hut");
    vote(&mut world, 1, id, "hut");
    vote(&mut world, 3, id, "hut");
    assert_eq!(ask(&mut world, 0, AgendaAsk::ClosePoll(id)), Ok(Reply::Done));
    world.run(30 * SECOND);
    assert_eq!(tally(&world, 0), [("hut".into(), 2), ("tent".into(), 1)]);
    world.connect_all();
    world.run(15 * SECOND);
    for who in 0..4 {
        assert_eq!(tally(&world, who), [("hut".into(), 3), ("tent".into(), 0)], "{who}");
        assert!(world.engine(who).polls()[0].closed);
        let told = |event: &&Event| matches!(event, Event::Poll(poll) if poll.closed);
        assert!(world.people[who].events.iter().any(|event| told(&event)), "{who} is told");
    }
    let late = AgendaAsk::Vote { poll: id, option: Some("tent".into()) };
    assert!(matches!(ask(&mut world, 2, late), Err(Refusal::Invalid(why)) if why.contains("closed")));
    world.crash(2, 0);
    world.restart(2);
    world.run(5 * SECOND);
    assert_eq!(tally(&world, 2), tally(&world, 0), "it is on the disk");
}

#[test]
fn what_two_change_of_one_task_while_apart_is_both_in_it_afterwards() {
    let mut world = World::group(3, 72);
    let task = opened(&mut world, 0, AgendaAsk::AddTask { title: "rope".into(), assigned: None });
    world.run(2 * SECOND);
    let cleo = world.account(2);
    world.cut_off(2);
    let title = AgendaAsk::ChangeTask { task, title: Some("rope, 30 m".into()), assigned: None };
    ask(&mut world, 1, title).expect("anybody");
    let assigned = AgendaAsk::ChangeTask { task, title: None, assigned: Some(Some(cleo)) };
    ask(&mut world, 2, assigned).expect("anybody");
    ask(&mut world, 2, AgendaAsk::FinishTask { task, done: true }).expect("done");
    world.run(20 * SECOND);
    world.connect_all();
    world.run(10 * SECOND);
    for who in 0..3 {
        let tasks = world.engine(who).tasks();
        assert_eq!(tasks.len(), 1);
        let seen = (tasks[0].title.as_str(), tasks[0].assigned, tasks[0].done);
        assert_eq!(seen, ("rope, 30 m", Some(cleo), Some(cleo)), "{who}");
    }
    let written = world.engine(1).status().contents;
    ask(&mut world, 1, AgendaAsk::FinishTask { task, done: true }).expect("it is done");
    assert_eq!(world.engine(1).status().contents, written, "who did it stays who did it");
    ask(&mut world, 1, AgendaAsk::DropTask { task, dropped: true }).expect("dropped");
    world.run(5 * SECOND);
    assert_eq!(world.engine(2).tasks()[0].dropped, Some(world.account(1)));
}

#[test]
fn what_makes_no_sense_as_a_poll_or_a_task_is_refused_with_the_next_step() {
    let mut world = World::group(2, 73);
    let id = poll(&mut world, 0);
    world.run(2 * SECOND);
    let open = |question: &str, options: &[&str]| AgendaAsk::OpenPoll {
        question: question.into(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    let nothing = AgendaId::new(&world.account(0), [9; 8]);
    for (wrong, says) in [
        (open("", &["a", "b"]), "say what"),
        (open("?", &["a"]), "two options"),
        (open("?", &["a", "a"]), "different"),
        (open("?", &["a"; 11]), "at most 10"),
        (open(&"x".repeat(513), &["a", "b"]), "at most 512"),
        (open("?", &["a", &"x".repeat(129)]), "at most 128"),
        (AgendaAsk::Vote { poll: id, option: Some("barn".into()) }, "option"),
        (AgendaAsk::Vote { poll: nothing, option: None }, "poll"),
        (AgendaAsk::ClosePoll(id), "only who opened"),
        (AgendaAsk::AddTask { title: " ".into(), assigned: None }, "say what"),
        (AgendaAsk::AddTask { title: "x".repeat(257), assigned: None }, "at most 256"),
        (AgendaAsk::FinishTask { task: nothing, done: true }, "task"),
    ] {
        let refusal = ask(&mut world, 1, wrong.clone()).expect_err("refused").to_string();
        assert!(refusal.contains(says), "{wrong:?}: {refusal}");
    }
    assert_eq!(world.engine(1).polls().len(), 1);
}
