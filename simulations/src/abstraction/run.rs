//! One run of the model: the loop, the figures, the end and its judge.

use super::calendar::{Calendar, Event, Kind};
use super::message::Message;
use super::town::Town;
use crate::chance::generator;
use crate::checks::{Findings, Violation};
use crate::net::links::HostId;
use crate::plan::{Act, Costs, DiskSpec, Plan};
use crate::record::{Broken, Figures, RunResult, Spread, schemas, table};
use crate::trace::Trace;
use crate::world::{START_US, Told, on_own_thread};
use rand_chacha::ChaCha20Rng;
use std::io::Write;

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) written: u64,
    /// Wishes to write by those who do not run or are no member.
    pub(super) refused: u64,
    pub(super) expected: u64,
    delivered: u64,
    pub(super) copies: u64,
    pub(super) firsts: u64,
    /// Messages that came by a comparison.
    pub(super) repaired: u64,
    events: u64,
    soon: Spread,
    late: Spread,
    rows: Option<table::Table>,
}

impl Counts {
    /// A member shows a message.
    pub(super) fn shown(
        &mut self,
        (shown_us, since_us): (u64, u64),
        (number, author, receiver): (u32, HostId, HostId),
        away: bool,
    ) {
        self.delivered += 1;
        let latency = shown_us - since_us;
        if away {
            self.late.add(latency)
        } else {
            self.soon.add(latency)
        }
        if let Some(rows) = &mut self.rows {
            rows.push(&[
                number.into(),
                author.into(),
                receiver.into(),
                table::Cell::Real(since_us as f64 / 1e6),
                table::Cell::Real(latency as f64 / 1e3),
                table::Cell::Flag(away),
            ]);
        }
    }
}

/// A run in the middle of it.
pub(super) struct Model {
    pub(super) town: Town,
    pub(super) messages: Vec<Message>,
    pub(super) calendar: Calendar,
    pub(super) rng: ChaCha20Rng,
    pub(super) costs: Costs,
    pub(super) disk: DiskSpec,
    pub(super) figures: Counts,
    pub(super) trace: Trace,
    /// Copies that wait for their link: since when, from whom, over which half-edge, of which message.
    pub(super) stalled: Vec<(u64, HostId, u32, u32)>,
    /// Lists that are used again and again.
    pub(super) lists: (Vec<u32>, Vec<u32>),
    pub(super) start_us: u64,
    pub(super) now: u64,
    acts: Vec<Option<Act>>,
}

/// Runs a plan in the abstract tier. `rows`: whether the table of deliveries is kept.
///
/// # Panics
/// If the thread cannot be started, or code of ours panics.
#[must_use]
pub fn run(
    plan: Plan,
    name: &str,
    trace: Option<Box<dyn Write + Send>>,
    told: Option<Told>,
    rows: bool,
) -> RunResult {
    let name = name.to_owned();
    on_own_thread(plan.seed, move || {
        let trace = Trace::new(trace.map(|out| out as Box<dyn Write>));
        let end = START_US + plan.end_us;
        let (seed, converge) = (plan.seed, plan.must_converge);
        let mut model = Model::new(plan, trace);
        if rows {
            model.figures.rows = Some(table::Table::new(&schemas::DELIVERIES));
        }
        let setup_ns = halloo_vtime::cpu_ns();
        model.run_until(end, told.as_ref());
        let run_ns = halloo_vtime::cpu_ns() - setup_ns;
        let mut findings = Findings::default();
        if converge {
            model.judge(end, &mut findings);
        }
        model.result(name, seed, findings, (setup_ns, run_ns))
    })
}

impl Model {
    pub(super) fn new(plan: Plan, trace: Trace) -> Self {
        let town = Town::new(&plan, START_US);
        let mut calendar = Calendar::new(START_US);
        for ((at, _), number) in plan.acts.iter().zip(0..) {
            let at = START_US + at;
            calendar.push(Event { at, kind: Kind::Act, node: 0, edge: 0, message: number });
        }
        Model {
            town,
            messages: Vec::new(),
            calendar,
            rng: generator(plan.seed, "abstract"),
            costs: plan.costs,
            disk: plan.disk,
            figures: Counts::default(),
            trace,
            stalled: Vec::new(),
            lists: (Vec::new(), Vec::new()),
            start_us: START_US,
            now: START_US,
            acts: plan.acts.into_iter().map(|(_, act)| Some(act)).collect(),
        }
    }

    /// Runs until this time.
    pub(super) fn run_until(&mut self, end: u64, told: Option<&Told>) {
        let mut second = 1;
        while self.calendar.turn(end) {
            self.touch();
            while let Some(event) = self.calendar.pop(end) {
                debug_assert!(event.at >= self.now, "time never goes back");
                self.now = event.at;
                self.figures.events += 1;
                if let Some(told) = told
                    && event.at >= self.start_us + second * 1_000_000
                {
                    told(second, 0);
                    second += 1;
                }
                self.on(event);
            }
        }
        self.now = end;
    }

    /// Reads what the events of the bucket will need, before the first of them happens: members lie all over the memory, and a processor
    /// fetches many lines at once if none of them has to wait for what another one says.
    fn touch(&self) {
        let events = self.calendar.current();
        let nodes = events.iter().fold(0, |sum, event| sum ^ self.town.touch(event.node));
        let edges = events.iter().fold(0, |sum, event| sum ^ self.town.touch_edges(event.node));
        std::hint::black_box(nodes ^ edges);
    }

    fn on(&mut self, Event { at, kind, node, edge, message }: Event) {
        match kind {
            Kind::Copy => self.on_copy(at, node, edge, message),
            Kind::Beat => self.on_beat(at, node, edge),
            Kind::Have => self.on_have(at, node, edge, message),
            Kind::Want => self.on_want(at, node, edge, message),
            Kind::Publish => self.on_publish(at, node, message),
            Kind::Graft => self.on_graft(at, node, edge),
            Kind::Prune => self.on_prune(at, node, edge),
            Kind::Live => self.on_live(at, node, edge),
            Kind::Dial => self.on_dial(at, node, edge),
            Kind::Member => self.on_member(at, node),
            Kind::Gone => self.on_gone(at, node, edge),
            Kind::Deaf => self.on_deaf(node, edge),
            Kind::Repair => self.on_repair(at, node, edge, message),
            Kind::Gap => self.on_gap(at, node),
            Kind::Act => {
                if let Some(act) = self.acts[message as usize].take() {
                    self.act(at, act);
                }
            }
        }
    }

    /// Everybody who runs has what everybody else within reach has.
    fn judge(&mut self, end: u64, findings: &mut Findings) {
        for group in &self.town.groups {
            for number in &group.open {
                let message = &self.messages[*number as usize];
                let members = group.first..group.first + group.count;
                let present = |node: &HostId| self.town.present(*node, end);
                let holders = members.clone().filter(|node| present(node) && self.holds(*node, *number));
                let holders: Vec<HostId> = holders.collect();
                for node in members.filter(|node| present(node) && !message.has(*node)) {
                    if holders.iter().any(|holder| self.town.links.joined(*holder, node)) {
                        let what = format!("lacks message {number}, which somebody within reach has");
                        let host = Some(node);
                        findings.note(Violation { check: "convergence", at_us: end, host, what });
                    }
                }
            }
        }
    }

    /// What those lack who do not run at the end is owed to nobody.
    fn not_owed(&self, end: u64) -> u64 {
        let lacking = |message: &Message| {
            let group = &self.town.groups[message.group as usize];
            let absent = (group.first..group.first + group.count)
                .filter(|node| !message.has(*node) && !self.town.present(*node, end));
            absent.count() as u64
        };
        let open = self.town.groups.iter().flat_map(|group| &group.open);
        open.map(|number| lacking(&self.messages[*number as usize])).sum()
    }

    fn result(self, scenario: String, seed: u64, findings: Findings, cpu_ns: (u64, u64)) -> RunResult {
        let not_owed = self.not_owed(self.now);
        let Model { figures: counts, town, trace, start_us, now, .. } = self;
        let mut figures = Figures::default();
        figures.put("messages.written", counts.written as f64);
        figures.put("messages.delivered", counts.delivered as f64);
        let expected = counts.expected - not_owed;
        figures.share("messages.delivered_share", counts.delivered as f64, expected as f64);
        figures.spread("messages.delivery", "ms", 1e3, &counts.soon);
        figures.spread("messages.away", "ms", 1e3, &counts.late);
        figures.share("gossip.copies", counts.copies as f64, counts.firsts as f64);
        let members = town.nodes.iter().filter(|node| node.up && node.member_us <= now);
        let mesh: u64 = members.clone().map(|node| u64::from(node.mesh)).sum();
        figures.share("gossip.degree", mesh as f64, members.count() as f64);
        figures.put("reconcile.items", counts.repaired as f64);
        figures.put("counts.commands_refused", counts.refused as f64);
        figures.put("events", counts.events as f64);
        let (setup_s, run_s) = (cpu_ns.0 as f64 / 1e9, cpu_ns.1 as f64 / 1e9);
        figures.put("machine.cpu_s", setup_s + run_s);
        figures.share("machine.events_per_s", counts.events as f64, run_s);
        let node_s = town.nodes.len() as f64 * (now - start_us) as f64 / 1e6;
        figures.share("machine.node_s_per_s", node_s, run_s);
        let mut series: Vec<table::Table> =
            schemas::ALL.iter().map(|schema| table::Table::new(schema)).collect();
        if let Some(rows) = counts.rows {
            figures.put("rows_left_out", rows.left_out as f64);
            series.iter_mut().filter(|table| table.schema.name == rows.schema.name).for_each(|table| {
                table.clone_from(&rows);
            });
        }
        let (hash, written) = trace.finish();
        let mut violations: Vec<Broken> = findings.kept.into_iter().map(Broken::from).collect();
        if !written {
            let what = "the trace could not be written; is the disk full?".to_owned();
            violations.push(Broken { check: "trace".to_owned(), at_us: 0, host: None, what });
        }
        RunResult { scenario, seed, hash, ok: violations.is_empty(), violations, figures: figures.0, series }
    }
}
