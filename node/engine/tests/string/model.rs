//! A plain reference model that predicts what people see, and random histories that compare it with the engines.
//!
//! The model knows nothing of keys, logs or frames: a message is seen by who was a member when it was said, as its author knew the
//! roster; who is removed sees nothing that is said by people who know of the removal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halloo_engine::input::Command;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// What one person should come to see.
#[derive(Default)]
struct Model {
    members: BTreeSet<usize>,
    /// Message -> who may see it.
    seen_by: BTreeMap<String, BTreeSet<usize>>,
}

impl Model {
    fn say(&mut self, text: &str) {
        self.seen_by.insert(text.to_owned(), self.members.clone());
    }

    fn expected(&self, who: usize) -> BTreeSet<String> {
        self.seen_by.iter().filter(|(_, seers)| seers.contains(&who)).map(|(text, _)| text.clone()).collect()
    }
}

/// A story of up to `steps` steps in which everybody is told of every change of the roster before the next one.
fn story(seed: u64, steps: usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut world = World::new(seed);
    world.faults.gossip_loss = rng.next_u32() % 300;
    world.faults.duplicates = rng.next_u32() % 200;
    world.faults.latency_ms = (1, 1 + rng.next_u32() % 80);
    let mut model = Model::default();
    model.members.insert(world.found("Ada"));
    world.run(SECOND);
    let mut said = 0;
    for step in 0..steps {
        let running: Vec<usize> = model.members.iter().copied().collect();
        let who = running[rng.next_u32() as usize % running.len()];
        let choice = rng.next_u32() % 10;
        eprintln!("step {step}: {who} does {choice}, {said} said, {:?}", world.now.mono);
        match choice {
            0 if model.members.len() < 5 => {
                let name = format!("P{step}");
                let newcomer = world.join(0, &name);
                world.run(40 * SECOND);
                model.members.insert(newcomer);
            }
            1 if model.members.len() > 2 && who != 0 => {
                let account = world.account(who);
                world.command(0, Command::Remove(account)).expect("Ada may");
                world.run(40 * SECOND);
                model.members.remove(&who);
            }
            2 => {
                world.crash(who, rng.next_u32() as usize % 3);
                world.run(SECOND);
                world.restart(who);
            }
            3 => {
                world.cut_off(who);
                world.run(SECOND);
                let text = format!("{said} alone");
                said += 1;
                world.say(who, &text);
                model.say(&text);
                world.connect_all();
            }
            _ => {
                let text = format!("{said}");
                said += 1;
                world.say(who, &text);
                model.say(&text);
            }
        }
        world.run(Duration::from_millis(u64::from(rng.next_u32() % 3_000)));
    }
    world.run(240 * SECOND);
    for who in 0..world.people.len() {
        let seen: BTreeSet<String> = world.texts(who).into_iter().collect();
        assert_eq!(seen.len(), world.texts(who).len(), "seed {seed}: {who} sees something twice");
        if model.members.contains(&who) {
            assert_eq!(seen, model.expected(who), "seed {seed}: what {who} sees");
        } else {
            // Who is out is not told who vouched for its last words.
            assert!(seen.is_subset(&model.expected(who)), "seed {seed}: what {who} sees");
        }
        assert_eq!(world.engine(who).status().member, model.members.contains(&who), "seed {seed}: {who}");
    }
    let epoch = world.engine(0).status().epoch;
    for who in &model.members {
        assert_eq!(world.engine(*who).status().epoch, epoch, "seed {seed}: {who}");
    }
}

#[test]
fn random_stories_end_as_the_model_predicts() {
    for seed in 0..10 {
        story(seed, 25);
    }
}

#[test]
#[ignore = "half a minute; to be run by hand after a change of the rooms"]
fn four_hundred_random_stories_end_as_the_model_predicts() {
    for seed in 10..410 {
        story(seed, 25);
    }
}
