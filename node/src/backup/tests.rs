//! Tests: a file that only its owner reads, and a home that is new but for its account.

use super::*;
use crate::vault::Unlock;
use halloo_crypto::backup::{Part, Place};

const NOW_MS: u64 = 1_790_000_000_000;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    (folder, home)
}

fn vault(home: &Home) -> Vault {
    Vault::open(home, &Unlock::by_key_file()).unwrap()
}

fn wish() -> Wish {
    Wish { revoke_old: true, salvage: false, name: None }
}

fn example(account: &AccountSecret) -> Backup {
    let group = |at: u8| GroupNote {
        group: GroupId::from_bytes([at; 32]),
        name: Redacted("Sunday ride".into()),
        with: (at == 2).then(|| AccountId::from_bytes([7; 32])),
        heads: vec![OpId::from_bytes([at; 32])],
    };
    let addresses = vec![Redacted("/ip4/192.168.1.5/udp/4001/quic-v1".into())];
    Backup {
        account: account.clone(),
        name: Redacted("Ben".into()),
        made_ms: NOW_MS,
        contacts: Vec::new(),
        groups: vec![group(1), group(2)],
        places: vec![Place { peer: [5; 32], addresses }],
    }
}

fn opened(account: &AccountSecret) -> Opened {
    Opened { backup: example(account), damaged: Vec::new() }
}

/// The first device: its home with keys, and the account.
fn first() -> (tempfile::TempDir, Home, Keys) {
    let (folder, home) = home();
    let keys = Keys::open(&home, &vault(&home), NOW_MS).unwrap();
    (folder, home, keys)
}

fn local(home: &Home) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (storage, loaded) = Storage::open(home, Arc::new(vault(home))).unwrap();
        storage.close().await;
        loaded.local
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

#[test]
fn a_backup_is_written_once_for_its_owner_and_opens_again() {
    let (folder, _, keys) = first();
    let account = keys.account().unwrap();
    let path = folder.path().join("backup");
    write(&path, &example(account), "a passphrase").unwrap();
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
    let read_back = halloo_crypto::backup::open(&read(&path).unwrap(), "a passphrase").unwrap();
    assert_eq!(read_back.backup.groups, example(account).groups);
    let again = write(&path, &example(account), "another");
    assert!(matches!(again, Err(RestoreError::Exists(_))), "{again:?}");
    let nowhere = write(&folder.path().join("no/such/folder"), &example(account), "p");
    assert!(matches!(nowhere, Err(RestoreError::File { .. })), "{nowhere:?}");
    let long = folder.path().join("long");
    std::fs::write(&long, vec![0; FILE_MAX + 10]).unwrap();
    assert!(matches!(read(&long), Err(RestoreError::Backup(BackupError::Other))));
}

#[test]
fn a_restored_home_is_a_new_device_of_the_same_account_that_knows_what_it_lacks() {
    let (_first, old_home, old) = first();
    let account = old.account().unwrap();
    let (_folder, home) = home();
    run(restore(&home, vault(&home), &opened(account), &wish(), NOW_MS + 5)).unwrap();
    let keys = Keys::open(&home, &vault(&home), NOW_MS + 9).unwrap();
    let (was, is) = (old.identity(), keys.identity());
    assert_eq!((is.account(), keys.name.as_str()), (was.account(), "Ben"));
    assert!(is.certificate.verify().is_ok());
    assert_ne!(is.device.id(), was.device.id());
    assert_ne!(is.device.box_public(), was.device.box_public());
    assert_ne!(is.peer, was.peer);
    let notes = Notes::load(&local(&home));
    assert!(notes.seeking.revoke_old && notes.seeking.any_until_ms == 0);
    let heads: Vec<_> = notes.missing.values().map(|missing| missing.heads.clone()).collect();
    assert_eq!(heads, [[OpId::from_bytes([1; 32])], [OpId::from_bytes([2; 32])]]);
    assert!(local(&home).contains_key(&address_key(&[5; 32])), "it is known where to look");
    // Two restores of one backup are two devices.
    let (_second, other) = self::home();
    run(restore(&other, vault(&other), &opened(account), &wish(), NOW_MS + 5)).unwrap();
    let third = Keys::open(&other, &vault(&other), NOW_MS).unwrap();
    assert_ne!(third.identity().device.id(), is.device.id());
    assert_ne!(third.peer(), keys.peer());
    let refused = run(restore(&old_home, vault(&old_home), &opened(account), &wish(), NOW_MS));
    assert!(matches!(refused, Err(RestoreError::NotEmpty(_))), "{refused:?}");
    assert_eq!(Keys::open(&old_home, &vault(&old_home), NOW_MS).unwrap().peer(), old.peer(), "untouched");
}

#[test]
fn the_words_make_a_home_that_seeks_for_a_month() {
    let (_first, _, old) = first();
    let (_folder, home) = home();
    let wish = Wish { name: Some("Benjamin".into()), ..wish() };
    run(restore_words(&home, vault(&home), old.account().unwrap(), &wish, NOW_MS)).unwrap();
    let notes = Notes::load(&local(&home));
    assert_eq!(notes.seeking.any_until_ms, NOW_MS + 30 * 24 * 3600 * 1000);
    assert!(notes.seeking.named && notes.missing.is_empty());
    assert_eq!(Keys::open(&home, &vault(&home), NOW_MS).unwrap().name, "Benjamin");
}

#[test]
fn a_restore_that_the_power_cut_short_leaves_an_empty_home_and_is_begun_anew() {
    let (_first, _, old) = first();
    let account = old.account().unwrap();
    let mut cuts = 0;
    for changes in 0..20 {
        let (_folder, home) = home();
        home.cut_power_after(Some(changes));
        let outcome = Vault::open(&home, &Unlock::by_key_file())
            .map_err(RestoreError::from)
            .and_then(|vault| run(restore(&home, vault, &opened(account), &wish(), NOW_MS)));
        home.cut_power_after(None);
        if outcome.is_ok() {
            break;
        }
        cuts += 1;
        check_empty(&home).unwrap();
        run(restore(&home, vault(&home), &opened(account), &wish(), NOW_MS)).unwrap();
        assert_eq!(Notes::load(&local(&home)).missing.len(), 2, "cut after {changes}");
    }
    assert!((2..19).contains(&cuts), "{cuts} moments were tried");
}

#[test]
fn what_is_damaged_is_left_out_only_if_that_is_wanted() {
    let (_first, _, old) = first();
    let account = old.account().unwrap();
    let mut opened = opened(account);
    opened.damaged = vec![Part::Contacts, Part::Groups];
    opened.backup.groups.clear();
    let (_folder, home) = home();
    let refused = run(restore(&home, vault(&home), &opened, &wish(), NOW_MS)).unwrap_err();
    assert!(refused.to_string().contains("the contacts and the groups"), "{refused}");
    assert!(refused.to_string().contains("--salvage"), "{refused}");
    let wish = Wish { salvage: true, ..wish() };
    run(restore(&home, vault(&home), &opened, &wish, NOW_MS)).unwrap();
    assert!(Notes::load(&local(&home)).seeking.any_until_ms > NOW_MS, "groups are sought as with the words");
}
