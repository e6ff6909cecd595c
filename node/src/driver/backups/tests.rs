//! Tests: what is in a backup, and above all what is not.

use super::*;
use crate::driver::Membership;
use crate::home::Home;
use crate::vault::Unlock;
use halloo_crypto::backup::{Cost, open, plaintext, seal};
use halloo_engine::engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::Output;
use halloo_engine::snapshot::{Snapshot, Table};
use halloo_engine::start::{Config, Origin};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeSet;
use std::time::Duration;

const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };
/// What is said in the group, to be looked for.
const CANARY: &str = "the canary sings in the mine at noon";
/// Bytes that must not be found one after the other: no two things of chance share as many.
const WINDOW: usize = 12;

/// A home with keys, in a group that has an invite and a message; and all that its disk holds.
fn lived_in() -> (tempfile::TempDir, Keys, Memberships, Snapshot) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let vault = Vault::open(&home, &Unlock::by_key_file()).unwrap();
    let keys = Keys::open(&home, &vault, now().wall_ms).unwrap();
    let origin = Origin::Create { group_name: "Ride".into() };
    let engine = Engine::new(Config::default(), keys.identity(), origin, [3; 32], now()).unwrap();
    let group = engine.group();
    let mut membership = Membership::new(engine, None);
    let mut disk = Snapshot::default();
    let invite = Command::Invite {
        max_uses: 3,
        expiry: Duration::from_secs(600),
        role: halloo_crdt::log::Role::Member,
    };
    let mut outputs = membership.drain();
    for (request, command) in [(1, Command::Say { text: CANARY.into(), reply_to: None }), (2, invite)] {
        outputs.extend(membership.feed(now(), Input::Command { request, command }));
        let batches = std::mem::take(&mut outputs);
        for output in batches {
            if let Output::Write(batch) = output {
                disk.apply(&batch);
                outputs.extend(membership.feed(now(), Input::Written(batch.id)));
            }
        }
    }
    for output in outputs {
        if let Output::Write(batch) = output {
            disk.apply(&batch);
        }
    }
    let mut groups = Memberships::default();
    groups.insert(group, membership);
    (folder, keys, groups, disk)
}

/// All runs of bytes that say something: not mostly zeros.
fn windows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let says = |window: &&[u8]| window.iter().filter(|byte| **byte != 0).count() > WINDOW / 2;
    bytes.windows(WINDOW).filter(says)
}

/// These bytes with zeros in the place of ids that may be known.
fn without(mut bytes: Vec<u8>, public: &[[u8; 32]]) -> Vec<u8> {
    for at in 0..bytes.len().saturating_sub(31) {
        if public.iter().any(|id| bytes[at..at + 32] == *id) {
            bytes[at..at + 32].fill(0);
        }
    }
    bytes
}

#[test]
fn no_secret_of_a_device_no_key_of_a_group_and_nothing_that_was_said_is_in_a_backup() {
    let (_folder, keys, groups, disk) = lived_in();
    let missing = BTreeMap::new();
    let backup = gather(&keys, &groups, &missing, &Addresses::default()).unwrap();
    let file = seal(&backup, "p", CHEAP, &mut ChaCha20Rng::from_seed([1; 32])).unwrap();
    let plain: Vec<u8> = plaintext(&file, "p")
        .unwrap()
        .into_iter()
        .flat_map(|(_, plain)| plain.unwrap().expose().clone())
        .collect();
    let inside: BTreeSet<&[u8]> = windows(&plain).collect();
    let found = |secret: &[u8]| windows(secret).any(|window| inside.contains(window));

    // The search finds what is there.
    let account = keys.account().unwrap().to_bytes();
    assert!(found(&account.expose()[1..]), "the account key, which a backup is for");
    assert!(found(groups.ids()[0].as_bytes()));

    assert!(!found(&keys.identity().device.to_bytes().expose()[1..]), "device keys");
    assert!(!found(keys.transport().expose()), "the transport key");
    assert!(!found(CANARY.as_bytes()), "what was said");
    // Of what the engine keeps on the disk, nothing but what names the group, its heads and its people.
    let engine = &groups.get(&groups.ids()[0]).unwrap().engine;
    let mut public = vec![*groups.ids()[0].as_bytes(), *keys.identity().account().as_bytes()];
    public.extend(engine.heads().iter().map(|head| *head.as_bytes()));
    let plain = without(plain.clone(), &public);
    let inside: BTreeSet<&[u8]> = windows(&plain).collect();
    let mut looked_at = BTreeSet::new();
    for table in [Table::Epoch, Table::Head, Table::Trail, Table::Beacon, Table::Invite, Table::Content] {
        for (_, value) in disk.table(table) {
            let value = without(value.to_vec(), &public);
            let leak = windows(&value).find(|window| inside.contains(*window));
            assert!(leak.is_none(), "{table:?}: {leak:02x?}");
            looked_at.insert(table);
        }
    }
    let secret = [Table::Epoch, Table::Beacon, Table::Invite, Table::Content];
    assert!(secret.iter().all(|table| looked_at.contains(table)), "planted in {looked_at:?}");
}

#[test]
fn a_backup_made_in_the_middle_of_a_restore_keeps_the_groups_that_are_still_missing() {
    let (_folder, keys, groups, _) = lived_in();
    let note = Missing { name: Redacted("Crew".into()), with: None, heads: vec![] };
    let missing = BTreeMap::from([(GroupId::from_bytes([9; 32]), note)]);
    let backup = gather(&keys, &groups, &missing, &Addresses::default()).unwrap();
    let file = seal(&backup, "p", CHEAP, &mut ChaCha20Rng::from_seed([1; 32])).unwrap();
    let names: BTreeSet<String> =
        open(&file, "p").unwrap().backup.groups.into_iter().map(|group| group.name.0).collect();
    assert_eq!(names, BTreeSet::from(["Crew".to_owned(), "Ride".to_owned()]));
}

#[test]
fn a_home_that_a_passphrase_closes_gives_the_account_key_only_to_who_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let unlock = Unlock { passphrase: Some(zeroize::Zeroizing::new("one".into())), ..Unlock::by_key_file() };
    let vault = Vault::open(&home, &unlock).unwrap();
    assert_eq!(may_ask(&vault, None).unwrap_err().code, "passphrase");
    assert_eq!(may_ask(&vault, Some(&Passphrase("two".into()))).unwrap_err().code, "passphrase");
    assert!(may_ask(&vault, Some(&Passphrase("one".into()))).is_ok());
    let other = Home::open(Some(folder.path().join("o"))).unwrap();
    let open = Vault::open(&other, &Unlock::by_key_file()).unwrap();
    assert!(may_ask(&open, None).is_ok());
}
