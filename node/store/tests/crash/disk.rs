//! A file system that forgets: the events of a trace played onto it, then a power cut.
//!
//! The model is stricter than file systems in use: bytes are durable only after a sync of their file, names only after a sync of
//! their folder, and `sync_file_range` promises nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::trace::Event;
use crate::workload::Noise;

/// What survives besides what was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    A,
    /// A random half, in pieces of a page.
    B,
}

/// Bytes that reach a platter together.
const PAGE: usize = 4096;

#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    SetLen(u64),
}

#[derive(Debug, Clone)]
enum Name {
    Add(PathBuf, usize),
    Remove(PathBuf),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    /// Changes since the last sync, and how many there were before them all.
    pending: Vec<Change>,
    synced: usize,
}

#[derive(Debug, Clone, Copy)]
struct Handle {
    file: usize,
    position: u64,
}

/// The state of the disk after a number of events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// What programs see.
    names: BTreeMap<PathBuf, usize>,
    /// What survives.
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<Name>,
    handles: BTreeMap<u64, Handle>,
    dirs: BTreeMap<u64, PathBuf>,
    syncing: BTreeMap<(u64, u32), usize>,
    pub(crate) acknowledged: u64,
}

impl Disk {
    /// A disk that holds what lies in a folder, all of it durable, after so many acknowledged commits.
    pub(crate) fn found(dir: &Path, acknowledged: u64) -> Self {
        let mut disk = Self { acknowledged, ..Self::default() };
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                disk.files.push(File { durable: fs::read(&path).unwrap(), ..File::default() });
                disk.names.insert(path, disk.files.len() - 1);
            }
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    pub(crate) fn play(&mut self, event: &Event) {
        match event {
            Event::Open { path, file, created, truncated } => self.open(path, *file, *created, *truncated),
            Event::Write { file, at, bytes } => {
                let Some(handle) = self.handles.get_mut(file) else { panic!("written through no handle") };
                let from = at.unwrap_or(handle.position);
                if at.is_none() {
                    handle.position += bytes.len() as u64;
                }
                self.files[handle.file].pending.push(Change::Write { at: from, bytes: bytes.clone() });
            }
            Event::SetLen { file, len } => {
                let handle = self.handles[file];
                self.files[handle.file].pending.push(Change::SetLen(*len));
            }
            Event::Seek { file, to } => {
                if let Some(handle) = self.handles.get_mut(file) {
                    handle.position = *to;
                }
            }
            Event::SyncBegan { file, thread } => {
                let covered = match self.handles.get(file) {
                    Some(handle) => self.files[handle.file].synced + self.files[handle.file].pending.len(),
                    None => self.pending_names.len(),
                };
                self.syncing.insert((*file, *thread), covered);
            }
            Event::SyncEnded { file, thread } => {
                let covered = self.syncing.remove(&(*file, *thread)).expect("a sync begins before it ends");
                self.synced(*file, covered);
            }
            Event::Rename { from, to } => {
                let Some(file) = self.names.remove(from) else {
                    panic!("{} is not there to be renamed", from.display())
                };
                self.names.insert(to.clone(), file);
                self.pending_names.push(Name::Add(to.clone(), file));
                self.pending_names.push(Name::Remove(from.clone()));
            }
            Event::Remove { path } => {
                self.names.remove(path);
                self.pending_names.push(Name::Remove(path.clone()));
            }
            // Folders are taken for durable: what counts is what is in them.
            Event::MakeDir { .. } => {}
            Event::Ack(number) => self.acknowledged = *number,
        }
    }

    fn open(&mut self, path: &Path, number: u64, created: bool, truncated: bool) {
        if !created && !self.names.contains_key(path) {
            self.dirs.insert(number, path.to_owned());
            return;
        }
        let file = match self.names.get(path) {
            Some(file) => *file,
            None => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.names.insert(path.to_owned(), file);
                self.pending_names.push(Name::Add(path.to_owned(), file));
                file
            }
        };
        if truncated {
            self.files[file].pending.push(Change::SetLen(0));
        }
        self.handles.insert(number, Handle { file, position: 0 });
    }

    fn synced(&mut self, number: u64, covered: usize) {
        if let Some(handle) = self.handles.get(&number) {
            let file = &mut self.files[handle.file];
            let count = covered.saturating_sub(file.synced).min(file.pending.len());
            for change in file.pending.drain(..count).collect::<Vec<_>>() {
                apply(&mut file.durable, &change);
            }
            file.synced += count;
            return;
        }
        let dir = self.dirs[&number].clone();
        let (mut rest, mut seen) = (Vec::new(), 0);
        for name in std::mem::take(&mut self.pending_names) {
            let (Name::Add(path, _) | Name::Remove(path)) = &name;
            if seen < covered && path.parent() == Some(&dir) {
                settle(&mut self.durable_names, &name);
            } else {
                rest.push(name);
            }
            seen += 1;
        }
        self.pending_names = rest;
    }

    /// What the next start finds, written below `to`; `from` is the folder of the trace.
    pub(crate) fn cut(&self, mode: Mode, noise: &mut Noise, from: &Path, to: &Path) {
        let mut names = self.durable_names.clone();
        let survives = |noise: &mut Noise| mode == Mode::B && noise.below(2) == 0;
        for name in &self.pending_names {
            if survives(noise) {
                settle(&mut names, name);
            }
        }
        fs::create_dir_all(to.join("db/blobs")).unwrap();
        for (path, file) in names {
            let mut bytes = self.files[file].durable.clone();
            for change in &self.files[file].pending {
                match change {
                    Change::Write { at, bytes: written } => {
                        for (index, page) in written.chunks(PAGE).enumerate() {
                            if survives(noise) {
                                let at = at + (index * PAGE) as u64;
                                apply(&mut bytes, &Change::Write { at, bytes: page.to_vec() });
                            }
                        }
                    }
                    whole if survives(noise) => apply(&mut bytes, whole),
                    _ => {}
                }
            }
            let place = to.join(path.strip_prefix(from).expect("only the store's files are traced"));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, bytes).unwrap();
        }
    }
}

fn settle(names: &mut BTreeMap<PathBuf, usize>, name: &Name) {
    match name {
        Name::Add(path, file) => names.insert(path.clone(), *file),
        Name::Remove(path) => names.remove(path),
    };
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes: written } => {
            let (from, to) = (*at as usize, *at as usize + written.len());
            if bytes.len() < to {
                bytes.resize(to, 0);
            }
            bytes[from..to].copy_from_slice(written);
        }
        Change::SetLen(len) => bytes.resize(*len as usize, 0),
    }
}
