//! Behind a forwarder: who speaks in another's name is shown to whoever hears it, and nobody else ever is.

#![allow(unreachable_pub, dead_code, reason = "the hall is shared with the figures")]

#[path = "forwarded/hall.rs"]
mod hall;

use hall::{ATTACKS, Hall, LISTENER, Loss, VICTIM, forge, honest, rate};
use halloo_engine::voice::{Authenticity, ProofStats};

const CLEAN: Loss = Loss { share: 0.0, run: 1.0 };
const RANDOM: Loss = Loss { share: 0.2, run: 1.0 };
const RUNS: Loss = Loss { share: 0.2, run: 3.0 };

#[test]
fn every_forgery_of_ten_frames_is_shown_within_two_seconds() {
    for attack in ATTACKS {
        for seed in 0..6 {
            let outcome = forge(seed, CLEAN, attack, 10);
            assert!(!outcome.early, "{attack:?} seed {seed}");
            assert!(outcome.flagged_ms.is_some_and(|ms| ms <= 2_000), "{attack:?} seed {seed}: {outcome:?}");
        }
    }
}

#[test]
fn forgeries_are_shown_although_a_fifth_is_lost() {
    for attack in ATTACKS {
        for (seed, loss) in [(0, RANDOM), (1, RUNS), (2, RANDOM), (3, RUNS)] {
            let outcome = forge(seed, loss, attack, 25);
            assert!(outcome.flagged_ms.is_some_and(|ms| ms <= 2_000), "{attack:?} seed {seed}: {outcome:?}");
        }
    }
}

#[test]
fn nobody_is_accused_whatever_is_lost_reordered_or_held_back() {
    for (seed, loss) in [(0, CLEAN), (1, RANDOM), (2, RUNS)] {
        let calm = honest(seed, loss, 40, false);
        assert_eq!((calm.accused, calm.proofs.forged), (0, 0), "{loss:?}: {calm:?}");
        assert!(calm.proofs.verified > 500, "{loss:?}: {calm:?}");
        assert!(calm.refused < 20, "{loss:?}: {calm:?}");
        let held = honest(seed, loss, 40, true);
        assert_eq!((held.accused, held.proofs.forged), (0, 0), "{loss:?}: {held:?}");
    }
}

#[test]
fn nearly_every_frame_is_proven() {
    let clean = honest(4, CLEAN, 60, false).proofs;
    assert_eq!(clean.unproven, 0, "{clean:?}");
    let lossy = honest(4, RANDOM, 60, false).proofs;
    assert!(lossy.unproven * 20 < lossy.verified, "{lossy:?}");
}

#[test]
fn without_a_word_of_the_speaker_nothing_is_proven_and_nobody_accused() {
    let mut hall = Hall::new(1, CLEAN);
    hall.hold_checkpoints_us = 1 << 40;
    hall.watch();
    hall.speaks[VICTIM] = true;
    for step in 0..400 {
        hall.step((step > 200).then_some(hall::Attack::Swap));
        assert_eq!(hall.told().0, Authenticity::Unverified);
    }
    let ProofStats { verified, forged, unproven } = hall.told().1;
    assert!((verified, forged) == (0, 0) && unproven > 100);
}

#[test]
fn the_word_costs_little_and_nothing_while_nobody_speaks() {
    assert!(rate(1, CLEAN, 30) <= 1_500.0, "{}", rate(1, CLEAN, 30));
    assert!(rate(1, RANDOM, 30) <= 2_800.0, "{}", rate(1, RANDOM, 30));
    let mut hall = Hall::new(1, CLEAN);
    hall.run(200);
    assert_eq!(hall.checkpoints, vec![(0, 0); hall::MEMBERS]);
    assert_eq!(hall.paths[LISTENER].stats().mouth.checkpoints_sent, 0);
}
