//! Power cuts: a child's writes are recorded, the disk is rebuilt as a power cut would leave it, and the store is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;

use crate::child::{self, Engine};
use crate::disk::{Disk, Mode};
use crate::trace::{self, Event};
use crate::workload::{self, Noise};

/// Whether strace is there and may trace. In a proof it must be; the gate installs it.
fn recorder_works() -> bool {
    let works = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|out| out.status.success());
    assert!(
        works || !crate::proving(),
        "power cuts need strace: install it (Debian: apt-get install strace) and allow ptrace"
    );
    if !works {
        println!("not run: power cuts need strace, which is missing or may not trace here");
    }
    works
}

fn record(engine: Engine, seed: u64, dir: &Path) -> Vec<Event> {
    let out = tempfile::NamedTempFile::new().unwrap();
    let path = out.path().display().to_string();
    let calls = format!("trace={}", trace::CALLS);
    let wrap = ["strace", "-f", "-y", "-xx", "-s", "40000000", "-e", &calls, "-o", &path].map(str::to_owned);
    let mut child = child::command(&wrap, engine, seed, crate::size().commits, dir).spawn().unwrap();
    let acknowledged = child::said(&mut child).filter(|(word, _)| word == "ack").count() as u64;
    assert!(child.wait().unwrap().success());
    assert_eq!(acknowledged, crate::size().commits);
    trace::read(&std::fs::read_to_string(path).unwrap(), dir)
}

#[derive(Debug, Default)]
struct Outcome {
    states: u32,
    unopened: u32,
    lost: u32,
    worst: u64,
    wrong: Vec<String>,
}

/// Cuts the power at random moments of a recorded run and looks at what the next start finds.
fn cuts(
    mut disk: Disk,
    events: &[Event],
    mode: Mode,
    from: &Path,
    look: &dyn Fn(&Path, u64) -> Result<u64, String>,
) -> Outcome {
    let mut noise = Noise::new(31 + mode as u64);
    let mut moments: Vec<usize> =
        (0..crate::size().states).map(|_| noise.below(events.len() as u64 + 1) as usize).collect();
    moments.sort_unstable();
    let (mut played, mut outcome) = (0, Outcome::default());
    for moment in moments {
        events[played..moment].iter().for_each(|event| disk.play(event));
        played = moment;
        let to = tempfile::tempdir().unwrap();
        disk.cut(mode, &mut noise, from, to.path());
        outcome.states += 1;
        match look(to.path(), disk.acknowledged) {
            Ok(found) if found >= disk.acknowledged => {}
            Ok(found) => {
                outcome.lost += 1;
                outcome.worst = outcome.worst.max(disk.acknowledged - found);
            }
            Err(why) => {
                outcome.unopened += 1;
                outcome
                    .wrong
                    .push(format!("after event {moment}, {} acknowledged: {why}", disk.acknowledged));
            }
        }
    }
    outcome
}

/// Opens a store that a power cut left, checks it whole, and goes on writing.
fn reopened(dir: &Path, seed: u64, acknowledged: u64) -> Result<u64, String> {
    let (store, opened) = SledStore::open(dir).map_err(|e| e.to_string())?;
    if !opened.repaired.is_empty() && !opened.created {
        return Err(format!("needed repair: {}", opened.repaired.join("; ")));
    }
    let found = workload::last(&store);
    let whole = workload::judge(&store, seed, acknowledged.min(found))?;
    store.commit(&workload::batch(seed, whole + 1)).map_err(|e| e.to_string())?;
    workload::judge(&store, seed, whole + 1).map(|_| found)
}

/// The last commit that bare sled still shows.
fn bare(dir: &Path) -> Result<u64, String> {
    let opening = AssertUnwindSafe(|| {
        let db = sled::Config::new().path(dir.join("db")).open().map_err(|e| e.to_string())?;
        let number = db.get(b"number").map_err(|e| e.to_string())?;
        Ok(number.map_or(0, |bytes| u64::from_be_bytes(bytes.as_ref().try_into().unwrap())))
    });
    catch_unwind(opening).unwrap_or_else(|_| Err("panicked".to_owned()))
}

fn print(engine: &str, mode: Mode, outcome: &Outcome) {
    let Outcome { states, unopened, lost, worst, .. } = outcome;
    println!("| {engine} | {mode:?} | {states} | {unopened} | {lost} | {worst} |");
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    if !recorder_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let events = record(Engine::Guarded, 41, dir.path());
    println!("| engine | mode | states | did not open whole | lost acknowledged | worst loss |");
    for mode in [Mode::A, Mode::B] {
        let outcome = cuts(Disk::default(), &events, mode, dir.path(), &|dir, acknowledged| {
            reopened(dir, 41, acknowledged)
        });
        print("sled with guards", mode, &outcome);
        assert_eq!((outcome.lost, outcome.unopened), (0, 0), "{mode:?}: {:#?}", outcome.wrong);
    }
}

/// The suite must be able to find a loss: sled alone has one.
#[test]
fn the_same_cuts_find_what_sled_alone_loses() {
    if !recorder_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let events = record(Engine::Bare, 42, dir.path());
    for mode in [Mode::A, Mode::B] {
        let outcome = cuts(Disk::default(), &events, mode, dir.path(), &|dir, _| bare(dir));
        print("sled as it comes", mode, &outcome);
        assert!(
            outcome.lost + outcome.unopened > 0,
            "{mode:?}: a suite that finds nothing here finds nothing anywhere"
        );
    }
}

/// The start after a power cut repairs what the cut left; cut again during that, or soon after.
#[test]
fn a_second_cut_while_opening_after_the_first_loses_nothing_either() {
    if !recorder_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let events = record(Engine::Guarded, 43, dir.path());
    let mut noise = Noise::new(44);
    for _ in 0..1 + crate::size().states / 25 {
        let moment = events.len() / 2 + noise.below(events.len() as u64 / 2) as usize;
        let mut disk = Disk::default();
        events[..moment].iter().for_each(|event| disk.play(event));
        let torn = tempfile::tempdir().unwrap();
        disk.cut(Mode::B, &mut noise, dir.path(), torn.path());
        let found_on_disk = Disk::found(torn.path(), disk.acknowledged);
        let events = record(Engine::Guarded, 43, torn.path());
        for mode in [Mode::A, Mode::B] {
            let start = found_on_disk.clone();
            let outcome = cuts(start, &events, mode, torn.path(), &|dir, acked| reopened(dir, 43, acked));
            print("sled with guards, cut twice", mode, &outcome);
            assert_eq!((outcome.lost, outcome.unopened), (0, 0), "{mode:?}: {:#?}", outcome.wrong);
        }
    }
}
