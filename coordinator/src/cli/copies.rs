//! `backup` and `restore`.

use crate::backup;
use crate::hatch;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use std::path::PathBuf;

/// What `backup` is told.
#[derive(Debug, Args)]
pub(super) struct From {
    /// Data folder of the coordinator.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the backup; made.
    to: PathBuf,
}

/// What `restore` is told.
#[derive(Debug, Args)]
pub(super) struct To {
    /// Folder of the backup.
    from: PathBuf,
    /// Data folder that it goes to: empty, or not there.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Compares every row afterwards.
    #[arg(long)]
    verify: bool,
}

/// Copies what is served, or what lies there when nobody serves.
pub(super) fn backup(told: &From) -> Result<()> {
    if !told.data.join("store").is_dir() {
        bail!("{} is no data folder: name the one that `serve` says at its start", told.data.display());
    }
    let written = match hatch::export(&told.data)? {
        Some(export) => backup::write(export, &told.to)?,
        None => {
            let (store, _) = SledStore::open(&told.data.join("store"))?;
            let scratch = told.data.join("backup.export");
            store.backup_to(&scratch)?;
            let export = std::fs::File::open(&scratch).context("opening the export")?;
            // It lives as long as it is open.
            std::fs::remove_file(&scratch).context("removing the export")?;
            backup::write(export, &told.to)?
        }
    };
    eprintln!(
        "{} rows, {} bytes. The secrets of the coordinator are in it: keep it as safe as {}.",
        written.rows,
        written.bytes,
        told.data.display()
    );
    println!("{}", told.to.display());
    Ok(())
}

/// Puts a backup into an empty folder.
pub(super) fn restore(told: &To) -> Result<()> {
    let manifest = backup::restore(&told.from, &told.data)?;
    eprintln!("{} rows were restored", manifest.rows);
    if told.verify {
        let rows = backup::compare(&told.from, &told.data)?;
        eprintln!("{rows} rows were compared: all are equal, and there is no other");
    }
    println!("{}", told.data.display());
    Ok(())
}
