//! Almost everybody in a group of fifty lies or floods: the two who keep to the rules end with one conversation.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use group::{Device, GROUP, chat, shuffled};
use halloo_crdt::content::{MAX_DEPS, VerifiedContent};
use halloo_crdt::messages::{MAX_PENDING_PER_AUTHOR, MAX_PER_SLOT, Messages};
use halloo_crypto::id::MessageId;

const MEMBERS: u64 = 50;

/// Thirty contents under one number.
fn equivocate(seed: u64) -> Vec<VerifiedContent> {
    let mut liar = Device::new(seed);
    let first = liar.say(0, &[], "one");
    let mut all: Vec<_> = (0..29).map(|n| liar.contradict(&first, chat(&format!("other {n}")))).collect();
    all.push(first);
    all
}

/// More than anybody keeps, each of which waits for something that does not exist.
fn flood(seed: u64) -> Vec<VerifiedContent> {
    let mut spammer = Device::new(seed);
    let nowhere = |n: u64| MessageId::from_bytes([n as u8; 32]);
    let count = MAX_PENDING_PER_AUTHOR as u64 + 20;
    (0..count).map(|n| spammer.write_after(n, vec![nowhere(n)], chat("x"))).collect()
}

/// An honest member: what it has, in which its own words follow what it had heard.
struct Honest {
    device: Device,
    set: Messages,
    said: Vec<MessageId>,
}

impl Honest {
    fn hear(&mut self, contents: &[VerifiedContent]) {
        for content in contents {
            let _refused_or_not = self.set.insert(content.clone());
        }
    }

    fn say(&mut self, at: u64, text: &str) {
        let content = self.device.write_after(at, self.set.frontier(), chat(text));
        self.said.push(content.id());
        self.set.insert(content).expect("an own word");
    }

    fn holdings(&self) -> Vec<VerifiedContent> {
        self.set.sync_items().filter_map(|(_, id)| self.set.get(&id).cloned()).collect()
    }
}

#[test]
fn two_honest_members_agree_among_any_number_of_equivocators_and_spammers() {
    for hostile in [1, 10, MEMBERS - 2] {
        let junk: Vec<VerifiedContent> = (0..hostile)
            .flat_map(|n| if n % 2 == 0 { equivocate(100 + n) } else { flood(100 + n) })
            .collect();
        let member = |seed| Honest { device: Device::new(seed), set: Messages::new(GROUP), said: Vec::new() };
        let mut pair = [member(1), member(2)];
        for (at, honest) in pair.iter_mut().enumerate() {
            // Each hears another two thirds, in another order, and speaks in between.
            let heard = shuffled(&junk, at as u64);
            let heard = &heard[..heard.len() * 2 / 3];
            for (n, part) in heard.chunks(heard.len() / 8 + 1).enumerate() {
                honest.hear(part);
                honest.say(n as u64, &format!("{at} says {n}"));
            }
        }
        for _ in 0..4 {
            let [ours, theirs] = [pair[0].holdings(), pair[1].holdings()];
            pair[0].hear(&shuffled(&theirs, 7));
            pair[1].hear(&shuffled(&ours, 8));
        }
        let said: Vec<MessageId> = pair.iter().flat_map(|honest| honest.said.clone()).collect();
        for id in &said {
            let standings = [0, 1].map(|at: usize| pair[at].set.standing(id));
            assert!(standings[0].is_some(), "{hostile} hostile: every honest word is there");
            assert_eq!(standings[0], standings[1], "{hostile} hostile: and stands the same");
        }
        for honest in &pair {
            let most = hostile as usize * (MAX_PENDING_PER_AUTHOR + MAX_PER_SLOT + 20);
            let named = said.len() * (1 + MAX_DEPS);
            assert!(honest.set.len() + honest.set.pending() <= most + named, "what is kept is bounded");
        }
    }
}
