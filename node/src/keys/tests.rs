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

#[test]
fn a_home_that_became_a_device_of_somebody_is_that_for_good_and_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let home = Home::open(Some(folder.path().join(name))).unwrap();
        let vault = Vault::open(&home, &Unlock::by_key_file()).unwrap();
        let keys = Keys::open(&home, &vault, 1_000).unwrap();
        (home, vault, keys)
    };
    let (_, _, ana) = open("laptop");
    let (home, vault, mut phone) = open("phone");
    let device = phone.identity().device;
    let vouch = Vouch::issue(ana.account().unwrap(), &device.id(), &device.box_public(), 2_000);
    phone.become_device(&vouch, "Ana".into()).unwrap();
    phone.save(&home, &vault).unwrap();
    let again = Keys::open(&home, &vault, 3_000).unwrap();
    assert_eq!(again.identity().account(), ana.identity().account());
    assert_eq!(again.identity().device.id(), device.id());
    assert_eq!(again.peer(), phone.peer());
    assert!(again.account().is_none());
    let other =
        Vouch::issue(ana.account().unwrap(), &ana.identity().device.id(), &device.box_public(), 2_000);
    assert!(phone.become_device(&other, "Ana".into()).is_err(), "a vouch for another device");
}
