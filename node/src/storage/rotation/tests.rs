//! What lies on the disk while a rotation runs and after it: everything, by the new key, and nothing that the old one opens.

use super::super::shelves::{Shelves, Turned};
use super::super::*;
use crate::keys::Keys;
use crate::vault::Unlock;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use std::collections::BTreeSet;
use std::path::Path;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Needle = [u8; 16];

fn group() -> GroupId {
    GroupId::from_bytes([3; 32])
}

fn open(home: &Home) -> (Arc<Vault>, Keys, Shelves<Home>, Model) {
    let vault = Arc::new(Vault::open(home, &Unlock::by_key_file()).unwrap());
    let keys = Keys::open(home, &vault, 1_000).unwrap();
    let (shelves, loaded) = Shelves::open(home.clone(), Arc::clone(&vault)).unwrap();
    let pairs = loaded.groups.get(&group()).map(|snapshot| snapshot.pairs.clone()).unwrap_or_default();
    (vault, keys, shelves, pairs)
}

fn write(shelves: &mut Shelves<Home>, model: &mut Model, puts: Model, dels: Vec<Vec<u8>>) {
    model.extend(puts.clone());
    model.retain(|name, _| !dels.contains(name));
    let job = Job::Group(group(), Batch { id: WriteId(1), puts: puts.into_iter().collect(), dels });
    let mut batch = StoreBatch::new();
    shelves.add(&mut batch, &job, &mut Vec::new()).unwrap();
    shelves.commit(&batch).unwrap();
}

fn values(from: u32, to: u32, fill: u8) -> Model {
    let large = |n| if n == 7 { 200_000 } else { 200 + n as usize };
    (from..to).map(|n| (format!("m{n:04}").into_bytes(), vec![fill; large(n)])).collect()
}

/// A home with values that were overwritten and deleted, and the marks that its ciphertexts would leave: of all that is there,
/// and of what is there no more.
fn lived_in(home: &Home) -> (Model, BTreeSet<Needle>, BTreeSet<Needle>) {
    let (vault, _, mut shelves, mut model) = open(home);
    write(&mut shelves, &mut model, values(0, 300, 1), Vec::new());
    drop(shelves);
    let first = needles(home, 1);
    let (_, _, mut shelves, _) = open(home);
    write(&mut shelves, &mut model, values(0, 150, 2), values(280, 300, 0).into_keys().collect());
    drop(shelves);
    let mut there = needles(home, 1);
    let gone: BTreeSet<Needle> = first.difference(&there).copied().collect();
    for name in ["identity", "vault", "vault.key"] {
        there.insert(home.read(name).unwrap().unwrap()[14..30].try_into().unwrap());
    }
    assert_eq!(vault.current().number(), 1);
    (model, there, gone)
}

/// A mark of each record of a closed store, from the middle of its ciphertext.
fn needles(home: &Home, key: u8) -> BTreeSet<Needle> {
    let (store, _) = SledStore::open(&home.store(key)).unwrap();
    let records = store.range(b"").unwrap();
    records.iter().filter_map(|(_, record)| record.get(40..56)?.try_into().ok()).collect()
}

/// Which of the marks are found in any file below a folder.
fn found(folder: &Path, marks: &BTreeSet<Needle>) -> BTreeSet<Needle> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(self::found(&path, marks));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let windows = bytes.windows(16).map(|window| window.try_into().unwrap());
            found.extend(windows.filter(|window: &Needle| marks.contains(window)));
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            std::fs::copy(&path, &there).unwrap();
        }
    }
}

/// Begins as the driver does.
fn begin(home: &Home, vault: &Vault, keys: &Keys, shelves: &mut Shelves<Home>) -> Result<(), StorageError> {
    vault.begin_rotation()?;
    keys.save(home, vault).map_err(|error| match error {
        crate::keys::KeysError::Home(error) => StorageError::Vault(error.into()),
        other => panic!("{other}"),
    })?;
    shelves.rotate()
}

fn to_the_end(shelves: &mut Shelves<Home>) -> Result<(), StorageError> {
    while !matches!(shelves.turn(&[])?, Turned::Complete) {}
    let finished = shelves.finish()?.expect("a rotation runs");
    assert!(finished.left.is_none());
    Ok(())
}

#[test]
fn the_old_key_opens_nothing_and_no_old_ciphertext_is_left_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| Home::open(Some(folder.path().join(name))).unwrap();
    let home = at("h");
    let (model, there, gone) = lived_in(&home);
    // The search finds what is there, and that sled keeps what was overwritten and deleted.
    assert_eq!(found(home.folder(), &there), there);
    // Some of it: sled writes a file anew now and then, at times of its own.
    let kept = found(home.folder(), &gone).len();
    assert!(gone.len() > 160 && kept > gone.len() / 2, "{kept} of {}", gone.len());
    copy(home.folder(), &folder.path().join("before"));

    let (vault, keys, mut shelves, _) = open(&home);
    begin(&home, &vault, &keys, &mut shelves).unwrap();
    let mut turned = Turned::Nothing;
    while !matches!(turned, Turned::Going(progress) if progress.done > 100) {
        turned = shelves.turn(&[]).unwrap();
        assert!(!matches!(turned, Turned::Complete));
    }
    drop((shelves, vault));
    copy(home.folder(), &folder.path().join("midway"));
    let midway = at("midway");
    assert!(found(&midway.store(2), &there).is_empty() && found(&midway.store(2), &gone).is_empty());
    for home in [midway, home] {
        let (vault, keys, mut shelves, pairs) = open(&home);
        assert!(pairs == model && vault.next().is_some());
        begin(&home, &vault, &keys, &mut shelves).unwrap();
        to_the_end(&mut shelves).unwrap();
        drop((shelves, vault));
        useless(&home, &at("before"), &model);
        assert!(found(home.folder(), &there).is_empty() && found(home.folder(), &gone).is_empty());
    }
}

/// Everything is readable by the home's own key and nothing by the one of the copy.
fn useless(home: &Home, before: &Home, model: &Model) {
    let (vault, keys, shelves, pairs) = open(home);
    assert!(pairs == *model, "a value is lost");
    drop(shelves);
    assert_eq!(home.stores().unwrap(), [vault.current().number()]);
    let (old, old_keys, _, _) = open(before);
    assert_eq!(old_keys.peer(), keys.peer());
    let (store, _) = SledStore::open(&home.store(vault.current().number())).unwrap();
    let records = store.range(b"g").unwrap();
    assert_eq!(records.len(), model.len());
    for (at, record) in records {
        let claimed = [&[old.current().number()], &record[2..]].concat();
        assert!(old.open_value(&at, &record[1..]).is_err() && old.open_value(&at, &claimed).is_err());
    }
    assert!(Keys::open(home, &old, 1_000).is_err());
    let own = home.read("vault.key").unwrap().unwrap();
    home.write_private("vault.key", &before.read("vault.key").unwrap().unwrap()).unwrap();
    assert!(Vault::open(home, &Unlock::by_key_file()).is_err());
    home.write_private("vault.key", &own).unwrap();
}

#[test]
fn the_power_may_go_at_any_change_of_a_file_of_a_rotation() {
    for cut in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path().join("h"))).unwrap();
        let (vault, keys, mut shelves, mut model) = open(&home);
        write(&mut shelves, &mut model, values(0, 70, 1), Vec::new());
        home.cut_power_after(Some(cut));
        let through = begin(&home, &vault, &keys, &mut shelves).and_then(|()| to_the_end(&mut shelves));
        drop((shelves, vault));
        home.cut_power_after(None);
        let (vault, keys, mut shelves, pairs) = open(&home);
        assert!(pairs == model, "a value is lost after a cut at change {cut}");
        if through.is_ok() {
            assert!(vault.next().is_none() && cut > 3, "{cut}");
            return;
        }
        begin(&home, &vault, &keys, &mut shelves).unwrap();
        to_the_end(&mut shelves).unwrap();
        drop(shelves);
        let (_, _, _, pairs) = open(&home);
        assert!(pairs == model && home.stores().unwrap().len() == 1);
    }
}

#[test]
fn what_a_crash_after_the_end_left_of_the_old_store_is_removed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let (vault, keys, mut shelves, mut model) = open(&home);
    write(&mut shelves, &mut model, values(0, 70, 1), Vec::new());
    drop(shelves);
    copy(&home.store(1), &folder.path().join("old"));
    let (_, _, mut shelves, _) = open(&home);
    begin(&home, &vault, &keys, &mut shelves).unwrap();
    drop(shelves);
    let (_, _, mut shelves, _) = open(&home);
    shelves.rotate().unwrap();
    to_the_end(&mut shelves).unwrap();
    drop(shelves);
    copy(&folder.path().join("old"), &home.store(1));
    std::fs::remove_file(home.store(1).join("format")).unwrap();
    assert_eq!(home.stores().unwrap(), [1, 2]);
    let (_, _, _, pairs) = open(&home);
    assert!(pairs == model);
    assert_eq!(home.stores().unwrap(), [2]);
}

#[tokio::test]
async fn the_writer_rotates_under_load_and_tells_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let (vault, keys, mut shelves, mut model) = open(&home);
    write(&mut shelves, &mut model, values(0, 600, 1), Vec::new());
    drop((shelves, vault));
    let vault = Arc::new(Vault::open(&home, &Unlock::by_key_file()).unwrap());
    let (mut storage, _) = Storage::open(&home, Arc::clone(&vault)).unwrap();
    vault.begin_rotation().unwrap();
    keys.save(&home, &vault).unwrap();
    storage.rotate().await;
    let (mut confirmed, mut told, mut rotated) = (0, 0, None);
    for n in 0..60_u32 {
        let (name, value) = (format!("m{:04}", n * 11 % 700).into_bytes(), vec![9; 50]);
        model.insert(name.clone(), value.clone());
        storage
            .write(
                group(),
                Batch { id: WriteId(u64::from(n)), puts: [(name, value)].into(), dels: Vec::new() },
            )
            .await;
    }
    while confirmed < 60 || rotated.is_none() {
        match storage.next().await.unwrap() {
            StorageEvent::Written(_, id) => {
                assert_eq!(id, WriteId(confirmed));
                confirmed += 1;
            }
            StorageEvent::Rotating(progress) => told += u32::from(progress.total > 0),
            StorageEvent::Rotated(done) => rotated = Some(done),
            other => panic!("{other:?}"),
        }
    }
    assert!(told > 3, "{told}");
    let rotated = rotated.unwrap();
    assert!(rotated.key == 2 && rotated.values >= 600, "{rotated:?}");
    storage.close().await;
    let (vault, _, _, pairs) = open(&home);
    assert!(pairs == model && vault.current().number() == 2);
}
