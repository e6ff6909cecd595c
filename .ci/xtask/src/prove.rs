//! The acceptance lines of each capability as programs: at full size by `cargo xtask prove`, at small size in the gate.

use anyhow::{Result, bail};

/// How much of a proof to run: the gate asserts correctness on a small run, `prove` repeats it at the size that was promised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Small,
    Full,
}

/// One acceptance line.
struct Line {
    name: &'static str,
    what: &'static str,
    run: fn(Size) -> Result<()>,
}

const LINES: &[Line] = &[];

/// `prove CAPABILITY[.LINE]`.
pub fn run(args: &[String]) -> Result<()> {
    let Some(wanted) = args.first() else {
        LINES.iter().for_each(|l| println!("{:<16} {}", l.name, l.what));
        return Ok(());
    };
    let chosen: Vec<_> = LINES
        .iter()
        .filter(|l| {
            l.name == wanted || l.name.strip_prefix(wanted.as_str()).is_some_and(|r| r.starts_with('.'))
        })
        .collect();
    if chosen.is_empty() {
        bail!("nothing is called {wanted}; `cargo xtask prove` lists the lines");
    }
    execute(&chosen, Size::Full)
}

/// Every line at small size.
pub fn small() -> Result<()> {
    execute(&LINES.iter().collect::<Vec<_>>(), Size::Small)
}

fn execute(lines: &[&Line], size: Size) -> Result<()> {
    for line in lines {
        crate::shell::step(&format!("{}: {}", line.name, line.what), || (line.run)(size))?;
    }
    Ok(())
}
