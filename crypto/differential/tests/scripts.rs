//! The same scripts of operations in groups of ours, of OpenMLS and mixed: equal rosters, exporters and authenticators.

use halloo_differential::script::{Cast, Script, Tally};

/// Scripts of the gate.
const SCRIPTS: u64 = 12;
/// Scripts of the proof, `HALLOO_PROVE=1`.
const SCRIPTS_PROVE: u64 = 200;

fn scripts() -> u64 {
    if std::env::var_os("HALLOO_PROVE").is_some() { SCRIPTS_PROVE } else { SCRIPTS }
}

#[test]
fn every_script_comes_to_the_same_epochs_whoever_runs_it() {
    let (mut steps, mut sum) = (0, Tally::default());
    for seed in 0..scripts() {
        let script = Script::new(seed);
        let (ours, _) = script.run(Cast::Ours);
        let (theirs, _) = script.run(Cast::Theirs);
        let (mixed, tally) = script.run(Cast::Mixed);
        assert_eq!(ours, theirs, "seed {seed}: the two sides put members into different leaves");
        assert_eq!(ours, mixed, "seed {seed}: a mixed group puts members into other leaves");
        steps += ours.len();
        sum.ours += tally.ours;
        sum.theirs += tally.theirs;
        sum.across += tally.across;
    }
    assert!(sum.ours > 0 && sum.theirs > 0 && sum.across > 0, "the mixed groups were mixed: {sum:?}");
    println!(
        "{} scripts of {steps} steps, three times each; in the mixed groups {} commits of ours and {} of OpenMLS, {} times \
         one side read the other",
        scripts(),
        sum.ours,
        sum.theirs,
        sum.across
    );
}
