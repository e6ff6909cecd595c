//! What somebody who seizes a running daemon has: all that the process can write to, and all files of its home.

use crate::shell::run;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Memory is read so much at a time; what is all zeros is left out.
const PIECE: usize = 4096;
/// Stands between pieces that do not lie side by side, so that no key is put together from two.
const GAP: [u8; 64] = [0; 64];

/// Stops the process, writes its memory and the files of its home to `out`, and lets it go on.
pub fn seize(pid: u32, home: &Path, out: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(out)?);
    run("kill", &["-STOP", &pid.to_string()])?;
    let memory = memory(pid, &mut out);
    run("kill", &["-CONT", &pid.to_string()])?;
    memory?;
    files(home, &mut out)?;
    out.flush().map_err(Into::into)
}

fn memory(pid: u32, out: &mut impl std::io::Write) -> Result<()> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let memory = File::open(format!("/proc/{pid}/mem")).context("the memory of a process of one's own")?;
    let mut piece = vec![0; PIECE];
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|may| may.starts_with("rw"))) {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).context("a range")?;
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        out.write_all(&GAP)?;
        for at in (from..to).step_by(PIECE) {
            // Device memory that is mapped may not be readable so.
            let read = memory.read_exact_at(&mut piece, at).is_ok();
            let bytes = if read && piece.iter().any(|byte| *byte != 0) { &piece[..] } else { &GAP };
            out.write_all(bytes)?;
        }
    }
    Ok(())
}

fn files(folder: &Path, out: &mut impl std::io::Write) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files(&entry.path(), out)?;
        } else if kind.is_file() {
            out.write_all(&GAP)?;
            // A file that is gone by now was not there when the memory was taken, or will not be there again.
            out.write_all(&std::fs::read(entry.path()).unwrap_or_default())?;
        }
    }
    Ok(())
}
