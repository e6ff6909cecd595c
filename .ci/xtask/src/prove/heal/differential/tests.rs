//! What `differential` promises, tried without a build.

use super::*;

#[test]
fn a_crate_from_a_folder_has_neither_source_nor_checksum() {
    let lock =
        "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = \"s\"\nchecksum = \"c\"\ndependencies = []\n";
    let without = without_source(lock, "a").unwrap();
    assert_eq!(without, "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = []\n");
    assert!(without_source(&without, "a").is_err(), "nothing is taken away twice");
    assert!(without_source(lock, "b").is_err());
}

#[test]
fn the_workspace_locks_openmls() {
    let lock = fs::read_to_string(root().join(WORKSPACE).join("Cargo.lock")).unwrap();
    assert!(without_source(&lock, "openmls").is_ok());
}
