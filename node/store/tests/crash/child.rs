//! The process that is killed: opens a store, goes on from where it is, and says after each commit that it is durable.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use halloo_store::error::StoreError;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;

use crate::workload;

/// `engine seed commits dir`, separated by spaces; absent in an ordinary run of the tests.
const ORDER: &str = "HALLOO_CRASH_CHILD";
const NAME: &str = "child::the_child_does_what_its_order_says";

/// Which engine the child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Ours, with its guards.
    Guarded,
    /// sled as it comes: the control that shows that the suite can find a loss.
    Bare,
}

/// A command that runs the child. `wrap` comes before it: strace, or a shell that sets a limit first.
pub(crate) fn command(wrap: &[String], engine: Engine, seed: u64, commits: u64, dir: &Path) -> Command {
    let this = std::env::current_exe().expect("a test knows its program");
    let mut words = wrap.iter().map(|w| w.into()).chain([this.into_os_string()]);
    let mut command = Command::new(words.next().expect("at least this program"));
    command.args(words).args(["--exact", NAME, "--nocapture", "--test-threads=1"]);
    let engine = if engine == Engine::Bare { "bare" } else { "guarded" };
    command.env(ORDER, format!("{engine} {seed} {commits} {}", dir.display()));
    command.env_remove("HALLOO_PROVE").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What the child says, word by word. libtest's own lines are left out.
pub(crate) fn said(child: &mut Child) -> impl Iterator<Item = (String, u64)> + use<> {
    let out = child.stdout.take().expect("its output is piped");
    BufReader::new(out).lines().map_while(Result::ok).filter_map(|line| {
        let (_, told) = line.split_once("halloo-child ")?;
        let (word, number) = told.split_once(' ')?;
        Some((word.to_owned(), number.parse().ok()?))
    })
}

fn say(word: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    // One write, so that a trace shows it as one moment. A parent that is gone needs no answer.
    let _ = out.write_all(format!("\nhalloo-child {word} {number}\n").as_bytes());
    let _ = out.flush();
}

#[test]
fn the_child_does_what_its_order_says() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let words: Vec<&str> = order.splitn(4, ' ').collect();
    let [engine, seed, commits, dir] = words[..] else { panic!("an order has four words") };
    let (seed, commits) = (seed.parse().unwrap(), commits.parse().unwrap());
    match engine {
        "bare" => bare(seed, commits, Path::new(dir)),
        _ => guarded(seed, commits, Path::new(dir)),
    }
}

fn guarded(seed: u64, commits: u64, dir: &Path) {
    say("opening", 0);
    let (store, _) = SledStore::open(dir).unwrap();
    let first = workload::last(&store) + 1;
    for n in first..first + commits {
        match store.commit(&workload::batch(seed, n)) {
            Ok(()) => say("ack", n),
            Err(StoreError::Full { .. }) => {
                say("full", n);
                let readable = workload::judge(&store, seed, n - 1);
                eprintln!("{readable:?}");
                say("readable", u64::from(readable.is_ok()));
                return;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// What a program does that trusts `flush`.
fn bare(seed: u64, commits: u64, dir: &Path) {
    let db = sled::Config::new().path(dir.join("db")).mode(sled::Mode::HighThroughput).open().unwrap();
    for n in 1..=commits {
        let mut batch = sled::Batch::default();
        for (key, write) in workload::batch(seed, n).writes() {
            match write {
                halloo_store::batch::Write::Put(value) => batch.insert(key.as_slice(), value.as_slice()),
                halloo_store::batch::Write::Del => batch.remove(key.as_slice()),
            }
        }
        db.apply_batch(batch).unwrap();
        db.flush().unwrap();
        say("ack", n);
    }
}
