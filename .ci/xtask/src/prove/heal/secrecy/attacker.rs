//! Who recorded every sealed frame of a call, seizes a daemon now and then, and tries what it finds.

use super::seizure;
use crate::prove::Size;
use crate::prove::people::Person;
use crate::shell::{capture, cargo, run, target};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Frames of one key id that are tried in one stretch of the tape: spread over it, so that each step has some.
const TRIED: usize = 12;
/// The lane of voice in a tap, `node/src/tap.rs`.
const LANE_MEDIA: u8 = 3;

/// A frame, and whose it is by its key id.
type Frame = Vec<u8>;

/// The attacker.
pub struct Attacker {
    search: PathBuf,
    folder: PathBuf,
    /// Keys of 32 bytes are looked for at every so many bytes.
    every: &'static str,
    /// Keys that were found so far, as the search prints them.
    known: BTreeSet<String>,
}

/// What one seizure gave.
pub struct Loot {
    /// Which of the frames opened, and by what.
    pub opened: BTreeMap<usize, BTreeSet<String>>,
    /// Keys that were known before and still lie there, in whatever form.
    pub left: Vec<String>,
    /// Where the keys lie that were found now, in whatever form.
    pub lies: Vec<String>,
    /// Keys and steps that were found.
    pub found: BTreeSet<String>,
    /// Windows tried as a key of 32 bytes.
    pub tried: u64,
}

impl Attacker {
    /// Builds the search.
    pub fn new(size: Size, folder: &Path) -> Result<Self> {
        let mut args = vec!["build", "--quiet", "--locked"];
        args.extend((size == Size::Full).then_some("--release"));
        args.extend(["-p", "halloo-crypto", "--features", "media", "--example", "memory_search"]);
        run(&cargo(), &args)?;
        let profile = if size == Size::Full { "release" } else { "debug" };
        Ok(Attacker {
            search: target().join(profile).join("examples/memory_search"),
            folder: folder.to_path_buf(),
            every: if size == Size::Full { "1" } else { "4" },
            known: BTreeSet::new(),
        })
    }

    /// Seizes the daemon and tries everything in it on these frames, and whether what is known lies there still.
    pub fn seize(&mut self, who: &Person<'_>, frames: &[Frame]) -> Result<Loot> {
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let (memory, taped, known) = (path("memory"), path("frames"), path("known"));
        seizure::seize(who.pid().context("a daemon that runs")?, who.home(), Path::new(&memory))?;
        let hex = |frame: &Frame| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        std::fs::write(&taped, frames.iter().map(hex).collect::<Vec<_>>().join("\n"))?;
        std::fs::write(&known, self.known.iter().cloned().collect::<Vec<_>>().join("\n"))?;
        let search = self.search.to_string_lossy().into_owned();
        let told = capture(&search, &[&memory, &taped, &known, self.every])?;
        std::fs::remove_file(memory)?;
        let mut loot = Loot {
            opened: BTreeMap::new(),
            left: Vec::new(),
            lies: Vec::new(),
            found: BTreeSet::new(),
            tried: 0,
        };
        for line in told.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["opens", number, by] => {
                    loot.opened.entry(number.parse()?).or_default().insert((*by).to_owned());
                }
                ["left", ..] => loot.left.push(line.to_owned()),
                ["lies", ..] => loot.lies.push(line.to_owned()),
                ["tried", number] => loot.tried = number.parse()?,
                _ => drop(loot.found.insert(line.to_owned())),
            }
        }
        ensure!(loot.tried > 0, "nothing was tried");
        Ok(loot)
    }

    /// The step that was next when this was taken is over too.
    pub fn learn_next(&mut self, loot: &Loot) {
        let next = loot.found.iter().filter_map(|line| line.strip_prefix("next "));
        self.known.extend(next.map(|secret| format!("step {secret}")));
    }

    /// What was found must be gone the next time. The step that comes next is not over yet.
    pub fn learn(&mut self, loot: &Loot) {
        self.known.extend(loot.found.iter().filter(|line| !line.starts_with("next ")).cloned());
    }
}

/// The voice of a tap from this record on, and how many records there are.
pub fn voice(tap: &Path, from: usize) -> Result<(Vec<Frame>, usize)> {
    let tape = std::fs::read(tap)?;
    let mut rest = tape.as_slice();
    let mut frames = Vec::new();
    let mut records = 0;
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let Some((record, after)) = body.split_at_checked(u32::from_be_bytes(*length) as usize) else {
            break;
        };
        if records >= from && record.first() == Some(&LANE_MEDIA) {
            frames.push(record.get(33..).context("a record is too short")?.to_vec());
        }
        records += 1;
        rest = after;
    }
    Ok((frames, records))
}

/// Some of these frames, spread over them, of each key id.
pub fn spread(frames: &[Frame]) -> Vec<Frame> {
    let mut by_kid: BTreeMap<&[u8], Vec<&Frame>> = BTreeMap::new();
    for frame in frames.iter().filter(|frame| frame.len() > 3) {
        by_kid.entry(&frame[1..3]).or_default().push(frame);
    }
    let mut some = Vec::new();
    for frames in by_kid.values() {
        let step = frames.len().div_ceil(TRIED).max(1);
        some.extend(frames.iter().step_by(step).map(|frame| (*frame).clone()));
    }
    some
}
