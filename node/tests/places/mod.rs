//! A coordinator on this machine, and people who meet by it.
#![allow(dead_code, reason = "no test uses all of it")]

use super::people::Person;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// First byte of the keys under which a coordinator keeps items, as its page in docs/spec says.
const ITEM_ROWS: &[u8] = b"m";

/// The command of the coordinator: HALLOO_COORDINATOR, or else built once beside that of the node.
fn coordinator() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(built) = std::env::var_os("HALLOO_COORDINATOR") {
            return built.into();
        }
        let folder = Path::new(env!("CARGO_BIN_EXE_halloo")).parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "--locked",
            "-p",
            "halloo-coordinator",
            "--bin",
            "halloo-coordinator",
        ]);
        build.args(folder.ends_with("release").then_some("--release"));
        build.arg("--target-dir").arg(folder.parent().unwrap());
        assert!(build.status().unwrap().success(), "the coordinator does not build");
        folder.join("halloo-coordinator")
    })
}

/// A coordinator on this machine.
pub(crate) struct Place {
    data: PathBuf,
    pub(crate) origin: String,
    process: Option<Child>,
}

impl Place {
    pub(crate) fn open(folder: &Path) -> Self {
        let mut place = Place { data: folder.join("coordinator"), origin: String::new(), process: None };
        place.up("127.0.0.1:0");
        place
    }

    pub(crate) fn up(&mut self, listen: &str) {
        let mut command = Command::new(coordinator());
        command.args(["serve", "--lan", "--listen", listen, "--data"]).arg(&self.data);
        // Relays may lead to this machine itself: here everybody is on it.
        command.args(["--set", "turn.allow=[\"127.0.0.0/8\"]"]);
        // And so is the push service.
        command.args(["--set", "push.allow=[\"127.0.0.0/8\"]"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(self.data.with_extension("err")).unwrap());
        let mut process = command.spawn().unwrap();
        let mut origin = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut origin).unwrap();
        self.origin = origin.trim().to_owned();
        assert!(self.origin.starts_with("http://127.0.0.1:"), "{origin}");
        self.process = Some(process);
    }

    /// Without a farewell, as when the power goes.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn come_back(&mut self) {
        let listen = self.origin.trim_start_matches("http://").to_owned();
        self.up(&listen);
        assert_eq!(self.origin, format!("http://{listen}"));
    }

    /// The items that lie there, by name. The coordinator is killed to look, and comes back.
    pub(crate) fn items(&mut self) -> BTreeSet<Vec<u8>> {
        self.rows(ITEM_ROWS)
    }

    /// The names of the rows of a kind that lie there. The coordinator is killed to look, and comes back.
    pub(crate) fn rows(&mut self, kind: &[u8]) -> BTreeSet<Vec<u8>> {
        self.kill();
        let (store, _) = SledStore::open(&self.data.join("store")).unwrap();
        let items = store.range(kind).unwrap().into_iter().map(|(name, _)| name).collect();
        drop(store);
        self.come_back();
        items
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

impl Person {
    pub(crate) fn online(&mut self) {
        self.up();
    }

    pub(crate) fn offline(&mut self) {
        self.ask(&["stop"]);
        self.process.take().unwrap().wait().unwrap();
    }

    /// Waits until the others know the mailbox of this one, and all else that it made.
    pub(crate) fn is_known(&self) {
        self.wait("word of the mailbox", &["status"], |status| {
            status["coordinator"]["mailboxes"].as_u64() > Some(0) && status["undelivered"] == 0
        });
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        texts(&self.ask(&["log"]))
    }

    /// Waits until the coordinator of the group is as wanted, and relays for this one or does not.
    pub(crate) fn sees(&self, reachable: bool) -> Value {
        self.wait("the word on the coordinator", &["status"], |status| {
            let stands = &status["coordinator"];
            let relayed = stands["circuits"].as_array().is_some_and(|circuits| !circuits.is_empty());
            stands["reachable"] == reachable && relayed == reachable
        })
    }
}

/// The lines of a log, the oldest first.
pub(crate) fn texts(log: &Value) -> Vec<String> {
    let lines = log["messages"].as_array().cloned().unwrap_or_default();
    lines.iter().rev().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

/// Ada's group at this place, with Ben in it by its code.
pub(crate) fn two(folder: &Path, place: &Place) -> (Person, Person) {
    let (mut ada, mut ben) = (Person::new(folder, "ada"), Person::new(folder, "ben"));
    ada.online();
    ben.online();
    let made = ada.ask(&["new", "Sunday ride", "--via", &place.origin, "--as", "Ada"]);
    let code = made["invite"]["code"].as_str().unwrap();
    assert!(code.ends_with(&format!("@{}", place.origin)), "{code}");
    let joined = ben.ask(&["join", code, "--as", "Ben"]);
    assert_eq!(joined["name"], "Sunday ride");
    (ada, ben)
}
