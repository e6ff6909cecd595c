//! The `halloo-sim` command.

fn main() -> std::process::ExitCode {
    halloo_simulations::cli::main()
}
