//! What `cliff` promises, tried.

use super::*;

#[test]
fn the_mute_take_and_do_not_give() {
    let all = run(1, 60, 0);
    let few = run(1, 60, 90);
    assert!((all.soon - 1.0).abs() < 1e-9, "without mute nodes everybody is reached soon: {all:?}");
    assert!(few.soon < 0.9, "nine in ten mute: {few:?}");
}

#[test]
fn no_cliff_is_no_agreement() {
    let run = |mute_percent, soon, ever| Run { seed: 1, nodes: 1_000, mute_percent, soon, ever };
    assert!(holds(&[run(50, 0.98, 1.0), run(80, 0.3, 0.96), run(90, 0.02, 0.7)]));
    assert!(!holds(&[run(50, 0.98, 1.0), run(80, 0.9, 1.0), run(90, 0.8, 1.0)]));
    assert!(!holds(&[run(50, 0.98, 1.0)]));
}
