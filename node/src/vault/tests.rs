//! What is sealed opens again in its own place only, and a home opens for who may open it.

use super::*;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    (folder, home)
}

#[test]
fn a_value_opens_after_a_restart_and_only_in_its_place() {
    let (_folder, home) = home();
    let value = Vault::open(&home, None).unwrap().seal(b"here", b"text").unwrap();
    let again = Vault::open(&home, None).unwrap();
    assert_eq!(again.open_value(b"here", &value).unwrap(), b"text");
    assert!(again.open_value(b"there", &value).is_err());
    for at in 0..value.len() {
        let mut bad = value.clone();
        bad[at] ^= 1;
        assert!(again.open_value(b"here", &bad).is_err(), "a changed byte {at} must be seen");
        assert!(again.open_value(b"here", &value[..at]).is_err());
    }
}

#[test]
fn a_passphrase_closes_a_home() {
    let (_folder, home) = home();
    let value = Vault::open(&home, Some("correct horse")).unwrap().seal(b"p", b"x").unwrap();
    assert!(matches!(Vault::open(&home, None), Err(VaultError::Passphrase)));
    assert!(matches!(Vault::open(&home, Some("wrong")), Err(VaultError::Passphrase)));
    let opened = Vault::open(&home, Some("correct horse")).unwrap();
    assert_eq!(opened.open_value(b"p", &value).unwrap(), b"x");
    assert!(home.read("vault.key").unwrap().is_none());
}

#[test]
fn a_damaged_vault_or_a_missing_key_file_is_named() {
    let (_folder, home) = home();
    drop(Vault::open(&home, None).unwrap());
    let good = home.read("vault").unwrap().unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        home.write_private("vault", &bad).unwrap();
        assert!(Vault::open(&home, None).is_err(), "a changed byte {at} must be seen");
    }
    home.write_private("vault", &good).unwrap();
    std::fs::remove_file(home.file("vault.key")).unwrap();
    assert!(matches!(Vault::open(&home, None), Err(VaultError::KeyFile)));
}

#[test]
fn two_seals_of_one_value_differ() {
    let (_folder, home) = home();
    let vault = Vault::open(&home, None).unwrap();
    assert_ne!(vault.seal(b"p", b"x").unwrap(), vault.seal(b"p", b"x").unwrap());
}
