//! The command by which who hosts gives roles, makes keys and shuts accounts out, against a coordinator that serves.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::{Device, Given};
use asking::ask;
use halloo_coordinator::world::World;
use hyper::Method;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_halloo-coordinator");

struct Served(Child, SocketAddr);

impl Served {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--lan", "--listen", "127.0.0.1:0", "--set", "auth.registration=open", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().parse().unwrap();
        Served(child, address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What `admin` says to these words: whether it did it, and what it wrote.
fn admin(data: &Path, words: &[&str]) -> (bool, String) {
    let done = Command::new(PROGRAM).arg("admin").args(words).arg("--data").arg(data).output().unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.success(), said)
}

#[test]
fn the_first_operator_comes_to_be_by_the_command_and_keys_by_either() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (done, said) = admin(data, &["accounts"]);
    assert!(!done && said.contains("start it") && said.contains("--data"), "{said}");
    let served = Served::start(data);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let device = Device::of(1, served.1);
    let given = Given::of(&runtime.block_on(device.try_register(json!({"username": "anna"}))));
    let (done, said) = admin(data, &["accounts"]);
    assert!(done && said.contains(&given.account) && said.contains("anna"), "{said}");
    let (done, said) = admin(data, &["role", "anna", "operator"]);
    assert!(done && said.contains("operator"), "{said}");
    assert!(admin(data, &["roles"]).1.contains(&given.account));
    let (done, said) = admin(data, &["key", "make", "fuzz", "--scope", "quotas:read", "--days", "1"]);
    let key = said.lines().find(|line| line.starts_with("hk_")).unwrap();
    assert!(done, "{said}");
    let quotas = |key: &str| {
        let headers = [("authorization", format!("Bearer {key}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        runtime.block_on(ask(served.1, Method::GET, "/api/v1/admin/quotas", &headers, Vec::new())).status
    };
    assert_eq!(quotas(key), 200);
    let (done, said) = admin(data, &["key", "list"]);
    assert!(
        done && said.contains(&key[3..35]) && said.contains("quotas:read") && !said.contains(key),
        "{said}"
    );
    assert!(admin(data, &["key", "revoke", key]).0);
    assert_eq!(quotas(key), 401);
}

#[test]
fn the_command_shuts_out_lets_in_and_forgets_whoever_has_which_role() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let served = Served::start(data);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let device = Device::of(1, served.1);
    let given = Given::of(&runtime.block_on(device.try_register(json!({"username": "anna"}))));
    let login = || runtime.block_on(device.try_login());
    assert!(admin(data, &["role", "anna", "operator"]).0);
    let (done, said) = admin(data, &["suspend", &given.account]);
    assert!(done && said.contains("suspended"), "{said}");
    assert_eq!(login().problem(), "account-suspended");
    assert!(admin(data, &["unsuspend", "anna"]).0);
    let session = Given::of(&login());
    let own = || {
        let now = (Value::Null, World::real().now_ms());
        runtime
            .block_on(device.with_token_at(Method::GET, "/api/v1/users/profile", &session.token, now))
            .status
    };
    assert_eq!(own(), 200);
    assert!(admin(data, &["end-sessions", "anna"]).0);
    assert_eq!(own(), 401);
    let (done, said) = admin(data, &["delete", "anna"]);
    assert!(!done && said.contains("--yes"), "{said}");
    assert!(admin(data, &["delete", "anna", "--yes"]).0);
    assert_eq!(login().problem(), "login-failed");
    let (done, said) = admin(data, &["role", "anna", "none"]);
    assert!(!done && said.contains("there is no account of this name"), "{said}");
}

#[test]
fn what_the_command_does_not_know_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for (words, hint) in [
        (&["role", "anna", "king"][..], "readonly, support, operator, none"),
        (&["key", "make", "x"], "--scope"),
        (&["key", "make", "x", "--scope", "keys:write"], "accounts:delete"),
        (&["key", "make", "x", "--scope", "audit:read", "--days", "0"], "1..=3660"),
        (&["dance"], "--help"),
    ] {
        let (done, said) = admin(folder.path(), words);
        assert!(!done && said.contains(hint), "{words:?}: {said}");
    }
    let (done, said) = admin(folder.path(), &["--help"]);
    assert!(
        done && ["role", "suspend", "key", "end-sessions"].iter().all(|word| said.contains(word)),
        "{said}"
    );
}
