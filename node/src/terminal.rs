//! How the command speaks: data on stdout, talk on stderr, and what its exit codes say.
#![allow(clippy::print_stderr)]

use anyhow::Result;
use std::io::Write as _;
use zeroize::Zeroizing;

/// Exit codes, also in the help and in the manual page.
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
    /// `doctor` found a fault, or `echo` heard nothing.
    pub const FAULT: u8 = 5;

    /// Each code in words, for the help.
    pub const MEANINGS: [(u8, &str); 6] = [
        (OK, "done"),
        (FAILED, "refused or failed"),
        (USAGE, "wrong usage"),
        (NOT_RUNNING, "no halloo runs in this home"),
        (IN_USE, "home or port in use"),
        (FAULT, "doctor found a fault or echo heard nothing"),
    ];
}

/// Whether this error only says that nobody reads our stdout any more, as in `halloo log | head -1`.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
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

/// Asks for something that may be seen; `None` where nobody sits at a terminal.
pub fn ask(question: &str) -> Option<String> {
    let terminal = console::Term::stderr();
    if !terminal.is_term() || !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return None;
    }
    terminal.write_str(&format!("{question}: ")).ok()?;
    Some(terminal.read_line().ok()?.trim().to_owned())
}

/// One line of data on stdout.
///
/// # Errors
/// A closed pipe.
pub fn line(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
