//! A failure that is planted, a bound that no run can keep, is found, made smaller, and runs again from the file that was written.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Every line of it but the first group can go, and the bound is broken still.
const PLANTED: &str = r#"
why = "To see whether the hunt finds what cannot hold and makes it small."
seconds = 60
settle_s = 20

[[groups]]
members = 5

[[says]]
who = "everybody"
when = { every_s = 10, random = true, from_s = 10 }

[[partitions]]
when = { at_s = [20] }
lasts_s = 10
islands = ["0-1", "2-4"]

[[sleeps]]
who = 3
when = { at_s = [15] }
lasts_s = 5

[must]
figures = ["joins.done_share >= 2"]
"#;
/// Longest that a planted failure may still be, seconds: the shortest that is made shorter, a half once more, and a margin for rounding.
const SMALL_S: f64 = 41.0;

fn halloo_sim(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halloo-sim"));
    command.args(args).stdin(Stdio::null());
    command
}

fn word(path: &Path) -> &str {
    path.to_str().expect("a path of this test")
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Hunts for the planted failure until it is found and made as small as it gets.
fn hunt(planted: &Path, out: &Path) -> Value {
    let args = ["--minutes", "600", "--seeds", "1", "--first-seed", "7", "--json", "--out", word(out)];
    let mut hunt = halloo_sim(&[&["hunt", word(planted)], args.as_slice()].concat())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the simulator starts");
    let mut line = String::new();
    let told = BufReader::new(hunt.stdout.take().expect("its stdout")).read_line(&mut line);
    hunt.kill().expect("it hunts on");
    hunt.wait().expect("it ends");
    told.expect("it tells of its first seed");
    object(&line)
}

#[test]
fn a_planted_failure_is_found_made_smaller_and_runs_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (planted, out) = (folder.path().join("planted.toml"), folder.path().join("found"));
    std::fs::write(&planted, PLANTED).expect("there is room");
    let found = hunt(&planted, &out);
    for key in ["scenario", "hash", "ok", "violations", "figures"] {
        assert!(!found[key].is_null(), "{key}: {found}");
    }
    assert_eq!(found["seed"], 7);

    let file = found["found"].as_str().expect("the file is named");
    let written = std::fs::read_to_string(file).expect("the file is there");
    let small: toml::Table = written.parse().expect("a scenario is TOML");
    let gone = ["says", "partitions", "sleeps"].into_iter().all(|part| !small.contains_key(part));
    assert!(gone && small["seconds"].as_float().is_some_and(|s| s < SMALL_S), "{written}");
    assert_eq!(small["groups"][0]["members"].as_integer(), Some(2), "{written}");
    let again = halloo_sim(&["run", file, "--json"]).output().expect("the simulator starts");
    assert_eq!(again.status.code(), Some(1), "it fails again");
    let again = object(&String::from_utf8_lossy(&again.stdout));
    let what = again["violations"][0]["what"].as_str().unwrap_or_default();
    assert!(what.starts_with("joins.done_share is "), "{again}");
}

#[test]
fn a_hunt_says_by_its_exit_code_whether_anything_was_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sound, planted) = (folder.path().join("sound.toml"), folder.path().join("planted.toml"));
    std::fs::write(&planted, PLANTED).expect("there is room");
    std::fs::write(&sound, PLANTED.replace(">= 2", ">= 0")).expect("there is room");
    for (scenario, code, files) in [(&sound, 0, 0), (&planted, 1, 1)] {
        let out = folder.path().join(format!("found-{code}"));
        // No time at all: one scenario is tried, and nothing is made smaller.
        let args = ["--minutes", "0", "--seeds", "1", "--first-seed", "7", "--out", word(&out)];
        let output = halloo_sim(&[&["hunt", word(scenario)], args.as_slice()].concat()).output();
        let output = output.expect("the simulator starts");
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::read_dir(&out).expect("the folder is made").count(), files);
    }
}
