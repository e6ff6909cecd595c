//! The key at rest rotates while a member is written to at full speed and killed: all readable, the old key useless.

use super::Size;
use super::people;
use crate::shell::{self, cargo};
use anyhow::{Context, Result};

/// `prove first-halloo.13`. The program itself fails on anything lost or readable.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let bin = bin.to_str().context("the path of the build is not text")?;
    let (seconds, messages) = if size == Size::Full { ("300", "40000") } else { ("8", "2000") };
    let mut line = vec!["run", "--quiet", "--locked"];
    if size == Size::Full {
        line.push("--release");
    }
    line.extend(["-p", "halloo-node", "--example", "rotate_under_load", "--", bin, seconds, messages]);
    shell::run(&cargo(), &line)
}
