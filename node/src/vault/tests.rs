//! What is sealed opens again in its own place only, and a home opens for who may open it.

use super::*;
use halloo_crypto::aead::AeadKey;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    (folder, home)
}

fn open(home: &Home, passphrase: Option<&str>) -> Result<Vault, VaultError> {
    let passphrase = passphrase.map(|text| Zeroizing::new(text.to_owned()));
    Vault::open(home, &Unlock { passphrase, keyring: Keyring::Off })
}

#[test]
fn a_value_opens_after_a_restart_and_only_in_its_place() {
    let (_folder, home) = home();
    let value = open(&home, None).unwrap().seal(b"here", b"text").unwrap();
    let again = open(&home, None).unwrap();
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
    let value = open(&home, Some("correct horse")).unwrap().seal(b"p", b"x").unwrap();
    assert!(matches!(open(&home, None), Err(VaultError::Passphrase)));
    assert!(matches!(open(&home, Some("wrong")), Err(VaultError::Passphrase)));
    let opened = open(&home, Some("correct horse")).unwrap();
    assert_eq!(opened.open_value(b"p", &value).unwrap(), b"x");
    assert!(home.read("vault.key").unwrap().is_none());
}

#[test]
fn a_damaged_vault_or_a_missing_key_file_is_named() {
    let (_folder, home) = home();
    drop(open(&home, None).unwrap());
    let good = home.read("vault").unwrap().unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        home.write_private("vault", &bad).unwrap();
        assert!(open(&home, None).is_err(), "a changed byte {at} must be seen");
    }
    home.write_private("vault", &good).unwrap();
    std::fs::remove_file(home.file("vault.key")).unwrap();
    assert!(matches!(open(&home, None), Err(VaultError::KeyFile)));
}

#[test]
fn two_seals_of_one_value_differ() {
    let (_folder, home) = home();
    let vault = open(&home, None).unwrap();
    assert_ne!(vault.seal(b"p", b"x").unwrap(), vault.seal(b"p", b"x").unwrap());
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

#[test]
fn a_vault_of_one_key_without_a_number_is_read() {
    let (_folder, home) = home();
    let wrapping = Wrapping::fresh(&home, &CloseBy::KeyFile).unwrap();
    wrapping.lay(&home).unwrap();
    wrapping.settle(&home).unwrap();
    let made = wrapping.wrap(&[9; KEY]).unwrap();
    let key = AeadKey::new(home.read("vault.key").unwrap().unwrap().as_slice().try_into().unwrap());
    let mut file = vec![wrapping::ONE_KEY];
    file.extend_from_slice(&made[1..wrapping::HEAD]);
    let nonce: [u8; 12] = made[18..wrapping::HEAD].try_into().unwrap();
    let wrapped = key.seal(&nonce, &file, &[9; KEY]);
    file.extend_from_slice(&wrapped);
    home.write_private(FILE, &file).unwrap();
    let vault = open(&home, None).unwrap();
    assert_eq!((vault.current().number(), vault.before()), (1, 0));
    assert_eq!(vault.current().secret().expose(), &[9; KEY]);
    vault.begin_rotation().unwrap();
    assert_eq!(home.read(FILE).unwrap().unwrap()[0], wrapping::VERSION);
    assert_eq!(open(&home, None).unwrap().current().secret().expose(), &[9; KEY]);
}

#[test]
fn both_keys_open_until_a_rotation_ends_and_then_only_the_new_one() {
    let (_folder, home) = home();
    let vault = open(&home, None).unwrap();
    let old = vault.seal(b"p", b"x").unwrap();
    vault.begin_rotation().unwrap();
    vault.begin_rotation().unwrap();
    let new = vault.seal(b"p", b"y").unwrap();
    let again = open(&home, None).unwrap();
    assert_eq!(again.next().unwrap().number(), 2);
    assert_eq!(again.open_value(b"p", &old).unwrap(), b"x");
    assert_eq!(again.open_value(b"p", &new).unwrap(), b"y");
    vault.finish_rotation().unwrap();
    vault.finish_rotation().unwrap();
    for vault in [&vault, &open(&home, None).unwrap()] {
        assert_eq!((vault.current().number(), vault.before()), (2, 1));
        assert!(vault.next().is_none());
        assert!(vault.open_value(b"p", &old).is_err());
        assert_eq!(vault.open_value(b"p", &new).unwrap(), b"y");
    }
}

#[test]
fn a_rotation_makes_the_old_key_file_useless_but_leaves_a_passphrase() {
    let (_folder, home) = home();
    let vault = open(&home, None).unwrap();
    let old_key = home.read("vault.key").unwrap().unwrap();
    vault.begin_rotation().unwrap();
    let new_key = home.read("vault.key").unwrap().unwrap();
    assert_ne!(new_key, old_key);
    assert!(home.read("vault.key.next").unwrap().is_none());
    home.write_private("vault.key", &old_key).unwrap();
    assert!(matches!(open(&home, None), Err(VaultError::Damaged)));
    home.write_private("vault.key", &new_key).unwrap();
    vault.close_by(&CloseBy::Passphrase(secret("correct horse"))).unwrap();
    vault.finish_rotation().unwrap();
    vault.begin_rotation().unwrap();
    assert_eq!(open(&home, Some("correct horse")).unwrap().next().unwrap().number(), 3);
}

#[test]
fn key_numbers_go_round_and_past_folders_that_are_not_ours() {
    assert_eq!(free_number(1, &[1]).unwrap(), 2);
    assert_eq!(free_number(255, &[255]).unwrap(), 1);
    assert_eq!(free_number(254, &[254, 255, 1, 2]).unwrap(), 3);
    let all: Vec<u8> = (1..=255).collect();
    assert!(matches!(free_number(7, &all), Err(VaultError::NoNumber)));
    let (_folder, home) = home();
    std::fs::create_dir(home.store(2)).unwrap();
    let vault = open(&home, None).unwrap();
    vault.begin_rotation().unwrap();
    assert_eq!(vault.next().unwrap().number(), 3);
}

#[test]
fn a_passphrase_is_set_changed_and_removed_while_everything_stays_readable() {
    let (_folder, home) = home();
    let vault = open(&home, None).unwrap();
    let value = vault.seal(b"p", b"x").unwrap();
    assert!(matches!(vault.close_by(&CloseBy::Passphrase(secret(""))), Err(VaultError::Empty)));
    vault.close_by(&CloseBy::Passphrase(secret("one"))).unwrap();
    assert!(home.read("vault.key").unwrap().is_none());
    assert!(vault.is_closed_by("one") && !vault.is_closed_by("two"));
    assert!(matches!(open(&home, None), Err(VaultError::Passphrase)));
    assert_eq!(open(&home, Some("one")).unwrap().open_value(b"p", &value).unwrap(), b"x");
    vault.close_by(&CloseBy::Passphrase(secret("two"))).unwrap();
    assert!(open(&home, Some("one")).is_err());
    assert_eq!(open(&home, Some("two")).unwrap().open_value(b"p", &value).unwrap(), b"x");
    vault.close_by(&CloseBy::KeyFile).unwrap();
    assert_eq!(Vault::place_in(&home).unwrap(), Some(Place::KeyFile));
    assert_eq!(open(&home, None).unwrap().open_value(b"p", &value).unwrap(), b"x");
}

/// Cuts the power before each change of a file in turn, until the work is through without.
fn cut_everywhere(passphrases: &[Option<&str>], work: impl Fn(&Vault) -> Result<(), VaultError>) -> u32 {
    for cut in 0.. {
        let (_folder, home) = home();
        let vault = open(&home, passphrases[0]).unwrap();
        let value = vault.seal(b"p", b"x").unwrap();
        home.cut_power_after(Some(cut));
        let worked = work(&vault);
        home.cut_power_after(None);
        let opened = passphrases.iter().find_map(|text| open(&home, *text).ok());
        let opened = opened.unwrap_or_else(|| panic!("nothing opens the home after a cut at change {cut}"));
        assert_eq!(opened.open_value(b"p", &value).unwrap(), b"x", "cut at change {cut}");
        let left = home.read("vault.key.next").unwrap();
        assert!(left.is_none(), "opening ends what the cut at change {cut} left");
        if worked.is_ok() {
            return cut;
        }
    }
    unreachable!("the work has an end")
}

#[test]
fn a_crash_at_any_change_of_a_file_leaves_a_home_that_opens() {
    let by = |text: &str| CloseBy::Passphrase(secret(text));
    assert!(cut_everywhere(&[None], Vault::begin_rotation) >= 2);
    assert!(cut_everywhere(&[None, Some("one")], |vault| vault.close_by(&by("one"))) >= 1);
    assert!(cut_everywhere(&[Some("one"), Some("two")], |vault| vault.close_by(&by("two"))) >= 1);
    assert!(cut_everywhere(&[Some("one"), None], |vault| vault.close_by(&CloseBy::KeyFile)) >= 2);
}

#[test]
fn a_key_that_could_not_be_put_in_its_place_is_not_lost_by_the_next_change() {
    for first in 0..4 {
        for second in 0..8 {
            let (_folder, home) = home();
            let vault = open(&home, None).unwrap();
            let value = vault.seal(b"p", b"x").unwrap();
            home.cut_power_after(Some(first));
            let begun = vault.begin_rotation();
            home.cut_power_after(Some(second));
            let again = vault.close_by(&CloseBy::KeyFile);
            home.cut_power_after(None);
            let opened = open(&home, None)
                .unwrap_or_else(|error| panic!("{begun:?} at {first}, {again:?} at {second}: {error}"));
            assert_eq!(opened.open_value(b"p", &value).unwrap(), b"x", "{first}, {second}");
        }
    }
}

#[test]
fn a_changed_byte_of_a_vault_with_two_keys_is_seen() {
    let (_folder, home) = home();
    let vault = open(&home, None).unwrap();
    vault.begin_rotation().unwrap();
    let good = home.read(FILE).unwrap().unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        home.write_private(FILE, &bad).unwrap();
        assert!(open(&home, None).is_err(), "a changed byte {at} must be seen");
        home.write_private(FILE, &good[..at]).unwrap();
        assert!(open(&home, None).is_err(), "a cut at {at} must be seen");
    }
}
