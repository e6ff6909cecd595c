//! Real daemons in a call: their memory and homes are searched for keys of what was said before.
//!
//! ```text
//!        0 s            57 s  64 s  66 s
//!  Ana   talks ............................ hangs up, talks again
//!  Ben   talks ............................ hangs up, talks again
//!  Cleo                             talks
//!  searched             Ana   Ana   Cleo                         Ana
//!  must open            new   new   new                          new
//!  must not open              step 0                             all of the first call
//! ```

use super::attacker::{Attacker, Loot, spread, voice};
use crate::prove::Size;
use crate::prove::homes::Homes;
use crate::prove::people::{self, PATIENCE, Person, clip};
use anyhow::{Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Frames of each speaker that are on the tape before a seizure: enough to hold some that end with a block of padding.
const SAID: usize = 150;
/// The next step is at hand five seconds before it begins (`node/engine/src/call/chain.rs`): then the search can know steps by it.
const BOTH_STEPS: Duration = Duration::from_secs(57);
/// A step and two seconds, and two for when the call began.
const STEP_OVER: Duration = Duration::from_secs(64);

/// A person who is taped.
struct Taped<'a> {
    person: Person<'a>,
    tap: PathBuf,
    /// Records of the tape that were looked at.
    read: usize,
}

/// At full size through the steps of a call too.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let folder = Homes::open()?;
    let mut attacker = Attacker::new(size, folder.path())?;
    let mut ana = Taped::up(&bin, folder.path(), "ana", &["--port", "47341"])?;
    let mut ben = Taped::up(&bin, folder.path(), "ben", PEER)?;
    let code = ana.person.begin("Seized ride")?;
    ben.person.ask(&["join", &code])?;
    let mut everybody = vec![&mut ana, &mut ben];
    let mut cleo;
    if size == Size::Full {
        cleo = Taped::up(&bin, folder.path(), "cleo", PEER)?;
        cleo.person.ask(&["join", &everybody[0].person.next_code(&code)?])?;
        everybody.push(&mut cleo);
    }
    let began = Instant::now();
    everybody[..2].iter().try_for_each(|one| one.talk())?;
    let mut first = if size == Size::Full {
        through_a_step(&mut attacker, &mut everybody, began)?
    } else {
        let mut all = Vec::new();
        let newest = said(&mut everybody[..2], &mut all)?;
        let loot = attacker.seize(&everybody[0].person, &all)?;
        opens_now(&loot, &newest)?;
        attacker.learn(&loot);
        all
    };
    everybody.iter().try_for_each(|one| one.person.ask(&["hush"]).map(drop))?;
    everybody.iter().try_for_each(|one| one.alone())?;
    // What was said after the last look belongs to the first call too.
    for one in &mut everybody {
        first.extend(spread(&one.rest()?));
    }
    everybody[..2].iter().try_for_each(|one| one.talk())?;
    let old = first.len();
    let newest = said(&mut everybody[..2], &mut first)?;
    let loot = attacker.seize(&everybody[0].person, &first)?;
    opens_only_since(&loot, old, &newest, "a second call of the epoch")?;
    println!(
        "real daemons: of {} windows of memory and disk none is a key of what was said before",
        loot.tried
    );
    Ok(())
}

const PEER: &[&str] = &["--peer", "/ip4/127.0.0.1/udp/47341/quic-v1"];

/// Two in a call, seized before and after a step is over, and a third who comes late. Returns what was said.
fn through_a_step(
    attacker: &mut Attacker,
    everybody: &mut [&mut Taped<'_>],
    began: Instant,
) -> Result<Vec<Vec<u8>>> {
    let until = |span: Duration| std::thread::sleep((began + span).saturating_duration_since(Instant::now()));
    // The length of a step itself, not a wait for something to come true.
    until(BOTH_STEPS);
    let mut all = Vec::new();
    let newest = said(&mut everybody[..2], &mut all)?;
    let before = attacker.seize(&everybody[0].person, &all)?;
    opens_now(&before, &newest)?;
    let steps = before.found.iter().filter(|line| line.starts_with("step ")).count();
    ensure!(steps == 1, "{steps} steps were found beside the next; the search would miss one that is left");
    attacker.learn(&before);
    until(STEP_OVER);
    let old = all.len();
    // What was said between the two looks may belong to either step.
    everybody.iter_mut().try_for_each(|one| one.rest().map(drop))?;
    let newest = said(&mut everybody[..2], &mut all)?;
    let loot = attacker.seize(&everybody[0].person, &all)?;
    opens_only_since(&loot, old, &newest, "a step later")?;
    everybody[2].talk()?;
    everybody.iter_mut().try_for_each(|one| one.rest().map(drop))?;
    let newest = said(everybody, &mut all)?;
    let late = attacker.seize(&everybody[2].person, &all)?;
    // She knows Ana's address only and may not be connected with Ben yet.
    let heard = [newest[0], newest[2]];
    opens_only_since(&late, old, &heard, "at who came late")?;
    attacker.learn_next(&before);
    attacker.learn(&loot);
    attacker.learn(&late);
    Ok(all)
}

/// Adds frames that everybody here says from now on; which are the newest, one of each speaker.
fn said(everybody: &mut [&mut Taped<'_>], all: &mut Vec<Vec<u8>>) -> Result<Vec<usize>> {
    for one in everybody.iter_mut() {
        all.extend(spread(&one.said(SAID)?));
    }
    // Looked for once everybody has spoken: a key that is replaced meanwhile is kept for two seconds.
    let mut newest = Vec::new();
    for one in everybody.iter_mut() {
        newest.push(all.len());
        all.extend(one.said(1)?.pop());
    }
    Ok(newest)
}

/// The newest frames open, and the keys that open them are found in each of their forms: so it is no wonder when others do not. Earlier
/// ones may be of an epoch that is over, or of a chain that two began at once.
fn opens_now(loot: &Loot, newest: &[usize]) -> Result<()> {
    let shut: Vec<_> = newest.iter().filter(|number| !loot.opened.contains_key(*number)).collect();
    ensure!(newest.len() >= 2 && shut.is_empty(), "{shut:?} of the newest {newest:?} do not open");
    let lies = |what: &str| loot.lies.iter().any(|line| line.contains(what));
    ensure!(lies("itself-of-key") && lies("aes-of-key"), "a search that finds only {:?}", loot.lies);
    Ok(())
}

/// Of the first so many frames none opens, and no key that was known is left.
fn opens_only_since(loot: &Loot, old: usize, newest: &[usize], when: &str) -> Result<()> {
    opens_now(loot, newest)?;
    let opened: Vec<_> = loot.opened.range(..old).collect();
    if old == 0 || !opened.is_empty() || !loot.left.is_empty() {
        bail!(
            "{when}, of {old} old frames these open: {opened:?}; of old keys this is left: {:?}",
            loot.left
        );
    }
    println!("{when}: of {old} frames of before none opens, of what is said now {} do", loot.opened.len());
    Ok(())
}

impl<'a> Taped<'a> {
    fn up(bin: &'a Path, folder: &Path, name: &str, extra: &[&str]) -> Result<Self> {
        let tap = folder.join(format!("{name}.tap"));
        let mut person = Person::new(bin, folder, name, None)
            .with(&["--loopback", "--tap", &tap.to_string_lossy()])
            .with(extra);
        person.up()?;
        Ok(Taped { person, tap, read: 0 })
    }

    fn talk(&self) -> Result<()> {
        self.person.ask(&["talk", "--in", &clip(0), "--out", "null", "--repeat"]).map(drop)
    }

    /// What was said since the last look.
    fn rest(&mut self) -> Result<Vec<Vec<u8>>> {
        let (frames, read) = voice(&self.tap, self.read)?;
        self.read = read;
        Ok(frames)
    }

    /// What is said from the last look on, once it is enough frames.
    fn said(&mut self, enough: usize) -> Result<Vec<Vec<u8>>> {
        let began = Instant::now();
        let mut frames = Vec::new();
        while frames.len() < enough {
            frames.extend(self.rest()?);
            ensure!(began.elapsed() < PATIENCE, "only {} frames were said", frames.len());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(frames)
    }

    /// Waits until nobody is in the call as this person sees it.
    fn alone(&self) -> Result<()> {
        let nobody = |answer: &Value| {
            let members = answer["members"].as_array().cloned().unwrap_or_default();
            members.iter().all(|member| member["devices"][0]["in_call"] != true)
        };
        self.person.wait("the end of the call", &["members"], nobody).map(drop)
    }
}
