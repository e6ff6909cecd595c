//! What `hunt` promises, tried without a run; `tests/hunt.rs` hunts for a planted failure.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn shipped(name: &str) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"));
    Loaded::read(&path).expect("a scenario")
}

/// The smallest that still fails, by a judge that needs no run.
fn shrink(mut small: Loaded, fails: impl Fn(&Scenario) -> bool) -> Loaded {
    while let Some(less) =
        smaller(&small.scenario).into_iter().filter(&fails).find_map(|scenario| of(&small, scenario))
    {
        small = less;
    }
    small
}

fn broken(check: &str, what: &str) -> Broken {
    Broken { check: check.into(), at_us: 5, host: None, what: what.into() }
}

#[test]
fn a_failure_is_made_as_small_as_it_stays_a_failure() {
    let fails = |scenario: &Scenario| !scenario.crashes.is_empty() && scenario.groups[0].members >= 3;
    let small = shrink(shipped("soup"), fails);
    let left = &small.scenario;
    assert_eq!((left.crashes.len(), left.groups[0].members), (1, 3));
    assert!(
        left.partitions.is_empty() && left.cuts.is_empty() && left.says.is_empty() && left.moves.is_empty()
    );
    assert!(left.seconds < 40.0 && left.links.loss == crate::scenario::links::LossSpec::None);
}

#[test]
fn what_is_written_can_be_run_with_its_seed() {
    let small = shipped("convoy-radio");
    let result = RunResult {
        scenario: small.name.clone(),
        seed: 77,
        hash: String::new(),
        ok: false,
        violations: vec![broken("leases", "of another kind"), broken("queues", "too\nmany")],
        figures: BTreeMap::new(),
        series: Vec::new(),
    };
    let text = told(&small, &result, "queues");
    assert!(text.starts_with("# too many\n"), "{text}");
    let again = Loaded::new("found".into(), text, small.files).expect("a scenario");
    assert_eq!((again.scenario.first_seed, again.scenario.seeds), (77, 1));
    assert!(again.scenario.why.contains("queues"));
}

#[test]
fn a_bound_that_is_broken_is_another_kind_than_one_whose_figure_is_gone() {
    assert_eq!(kind(&broken("queues", "inbox is full")), "queues");
    assert_eq!(kind(&broken("bound", "a.p99_ms is 9, it must be <= 3")), "bound a.p99_ms");
    let gone = kind(&broken("bound", "the run gave no figure a.p99_ms; `--json` shows those that it gives"));
    assert_eq!(gone, "bound without its figure");
}

#[test]
fn hunts_take_what_has_no_size_in_its_name() {
    assert!(takes(&shipped("soup")));
    assert!(!takes(&shipped("groups-10x10")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changes_follow_the_seed_and_can_be_run(seed: u64) {
        let base = shipped("family-wifi");
        let first = changed(&base.scenario, seed);
        prop_assert_eq!(&first, &changed(&base.scenario, seed));
        prop_assert!(first != base.scenario);
        let loaded = Loaded::new("changed".into(), first.to_toml(), BTreeMap::new());
        // Members that lines name by number may be gone: then the seed is skipped.
        if first.groups[0].members >= base.scenario.groups[0].members {
            prop_assert!(loaded.is_ok(), "{:?}", loaded.err());
        }
    }

    #[test]
    fn smaller_is_never_the_same(seed: u64) {
        let scenario = changed(&shipped("soup").scenario, seed);
        prop_assert!(smaller(&scenario).iter().all(|candidate| *candidate != scenario));
    }
}
