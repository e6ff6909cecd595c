//! The project's own commands: `demo` and `test` for everyone, `bench`, `prove` and `tidy` for those who change it.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)]

mod bench;
mod deps;
mod gate;
mod prove;
mod setup;
mod shell;
mod simulator;
mod speech;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [ARGS]              install what the build lacks, build, run `halloo demo ARGS`
  test                     the whole gate: format, tidy, lints, tests, documentation, dependency lists, small proofs
  bench [NAME] [--json]    print the figures (all, or those of NAME); --list names them
  prove WHAT[.LINE]        run the acceptance lines of a capability at full size, for instance `first-halloo.2`;
                           with --small as the gate does; without WHAT it lists them
  tidy                     check the layout rules of the tree
  deps [--write]           compare the dependency lists of the binaries with docs/deps, or write them anew";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let outcome = match args.first().map(String::as_str) {
        Some("demo") => gate::demo(rest),
        Some("test") => gate::test(),
        Some("bench") => bench::run(rest),
        Some("prove") => prove::run(rest),
        Some("tidy") => tidy::run(),
        Some("deps") => deps::run(rest.iter().any(|a| a == "--write")),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        other => {
            eprintln!("{USAGE}\n\nerror: {} is not a command", other.unwrap_or("nothing"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
