//! The command `halloo-coordinator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    halloo_coordinator::cli::main()
}
