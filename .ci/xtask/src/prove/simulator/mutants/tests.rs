//! What `mutants` promises, tried without a build.

use super::*;

#[test]
fn every_bug_can_be_planted_and_names_scenarios_that_ship() {
    for mutant in MUTANTS {
        let changed = mutant.apply(&root()).unwrap_or_else(|error| panic!("{error:#}"));
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
fn a_text_that_stands_twice_or_never_is_refused() {
    for edits in [&[("crdt/src/live.rs", "there is no such text", "")], &[("crdt/src/live.rs", "use ", "")]] {
        assert!(Mutant { name: "x", edits, scenarios: &[] }.apply(&root()).is_err(), "{edits:?}");
    }
}

#[test]
fn the_copy_follows_the_tree() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in COPIED {
        fs::create_dir_all(from.path().join(folder).join("src")).unwrap();
        fs::write(from.path().join(folder).join("src/a.rs"), "a").unwrap();
        fs::write(from.path().join(folder).join("src/b.rs"), "b").unwrap();
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::write(from.path().join(file), "").unwrap();
    }
    let changed = [(PathBuf::from("crdt/src/a.rs"), "mutated".to_owned())];
    copy(from.path(), to.path(), &changed).unwrap();
    let read = |file: &str| fs::read_to_string(to.path().join(file)).ok();
    assert_eq!(read("crdt/src/a.rs").as_deref(), Some("mutated"));
    assert_eq!(read("crypto/src/a.rs").as_deref(), Some("a"));
    fs::remove_file(from.path().join("crdt/src/b.rs")).unwrap();
    copy(from.path(), to.path(), &[]).unwrap();
    assert_eq!(read("crdt/src/a.rs").as_deref(), Some("a"), "the next copy heals the last");
    assert_eq!(read("crdt/src/b.rs"), None);
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
