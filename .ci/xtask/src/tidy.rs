//! The layout rules of the tree as a program: what may import what, how long things may be, what is never called.

mod layout;
mod pages;
mod style;
#[cfg(test)]
mod tests;
mod tree;

use anyhow::{Result, bail};

/// Checks every rule and prints each breach with its place and the rule's reason.
pub fn run() -> Result<()> {
    let root = crate::shell::root();
    let sources = tree::sources(&root)?;
    let mut breaches = layout::check(&root, &sources)?;
    breaches.extend(style::check(&sources));
    breaches.extend(pages::check(&root, &sources)?);
    if breaches.is_empty() {
        eprintln!("tidy: {} source files, no breach", sources.len());
        return Ok(());
    }
    breaches.iter().for_each(|breach| eprintln!("{breach}"));
    bail!("{} breaches of the layout rules", breaches.len())
}
