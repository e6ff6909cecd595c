//! The dependency lists: every crate that a binary or a pure crate pulls in, written down, so that a new one is a decision.

use crate::shell::{capture, cargo, root};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;

/// A list that is kept, the cargo arguments that select it, and what must never be in it.
struct List {
    name: &'static str,
    args: &'static [&'static str],
    forbidden: &'static [(&'static str, &'static str)],
}

const NO_RUNTIME: &[(&str, &str)] = &[
    ("tokio", "the engine and the ground are driven by their host, also in virtual time"),
    ("async-std", "the engine and the ground are driven by their host"),
    ("web-time", "time is an argument"),
    ("instant", "time is an argument"),
    ("futures-timer", "time is an argument"),
    ("libp2p", "the network belongs to the shell"),
];

const LISTS: &[List] = &[
    List { name: "halloo", args: &["-p", "halloo-node"], forbidden: &[] },
    List { name: "engine", args: &["-p", "halloo-engine"], forbidden: NO_RUNTIME },
    List { name: "crdt", args: &["-p", "halloo-crdt"], forbidden: NO_RUNTIME },
    List { name: "crypto", args: &["-p", "halloo-crypto", "--all-features"], forbidden: NO_RUNTIME },
    List {
        name: "coordinator",
        args: &["-p", "halloo-coordinator"],
        forbidden: &[
            ("halloo-crdt", "the coordinator cannot parse group content (law 2)"),
            ("halloo-engine", "the coordinator cannot parse group content (law 2)"),
            ("mls-rs", "the coordinator holds no group key (law 2)"),
            ("sframe", "the coordinator holds no media key (law 2)"),
        ],
    },
];

/// Compares every list with `docs/deps/NAME.txt`, or writes the files anew.
pub fn run(write: bool) -> Result<()> {
    let folder = root().join("docs/deps");
    let mut wrong = Vec::new();
    for list in LISTS {
        let now = tree(list)?;
        for (name, why) in list.forbidden {
            if now.contains(*name) {
                wrong.push(format!("{}: {name} is forbidden: {why}", list.name));
            }
        }
        let path = folder.join(format!("{}.txt", list.name));
        let text = now.iter().fold(String::new(), |text, name| text + name + "\n");
        if write {
            fs::create_dir_all(&folder)?;
            fs::write(&path, text)?;
            continue;
        }
        let kept = fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))?;
        let kept: BTreeSet<String> = kept.lines().map(str::to_owned).collect();
        wrong.extend(now.difference(&kept).map(|n| format!("{}: {n} is new", list.name)));
        wrong.extend(kept.difference(&now).map(|n| format!("{}: {n} is gone", list.name)));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "dependency lists differ:\n  {}\nargue each in the commit, then `cargo xtask deps --write`",
        wrong.join("\n  ")
    )
}

fn tree(list: &List) -> Result<BTreeSet<String>> {
    let mut args = vec!["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    args.extend(["--target", "x86_64-unknown-linux-gnu"]);
    args.extend(list.args);
    let text = capture(&cargo(), &args)?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
