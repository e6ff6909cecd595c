//! The log of what was done to accounts, by the command that checks it.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::Device;
use halloo_store::batch::Batch;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_halloo-coordinator");

fn verify(data: &Path) -> Output {
    Command::new(PROGRAM).args(["audit", "verify", "--data"]).arg(data).output().unwrap()
}

/// A coordinator that ran and was killed after some devices had registered and logged in.
fn had_run(data: &Path) {
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
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for seed in 1..=3 {
        let device = Device::of(seed, address);
        runtime.block_on(async {
            device.register().await;
            assert_eq!(device.try_login().await.status, 200);
        });
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_command_says_that_the_log_holds_together_or_names_the_first_broken_row() {
    let folder = tempfile::tempdir().unwrap();
    let none = verify(folder.path());
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("--data"));
    had_run(folder.path());
    let good = verify(folder.path());
    let said = String::from_utf8(good.stdout).unwrap();
    assert!(
        good.status.success() && said.starts_with("6 rows hold together; the last is number 6"),
        "{said}"
    );
    {
        let (store, _) = SledStore::open(&folder.path().join("store")).unwrap();
        let rows = store.range(b"ag").unwrap();
        let (key, mut value) = rows[3].clone();
        value[1] ^= 1;
        let mut batch = Batch::new();
        batch.put(key, value);
        store.commit(&batch).unwrap();
    }
    let broken = verify(folder.path());
    let said = String::from_utf8(broken.stderr).unwrap();
    assert!(!broken.status.success() && said.contains("row 4 of the audit log"), "{said}");
}
