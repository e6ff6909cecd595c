//! The acceptance lines of each capability as programs: at full size by `cargo xtask prove`, at small size in the gate.

mod bad_input;
mod call;
mod demo;
mod doctor;
mod figures;
mod heal;
mod homes;
mod hostile;
mod join;
mod kill;
mod local_door;
mod loss;
mod mail;
mod moved;
mod nats;
mod noise;
mod office;
mod peers;
mod people;
mod planted;
mod presence;
mod purity;
mod rate;
mod rotation;
mod simulator;
mod words;

pub use heal::differential::WORKSPACE as DIFFERENTIAL;
pub use people::{Person, clip, halloo};

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

const LINES: &[Line] = &[
    Line { name: "first-halloo.1", what: "the demonstration of three members, measured", run: demo::run },
    Line {
        name: "first-halloo.2",
        what: "three hosts on a bridge: join to speech, and a host that was away",
        run: join::run,
    },
    Line {
        name: "first-halloo.3",
        what: "speech under loss and jitter against plain concealment",
        run: loss::run,
    },
    Line {
        name: "first-halloo.4",
        what: "the core names no clock and no runtime; one seed, one behaviour",
        run: purity::run,
    },
    Line { name: "first-halloo.5", what: "kill -9 at random moments", run: kill::run },
    Line { name: "first-halloo.6", what: "the figures of the core against their targets", run: figures::run },
    Line { name: "first-halloo.7", what: "what goes wrong in front of a person", run: bad_input::run },
    Line {
        name: "first-halloo.8",
        what: "one of three writes to and calls another; the third sees nothing of it",
        run: call::run,
    },
    Line {
        name: "first-halloo.9",
        what: "a machine that gets another address in the middle of a call is heard again",
        run: moved::run,
    },
    Line {
        name: "first-halloo.10",
        what: "doctor names seeded faults; echo hears itself on files",
        run: doctor::run,
    },
    Line {
        name: "first-halloo.11",
        what: "streams, JSON, exit codes, folders, colours, completions, manual, progress",
        run: words::run,
    },
    Line {
        name: "first-halloo.12",
        what: "names, mutes, the key, places with an end, who fell away, a partition",
        run: presence::run,
    },
    Line {
        name: "first-halloo.13",
        what: "a new key at rest under load and kill -9: all readable, the old key useless",
        run: rotation::run,
    },
    Line {
        name: "simulator.1",
        what: "the same seed gives the same trace, twice, in both profiles; another seed another",
        run: simulator::determinism,
    },
    Line {
        name: "simulator.2",
        what: "a node with its engine costs little more than its Swarm alone; events a second of the abstract tier",
        run: simulator::scale,
    },
    Line {
        name: "simulator.3",
        what: "how true it is: shortest paths, a published table, the cliff of mute nodes, real processes",
        run: simulator::fidelity,
    },
    Line {
        name: "simulator.4",
        what: "planted bugs are found by shipped scenarios within 50 seeds that are sound without them",
        run: simulator::mutants::run,
    },
    Line {
        name: "simulator.5",
        what: "a run leaves tables and a page that needs no network",
        run: simulator::results,
    },
    Line {
        name: "simulator.6",
        what: "shipped scenarios: every judge is content, a minute of one core a seed",
        run: simulator::shipped::run,
    },
    Line {
        name: "heal.1",
        what: "islands of every size: what was accepted is there, once, and nobody waits to write",
        run: heal::stories::lossless,
    },
    Line {
        name: "heal.2",
        what: "halves meet again: all on one epoch within seconds of the last link",
        run: heal::stories::convergence,
    },
    Line {
        name: "heal.3",
        what: "what it costs to heal: a merge of halves, a race, what was missed, a large group",
        run: heal::cost::run,
    },
    Line {
        name: "heal.4",
        what: "one of fifty is put out: new keys nearly everywhere at once",
        run: heal::stories::eviction,
    },
    Line {
        name: "heal.5",
        what: "voice across a heal and across removals: what connected listeners miss; what sealing takes",
        run: heal::voice::run,
    },
    Line {
        name: "heal.6",
        what: "who speaks in another's name behind a forwarder is shown, nobody else ever is",
        run: heal::forgery::run,
    },
    Line {
        name: "heal.7",
        what: "of a seized device nothing opens that was said more than 62 s before",
        run: heal::secrecy::run,
    },
    Line {
        name: "heal.8",
        what: "the power goes at every boundary between storing and sending; real processes are killed",
        run: heal::crash::run,
    },
    Line {
        name: "heal.9",
        what: "hostile insiders: bent commits, late words, quarrels, flapping, clocks, copies, sleepers",
        run: heal::insiders::run,
    },
    Line {
        name: "heal.10",
        what: "one script through our group layer and through OpenMLS: equal rosters, exporters, authenticators",
        run: heal::differential::run,
    },
    Line {
        name: "heal.11",
        what: "every rule by which groups heal, broken once: a named test sees it",
        run: heal::rules::run,
    },
    Line {
        name: "heal.16",
        what: "a second device of one person: it comes in, has everything, is read on, and is taken out",
        run: heal::devices::run,
    },
    Line {
        name: "heal.12",
        what: "real processes split three and three for a minute, both sides live on, and healed: the table",
        run: heal::halves::run,
    },
    Line {
        name: "coordinator.1",
        what: "two homes behind NATs: speech, the coordinator's death in the middle, and its return",
        run: nats::run,
    },
    Line {
        name: "coordinator.2",
        what: "two who are never online together: every line once, in order, and nothing stays at the coordinator",
        run: mail::run,
    },
    Line {
        name: "coordinator.4",
        what: "schemathesis finds nothing in all phases; PyJWT verifies and proves, pyotp logs in, http-ece opens pushes, a voucher of another make counts once",
        run: peers::line,
    },
    Line {
        name: "coordinator.8",
        what: "silence, slowness, floods, replays, endless bodies and garbage: good clients are served all the while",
        run: hostile::run,
    },
    Line {
        name: "coordinator.9",
        what: "a thousand groups in virtual time: how often a member asks, and that nothing goes through when all are there",
        run: rate::run,
    },
    Line {
        name: "local-door.1",
        what: "schemathesis, let in by a token, finds nothing at a member's local door in all phases",
        run: local_door::run,
    },
];

/// `prove CAPABILITY[.LINE] [--small]`.
pub fn run(args: &[String]) -> Result<()> {
    let size = if args.iter().any(|a| a == "--small") { Size::Small } else { Size::Full };
    let Some(wanted) = args.iter().find(|a| !a.starts_with("--")) else {
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
    execute(&chosen, size)
}

/// Every line at small size.
pub fn small() -> Result<()> {
    execute(&LINES.iter().collect::<Vec<_>>(), Size::Small)
}

fn execute(lines: &[&Line], size: Size) -> Result<()> {
    for line in lines {
        let outcome = crate::shell::step(&format!("{}: {}", line.name, line.what), || (line.run)(size));
        let ended = homes::end(outcome.is_ok());
        outcome?;
        ended?;
    }
    Ok(())
}
