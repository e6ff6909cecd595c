//! What people write beyond plain lines, with real homes and real processes: edits, reactions, polls and tasks as they are typed and read.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod people;

use people::Person;
use serde_json::Value;
use std::path::Path;

impl Person {
    /// Asks, and expects to be refused in words that hold these, the second among what to do next.
    fn refused_with(&self, args: &[&str], says: &str, next: &str) {
        let error = self.refused(args, says);
        let (what, does) = (error["what"].as_str().unwrap(), error["next"].as_str().unwrap());
        assert!(what.contains(says) && does.contains(next), "{args:?}: {error}");
    }

    /// What a person reads.
    fn reads(&self, args: &[&str]) -> String {
        let done = self.typed(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

fn two(folder: &Path) -> (Person, Person) {
    let (mut ada, mut ben) = (Person::new(folder, "ada"), Person::new(folder, "ben"));
    ada.up();
    ben.up();
    let made = ada.ask(&["new", "Sunday ride", "--as", "Ada"]);
    ben.ask(&["join", made["invite"]["link"].as_str().unwrap(), "--as", "Ben"]);
    (ada, ben)
}

fn newest(log: &Value) -> &Value {
    &log["messages"][0]
}

#[test]
fn a_line_is_changed_taken_back_and_reacted_to_by_last_or_by_the_id_that_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ada, ben) = two(folder.path());
    let id = ada.ask(&["say", "at nine"])["message"].as_str().unwrap().to_owned();
    let short = &id[..8];
    ben.wait("the line", &["log"], |log| newest(log)["text"] == "at nine");

    ben.refused_with(&["edit", short, "at noon"], "only who wrote", "--reply-to");
    ben.refused_with(&["edit", "last", "at noon"], "no line of yours", "halloo say");
    ben.refused_with(&["react", "zz", "+1"], "no message id", "halloo log");
    ben.refused_with(&["react", "00000000", "+1"], "no message", "halloo log");
    assert_eq!(ada.ask(&["edit", "last", "at", "ten"])["message"], id.as_str());
    assert_eq!(ben.ask(&["react", short, "\u{1f44d}"])["message"], id.as_str());
    ben.ask(&["say", "I come", "--reply-to", short]);
    ada.wait("the answer", &["log"], |log| newest(log)["text"] == "I come");
    let line =
        ada.wait("the reaction", &["log"], |log| log["messages"][1]["reactions"][0]["names"][0] == "Ben");
    assert_eq!(
        (&line["messages"][1]["edited"], &line["messages"][1]["apart"]),
        (&true.into(), &false.into())
    );
    let read = ada.reads(&["log"]);
    let mut lines = read.lines();
    let first = lines.next().unwrap();
    assert!(first.ends_with(&format!("{short}  Ada: at ten  (edited)  [\u{1f44d} Ben]")), "{read}");
    assert!(lines.next().unwrap().contains(&format!("Ben (to {short}): I come")), "{read}");
    let texts = ben.wait("both texts", &["edits", short], |edits| edits["versions"][1]["text"] == "at ten");
    assert_eq!(texts["versions"][0]["text"], "at nine");

    ben.ask(&["react", short, "\u{1f44d}", "--off"]);
    ada.wait("no reaction", &["log"], |log| log["messages"][1]["reactions"].as_array().unwrap().is_empty());
    // Ben is no moderator; Ada, who began the group, is more than one.
    ben.refused_with(&["withdraw", short], "role", "admin");
    let answer = ben.ask(&["say", "I do not come"])["message"].as_str().unwrap().to_owned();
    ada.wait("the line", &["log"], |log| newest(log)["message"] == answer.as_str());
    ada.ask(&["withdraw", &answer[..8]]);
    ben.wait("it is taken back", &["log"], |log| newest(log)["deleted"] == true && newest(log)["text"] == "");
    ben.refused_with(&["react", &answer[..8], "+1"], "taken back", "write a new one");
    ben.refused_with(&["edits", &answer[..8]], "taken back", "halloo log");
    assert!(ben.reads(&["log", "-n", "1"]).trim_end().ends_with("Ben: (taken back)"));
}

#[test]
fn a_poll_and_a_task_are_made_decided_and_done_by_two_and_read_the_same_at_both() {
    let folder = tempfile::tempdir().unwrap();
    let (ada, ben) = two(folder.path());
    let poll =
        ada.ask(&["poll", "new", "where do we sleep?", "hut", "tent"])["poll"].as_str().unwrap().to_owned();
    ben.wait("the poll", &["poll"], |polls| polls["polls"][0]["poll"] == poll.as_str());
    ada.ask(&["poll", "vote", "last", "hut"]);
    ben.ask(&["poll", "vote", &poll[..8], "1"]);
    ben.ask(&["poll", "vote", &poll[..8], "Tent"]);
    ben.refused_with(&["poll", "vote", "last", "3"], "no option", "1 hut, 2 tent");
    ben.refused_with(&["poll", "close", "last"], "only who opened", "ask");
    ben.refused_with(&["poll", "vote", "00000000", "1"], "no poll", "halloo poll list");
    ada.refused_with(&["poll", "new", "again?", "one"], "two options", "name them");
    let seen =
        ada.wait("both votes", &["poll"], |polls| polls["polls"][0]["options"][1]["names"][0] == "Ben");
    assert_eq!(seen["polls"][0]["options"][0]["names"][0], "Ada");
    assert_eq!(seen["polls"][0]["options"][0]["votes"], 1, "a person has one vote");
    ada.ask(&["poll", "close", "last"]);
    ben.wait("it is closed", &["poll"], |polls| polls["polls"][0]["closed"] == true);
    ben.refused_with(&["poll", "vote", "last", "hut"], "closed", "halloo poll new");
    let read = ben.reads(&["poll"]);
    let wanted = format!(
        "{}  Ada asks: where do we sleep?  (closed)\n    1  hut  1  Ada\n  * 2  tent  1  Ben\n",
        &poll[..8]
    );
    assert_eq!(read, wanted);

    let task = ada.ask(&["task", "add", "bring", "the", "rope", "--for", "Ben"])["task"]
        .as_str()
        .unwrap()
        .to_owned();
    ben.wait("the task", &["task"], |tasks| tasks["tasks"][0]["for_name"] == "Ben");
    ben.ask(&["task", "change", "last", "--title", "bring 30 m of rope"]);
    ben.ask(&["task", "done", "last"]);
    ada.wait("it is done", &["task"], |tasks| tasks["tasks"][0]["done_name"] == "Ben");
    assert_eq!(ada.reads(&["task"]), "", "what is done is not to be done");
    let wanted = format!("{}  [x] bring 30 m of rope  for Ben  (done by Ben)\n", &task[..8]);
    assert_eq!(ada.reads(&["task", "list", "--all"]), wanted);
    ada.ask(&["task", "done", &task[..8], "--undo"]);
    ben.wait("it is open", &["task"], |tasks| tasks["tasks"][0]["done_by"].is_null());
    ben.refused_with(&["task", "add", "x", "--for", "Zoe"], "Zoe", "halloo members");
}
