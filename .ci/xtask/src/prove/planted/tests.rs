//! What `planted` promises, tried without a build.

use super::*;
use crate::shell::root;

#[test]
fn a_text_that_stands_twice_or_never_is_refused() {
    for edits in [&[("crdt/src/live.rs", "there is no such text", "")], &[("crdt/src/live.rs", "use ", "")]] {
        assert!(apply(&root(), "x", edits).is_err(), "{edits:?}");
    }
}

#[test]
fn the_copy_follows_the_tree() {
    let copied = ["crypto", "crdt"];
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in copied {
        fs::create_dir_all(from.path().join(folder).join("src")).unwrap();
        fs::write(from.path().join(folder).join("src/a.rs"), "a").unwrap();
        fs::write(from.path().join(folder).join("src/b.rs"), "b").unwrap();
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::write(from.path().join(file), "").unwrap();
    }
    let changed = [(PathBuf::from("crdt/src/a.rs"), "mutated".to_owned())];
    copy(from.path(), to.path(), &copied, &changed).unwrap();
    let read = |file: &str| fs::read_to_string(to.path().join(file)).ok();
    assert_eq!(read("crdt/src/a.rs").as_deref(), Some("mutated"));
    assert_eq!(read("crypto/src/a.rs").as_deref(), Some("a"));
    fs::remove_file(from.path().join("crdt/src/b.rs")).unwrap();
    copy(from.path(), to.path(), &copied, &[]).unwrap();
    assert_eq!(read("crdt/src/a.rs").as_deref(), Some("a"), "the next copy heals the last");
    assert_eq!(read("crdt/src/b.rs"), None);
}
