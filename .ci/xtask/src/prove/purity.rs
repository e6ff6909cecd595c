//! The core is pure: its dependency trees hold no runtime and no clock, and the same seed and inputs give the same outputs.

use super::Size;
use crate::shell::{cargo, run as execute};
use anyhow::Result;

/// `prove first-halloo.4`.
pub fn run(size: Size) -> Result<()> {
    crate::deps::run(false)?;
    if size == Size::Small {
        return Ok(()); // The tests themselves ran with all the others.
    }
    let cargo = cargo();
    let args = ["nextest", "run", "--locked", "-p", "halloo-engine", "-p", "halloo-crypto", "--all-features"];
    execute(&cargo, &[&args[..], &["-E", "test(same_seed) | test(no_clock)"]].concat())
}
