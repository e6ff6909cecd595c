//! A copy of the tree with bugs in it: texts that must stand there once are replaced, everything else is as it is.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// File, the text that stands there once, and what stands there instead.
pub type Edit = (&'static str, &'static str, &'static str);

/// The changed files and their new texts; an error names the bug `name` whose text does not fit any more.
pub fn apply(root: &Path, name: &str, edits: &[Edit]) -> Result<Vec<(PathBuf, String)>> {
    let mut changed: Vec<(PathBuf, String)> = Vec::new();
    for (file, old, new) in edits {
        let path = PathBuf::from(file);
        let known = changed.iter().position(|(other, _)| *other == path);
        let text = match known {
            Some(at) => changed.remove(at).1,
            None => fs::read_to_string(root.join(file)).with_context(|| (*file).to_owned())?,
        };
        if text.matches(old).count() != 1 {
            bail!(
                "the bug `{name}` no longer fits {file}: its text must stand there once; see the list of bugs"
            );
        }
        changed.push((path, text.replace(old, new)));
    }
    Ok(changed)
}

/// Makes the copy like these folders of the tree but for the changed files. Files that are right already keep their times, so
/// that little is built.
pub fn copy(root: &Path, to: &Path, copied: &[&str], changed: &[(PathBuf, String)]) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for file in files(root, copied)? {
        let planted =
            changed.iter().find(|(path, _)| *path == file).map(|(_, text)| text.clone().into_bytes());
        let bytes = match planted {
            Some(bytes) => bytes,
            None => fs::read(root.join(&file)).with_context(|| file.display().to_string())?,
        };
        let place = to.join(&file);
        if fs::read(&place).ok().as_ref() != Some(&bytes) {
            fs::create_dir_all(place.parent().context("a file lies in a folder")?)?;
            fs::write(&place, bytes)?;
        }
        wanted.insert(file);
    }
    // A file that was removed from the tree must not live on in the copy.
    for file in files(to, copied)? {
        if !wanted.contains(&file) {
            fs::remove_file(to.join(file))?;
        }
    }
    Ok(())
}

/// The files of the folders and the manifests of the tree, by their paths in it.
fn files(root: &Path, copied: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = ["Cargo.toml", "Cargo.lock"].map(PathBuf::from).into();
    let mut folders: Vec<PathBuf> = copied.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let relative = path.strip_prefix(root).context("inside the tree")?.to_path_buf();
            if !path.is_dir() {
                files.push(relative);
            } else if !path.ends_with("target") {
                folders.push(relative);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
