//! Killed at any moment, again and again in one home: nothing acknowledged is lost, nothing is half there.

use halloo_store::sled_store::SledStore;

use crate::child::{self, Engine};
use crate::workload::{self, Noise};

#[test]
fn a_child_killed_at_any_moment_has_lost_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (seed, mut noise) = (11, Noise::new(12));
    let (mut acknowledged, mut during_opening) = (0, 0);
    let rounds = crate::size().kill_rounds;
    for round in 0..rounds {
        let mut child = child::command(&[], Engine::Guarded, seed, 1_000_000, dir.path()).spawn().unwrap();
        // The moment is so many words of the child: the first comes before it opens the store.
        let words = if round % 4 == 3 { 1 } else { 2 + noise.below(60) };
        for (word, number) in child::said(&mut child).take(words as usize) {
            if word == "ack" {
                acknowledged = number;
            }
        }
        during_opening += u32::from(words == 1);
        child.kill().unwrap();
        child.wait().unwrap();
        if round % 2 == 1 {
            let (store, opened) = SledStore::open(dir.path()).unwrap();
            assert!(opened.repaired.is_empty() || opened.created, "round {round}: {opened:?}");
            if let Err(wrong) = workload::judge(&store, seed, acknowledged) {
                panic!("round {round}: {wrong}");
            }
        }
    }
    assert!(acknowledged > u64::from(rounds));
    println!(
        "kill -9: {rounds} kills ({during_opening} while opening), {acknowledged} commits acknowledged, 0 lost"
    );
}
