//! What is kept of an authority: files that their owner alone may read, put in place whole.

use anyhow::{Context as _, Result};
use instant_acme::AccountCredentials;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.pem";

/// The folder of one authority.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Made where it is not there.
    pub(super) fn of(data: &Path, directory: &str) -> Result<Self> {
        let folder = Self::at(data, directory);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder.0);
        made.with_context(|| format!("making {}", folder.0.display()))?;
        Ok(folder)
    }

    /// There or not.
    pub(super) fn at(data: &Path, directory: &str) -> Self {
        let host = directory.split_once("://").map_or(directory, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default();
        let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        Folder(data.join("acme").join(host.chars().map(letter).collect::<String>()))
    }

    /// The account, where there is one that can be read.
    pub(super) fn account(&self) -> Result<Option<AccountCredentials>> {
        Ok(self.read(ACCOUNT)?.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    pub(super) fn keep_account(&self, account: &AccountCredentials) -> Result<()> {
        self.write(ACCOUNT, &serde_json::to_vec(account).context("an account as JSON")?)
    }

    pub(super) fn forget_account(&self) -> Result<()> {
        let path = self.0.join(ACCOUNT);
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))
    }

    pub(super) fn certificate(&self) -> Result<Option<Vec<u8>>> {
        self.read(CERTIFICATE)
    }

    pub(super) fn keep_certificate(&self, pem: &[u8]) -> Result<()> {
        self.write(CERTIFICATE, pem)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.0.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, part) = (self.0.join(name), self.0.join(format!("{name}.part")));
        let write = || {
            // One that was left half written may have other rights.
            drop(std::fs::remove_file(&part));
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            File::open(&self.0)?.sync_all()
        };
        write().with_context(|| format!("writing {}", path.display()))
    }
}
