//! The record of a run: it sees everything that judges see, looks at the world once a second, and becomes tables and figures.

mod calls;
mod figures;
mod frames;
mod gaps;
mod groups;
mod heals;
mod messages;
mod places;
mod result;
mod samples;
pub mod schemas;
mod spread;
pub mod table;
mod voice;

pub use figures::{Better, Figures, LEGEND, meaning};
pub use result::{Broken, RunResult};
pub use spread::{Spread, quantile};

use crate::net::links::HostId;
use crate::net::wire::Traffic;
use crate::plan::{Act, Plan};
use crate::seen::{At, Seen};
use halloo_crypto::id::{AccountId, DeviceId};
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::lane::Lane;
use halloo_engine::output::{Event, Output, Reply};
use std::collections::BTreeMap;

/// Virtual time as tables tell it: since the run began.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start_us: u64,
}

impl Clock {
    fn seconds(self, at_us: u64) -> f64 {
        self.span(at_us.saturating_sub(self.start_us))
    }

    fn span(self, us: u64) -> f64 {
        us as f64 / 1e6
    }
}

/// What the world shows of one host when the record looks.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The host.
    pub host: HostId,
    /// Its group.
    pub group: u32,
    /// Plays by the rules.
    pub honest: bool,
    /// Its process runs.
    pub runs: bool,
    /// It is awake.
    pub awake: bool,
    /// The member, where there is one.
    pub engine: Option<&'a Engine>,
    /// Peers connected.
    pub connections: usize,
    /// Work that waits for its CPU.
    pub backlog: usize,
    /// Copies of gossip frames that came, the first included.
    pub copies: u64,
    /// Neighbours in the meshes of its topics, and topics.
    pub mesh: (usize, usize),
    /// What it sent and received so far.
    pub traffic: Traffic,
}

impl Look<'_> {
    /// Whether it is expected to agree with the others: an honest member that runs and is awake.
    #[must_use]
    pub fn present(&self) -> bool {
        self.honest && self.awake && self.engine.is_some_and(|engine| engine.status().member)
    }
}

/// Gathers while the world runs.
#[derive(Debug)]
pub struct Recorder {
    clock: Clock,
    honest: Vec<bool>,
    running: Vec<bool>,
    asleep: Vec<bool>,
    islands: Vec<u32>,
    accounts: BTreeMap<AccountId, HostId>,
    devices: BTreeMap<DeviceId, HostId>,
    messages: messages::Messages,
    calls: calls::Calls,
    places: places::Places,
    groups: groups::Groups,
    frames: frames::Frames,
    heals: heals::Heals,
    samples: samples::Samples,
    ears: voice::Ears,
    gaps: gaps::Gaps,
    next_second_us: u64,
    /// Sums over hosts and seconds: neighbours in meshes, meshes.
    degree: (u64, u64),
    copies: u64,
    cpu_ns: u64,
    end_us: u64,
    /// What went wrong without breaking a rule, and how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// Events of the world that members were given.
    pub inputs: u64,
}

impl Recorder {
    /// Nothing recorded; the run begins now.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let clock = Clock { start_us: halloo_vtime::now_us() };
        let hosts = plan.hosts.len();
        Recorder {
            clock,
            honest: plan.hosts.iter().map(|host| host.adversary.is_none()).collect(),
            running: vec![false; hosts],
            asleep: vec![false; hosts],
            islands: vec![0; hosts],
            accounts: BTreeMap::new(),
            devices: BTreeMap::new(),
            messages: messages::Messages::new(clock),
            calls: calls::Calls::new(plan),
            places: places::Places::new(clock),
            groups: groups::Groups::new(clock),
            frames: frames::Frames::default(),
            heals: heals::Heals::new(clock),
            samples: samples::Samples::new(clock, plan),
            ears: voice::Ears::default(),
            gaps: gaps::Gaps::default(),
            next_second_us: clock.start_us + samples::SAMPLE_EVERY_US,
            degree: (0, 0),
            copies: 0,
            cpu_ns: 0,
            end_us: clock.start_us,
            counts: BTreeMap::new(),
            inputs: 0,
        }
    }

    pub(crate) fn see(&mut self, at: At, seen: &Seen<'_>) {
        match seen {
            Seen::Input { input, .. } => self.input(at, input),
            Seen::Output { output, engine } => self.output(at, output, engine),
            Seen::Began { origin, engine } => self.began(at, origin, engine),
            Seen::Ended(_) => {
                self.running[at.host as usize] = false;
                self.gaps.parted(at.host);
                self.places.ended(at.us, at.host);
            }
            Seen::NotJoined(_) => self.groups.not_joined(at.host),
            Seen::Acted(act) => self.acted(at.us, act),
            Seen::Broke(what) => self.count(at.host, what),
            Seen::Heard { speaker, media_time, invented, after_us } => {
                if let Some(after_us) = after_us {
                    self.calls.heard(at.us, *speaker, at.host, *after_us);
                    self.ears.heard(at.host, *speaker, *after_us);
                }
                if !invented {
                    self.gaps.heard(at.host, *speaker, *media_time);
                }
            }
            Seen::Spoke { media_time, ready } => self.gaps.spoke(at.us, at.host, *media_time, ready),
            Seen::Ear { speaker, stats } => self.ears.ended(at.host, *speaker, stats),
            _ => {}
        }
    }

    fn began(&mut self, at: At, origin: &str, engine: &Engine) {
        self.running[at.host as usize] = true;
        self.accounts.insert(engine.account(), at.host);
        self.devices.insert(engine.device(), at.host);
        self.heals.view_changed(at.host);
        match origin {
            "join" => self.groups.joined(at.us, at.host),
            "restore" => self.returned(at.us, "restart"),
            _ => {}
        }
    }

    fn input(&mut self, at: At, input: &Input) {
        self.inputs += 1;
        match input {
            Input::Command { request, command: Command::Say { .. } } => {
                self.messages.asked(at.us, at.host, *request);
            }
            Input::Frame { lane: Lane::Gossip(_), .. } => self.frames.gossip_came(),
            Input::Written(_) => self.samples.written(at.host),
            Input::Fix(fix) => self.places.measured(at.us, at.host, fix),
            _ => {}
        }
    }

    fn output(&mut self, at: At, output: &Output, engine: &Engine) {
        match output {
            Output::Send { .. } | Output::Publish { .. } => self.frames.out(output),
            Output::Write(_) => self.samples.write(at.host),
            Output::Reply { request, result } => {
                if let Some(answer) = match result {
                    Ok(Reply::Message(id)) => Some(Ok(*id)),
                    Ok(_) => None,
                    Err(refusal) => Some(Err(refusal)),
                } {
                    self.messages.answered(at.us, at.host, *request, answer);
                }
            }
            Output::Event(event) => self.event(at, event, engine),
            _ => {}
        }
    }

    fn event(&mut self, at: At, event: &Event, engine: &Engine) {
        match event {
            Event::Message(entry) if entry.own => {
                let owed = self.owed(at.host, engine);
                self.messages.written(at.us, at.host, entry.id, owed);
            }
            Event::Message(entry) => self.messages.shown(at.us, at.host, &entry.id),
            Event::Location(view) if !view.own => {
                if let Some(author) = self.devices.get(&view.device) {
                    self.places.shown(at.us, at.host, *author, view.taken_ms);
                }
            }
            Event::LocationExpired { device } => {
                if let Some(author) = self.devices.get(device) {
                    self.places.expired(at.us, at.host, *author);
                }
            }
            Event::CallJoined { device } => {
                if let Some(who) = self.devices.get(device) {
                    self.calls.joined(at.us, *who, at.host);
                }
            }
            Event::CallLeft { device } => {
                if let Some(who) = self.devices.get(device) {
                    self.calls.left(at.us, *who, at.host);
                }
            }
            Event::SyncProgress { received, sent, done: true, .. } => {
                self.frames.reconciled(*received, *sent);
            }
            Event::EpochChanged { epoch, devices } => {
                self.groups.entered(at.us, at.host, *epoch, *devices);
                self.heals.view_changed(at.host);
            }
            Event::MemberJoined { account, .. } => {
                if let Some(who) = self.accounts.get(account) {
                    self.groups.shown(at.us, at.host, *who);
                }
                self.heals.view_changed(at.host);
            }
            Event::MemberRemoved { account, .. } => {
                if let Some(who) = self.accounts.get(account) {
                    self.gaps.put_out(at.us, *who);
                }
                self.heals.view_changed(at.host);
            }
            Event::MemberLeft { .. }
            | Event::Evicted { .. }
            | Event::RoleChanged { .. }
            | Event::ProfileChanged { .. }
            | Event::Renamed { .. } => self.heals.view_changed(at.host),
            _ => {}
        }
    }

    /// Whom a message of this author must reach, and whether they can be reached now.
    fn owed(&self, author: HostId, engine: &Engine) -> Vec<(HostId, bool)> {
        if !self.honest[author as usize] {
            return Vec::new();
        }
        let island = self.islands[author as usize];
        let hosts =
            engine.members().into_iter().filter_map(|member| self.accounts.get(&member.account).copied());
        let owed = hosts.filter(|host| *host != author && self.honest[*host as usize]);
        owed.map(|host| {
            let place = host as usize;
            (host, self.running[place] && !self.asleep[place] && self.islands[place] == island)
        })
        .collect()
    }

    fn acted(&mut self, us: u64, act: &Act) {
        match act {
            Act::Join { who, via } => self.groups.asked(us, *who, *via),
            Act::Sleep(who, asleep) => {
                self.asleep[*who as usize] = *asleep;
                if *asleep {
                    self.gaps.parted(*who);
                } else {
                    self.returned(us, "wake");
                }
            }
            Act::Partition(islands) => {
                self.heals.links_changed();
                let meets = reunites(&self.islands, islands);
                self.islands.clone_from(islands);
                self.gaps.split(islands);
                if meets {
                    self.gaps.healed(us);
                    self.returned(us, "partition");
                }
            }
            Act::Cut(one, other, cut) => {
                self.heals.links_changed();
                self.gaps.cut(us, (*one, *other), *cut);
                if !cut {
                    self.returned(us, "link");
                }
            }
            Act::Call(who, inside) => {
                if !inside {
                    self.gaps.parted(*who);
                }
                self.calls.asked(us, *who, *inside);
            }
            Act::Speak(who, speaking) => self.calls.speaks(us, *who, *speaking),
            Act::Move(who, place) => self.places.moved(us, *who, *place),
            _ => {}
        }
    }

    fn returned(&mut self, us: u64, cause: &'static str) {
        self.heals.returned(us, cause, self.messages.lacking());
    }

    pub(crate) fn count(&mut self, _: HostId, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// When the record wants to look at the world next.
    #[must_use]
    pub fn due_us(&self) -> u64 {
        let heal = self.heals.due_us(halloo_vtime::now_us());
        heal.map_or(self.next_second_us, |heal| heal.min(self.next_second_us))
    }

    /// Looks at the world: all hosts in order, and who is joined to whom directly.
    pub fn look(&mut self, us: u64, looks: &[Look<'_>], joined: &dyn Fn(HostId, HostId) -> bool) {
        let messages = &self.messages;
        let behind = |id: &_, reach: &heals::Reach<'_>| messages.is_behind(id, reach);
        self.heals.check(us, looks, &heals::Judge { joined, behind: &behind });
        if us < self.next_second_us {
            return;
        }
        self.next_second_us = us + samples::SAMPLE_EVERY_US;
        self.samples.second(us, looks);
        for look in looks {
            self.degree.0 += look.mesh.0 as u64;
            self.degree.1 += look.mesh.1 as u64;
        }
    }

    /// A process is about to end: its counters are taken over.
    pub fn retire(&mut self, look: &Look<'_>) {
        self.copies += look.copies;
        self.samples.ended(look.host, look.engine);
    }

    /// The run has ended.
    pub fn end(&mut self, us: u64, looks: &[Look<'_>], cpu_ns: u64) {
        self.samples.second(us, looks);
        for look in looks.iter().filter(|look| look.runs) {
            self.retire(look);
        }
        self.messages.end(&|host| looks[host as usize].present());
        self.places.end(us);
        self.groups.end();
        self.heals.end();
        self.gaps.end();
        (self.end_us, self.cpu_ns) = (us, cpu_ns);
    }

    /// Figures and tables of a run that has ended.
    #[must_use]
    pub fn into_results(self) -> (Figures, Vec<table::Table>) {
        let mut figures = Figures::default();
        let seconds = self.clock.seconds(self.end_us);
        self.messages.figures(&mut figures);
        self.places.figures(&mut figures);
        self.calls.figures(&mut figures);
        self.groups.figures(&mut figures);
        self.frames.figures(&mut figures);
        self.heals.figures(&mut figures);
        self.samples.figures(&mut figures, seconds);
        self.ears.figures(&mut figures);
        self.gaps.figures(&mut figures);
        figures.put("inputs", self.inputs as f64);
        if self.copies > 0 {
            figures.share("gossip.copies", self.copies as f64, self.frames.gossip_in() as f64);
        }
        figures.share("gossip.degree", self.degree.0 as f64, self.degree.1 as f64);
        let cpu_s = self.cpu_ns as f64 / 1e9;
        figures.put("machine.cpu_s", cpu_s);
        figures.share("machine.node_s_per_s", self.honest.len() as f64 * seconds, cpu_s);
        let mut counts = table::Table::new(&schemas::COUNTS);
        for (what, count) in &self.counts {
            counts.push(&[table::Cell::Text(what), (*count).into()]);
            figures.put(&format!("counts.{}", what.replace(' ', "_")), *count as f64);
        }
        let deliveries = self.messages.into_rows();
        let [places, positions] = self.places.into_rows();
        let [joins, epochs] = self.groups.into_rows();
        let [samples, host_samples, hosts, wakes] = self.samples.into_rows();
        let (heals, frames) = (self.heals.into_rows(), self.frames.into_rows());
        let voice = self.ears.into_rows();
        let tables = vec![
            deliveries,
            places,
            joins,
            epochs,
            heals,
            samples,
            host_samples,
            hosts,
            positions,
            wakes,
            frames,
            voice,
            counts,
        ];
        let left_out: u64 = tables.iter().map(|table| table.left_out).sum();
        figures.put("rows_left_out", left_out as f64);
        (figures, tables)
    }
}

/// Whether hosts that were apart come together.
fn reunites(before: &[u32], after: &[u32]) -> bool {
    let mut came_from: BTreeMap<u32, u32> = BTreeMap::new();
    before.iter().zip(after).any(|(old, new)| *came_from.entry(*new).or_insert(*old) != *old)
}

#[cfg(test)]
mod tests;
