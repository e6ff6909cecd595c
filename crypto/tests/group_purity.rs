//! The session has no clock and no chance of its own, by what is linked and by what it does.
#![cfg(feature = "group")]
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group_support;

use std::process::Command;

use group_support::*;
use halloo_crypto::group::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Its `std` is what would bring `SystemTime::now` and hash maps with keys from the system; see docs/adr/0002.
#[test]
fn mls_is_linked_without_std_whoever_builds_it() {
    for name in ["mls-rs", "mls-rs-core"] {
        let users = tree(&["--workspace", "-e", "features", "-i", name]);
        assert!(users.lines().any(|line| line.starts_with("mls-rs")), "{users}");
        let std = format!("{name} feature \"std\"");
        assert!(!users.contains(&std), "{users}");
        let default = format!("{name} feature \"default\"");
        assert!(!users.contains(&default), "{users}");
    }
}

#[test]
fn mls_brings_no_source_of_chance_along() {
    let below = tree(&["-p", "mls-rs", "-e", "normal"]);
    assert!(below.contains("mls-rs-core"), "{below}");
    for name in ["getrandom", "rand ", "rand_core", "fastrand", "tokio", "rayon"] {
        assert!(!below.lines().any(|line| line.starts_with(name)), "{name} in {below}");
    }
}

#[test]
fn every_draw_comes_from_the_lent_generator_and_leaves_it_advanced() {
    let mut world = World::new(40);
    let mut members = world.group_of(2);
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let untouched = rng.clone().next_u64();
    let first = members[0].clone().seal_application(b"", b"x", &mut rng).unwrap();
    assert_ne!(rng.clone().next_u64(), untouched);
    let second = members[0].clone().seal_application(b"", b"x", &mut rng).unwrap();
    assert_ne!(first, second, "another state of the generator gives another reuse guard");
    let mut again = ChaCha20Rng::from_seed([1; 32]);
    assert_eq!(members[0].seal_application(b"", b"x", &mut again).unwrap(), first);
}

/// `apply`, `join`, `open_application`, `to_bytes` and `from_bytes` take no generator, and outside a loan the provider's
/// draws are errors (its unit tests): that they succeed here shows that they draw nothing.
#[test]
fn following_joining_opening_and_storing_need_no_chance_at_all() {
    let mut world = World::new(41);
    let mut members = world.group_of(3);
    let sealed = world.seal(&mut members[0], b"x");
    let update = world.update(&members[0]);
    let before = world.rng.clone().next_u64();
    members[1].open_application(&sealed).unwrap();
    let next = members[1].apply(&update.commit).unwrap().next;
    GroupSession::from_bytes(next.to_bytes().unwrap().expose()).unwrap();
    assert_eq!(world.rng.next_u64(), before);
}

/// Two threads with clones of one session give what each would give alone.
#[test]
fn clones_in_two_threads_do_not_influence_each_other() {
    let mut world = World::new(42);
    let members = world.group_of(3);
    let run = |session: GroupSession, seed: u8| {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let mut commits = Vec::new();
        let mut session = session;
        for _ in 0..10 {
            let prepared = session.prepare(&CommitPlan::default(), &mut rng).unwrap();
            commits.push(prepared.commit);
            session = prepared.next;
        }
        commits
    };
    let alone = [run(members[0].clone(), 1), run(members[0].clone(), 2)];
    let together = std::thread::scope(|scope| {
        let one = scope.spawn(|| run(members[0].clone(), 1));
        let two = scope.spawn(|| run(members[0].clone(), 2));
        [one.join().unwrap(), two.join().unwrap()]
    });
    assert_eq!(alone, together);
}
