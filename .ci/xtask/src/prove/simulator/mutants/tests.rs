//! What `mutants` promises, tried without a build.

use super::*;
use std::fs;

#[test]
fn every_bug_can_be_planted_and_names_scenarios_that_ship() {
    for mutant in MUTANTS {
        let changed =
            planted::apply(&root(), mutant.name, mutant.edits).unwrap_or_else(|error| panic!("{error:#}"));
        for (file, text) in changed {
            assert_ne!(
                fs::read_to_string(root().join(&file)).unwrap(),
                text,
                "{} changes nothing",
                mutant.name
            );
        }
        assert!(!mutant.scenarios.is_empty(), "{}", mutant.name);
        for scenario in mutant.scenarios {
            assert!(scenario_path(scenario).exists(), "{}: {scenario} does not ship", mutant.name);
        }
    }
}

#[test]
fn the_bugs_have_names_of_their_own() {
    let names: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
    assert!(names.len() == MUTANTS.len() && names.len() >= 8);
}

#[test]
fn only_a_judge_of_rules_finds_a_bug() {
    let verdict = |judges: &[&str]| Verdict {
        scenario: "s".into(),
        seed: 1,
        hash: String::new(),
        ok: judges.is_empty(),
        violations: judges.iter().map(|judge| ((*judge).to_owned(), "words".to_owned())).collect(),
        figures: serde_json::Value::Null,
    };
    assert_eq!(caught(&verdict(&[])), None);
    assert_eq!(caught(&verdict(&["bound", "panic"])), None);
    assert_eq!(caught(&verdict(&["bound", "queues"])).map(|(judge, _)| judge).as_deref(), Some("queues"));
}
