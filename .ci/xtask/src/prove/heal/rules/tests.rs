//! What `rules` promises, tried without a build.

use super::*;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn every_rule_can_be_broken() {
    for broken in all() {
        let changed =
            planted::apply(&root(), broken.name, broken.edits).unwrap_or_else(|error| panic!("{error:#}"));
        for (file, text) in changed {
            let now = fs::read_to_string(root().join(&file)).unwrap();
            assert_ne!(now, text, "{} changes nothing", broken.name);
        }
    }
}

#[test]
fn the_rules_have_names_of_their_own_and_are_enough() {
    let names: BTreeSet<_> = all().map(|broken| broken.name).collect();
    assert!(names.len() == all().count() && names.len() >= 15);
}

#[test]
fn every_test_that_is_named_is_there() {
    for broken in all() {
        let folder = match broken.package {
            "halloo-engine" => "node/engine",
            "halloo-crdt" => "crdt",
            _ => "crypto",
        };
        let wanted = format!("fn {}(", broken.test);
        assert!(holds(&root().join(folder), &wanted), "{folder} has no {wanted}");
    }
}

fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            !path.ends_with("target") && holds(&path, text)
        } else {
            path.extension().is_some_and(|end| end == "rs")
                && fs::read_to_string(&path).unwrap().contains(text)
        }
    })
}
