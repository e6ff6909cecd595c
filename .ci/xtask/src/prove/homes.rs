//! Where the processes of a proof live: folders that go when the line has held, and stay, with the ends of their logs shown, when it has not.

use anyhow::{Context as _, Result};
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Lines shown of each log: a machine that tests for others keeps nothing but what was printed.
const SHOWN: usize = 60;

/// Folders of the line that runs now.
static OPEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder of homes.
pub struct Homes(PathBuf);

impl Homes {
    /// A new one, empty.
    pub fn open() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("proof-").tempdir()?.keep();
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).push(folder.clone());
        Ok(Homes(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Ends a line: of one that held nothing is left, of one that did not hold all is, and what its processes told last is printed.
pub fn end(held: bool) -> Result<()> {
    let folders = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    let last = folders.len().saturating_sub(1);
    for (number, folder) in folders.iter().enumerate() {
        // Rounds before the last one held.
        if held || number < last {
            std::fs::remove_dir_all(folder).with_context(|| format!("{} cannot go", folder.display()))?;
            continue;
        }
        println!("the homes of this proof are kept in {}", folder.display());
        for log in logs(folder)? {
            println!("--- the end of {}", log.strip_prefix(folder).unwrap_or(&log).display());
            print!("{}", tail(&log)?);
        }
    }
    Ok(())
}

/// What the processes in a folder wrote for people: `log` in each home, and standard error beside it.
fn logs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut rest = vec![folder.to_path_buf()];
    while let Some(folder) = rest.pop() {
        let entries: Vec<DirEntry> = std::fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
        for entry in entries {
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                rest.push(path);
            } else if entry.file_name() == "log" || path.extension().is_some_and(|ext| ext == "err") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn tail(log: &Path) -> Result<String> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(SHOWN)..].iter().flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests;
