//! The world of one run: the loop that takes the next thing in virtual time, hands it to the host it concerns, and lets judges see it.
//!
//! ```text
//!   ready host? -> poll it (Swarm, disk, deadlines, work) until nobody is ready
//!   else the earliest of: timers of the virtual clock, acts of the plan -> move the clock there
//! ```

use crate::checks::{self, Findings, Member, Violation};
use crate::disk::platter;
use crate::host::{self, Host};
use crate::logs;
use crate::meter::{self, Tally};
use crate::net::links::{HostId, Links};
use crate::net::wire;
use crate::plan::{Act, Plan};
use crate::record::{Look, Recorder, RunResult};
use crate::seen::{At, Seen};
use crate::stage::{Errand, Stage};
use crate::trace::Trace;
use halloo_crdt::log::Role;
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::memo;
use halloo_engine::input::Command;
use halloo_engine::pairing::Ticket;
use std::any::Any;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub use crate::plan::START_US;

/// How long a code for a newcomer stays open.
const INVITE_OPEN: Duration = Duration::from_secs(600);
/// Pause before somebody who did not get in asks for another code, microseconds.
const JOIN_AGAIN_US: u64 = 2_000_000;
/// Codes that one newcomer asks for before giving up.
const JOIN_TRIES: u32 = 30;
/// Polls at one moment of virtual time after which hosts keep each other busy for ever.
const POLLS_AT_ONCE_MAX: u64 = 50_000_000;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// SHA-256 over the trace.
    pub hash: String,
    /// Lines of the trace.
    pub lines: u64,
    /// What the judges found.
    pub findings: Findings,
    /// Figures.
    pub record: Recorder,
    /// CPU time of the thread, nanoseconds.
    pub cpu_ns: u64,
    /// Bytes of streams and datagrams that each host sent.
    pub bytes_out: Vec<u64>,
    /// The seed of the plan.
    pub seed: u64,
}

impl Outcome {
    /// The result of this seed, as commands print it and reports gather it.
    #[must_use]
    pub fn into_result(self, scenario: &str) -> RunResult {
        RunResult::new(scenario, self.seed, self.hash, self.findings, self.record)
    }
}

/// The world.
pub struct World {
    /// The hosts in order.
    pub hosts: Vec<Host>,
    /// What they share.
    pub stage: Stage,
    acts: std::collections::VecDeque<(u64, Act)>,
    /// Newcomers: the inviter and the tries so far.
    newcomers: std::collections::BTreeMap<HostId, (HostId, u32)>,
    panicked: bool,
    told: Option<Told>,
}

/// Runs a plan on a thread of its own and returns what came of it. `trace` receives every line.
///
/// # Panics
/// If the thread cannot be started, or code of ours panics: the panic is passed on.
#[must_use]
pub fn run(plan: Plan, trace: Option<Box<dyn Write + Send>>) -> Outcome {
    run_told(plan, trace, None)
}

/// Who is told once a virtual second how many seconds are over and how many rules were broken.
pub type Told = Box<dyn Fn(u64, usize) + Send>;

/// As [`run`], telling somebody how far it is.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_told(plan: Plan, trace: Option<Box<dyn Write + Send>>, told: Option<Told>) -> Outcome {
    on_own_thread(plan.seed, move || {
        let trace = Trace::new(trace.map(|out| out as Box<dyn Write>));
        let mut world = World::new(plan, checks::all(), trace);
        world.told = told;
        world.run_to_end();
        world.finish()
    })
}

/// As [`run`], with every member checking every signature for itself: what comes of it must be the same.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_forgetful(plan: Plan) -> Outcome {
    on_own_thread(plan.seed, move || {
        let _asked = memo::end();
        let mut world = World::new(plan, checks::all(), Trace::new(None));
        world.run_to_end();
        world.finish()
    })
}

/// Runs a plan for what its work costs a CPU, by kind.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_metered(plan: Plan) -> BTreeMap<&'static str, Tally> {
    on_own_thread(plan.seed, move || {
        // On a device of its own a member checks every signature for itself.
        let _asked = memo::end();
        let mut world = World::new(plan, checks::all(), Trace::new(None));
        meter::begin();
        world.run_to_end();
        let tallies = meter::end();
        let _judged = world.finish();
        tallies
    })
}

/// Runs something on a fresh thread with armed virtual time: std seeds its hash maps once a thread. Its members share what they have
/// found good signatures, see [`memo`].
///
/// # Panics
/// If the thread cannot be started; a panic inside is passed on.
pub fn on_own_thread<R: Send + 'static>(seed: u64, act: impl FnOnce() -> R + Send + 'static) -> R {
    let thread =
        std::thread::Builder::new().name(format!("run {seed}")).stack_size(16 << 20).spawn(move || {
            platter::lay();
            halloo_vtime::arm(seed, START_US);
            memo::begin();
            let result = act();
            let _asked = memo::end();
            wire::remove();
            platter::remove();
            halloo_vtime::disarm();
            result
        });
    match thread.expect("a thread can be started").join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl World {
    /// A world in which nothing has happened yet; the thread must be armed.
    #[must_use]
    pub fn new(plan: Plan, checks: Vec<Box<dyn checks::Check>>, trace: Trace) -> Self {
        let count = plan.hosts.len();
        let mut links = Links::new(plan.links.clone(), count, plan.seed);
        for (number, host) in (0..).zip(&plan.hosts) {
            links.place(number, host.site, host.nat);
        }
        wire::lay(links, count);
        let mut acts: Vec<(u64, Act)> = plan.acts.clone();
        acts.sort_by_key(|(at, _)| *at);
        let mut stage = Stage::new(plan, checks, trace);
        let hosts: Vec<Host> = (0..).take(count).map(|id| Host::new(id, &stage.plan)).collect();
        for host in &hosts {
            stage.introduce(host::peer_id(host), host.device(), host.id);
        }
        World {
            hosts,
            stage,
            acts: acts.into(),
            newcomers: std::collections::BTreeMap::new(),
            panicked: false,
            told: None,
        }
    }

    /// Runs to the end of the plan.
    pub fn run_to_end(&mut self) {
        let end = START_US + self.stage.plan.end_us;
        // A panic of the engine is a finding of this seed, with everything that led to it in the trace.
        let ran = catch_unwind(AssertUnwindSafe(|| logs::judged(|| self.run_until(end))));
        if let Err(panic) = ran {
            self.panicked = true;
            let at_us = halloo_vtime::now_us();
            let what = format!("panicked: {}", panic_text(panic.as_ref()));
            self.stage.findings.note(Violation { check: "panic", at_us, host: None, what });
        }
        for line in logs::take() {
            let at_us = halloo_vtime::now_us();
            self.stage.findings.note(Violation { check: "error-log", at_us, host: None, what: line });
        }
    }

    /// Runs until this virtual time, microseconds since the origin.
    ///
    /// # Panics
    /// If hosts keep each other busy for ever at one moment.
    pub fn run_until(&mut self, end_us: u64) {
        let mut polls_at_once = 0_u64;
        loop {
            while let Some(number) = halloo_vtime::take_ready() {
                self.hosts[number as usize].poll(&mut self.stage);
                self.run_errands();
                polls_at_once += 1;
                assert!(polls_at_once < POLLS_AT_ONCE_MAX, "hosts keep each other busy for ever");
            }
            let act = self.acts.front().map(|(at, _)| START_US + at);
            let look = Some(self.stage.record.due_us());
            let next = [halloo_vtime::next_due(), act, look].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end_us) else {
                halloo_vtime::advance(end_us.max(halloo_vtime::now_us()));
                return;
            };
            if next > halloo_vtime::now_us() {
                polls_at_once = 0;
            }
            halloo_vtime::advance(next.max(halloo_vtime::now_us()));
            if look.is_some_and(|due| due <= next) {
                self.look(next);
            }
            while let Some((_, act)) = self.acts.pop_front_if(|(at, _)| START_US + *at <= next) {
                self.act(act);
            }
        }
    }

    /// Lets the record look at all hosts; changes nothing.
    fn look(&mut self, us: u64) {
        let World { hosts, stage, .. } = self;
        let looks: Vec<Look<'_>> = hosts.iter().map(|host| look_at(host, &stage.plan)).collect();
        stage.record.look(us, &looks, &joined);
        if let Some(told) = &self.told {
            told((us - START_US) / 1_000_000, stage.findings.count);
        }
    }

    fn see(&mut self, host: HostId, seen: &Seen<'_>) {
        self.stage.see(At { us: halloo_vtime::now_us(), host, life: 0 }, seen);
    }

    /// Does at once what no plan foresaw, for measurements that look before they act.
    pub fn perform(&mut self, act: Act) {
        self.act(act);
    }

    fn act(&mut self, act: Act) {
        self.see(0, &Seen::Acted(&act));
        match act {
            Act::Found(who) => {
                let (host, stage) = self.pair(who);
                host.start(stage);
                host.found_group(stage);
            }
            Act::Join { who, via } => {
                let (host, stage) = self.pair(who);
                host.start(stage);
                self.newcomers.insert(who, (via, 0));
                self.invite_for(who);
            }
            Act::Start(who) => {
                let (host, stage) = self.pair(who);
                host.start(stage);
            }
            Act::Stop(who, end) => {
                let (host, stage) = self.pair(who);
                stage.record.retire(&look_at(host, &stage.plan));
                host.stop(end, stage);
            }
            Act::Sleep(who, asleep) => self.hosts[who as usize].sleep(asleep),
            Act::Skew(who, ms) => self.hosts[who as usize].skew(ms),
            Act::DiskStuck(who, stuck) => self.hosts[who as usize].disk_stuck(stuck),
            Act::Fix(who, fix) => {
                let (host, stage) = self.pair(who);
                host.fix(fix, stage);
            }
            Act::Meet(a, b) => {
                self.hosts[a as usize].meet(b);
                self.hosts[b as usize].meet(a);
            }
            Act::Partition(_) | Act::Cut(..) | Act::Links(_) | Act::Move(..) => change_links(act),
            Act::Speak(who, speaking) => self.hosts[who as usize].speak(speaking),
            Act::Note(text) => self.see(0, &Seen::Note(&text)),
            Act::Say(..)
            | Act::Share(..)
            | Act::Precision(..)
            | Act::Call(..)
            | Act::Mute(..)
            | Act::Remove { .. }
            | Act::Role { .. }
            | Act::History(..)
            | Act::Leave(_)
            | Act::Rename(..) => self.command(act),
        }
    }

    /// The acts that are commands to a member.
    fn command(&mut self, act: Act) {
        let account = |world: &Self, who: HostId| world.hosts[who as usize].account();
        let (who, command) = match act {
            Act::Say(who, text) => (who, Command::Say { text, reply_to: None }),
            Act::Share(who, seconds) => (who, Command::Share { lease: seconds.map(Duration::from_secs) }),
            Act::Precision(who, precision) => (who, Command::SetPrecision(precision)),
            Act::Call(who, true) => (who, Command::JoinCall),
            Act::Call(who, false) => (who, Command::LeaveCall),
            Act::Mute(who, muted) => (who, Command::MuteMicrophone(muted)),
            Act::Remove { by, whom } => (by, Command::Remove(account(self, whom))),
            Act::Role { by, whom, role } => (by, Command::SetRole { account: account(self, whom), role }),
            Act::History(who, history) => (who, Command::SetHistory(history)),
            Act::Leave(who) => (who, Command::Leave),
            Act::Rename(who, name) => (who, Command::Rename(name)),
            _ => return,
        };
        let (host, stage) = self.pair(who);
        host.ask(command, stage);
    }

    fn pair(&mut self, who: HostId) -> (&mut Host, &mut Stage) {
        (&mut self.hosts[who as usize], &mut self.stage)
    }

    /// The inviter opens a code for a newcomer, who is told it out of band.
    fn invite_for(&mut self, who: HostId) {
        let Some((via, tries)) = self.newcomers.get_mut(&who) else { return };
        *tries += 1;
        let (via, given_up) = (*via, *tries > JOIN_TRIES);
        if given_up {
            self.newcomers.remove(&who);
            self.stage.record.count(who, "newcomers that gave up");
            return;
        }
        let command = Command::Invite { max_uses: 1, expiry: INVITE_OPEN, role: Role::Member };
        let (host, stage) = self.pair(via);
        match host.engine().is_some().then(|| host.ask(command, stage)).flatten() {
            Some(request) => stage.invites_for(via, request, who),
            None => self.join_later(who),
        }
    }

    fn join_later(&mut self, who: HostId) {
        let Some((via, _)) = self.newcomers.get(&who) else { return };
        let at = halloo_vtime::now_us() - START_US + JOIN_AGAIN_US;
        let place = self.acts.partition_point(|(when, _)| *when <= at);
        self.acts.insert(place, (at, Act::Note(format!("again {who} {via}"))));
        self.acts.insert(place + 1, (at, Act::Join { who, via: *via }));
    }

    fn run_errands(&mut self) {
        for errand in std::mem::take(&mut self.stage.errands) {
            match errand {
                Errand::Code { who, code } => {
                    if let Ok(code) = code.parse::<ShortCode>() {
                        let (host, stage) = self.pair(who);
                        host.seek(&Ticket::Code(code), stage);
                    }
                }
                Errand::NotJoined(who) => self.join_later(who),
                Errand::Refused(who, refusal) => {
                    let _ = refusal;
                    self.stage.record.count(who, "commands refused");
                }
            }
        }
    }

    /// Judges the end and gives the outcome.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        for host in &self.hosts {
            host.tell_ears(&mut self.stage);
        }
        let mut findings = std::mem::take(&mut self.stage.findings);
        let mut checks = std::mem::take(&mut self.stage.checks);
        // After a panic the members are in the middle of something: their end says nothing.
        if !self.panicked {
            let members = self.hosts.iter().map(|h| Member { host: h.id, engine: h.engine() }).collect();
            let us = halloo_vtime::now_us();
            let (plan, book) = (&self.stage.plan, &self.stage.book);
            let end = checks::End { us, plan, book, members, joined: &joined };
            for check in &mut checks {
                check.end(&end, &mut findings);
            }
        }
        let reads = halloo_vtime::real_clock_reads();
        if reads > 0 {
            let what = format!("a clock of the machine was read {reads} times");
            findings.note(Violation { check: "real-clock", at_us: halloo_vtime::now_us(), host: None, what });
        }
        let bytes_out = self.hosts.iter().map(|host| {
            let traffic = wire::with(|wire| wire.traffic(host.id));
            traffic.stream_bytes_out + traffic.datagram_bytes_out
        });
        let bytes_out = bytes_out.collect();
        let Stage { trace, mut record, plan, .. } = self.stage;
        let looks: Vec<Look<'_>> = self.hosts.iter().map(|host| look_at(host, &plan)).collect();
        let cpu_ns = halloo_vtime::cpu_ns();
        record.end(halloo_vtime::now_us(), &looks, cpu_ns);
        let lines = trace.lines();
        let (hash, written) = trace.finish();
        if !written {
            let what = "the trace could not be written; is the disk full?".to_owned();
            findings.note(Violation { check: "trace", at_us: 0, host: None, what });
        }
        Outcome { hash, lines, findings, record, cpu_ns, bytes_out, seed: plan.seed }
    }
}

fn joined(a: HostId, b: HostId) -> bool {
    wire::with(|wire| wire.links.joined(a, b))
}

fn look_at<'a>(host: &'a Host, plan: &Plan) -> Look<'a> {
    let of_plan = &plan.hosts[host.id as usize];
    Look {
        host: host.id,
        group: of_plan.group,
        honest: of_plan.adversary.is_none(),
        runs: host.runs(),
        awake: host.awake(),
        engine: host.engine(),
        connections: host.connected(),
        backlog: host.backlog(),
        copies: host.mesh().map_or(0, halloo_mesh::Mesh::gossip_copies),
        mesh: host.grafted(),
        traffic: wire::with(|wire| wire.traffic(host.id)),
    }
}

/// What a panic says.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

fn change_links(act: Act) {
    wire::with(|wire| {
        match act {
            Act::Partition(islands) => wire.links.partition(&islands),
            Act::Cut(a, b, cut) => {
                wire.links.cut(a, b, cut);
            }
            Act::Links(spec) => wire.links.set_spec(*spec),
            Act::Move(who, place) => wire.links.move_to(who, place),
            _ => {}
        }
        wire.mend();
    });
}

#[cfg(test)]
mod tests;
