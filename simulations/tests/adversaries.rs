//! Members who break the rules really do, and the honest agree all the same: the shipped scenarios, each on a seed of its own.

use std::path::Path;
use std::process::Command;

/// What a run of a shipped scenario with this seed says.
fn run(name: &str, seed: u64) -> serde_json::Value {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"));
    let output = Command::new(env!("CARGO_BIN_EXE_halloo-sim"))
        .args(["run", "--json", "--seeds", "1", "--first-seed", &seed.to_string()])
        .arg(scenario)
        .output()
        .expect("the simulator starts");
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    serde_json::from_str(text.lines().next().unwrap_or_default()).expect("one object a seed")
}

/// Each of these was done at least so often.
fn did(name: &str, result: &serde_json::Value, deeds: &[(&str, f64)]) {
    for (deed, least) in deeds {
        let count = result["figures"][format!("counts.adversary_{deed}")].as_f64().unwrap_or_default();
        assert!(count >= *least, "{name}: {deed} {count} times, at least {least} expected");
    }
}

/// The scenario is content besides.
fn acts(name: &str, seed: u64, deeds: &[(&str, f64)]) {
    let result = run(name, seed);
    assert_eq!(result["ok"], true, "{name}: {}", result["violations"]);
    did(name, &result, deeds);
}

#[test]
fn an_equivocator_tells_two_stories_and_what_the_honest_write_reaches_everybody() {
    let result = run("equivocator", 11);
    did("equivocator", &result, &[("is_two", 1.0), ("told_two_stories", 10.0)]);
    assert_eq!(result["figures"]["messages.delivered_share"], 1.0);
    // That documents differ on some seeds is known (docs/SIMULATOR.md); nothing else may be wrong.
    let violations = result["violations"].as_array().expect("a list");
    assert!(violations.iter().all(|broken| broken["check"] == "convergence"), "{violations:?}");
}

#[test]
fn a_forger_is_not_believed() {
    let deeds = ["forged_operations", "forged_contents", "forged_names", "forged_commits", "claimed_rights"];
    acts("forger", 11, &deeds.map(|deed| (deed, 1.0)));
}

#[test]
fn a_spammer_silences_nobody() {
    let deeds =
        ["spammed_messages", "spammed_noise", "spammed_repeats", "spammed_greetings", "spammed_comparisons"];
    acts("spammer", 11, &deeds.map(|deed| (deed, 50.0)));
}

#[test]
fn what_some_withhold_comes_by_others() {
    acts("withholding", 11, &[("passed_nothing_on", 10.0), ("answered_nothing", 10.0)]);
}
