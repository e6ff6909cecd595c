//! A lost phone and its backup, with real homes and real processes: by a file, by words, and everything that can be typed wrong.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod people;

use people::Person;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

impl Person {
    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn texts(&self, count: usize) -> Vec<String> {
        let log = self.wait("the lines", &["log"], |log| texts(log).len() >= count);
        texts(&log)
    }
}

fn texts(log: &Value) -> Vec<String> {
    let lines = log["messages"].as_array().cloned().unwrap_or_default();
    let mut texts: Vec<String> = lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}

/// Two who have talked; the second has a backup.
fn two(folder: &Path, backup: &str) -> (Person, Person) {
    let (mut ada, mut ben) = (Person::new(folder, "ada"), Person::new(folder, "ben"));
    ada.up();
    ben.up();
    let made = ada.ask(&["new", "Sunday ride", "--as", "Ada"]);
    ben.ask(&["join", made["invite"]["link"].as_str().unwrap(), "--as", "Ben"]);
    ada.ask(&["say", "one"]);
    ben.ask(&["say", "two"]);
    assert_eq!(ben.texts(2), ["one", "two"]);
    assert_eq!(ada.texts(2), ["one", "two"]);
    let written = ben.ask(&["backup", backup]);
    assert_eq!(
        (&written["groups"], &written["contacts"], &written["name"]),
        (&1.into(), &1.into(), &"Ben".into())
    );
    (ada, ben)
}

#[test]
fn a_lost_phone_is_restored_from_its_backup_and_revoked_and_history_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("ben.backup").to_string_lossy().into_owned();
    let (ada, mut lost) = two(folder.path(), &backup);

    // What is in it, without restoring.
    let inside = lost.ask(&["backup", "--verify", &backup]);
    assert_eq!((&inside["name"], &inside["groups"][0]["name"]), (&"Ben".into(), &"Sunday ride".into()));
    assert_eq!(inside["contacts"][0]["name"], "Ada");
    assert!(inside["addresses"].as_u64().unwrap() > 0 && inside["damaged"].as_array().unwrap().is_empty());

    // The phone is gone, and with it what it said after the backup, but for what Ada has.
    lost.ask(&["say", "three"]);
    assert_eq!(ada.texts(3), ["one", "three", "two"]);
    lost.kill();
    ada.ask(&["say", "four"]);

    let mut ben = Person::new(folder.path(), "ben-again");
    ben.stays(&["restore", &backup, "--revoke-old", "--loopback", "--no-mdns"], "");
    assert_eq!(ben.texts(4), ["four", "one", "three", "two"]);
    ben.ask(&["say", "five"]);
    assert_eq!(ada.texts(5), ["five", "four", "one", "three", "two"]);
    let members = ada.wait("one device of Ben", &["members"], |members| devices(members, "Ben") == 1);
    assert_eq!(members["members"].as_array().unwrap().len(), 2, "no new member: {members}");

    // The lost phone comes back in other hands.
    lost.up();
    lost.wait("its end", &["groups"], |groups| groups["groups"][0]["member"] == false);
    assert_eq!(lost.texts(3), ["one", "three", "two"], "nothing of what was said after");

    // The new phone has a backup of its own, and goes on after a restart.
    let again = folder.path().join("again.backup").to_string_lossy().into_owned();
    ben.ask(&["backup", &again]);
    ben.kill();
    ben.up();
    assert_eq!(ben.texts(5).len(), 5);
}

fn devices(members: &Value, name: &str) -> usize {
    let members = members["members"].as_array().cloned().unwrap_or_default();
    let member = members.into_iter().find(|member| member["name"] == name);
    member.map_or(0, |member| member["devices"].as_array().map_or(0, Vec::len))
}

#[test]
fn the_words_alone_find_the_group_through_a_member() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("b").to_string_lossy().into_owned();
    let (ada, mut lost) = two(folder.path(), &backup);
    let words = lost.ask(&["backup", "--words"])["words"].as_str().unwrap().to_owned();
    assert_eq!(words.split(' ').count(), 24);
    lost.kill();
    // The same words, whether or not it runs.
    assert_eq!(lost.ask(&["backup", "--words"])["words"], words.as_str());
    let status = ada.ask(&["invite", "--uses", "1"]);
    let link = status["invite"]["link"].as_str().unwrap();
    let address = link.split("?a=").nth(1).unwrap().split(['#', ',']).next().unwrap().to_owned();
    let mut ben = Person::new(folder.path(), "again");
    let typed = words.to_uppercase();
    let how = ["restore", "--words", "--keep-old", "--loopback", "--no-mdns", "--peer", &address];
    ben.stays(&how, &typed);
    assert_eq!(ben.texts(2), ["one", "two"]);
    let members = ben.wait("itself", &["members"], |members| devices(members, "Ben") == 2);
    assert_eq!(members["members"].as_array().unwrap().len(), 2, "{members}");
    let restoring = ada.wait("both devices", &["members"], |members| devices(members, "Ben") == 2);
    assert_eq!(restoring["members"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_typed_or_copied_wrong_is_told_with_its_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (backup, damaged, newer) = (path("b"), path("damaged"), path("newer"));
    let (ada, mut ben) = two(folder.path(), &backup);
    ben.refused(&["backup", &backup], "never written over");
    ben.kill();

    let nobody = Person::new(folder.path(), "nobody");
    nobody.refused(&["backup", &path("c")], "nothing to back up");
    std::fs::write(path("wrong"), "other\n").unwrap();
    nobody.refused(&["restore", &backup, "--passphrase-file", &path("wrong")], "wrong passphrase");
    nobody.refused(&["backup", "--verify", &backup, "--passphrase-file", &path("wrong")], "wrong passphrase");
    nobody.refused(&["restore", &path("none")], "cannot use");
    nobody.refused(&["restore", "Cargo.toml"], "no backup of halloo");

    let whole = std::fs::read(&backup).unwrap();
    let mut bytes = whole.clone();
    bytes[70 + 2 * 1040 + 100] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    nobody.refused(&["restore", &damaged], "the groups in this backup are damaged");
    let told = nobody.run(&["backup", "--verify", &damaged]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["damaged"][0], "the groups");
    bytes[8] = 9;
    std::fs::write(&newer, &bytes).unwrap();
    nobody.refused(&["restore", &newer], "version 9");

    // The home of somebody is not written over.
    ben.refused(&["restore", &backup, "--keep-old"], "home of somebody already");
    ada.refused(&["restore", &backup, "--keep-old"], "another halloo");

    // A mistyped word is named.
    let words = ben.ask(&["backup", "--words"])["words"].as_str().unwrap().to_owned();
    let mut slips: Vec<&str> = words.split(' ').collect();
    slips[4] = "zzzzz";
    let told = typed(&nobody, &slips.join(" "));
    assert!(told.contains("word 5"), "{told}");
    let told = typed(&nobody, words.rsplit_once(' ').unwrap().0);
    assert!(told.contains("these are 23 words"), "{told}");

    // Nobody is met, which is told; the home goes on looking.
    let mut alone = Person::new(folder.path(), "alone");
    let how = ["restore", &backup, "--keep-old", "--no-live", "--wait", "1s", "--no-mdns", "--loopback"];
    drop(ada);
    let done = alone.run(&how);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((told["missing"][0]["name"].as_str(), done.status.code()), (Some("Sunday ride"), Some(1)));
    alone.up();
}

/// Restores by these words and gives what was said.
fn typed(person: &Person, words: &str) -> String {
    let mut command = person.halloo(&["restore", "--words"]);
    let mut process = command.stdin(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
    let done = process.wait_with_output().unwrap();
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn who_was_removed_meanwhile_is_told_so_by_a_member() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("b").to_string_lossy().into_owned();
    let (ada, mut lost) = two(folder.path(), &backup);
    lost.kill();
    ada.ask(&["remove", "Ben"]);
    let ben = Person::new(folder.path(), "again");
    let how = ["restore", &backup, "--keep-old", "--no-live", "--no-mdns", "--loopback"];
    let done = ben.run(&how);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (told["removed"][0]["name"].as_str(), done.status.code()),
        (Some("Sunday ride"), Some(1)),
        "{told}"
    );
}
