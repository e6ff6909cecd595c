//! How the command speaks: data on stdout, talk on stderr, and what its exit codes say.
#![allow(clippy::print_stderr)]

use anyhow::Result;
use std::io::Write as _;
use zeroize::Zeroizing;

/// Exit codes, also in the manual page.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Refused or failed; stderr says why and what to do next.
    pub const FAILED: u8 = 1;
    /// The command line makes no sense.
    pub const USAGE: u8 = 2;
    /// No daemon runs in this home.
    pub const NOT_RUNNING: u8 = 3;
    /// Something is held by another process: the home, a port.
    pub const IN_USE: u8 = 4;
    /// `doctor` found a fault.
    pub const FAULT: u8 = 5;
}

/// Tells something on stderr.
pub fn tell(text: &str) {
    eprintln!("{text}");
}

/// Asks for something that must not be seen on the screen; `None` where nobody sits at a terminal, or typed nothing.
pub fn secret(question: &str) -> Option<Zeroizing<String>> {
    let terminal = console::Term::stderr();
    if !terminal.is_term() || !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return None;
    }
    // A terminal that cannot be asked is none.
    terminal.write_str(&format!("{question}: ")).ok()?;
    let typed = Zeroizing::new(terminal.read_secure_line().ok()?);
    (!typed.is_empty()).then_some(typed)
}

/// One line of data on stdout.
///
/// # Errors
/// A closed pipe.
pub fn line(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
