//! The `halloo` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    halloo_node::cli::main()
}
