//! Runs the system's `ip` and turns its word into an error.

use std::process::Command;
use thiserror::Error;

/// Why a laboratory could not be built or used.
#[derive(Debug, Error)]
pub enum LabError {
    /// World: namespaces are not permitted here. A test prints the reason and skips.
    #[error("network namespaces are not permitted here: {0}")]
    Denied(String),
    /// World: a program of the system failed.
    #[error("`{command}` failed: {reason}")]
    Command {
        /// What was run.
        command: String,
        /// What it said.
        reason: String,
    },
    /// World: a device or thread could not be set up.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// Caller: more hosts than addresses, or a name used twice.
    #[error("{0}")]
    Plan(String),
}

/// Runs `ip` with words separated by spaces.
pub(crate) fn ip(words: &str) -> Result<String, LabError> {
    let failed = |reason: String| LabError::Command { command: format!("ip {words}"), reason };
    let output = Command::new("ip")
        .args(words.split_whitespace())
        .output()
        .map_err(|error| failed(format!("{error} (is iproute2 installed?)")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
