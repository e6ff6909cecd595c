//! What simulated disks hold lies on the machine's disk: thousands of devices remember far more than they look at.
//!
//! One file without a name for each run. Nothing in it is ever changed, so a place stays true; what nobody names any more goes with the
//! run.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

/// Bytes that are gathered before the file is written: a run of a few members never writes it.
const GATHERED_BYTES: usize = 1 << 20;

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first byte, counted from the first of the run.
    pub at: u64,
    /// How many.
    pub bytes: u32,
}

#[derive(Debug, Default)]
struct Platter {
    /// `None` where the machine gives none: then all is gathered.
    file: Option<File>,
    filed: u64,
    gathered: Vec<u8>,
}

thread_local! {
    static PLATTER: RefCell<Platter> = RefCell::default();
}

/// Lays a fresh one for this thread's run. To be called before virtual time begins: how a name is found for a file is none of the run's
/// chances.
pub fn lay() {
    PLATTER.set(Platter { file: tempfile::tempfile().ok(), ..Platter::default() });
}

/// Takes it away.
pub fn remove() {
    drop(PLATTER.take());
}

/// Keeps these bytes.
///
/// # Panics
/// If the machine's disk does not take them, or they are more than 4 GB.
pub fn put(bytes: &[u8]) -> Place {
    PLATTER.with_borrow_mut(|platter| {
        let at = platter.filed + platter.gathered.len() as u64;
        platter.gathered.extend_from_slice(bytes);
        platter.file_gathered().expect("the machine's disk takes what the simulated ones hold");
        Place { at, bytes: u32::try_from(bytes.len()).expect("values are far below 4 GB") }
    })
}

/// Reads what was kept there.
///
/// # Panics
/// If it cannot be read, or nothing was put there.
pub fn get(place: Place) -> Vec<u8> {
    PLATTER.with_borrow(|platter| {
        let mut bytes = vec![0; place.bytes as usize];
        match place.at.checked_sub(platter.filed) {
            Some(at) => {
                let at = usize::try_from(at).expect("it is in memory");
                bytes.copy_from_slice(&platter.gathered[at..at + place.bytes as usize]);
            }
            None => {
                let file = platter.file.as_ref().expect("what is not gathered was filed");
                file.read_exact_at(&mut bytes, place.at).expect("the machine's disk gives what it took");
            }
        }
        bytes
    })
}

impl Platter {
    fn file_gathered(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| self.gathered.len() >= GATHERED_BYTES) else {
            return Ok(());
        };
        file.write_all(&self.gathered)?;
        self.filed += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
