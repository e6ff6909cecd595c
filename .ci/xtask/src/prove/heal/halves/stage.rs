//! The eight people of the split: how they meet, what they are asked to do, and what all of them must hold in the end.

use super::super::super::people::{Events, PATIENCE, Person, clip};
use super::voice::Ear;
use anyhow::{Context, Result, bail, ensure};
use halloo_lab::Host;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Everybody: three near, three far, and the newcomer of each half.
pub const NAMES: [&str; 8] = ["Ana", "Ben", "Cleo", "Dan", "Eva", "Fay", "Gil", "Hal"];
/// Who is in the group in the end.
pub const STAY: [usize; 5] = [0, 3, 4, 6, 7];
/// Who was put out while the halves were apart.
pub const GONE: [usize; 3] = [1, 2, 5];
/// Those on the far bridge.
const FAR: [usize; 4] = [3, 4, 5, 7];
/// How long the heal may take before the proof fails; what is promised is far below and printed.
const HEAL_MAX: Duration = Duration::from_secs(90);
/// How often a state is looked at that takes several processes to ask.
const LOOK: Duration = Duration::from_millis(150);
/// Frames heard by somebody else in which nothing is played to the removed: two seconds.
const SILENT: usize = 100;

/// Something written.
pub struct Line {
    pub text: String,
    /// Who of [`STAY`] it is for.
    pub owed: Vec<usize>,
    /// Who was put out before it was written, by whoever wrote it.
    pub hidden_from: Vec<usize>,
}

/// The people, and their devices by place in [`NAMES`].
pub struct Cast<'a> {
    people: Vec<Person<'a>>,
    devices: Vec<String>,
    stamps: PathBuf,
}

/// Whether two are on different bridges.
pub fn across(one: usize, other: usize) -> bool {
    FAR.contains(&one) != FAR.contains(&other)
}

impl<'a> Cast<'a> {
    /// Starts eight, brings six into one group, all talking and heard by all.
    pub fn gather(bin: &'a Path, folder: &Path, hosts: &'a [Host]) -> Result<Self> {
        let stamps = folder.join("voice");
        let record = stamps.to_string_lossy().into_owned();
        let mut people: Vec<Person<'_>> = hosts
            .iter()
            .map(|host| {
                let name = host.name();
                Person::new(bin, folder, name, Some(host)).with(&["--record", &record, "--label", name])
            })
            .collect();
        people.iter_mut().try_for_each(Person::up)?;
        let made = people[0].ask(&["new", "Halves", "--as", NAMES[0]])?;
        let mut code = made["invite"]["code"].as_str().context("the group has no code")?.to_owned();
        for (at, name) in NAMES.iter().enumerate().take(6).skip(1) {
            people[at].ask(&["join", &code, "--as", name])?;
            code = people[0].next_code(&code)?;
        }
        let mut cast = Cast { people, devices: vec![String::new(); NAMES.len()], stamps };
        cast.roster_is(&[0, 1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5])?;
        cast.people[0].ask(&["role", NAMES[3], "admin"])?;
        for at in 0..6 {
            cast.people[at].wait("an admin, and all connected", &["members"], |answer| {
                let all = rows(answer, "members");
                let connected = |m: &Value| m["own"] == true || m["devices"][0]["connected"] == true;
                all.iter().all(connected) && all.iter().any(|m| m["role"] == "admin")
            })?;
            cast.devices[at] = cast.device(at)?;
            cast.talk(at)?;
        }
        cast.all_hear(0, &[0, 1, 2, 3, 4, 5], |_, _| true)?;
        Ok(cast)
    }

    /// The device of somebody who is in the group.
    fn device(&self, at: usize) -> Result<String> {
        let answer = self.people[at].ask(&["members"])?;
        let own = rows(&answer, "members").into_iter().find(|m| m["own"] == true);
        let own = own.with_context(|| format!("{} is no member", NAMES[at]))?;
        Ok(own["devices"][0]["device"].as_str().context("a member without a device")?.to_owned())
    }

    /// Asks somebody.
    pub fn ask(&self, at: usize, args: &[&str]) -> Result<Value> {
        self.people[at].ask(args)
    }

    /// Asks somebody until the answer is as wanted.
    pub fn wait(&self, at: usize, what: &str, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Result<()> {
        self.people[at].wait(what, args, wanted).map(drop)
    }

    /// The account of somebody who is in the group.
    pub fn account(&self, at: usize) -> Result<String> {
        let answer = self.people[at].ask(&["members"])?;
        let own = rows(&answer, "members").into_iter().find(|m| m["own"] == true);
        let own = own.with_context(|| format!("{} is no member", NAMES[at]))?;
        Ok(own["account"].as_str().context("a member without an account")?.to_owned())
    }

    fn talk(&self, at: usize) -> Result<()> {
        self.people[at].ask(&["talk", "--in", &clip(at), "--out", "null", "--repeat"]).map(drop)
    }

    /// Everything that somebody has heard so far.
    pub fn ear(&self, at: usize) -> Result<Ear> {
        Ear::read(&self.stamps.join(format!("stamps-{}.log", NAMES[at])))
    }

    /// The devices of everybody: also the newcomers', once they are in.
    pub fn devices(&self) -> Result<Vec<String>> {
        let mut devices = self.devices.clone();
        for at in [6, 7] {
            devices[at] = self.device(at)?;
        }
        Ok(devices)
    }

    /// Waits until each of these has heard all others of them that it should, after a moment.
    fn all_hear(&self, since_ns: u64, who: &[usize], should: impl Fn(usize, usize) -> bool) -> Result<()> {
        let devices = if who.contains(&6) { self.devices()? } else { self.devices.clone() };
        let began = Instant::now();
        loop {
            let mut missing = Vec::new();
            for listener in who {
                let ear = self.ear(*listener)?;
                let unheard = who.iter().filter(|other| *other != listener && should(*listener, **other));
                let unheard = unheard.filter(|other| ear.first(&devices[**other], since_ns).is_none());
                missing.extend(unheard.map(|other| format!("{} by {}", NAMES[*other], NAMES[*listener])));
            }
            if missing.is_empty() {
                return Ok(());
            }
            ensure!(began.elapsed() < HEAL_MAX, "not heard: {}", missing.join(", "));
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until all who stay have heard everybody of the other bridge since the cable is back.
    pub fn heard_across(&self, healed_ns: u64) -> Result<()> {
        self.all_hear(healed_ns, &STAY, across)
    }

    /// Nothing is played to those who were put out while others hear two more seconds.
    pub fn gone_hear_nothing(&self) -> Result<()> {
        let played = |who: &[usize]| -> Result<Vec<usize>> {
            who.iter().map(|at| Ok(self.ear(*at)?.played.len())).collect()
        };
        let (before, others) = (played(&GONE)?, played(&STAY)?);
        let began = Instant::now();
        while played(&STAY)?.iter().zip(&others).any(|(now, then)| *now < then + SILENT) {
            ensure!(began.elapsed() < PATIENCE, "nobody is heard any more");
            std::thread::sleep(LOOK);
        }
        for (at, (then, now)) in GONE.iter().zip(before.into_iter().zip(played(&GONE)?)) {
            ensure!(now == then, "{} was put out and heard {} more pieces of sound", NAMES[*at], now - then);
        }
        Ok(())
    }

    /// Each of these writes a line for those who stay.
    pub fn everybody_writes(&self, what: &str, who: &[usize], owed: &[usize]) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for at in who {
            let text = format!("{} {what}", NAMES[*at]);
            self.people[*at].ask(&["say", &text])?;
            let hidden_from = if what == "after" { GONE.to_vec() } else { Vec::new() };
            lines.push(Line { text, owed: owed.to_vec(), hidden_from });
        }
        Ok(lines)
    }

    /// Waits until each of these shows these lines.
    pub fn wait_for(&self, lines: &[Line], who: &[usize]) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut lacking = Vec::new();
            for at in who {
                let shown = self.people[*at].texts()?;
                let gone = lines.iter().filter(|line| !shown.contains(&line.text));
                lacking.extend(gone.map(|line| format!("{:?} at {}", line.text, NAMES[*at])));
            }
            if lacking.is_empty() {
                return Ok(());
            }
            ensure!(began.elapsed() < HEAL_MAX, "lines that did not come: {}", lacking.join(", "));
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until two others are known to have each line: so somebody who stays answers for it, whoever of the three is put out.
    pub fn answered_for(&self, chief: usize, lines: &[Line]) -> Result<()> {
        let asked = ["log", "-n", "500"];
        self.people[chief]
            .wait("receipts of all lines", &asked, |log| {
                let messages = rows(log, "messages");
                lines.iter().all(|line| {
                    messages.iter().any(|message| {
                        message["text"] == line.text.as_str() && rows(message, "delivered_to").len() >= 2
                    })
                })
            })
            .map(drop)
    }

    /// Lets somebody in, by a fresh code.
    pub fn let_in(&self, chief: usize, newcomer: usize) -> Result<()> {
        let answer = self.people[chief].ask(&["invite"])?;
        let code = answer["invite"]["code"].as_str().context("the invite has no code")?;
        self.people[newcomer].ask(&["join", code, "--as", NAMES[newcomer]])?;
        self.talk(newcomer)
    }

    /// Puts somebody out.
    pub fn put_out(&self, chief: usize, outcast: usize) -> Result<()> {
        self.people[chief].ask(&["remove", NAMES[outcast]]).map(drop)
    }

    /// Takes another name.
    pub fn rename(&self, chief: usize, name: &str) -> Result<()> {
        self.people[chief].ask(&["name", name]).map(drop)
    }

    /// Waits until these see exactly these members.
    pub fn roster_is(&self, who: &[usize], members: &[usize]) -> Result<()> {
        let wanted: BTreeSet<&str> = members.iter().map(|at| NAMES[*at]).collect();
        for at in who {
            self.people[*at].wait("the roster of this half", &["members"], |answer| {
                let all = rows(answer, "members");
                let seen: BTreeSet<&str> = all.iter().filter_map(|m| m["name"].as_str()).collect();
                seen == wanted && all.len() == wanted.len()
            })?;
        }
        Ok(())
    }

    /// Waits until each of these has given up the connections to the other half: the cut was longer than a hiccup. Connections over
    /// QUIC are missed within seconds, those over TCP with a ping that is not answered.
    pub fn others_are_gone(&self, who: &[usize]) -> Result<()> {
        let began = Instant::now();
        for at in who {
            while self.has_cut_connections(*at)? {
                ensure!(began.elapsed() < HEAL_MAX, "{} still holds connections over the cut", NAMES[*at]);
                std::thread::sleep(LOOK);
            }
        }
        Ok(())
    }

    /// Whether somebody believes to be connected to somebody of the other half.
    fn has_cut_connections(&self, at: usize) -> Result<bool> {
        let devices = &self.devices;
        let cut = |device: &Value| {
            let other = devices.iter().position(|known| device["device"] == known.as_str());
            other.is_some_and(|other| across(at, other)) && device["connected"] == true
        };
        let answer = self.people[at].ask(&["members"])?;
        Ok(rows(&answer, "members").iter().any(|member| rows(member, "devices").iter().any(cut)))
    }

    /// What somebody takes the group to be: members with roles and names, the epoch.
    pub fn view(&self, at: usize) -> Result<(Vec<String>, String)> {
        let answer = self.people[at].ask(&["members"])?;
        let row = |m: &Value| format!("{} {} {}", m["account"], m["name"], m["role"]);
        let mut members: Vec<String> = rows(&answer, "members").iter().map(row).collect();
        members.sort();
        let status = self.people[at].ask(&["status"])?;
        let epoch = status["group"]["epoch"].as_str().or(status["epoch"].as_str());
        Ok((members, epoch.context("a status without an epoch")?.to_owned()))
    }

    /// What somebody shows, void lines and those taken back left out, newest last.
    pub fn shown(&self, at: usize) -> Result<Vec<String>> {
        let answer = self.people[at].ask(&["log", "-n", "500"])?;
        let stands = |m: &Value| m["void"] == false && m["deleted"] == false;
        let lines = rows(&answer, "messages").into_iter().filter(stands);
        Ok(lines.filter_map(|m| m["text"].as_str().map(str::to_owned)).collect())
    }

    /// Waits until all who stay are one group again and show what each is owed, and those who were put out know it.
    pub fn one_group(&self, lines: &[Line]) -> Result<()> {
        let began = Instant::now();
        loop {
            let views = STAY.map(|at| self.view(at)).into_iter().collect::<Result<Vec<_>>>()?;
            let agreed = views.iter().all(|view| *view == views[0]) && views[0].0.len() == STAY.len();
            let mut lacking = Vec::new();
            for at in STAY {
                let shown = self.shown(at)?;
                let owed = lines.iter().filter(|line| line.owed.contains(&at));
                let gone = owed.filter(|line| !shown.contains(&line.text));
                lacking.extend(gone.map(|line| format!("{:?} at {}", line.text, NAMES[at])));
            }
            let told = GONE.map(|at| self.evicted(at)).into_iter().collect::<Result<Vec<_>>>()?;
            if agreed && lacking.is_empty() && told.iter().all(|told| *told) {
                return Ok(());
            }
            if began.elapsed() > HEAL_MAX {
                bail!(
                    "not one group: {views:#?}; lines lacking: {lacking:?}; told that they are out: {told:?}"
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether somebody knows that it was put out.
    fn evicted(&self, at: usize) -> Result<bool> {
        let status = self.people[at].ask(&["status"])?;
        Ok(status["group"]["member"] == false || status["member"] == false)
    }

    /// Collects the events of everybody from now on.
    pub fn watch(&self) -> Result<Vec<Watched>> {
        self.people.iter().map(|person| Ok(Watched::start(person.watch()?))).collect()
    }
}

/// The rows of an answer.
fn rows(answer: &Value, key: &str) -> Vec<Value> {
    answer[key].as_array().cloned().unwrap_or_default()
}

/// Events of one person as they come, each with its moment.
type Told = Arc<Mutex<Vec<(Instant, Value)>>>;

/// Somebody's events, gathered on a thread.
pub struct Watched {
    told: Told,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watched {
    fn start(events: Events) -> Self {
        let (told, over) = (Told::default(), Arc::<AtomicBool>::default());
        let (to, end) = (Arc::clone(&told), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                if let Some(event) = events.next(Instant::now() + LOOK) {
                    to.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                }
            }
        });
        Watched { told, over, thread: Some(thread) }
    }

    /// All that was told.
    pub fn events(mut self) -> Vec<(Instant, Value)> {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a watcher does not panic");
        }
        core::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
