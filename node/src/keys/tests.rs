//! A home stays who it is.

use super::*;
use crate::vault::Unlock;

#[test]
fn keys_are_made_once_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let vault = Vault::open(&home, &Unlock::by_key_file()).unwrap();
    let mut first = Keys::open(&home, &vault, 1_000).unwrap();
    first.name = "Ana".into();
    first.save(&home, &vault).unwrap();
    let again = Keys::open(&home, &vault, 2_000).unwrap();
    assert_eq!(again.peer(), first.peer());
    assert_eq!(again.certificate, first.certificate);
    assert_eq!(again.identity().name, "Ana");
    assert_eq!(again.identity().device.id(), first.device.id());
}

#[test]
fn a_damaged_identity_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let vault = Vault::open(&home, &Unlock::by_key_file()).unwrap();
    drop(Keys::open(&home, &vault, 1_000).unwrap());
    let mut bytes = home.read("identity").unwrap().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    home.write_private("identity", &bytes).unwrap();
    assert!(Keys::open(&home, &vault, 1_000).is_err());
    assert_eq!(home.read("identity").unwrap().unwrap(), bytes);
}

#[test]
fn two_homes_are_two_people() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let home = Home::open(Some(folder.path().join(name))).unwrap();
        let vault = Vault::open(&home, &Unlock::by_key_file()).unwrap();
        Keys::open(&home, &vault, 1_000).unwrap()
    };
    assert_ne!(open("a").peer(), open("b").peer());
}
