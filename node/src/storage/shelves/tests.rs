//! Writes, steps of rotations, crashes at any moment, in any order: every acknowledged value comes back, by one key in the end.

use super::*;
use crate::home::Home;
use crate::vault::{DataKey, Unlock, VaultError};
use halloo_crypto::id::GroupId;
use halloo_engine::output::{Batch, WriteId};
use halloo_store::memory::{Fault, MemoryStore};
use halloo_store::store::{BackupReport, CheckReport, Record, Store};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// A store in memory that the folders keep a hand on.
#[derive(Clone)]
struct Handle(Arc<MemoryStore>);

impl Store for Handle {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }
    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.0.page(prefix, after, limit)
    }
    fn commit(&self, batch: &StoreBatch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }
    fn check(&self) -> Result<CheckReport, StoreError> {
        self.0.check()
    }
    fn backup_to(&self, file: &Path) -> Result<BackupReport, StoreError> {
        self.0.backup_to(file)
    }
}

/// Disks in memory by key number.
#[derive(Clone, Default)]
struct Disks {
    stores: Rc<RefCell<BTreeMap<u8, Handle>>>,
    /// The power goes when a folder shall be removed.
    dies_removing: Rc<Cell<bool>>,
}

impl Folders for Disks {
    type Store = Handle;

    fn open(&self, key: u8) -> Result<(Handle, Vec<String>), StoreError> {
        let fresh = || Handle(Arc::new(MemoryStore::new()));
        Ok((self.stores.borrow_mut().entry(key).or_insert_with(fresh).clone(), Vec::new()))
    }

    fn is_there(&self, key: u8) -> bool {
        self.stores.borrow().contains_key(&key)
    }

    fn remove(&self, store: Handle) -> Result<(), StoreError> {
        if self.dies_removing.get() {
            return Err(StoreError::Poisoned);
        }
        self.stores.borrow_mut().retain(|_, there| !Arc::ptr_eq(&there.0, &store.0));
        Ok(())
    }

    fn remove_closed(&self, key: u8) -> Result<(), StoreError> {
        self.stores.borrow_mut().remove(&key);
        Ok(())
    }
}

impl Disks {
    /// What is durable, in the hands of a new process.
    fn after_a_crash(&self) {
        for store in self.stores.borrow_mut().values_mut() {
            *store = Handle(Arc::new(MemoryStore::from_disk(&store.0.disk())));
        }
        self.dies_removing.set(false);
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// One home through many lives.
struct World {
    _folder: tempfile::TempDir,
    home: Home,
    disks: Disks,
    vault: Arc<Vault>,
    shelves: Shelves<Disks>,
    acknowledged: Model,
    /// What the newest write would make of it, if it was durable before the power went.
    possible: Model,
    finished: u32,
}

#[derive(Clone, Debug)]
enum Act {
    Write(Vec<(u8, Option<u32>)>),
    Rotate,
    Step,
    /// The power goes at the next commit of this store (the current one, or the next), in this way.
    Cut(bool, u8),
    /// The power goes before the change of a file of the home after so many.
    CutFiles(u32),
    /// The power goes while the old folder is removed.
    CutRemoval,
    Restart,
}

fn name(n: u8) -> Vec<u8> {
    vec![b'm', n]
}

fn group() -> GroupId {
    GroupId::from_bytes([7; 32])
}

/// A value of this kind: most are small, some at the edge of one record, some in several pieces.
fn value(kind: u32) -> Vec<u8> {
    let length = match kind % 16 {
        0 => 65_505 + kind as usize % 3,
        1 => 140_000,
        2 => 0,
        _ => kind as usize % 300,
    };
    kind.to_be_bytes().into_iter().cycle().take(length).collect()
}

impl World {
    fn new(values: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path().join("h"))).unwrap();
        let vault = Arc::new(Vault::open(&home, &Unlock::by_key_file()).unwrap());
        let disks = Disks::default();
        let (shelves, _) = Shelves::open(disks.clone(), Arc::clone(&vault)).unwrap();
        let (acknowledged, possible) = (Model::new(), Model::new());
        let mut world =
            World { _folder: folder, home, disks, vault, shelves, acknowledged, possible, finished: 0 };
        let all: Vec<_> = (0..values).map(|n| (n, Some(u32::from(n) + 3))).collect();
        world.write(&all).unwrap();
        world
    }

    /// As the writer's thread does it: commit, acknowledge, one step.
    fn write(&mut self, changes: &[(u8, Option<u32>)]) -> Result<(), ()> {
        let (mut puts, mut dels) = (BTreeMap::new(), Vec::new());
        for (n, kind) in changes {
            match kind {
                Some(kind) => drop(puts.insert(name(*n), value(*kind))),
                None => dels.push(name(*n)),
            }
        }
        dels.retain(|name| !puts.contains_key(name));
        self.possible = self.acknowledged.clone();
        self.possible.extend(puts.clone());
        self.possible.retain(|name, _| !dels.contains(name));
        let local = Job::Local(b"n".to_vec(), Some(vec![changes.len() as u8]));
        let job = Job::Group(group(), Batch { id: WriteId(1), puts: puts.into_iter().collect(), dels });
        let (mut batch, mut changed) = (StoreBatch::new(), Vec::new());
        for job in [job, local] {
            self.shelves.add(&mut batch, &job, &mut changed).unwrap();
        }
        self.shelves.commit(&batch).map_err(drop)?;
        self.acknowledged = self.possible.clone();
        self.turn(&changed)
    }

    fn turn(&mut self, changed: &[Vec<u8>]) -> Result<(), ()> {
        if matches!(self.shelves.turn(changed).map_err(drop)?, Turned::Complete) {
            let finished = self.shelves.finish().map_err(drop)?.unwrap();
            self.finished += 1;
            assert_eq!(finished.key, self.vault.current().number());
            return finished.left.map_or(Ok(()), |_| Err(()));
        }
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), ()> {
        self.vault.begin_rotation().map_err(drop)?;
        self.shelves.rotate().map_err(drop)
    }

    fn act(&mut self, act: &Act) -> Result<(), ()> {
        match act {
            Act::Write(changes) => self.write(changes),
            Act::Rotate => self.rotate(),
            Act::Step => self.turn(&[]),
            Act::Cut(next, way) => {
                let number = match (next, self.vault.next()) {
                    (true, Some(next)) => next.number(),
                    _ => self.vault.current().number(),
                };
                let fault = match way % 3 {
                    0 => Fault::CrashBeforeDurable,
                    1 => Fault::TornWrite { bytes: usize::from(*way) * 40 },
                    _ => Fault::CrashAfterDurable,
                };
                if let Some(store) = self.disks.stores.borrow().get(&number) {
                    store.0.fail_next(fault);
                }
                Ok(())
            }
            Act::CutFiles(changes) => {
                self.home.cut_power_after(Some(*changes));
                Ok(())
            }
            Act::CutRemoval => {
                self.disks.dies_removing.set(true);
                Ok(())
            }
            Act::Restart => Err(()),
        }
    }

    /// A new process finds what is durable, and it is what was acknowledged, or that and the whole write that was under way.
    fn restart(&mut self) {
        self.home.cut_power_after(None);
        self.disks.after_a_crash();
        self.vault = Arc::new(Vault::open(&self.home, &Unlock::by_key_file()).unwrap());
        let (shelves, loaded) = Shelves::open(self.disks.clone(), Arc::clone(&self.vault)).unwrap();
        self.shelves = shelves;
        let found: Model = loaded.groups.get(&group()).map(|s| s.pairs.clone()).unwrap_or_default();
        assert!(found == self.acknowledged || found == self.possible, "an acknowledged value is lost");
        (self.acknowledged, self.possible) = (found.clone(), found);
        self.shelves.rotate().unwrap();
    }

    /// A last life without a crash: a rotation to its end leaves one store, all of it by one key, whole and without leftovers.
    fn end(mut self, oldest: &DataKey) {
        self.restart();
        self.rotate().unwrap();
        while self.shelves.is_rotating() {
            self.turn(&[]).unwrap();
        }
        self.restart();
        let stores = self.disks.stores.borrow();
        let key = self.vault.current();
        assert_eq!(stores.keys().copied().collect::<Vec<_>>(), [key.number()]);
        let store = &stores[&key.number()];
        let mut pieces = 0;
        for (at, record) in store.range(b"g").unwrap() {
            assert!(oldest.open(&at, &record[1..]).is_err());
            pieces += if record[0] == 1 { usize::from(record[2]) } else { 0 };
        }
        assert_eq!(store.range(b"p").unwrap().len(), pieces, "a piece that belongs to nothing");
    }
}

fn act() -> impl Strategy<Value = Act> {
    let change = (0_u8..200, prop::option::weighted(0.7, any::<u32>()));
    prop_oneof![
        6 => prop::collection::vec(change, 1..5).prop_map(Act::Write),
        3 => Just(Act::Rotate),
        12 => Just(Act::Step),
        2 => (any::<bool>(), any::<u8>()).prop_map(|(next, way)| Act::Cut(next, way)),
        1 => (0_u32..4).prop_map(Act::CutFiles),
        1 => Just(Act::CutRemoval),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_of_writes_steps_and_crashes_reads_back_what_was_acknowledged(
        values in 0_u8..200,
        acts in prop::collection::vec(act(), 0..80),
    ) {
        let mut world = World::new(values);
        let oldest = world.vault.current();
        for act in &acts {
            if world.act(act).is_err() {
                world.restart();
            }
        }
        world.end(&oldest);
    }
}

#[test]
fn a_rotation_ends_although_writing_never_stops() {
    let mut world = World::new(200);
    let oldest = world.vault.current();
    for round in 0..5_u32 {
        world.rotate().unwrap();
        let mut writes = 0;
        while world.finished == round {
            let n = (writes * 7 % 200) as u8;
            world
                .write(&[(n, Some(writes * 16 + 3)), (n.wrapping_add(1), None), (199, Some(writes * 16 + 1))])
                .unwrap();
            writes += 1;
            assert!(writes < 50, "the rotation does not come to its end");
        }
    }
    world.end(&oldest);
}

#[test]
fn a_change_of_any_value_between_any_two_steps_is_carried_over() {
    let mut world = World::new(200);
    let oldest = world.vault.current();
    for steps in 0..14_u32 {
        world.rotate().unwrap();
        for _ in 0..steps {
            world.turn(&[]).unwrap();
        }
        let all: Vec<_> =
            (0..200_u32).map(|n| (n as u8, ((n + steps) % 3 > 0).then_some((n + steps) * 16 + 5))).collect();
        world.write(&all).unwrap();
        while world.shelves.is_rotating() {
            world.turn(&[]).unwrap();
        }
        world.restart();
    }
    assert!(world.finished > 13, "{}", world.finished);
    world.end(&oldest);
}

#[test]
fn a_full_disk_stops_a_rotation_gives_the_room_back_and_lets_writing_go_on() {
    let mut world = World::new(200);
    let oldest = world.vault.current();
    world.rotate().unwrap();
    for _ in 0..3 {
        world.turn(&[]).unwrap();
    }
    let next = world.vault.next().unwrap().number();
    while world.disks.stores.borrow()[&next].range(b"g").unwrap().is_empty() {
        world.turn(&[]).unwrap();
    }
    world.disks.stores.borrow()[&next].0.fail_next(Fault::Full);
    let stopped = world.shelves.turn(&[]);
    assert!(matches!(stopped, Err(StorageError::Store(StoreError::Full { .. }))), "{stopped:?}");
    assert!(!world.disks.is_there(next) && !world.shelves.is_rotating());
    world.write(&[(1, Some(77))]).unwrap();
    world.end(&oldest);
}

#[test]
fn files_of_different_backups_are_named_and_kept() {
    let mut world = World::new(3);
    world.rotate().unwrap();
    while world.shelves.is_rotating() {
        world.turn(&[]).unwrap();
    }
    let store = world.disks.stores.borrow_mut().remove(&2).unwrap();
    world.disks.stores.borrow_mut().insert(1, store);
    let refused = Shelves::open(world.disks.clone(), Arc::clone(&world.vault)).err();
    assert!(matches!(refused, Some(StorageError::Parts)));
    assert!(world.disks.is_there(1));
}

#[test]
fn a_value_that_does_not_open_stops_a_rotation_and_nothing_is_lost() {
    let mut world = World::new(10);
    let (at, record) = world.disks.stores.borrow()[&1].range(b"g").unwrap().swap_remove(4);
    let mut spoilt = record;
    *spoilt.last_mut().unwrap() ^= 1;
    let mut batch = StoreBatch::new();
    batch.put(at, spoilt);
    world.disks.stores.borrow()[&1].commit(&batch).unwrap();
    world.rotate().unwrap();
    let stopped = (0..9).find_map(|_| world.shelves.turn(&[]).err());
    assert!(matches!(stopped, Some(StorageError::Vault(VaultError::Value(_)))));
    assert!(world.disks.is_there(1) && world.vault.next().is_some());
}
