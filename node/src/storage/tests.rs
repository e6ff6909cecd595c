//! What was confirmed comes back after a restart, whole, also when it is large or was larger before.

use super::*;
use crate::vault::Unlock;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use sealed::PIECE;

struct Disk {
    _folder: tempfile::TempDir,
    home: Home,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path().join("h"))).unwrap();
        Disk { _folder: folder, home }
    }

    fn open(&self) -> (Storage, Loaded) {
        let vault = Arc::new(Vault::open(&self.home, &Unlock::by_key_file()).unwrap());
        Storage::open(&self.home, vault).unwrap()
    }
}

fn group(n: u8) -> GroupId {
    GroupId::from_bytes([n; 32])
}

fn batch(id: u64, puts: &[(&[u8], Vec<u8>)], dels: &[&[u8]]) -> Batch {
    Batch {
        id: WriteId(id),
        puts: puts.iter().map(|(k, v)| (k.to_vec(), v.clone())).collect(),
        dels: dels.iter().map(|k| k.to_vec()).collect(),
    }
}

async fn written(storage: &mut Storage) -> (GroupId, WriteId) {
    match storage.next().await.unwrap() {
        StorageEvent::Written(group, id) => (group, id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn batches_of_several_groups_are_confirmed_in_order_and_come_back() {
    let disk = Disk::new();
    let (mut storage, loaded) = disk.open();
    assert!(loaded.groups.is_empty());
    let large = vec![7_u8; 300_000];
    storage.write(group(1), batch(1, &[(b"ma", b"one".to_vec()), (b"eb", large.clone())], &[])).await;
    storage.write(group(2), batch(1, &[(b"ma", b"two".to_vec())], &[])).await;
    storage.write(group(1), batch(2, &[(b"mc", b"three".to_vec())], &[b"ma"])).await;
    assert_eq!(written(&mut storage).await, (group(1), WriteId(1)));
    assert_eq!(written(&mut storage).await, (group(2), WriteId(1)));
    assert_eq!(written(&mut storage).await, (group(1), WriteId(2)));
    storage.put_local(b"n".to_vec(), Some(b"note".to_vec())).await;
    storage.close().await;
    let (storage, loaded) = disk.open();
    let one = &loaded.groups[&group(1)].pairs;
    assert_eq!(one.get(b"eb".as_slice()), Some(&large));
    assert_eq!(one.get(b"ma".as_slice()), None);
    assert_eq!(one.get(b"mc".as_slice()).unwrap(), b"three");
    assert_eq!(loaded.groups[&group(2)].pairs.len(), 1);
    assert_eq!(loaded.local[b"n".as_slice()], b"note");
    storage.close().await;
}

#[tokio::test]
async fn a_value_that_shrinks_or_goes_leaves_no_piece_behind() {
    let disk = Disk::new();
    let sizes = [200_000, 70_000, 10, 150_000];
    for (n, size) in sizes.into_iter().enumerate() {
        let (mut storage, _) = disk.open();
        storage.write(group(1), batch(1, &[(b"e", vec![u8::try_from(n).unwrap(); size])], &[])).await;
        written(&mut storage).await;
        storage.close().await;
        let (storage, loaded) = disk.open();
        assert_eq!(loaded.groups[&group(1)].pairs[b"e".as_slice()], vec![u8::try_from(n).unwrap(); size]);
        storage.close().await;
        let (store, _) = SledStore::open(&disk.home.store(1)).unwrap();
        assert_eq!(
            store.range(b"p").unwrap().len(),
            if size > PIECE { (size + crate::vault::OVERHEAD).div_ceil(PIECE) } else { 0 }
        );
    }
    let (mut storage, _) = disk.open();
    storage.write(group(1), batch(1, &[], &[b"e"])).await;
    written(&mut storage).await;
    storage.close().await;
    let (store, _) = SledStore::open(&disk.home.store(1)).unwrap();
    assert!(store.range(b"p").unwrap().is_empty());
    assert!(store.range(b"g").unwrap().is_empty());
}

#[tokio::test]
async fn nothing_readable_lies_on_the_disk_and_values_cannot_change_places() {
    let disk = Disk::new();
    let (mut storage, _) = disk.open();
    storage
        .write(group(1), batch(1, &[(b"ma", b"canary-text".to_vec()), (b"mb", b"other".to_vec())], &[]))
        .await;
    written(&mut storage).await;
    storage.close().await;
    let (store, _) = SledStore::open(&disk.home.store(1)).unwrap();
    let records = store.range(b"g").unwrap();
    assert!(records.iter().all(|(_, v)| !v.windows(6).any(|w| w == b"canary")));
    let mut swap = StoreBatch::new();
    swap.put(records[0].0.clone(), records[1].1.clone());
    store.commit(&swap).unwrap();
    drop(store);
    let vault = Arc::new(Vault::open(&disk.home, &Unlock::by_key_file()).unwrap());
    assert!(matches!(Storage::open(&disk.home, vault), Err(StorageError::Vault(VaultError::Value(_)))));
}
