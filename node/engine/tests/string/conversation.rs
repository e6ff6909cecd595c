//! A plain model of a conversation, and random talk that compares it with what everybody sees: texts, edits, withdrawals,
//! reactions, readers.
//!
//! Everybody is in from the beginning, and each step is heard before the next, so the model may be as simple as a person's idea of
//! a chat: a list of lines. The engines are told the same through lossy strings, restarts and short absences.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halloo_crypto::id::MessageId;
use halloo_engine::input::Command;
use halloo_engine::output::{Refusal, Reply};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const PEOPLE: usize = 3;
const TAKEN_BACK: Refusal = Refusal::Invalid("that line was taken back; write a new one");
const EMOJI: [&str; 3] = ["👍", "❤️", "🥾"];

/// A line as a person thinks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    author: usize,
    text: String,
    edited: bool,
    deleted: bool,
    answers: Option<usize>,
    reactions: BTreeMap<String, BTreeSet<usize>>,
    read_by: BTreeSet<usize>,
}

/// The conversation as a person thinks of it. Person 0 founded the group and moderates.
#[derive(Default)]
struct Talk {
    lines: Vec<Line>,
    ids: Vec<MessageId>,
}

impl Talk {
    fn say(&mut self, author: usize, text: String, answers: Option<usize>, id: MessageId) {
        let line = Line {
            author,
            text,
            edited: false,
            deleted: false,
            answers,
            reactions: BTreeMap::new(),
            read_by: BTreeSet::new(),
        };
        self.lines.push(line);
        self.ids.push(id);
    }

    fn edit(&mut self, who: usize, at: usize, text: &str) -> Result<(), Refusal> {
        let line = &mut self.lines[at];
        if line.author != who {
            return Err(Refusal::NotYours);
        }
        if line.deleted {
            return Err(TAKEN_BACK);
        }
        line.edited = true;
        line.text = text.to_owned();
        Ok(())
    }

    fn delete(&mut self, who: usize, at: usize) -> bool {
        let line = &mut self.lines[at];
        if line.author != who && who != 0 {
            return false;
        }
        line.deleted = true;
        line.text.clear();
        line.reactions.clear();
        true
    }

    fn react(&mut self, who: usize, at: usize, emoji: &str, on: bool) -> Result<(), Refusal> {
        let line = &mut self.lines[at];
        if line.deleted {
            return Err(TAKEN_BACK);
        }
        let set = line.reactions.entry(emoji.to_owned()).or_default();
        if on {
            set.insert(who);
        } else {
            set.remove(&who);
        }
        line.reactions.retain(|_, set| !set.is_empty());
        Ok(())
    }

    fn read(&mut self, who: usize, up_to: usize) {
        for line in self.lines.iter_mut().take(up_to + 1).filter(|line| line.author != who) {
            line.read_by.insert(who);
        }
    }
}

/// The conversation as a member shows it, in the model's terms.
fn shown(world: &World, who: usize, talk: &Talk) -> Vec<Line> {
    let person = |account| (0..PEOPLE).find(|at| world.account(*at) == account).expect("one of us");
    let entries = world.engine(who).timeline(None, 500).entries;
    entries
        .into_iter()
        .map(|entry| {
            assert!(!entry.void, "nobody was removed");
            assert_eq!(entry.own, person(entry.author) == who);
            Line {
                author: person(entry.author),
                text: entry.text,
                edited: entry.edited,
                deleted: entry.deleted,
                answers: entry
                    .reply_to
                    .map(|id| talk.ids.iter().position(|known| *known == id).expect("a line")),
                reactions: entry
                    .reactions
                    .into_iter()
                    .map(|(emoji, by)| (emoji, by.into_iter().map(person).collect()))
                    .collect(),
                read_by: entry.read_by.into_iter().map(person).collect(),
            }
        })
        .collect()
}

fn talk(seed: u64, steps: usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut world = World::group(PEOPLE, seed);
    world.faults.gossip_loss = rng.next_u32() % 200;
    world.faults.duplicates = rng.next_u32() % 300;
    world.faults.latency_ms = (1, 1 + rng.next_u32() % 50);
    let mut talk = Talk::default();
    for step in 0..steps {
        let who = rng.next_u32() as usize % PEOPLE;
        let at = if talk.lines.is_empty() { 0 } else { rng.next_u32() as usize % talk.lines.len() };
        let choice = if talk.lines.is_empty() { 0 } else { rng.next_u32() % 12 };
        match choice {
            0..=3 => {
                let answers = (choice == 3).then_some(at).filter(|_| !talk.lines.is_empty());
                let text = format!("step {step} of {seed}");
                let reply_to = answers.map(|at| talk.ids[at]);
                let said = world.command(who, Command::Say { text: text.clone(), reply_to });
                let Ok(Reply::Message(id)) = said else { panic!("{said:?}") };
                talk.say(who, text, answers, id);
            }
            4 | 5 => {
                let text = format!("edited in step {step}");
                let allowed = talk.edit(who, at, &text);
                let done = world.command(who, Command::Edit { message: talk.ids[at], text });
                assert_eq!(done, allowed.map(|()| Reply::Done), "seed {seed}");
            }
            6 => {
                let allowed = talk.delete(who, at);
                let done = world.command(who, Command::Delete { message: talk.ids[at] });
                assert_eq!(
                    done,
                    if allowed { Ok(Reply::Done) } else { Err(Refusal::NotAllowed) },
                    "seed {seed}"
                );
            }
            7 | 8 => {
                let emoji = EMOJI[rng.next_u32() as usize % EMOJI.len()];
                let on = rng.next_u32() % 4 != 0;
                let allowed = talk.react(who, at, emoji, on);
                let command = Command::React { message: talk.ids[at], emoji: emoji.into(), on };
                assert_eq!(world.command(who, command), allowed.map(|()| Reply::Done), "seed {seed}");
            }
            9 => {
                talk.read(who, at);
                world.command(who, Command::MarkRead { message: talk.ids[at] }).expect("read");
            }
            10 => {
                world.crash(who, rng.next_u32() as usize % 3);
                world.run(SECOND);
                world.restart(who);
            }
            _ => {
                world.cut_off(who);
                world.run(SECOND);
                world.connect_all();
            }
        }
        // Heard by all before the next speaks, so that the order of the model is the order of the world.
        let expected = talk.lines.len();
        let heard = |world: &World| {
            (0..PEOPLE).all(|who| world.engine(who).timeline(None, 500).entries.len() == expected)
        };
        world.run(8 * SECOND);
        if !heard(&world) {
            world.run_until(90 * SECOND, heard);
        }
        world.run(SECOND);
    }
    world.run(120 * SECOND);
    for who in 0..PEOPLE {
        let shown = shown(&world, who, &talk);
        for (at, (shown, expected)) in shown.iter().zip(&talk.lines).enumerate() {
            assert_eq!(shown, expected, "seed {seed}: line {at} as {who} sees it");
        }
        assert_eq!(shown.len(), talk.lines.len());
        assert_eq!(world.engine(who).status().undelivered, 0, "seed {seed}: {who}");
    }
}

#[test]
fn random_talk_is_seen_as_a_person_thinks_of_it() {
    for seed in 600..604 {
        talk(seed, 40);
    }
}
