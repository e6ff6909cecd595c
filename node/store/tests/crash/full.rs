//! A disk that fills up: a clear error, nothing lost, and writing goes on once there is room.

use std::path::Path;
use std::process::Command;

use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;

use crate::child::{self, Engine};
use crate::workload;

struct Filled {
    acknowledged: u64,
    full: bool,
    readable: bool,
}

fn fill(wrap: &[String], seed: u64, dir: &Path) -> Filled {
    let mut child = child::command(wrap, Engine::Guarded, seed, 4_000, dir).spawn().unwrap();
    let mut filled = Filled { acknowledged: 0, full: false, readable: false };
    for (word, number) in child::said(&mut child) {
        match word.as_str() {
            "ack" => filled.acknowledged = number,
            "full" => filled.full = true,
            "readable" => filled.readable = number == 1,
            _ => {}
        }
    }
    child.wait().unwrap();
    filled
}

fn goes_on(dir: &Path, seed: u64, acknowledged: u64) {
    let (store, _) = SledStore::open(dir).unwrap();
    let found = workload::judge(&store, seed, acknowledged).unwrap();
    for n in found + 1..found + 20 {
        store.commit(&workload::batch(seed, n)).unwrap();
    }
    assert_eq!(workload::judge(&store, seed, found + 19), Ok(found + 19));
}

/// The limit on the size of a file stands in for a full disk where nothing may be mounted: the kernel answers "file too large".
#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$@\"".to_owned();
    let wrap = ["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()];
    let filled = fill(&wrap, 21, dir.path());
    assert!(filled.full && filled.acknowledged > 0, "the limit was met after {}", filled.acknowledged);
    goes_on(dir.path(), 21, filled.acknowledged);
}

/// A real one: a small file system in memory, in a mount namespace of its own.
#[test]
fn a_full_disk_is_told_and_the_store_stays_readable() {
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    if !probe.output().is_ok_and(|out| out.status.success()) {
        assert!(
            !crate::proving(),
            "unshare with a user and a mount namespace is not permitted here: run as root"
        );
        println!("not run: a mount namespace is not permitted here");
        return;
    }
    let (dir, saved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The file system goes with the namespace, so what it held is copied out at the end.
    let script =
        "mount -t tmpfs -o size=3m tmpfs \"$1\" && d=$1 && s=$2 && shift 2 && \"$@\"; cp -r \"$d\"/. \"$s\""
            .to_owned();
    let mut wrap: Vec<String> =
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"].map(str::to_owned).to_vec();
    wrap.push(script);
    wrap.extend(["sh".to_owned(), dir.path().display().to_string(), saved.path().display().to_string()]);
    let filled = fill(&wrap, 22, dir.path());
    assert!(filled.full && filled.acknowledged > 0, "the disk was full after {}", filled.acknowledged);
    assert!(filled.readable, "on a full disk everything acknowledged can still be read");
    goes_on(saved.path(), 22, filled.acknowledged);
}
