//! What is looked at once every virtual second: bytes, connections, queues.

use super::table::{Cell, Table};
use super::{Clock, Look, schemas};
use crate::net::links::HostId;
use crate::net::wire::Traffic;
use crate::plan::Plan;
use std::collections::BTreeMap;

/// How often the world is looked at, microseconds.
pub(super) const SAMPLE_EVERY_US: u64 = 1_000_000;

/// What is kept of one host.
#[derive(Clone, Debug, Default)]
struct HostSum {
    name: String,
    group: u32,
    before: Traffic,
    writes: u64,
    writes_waiting: u64,
    writes_max: u64,
    backlog_max: u64,
    connections_max: u64,
    wakes: u64,
}

/// All samples.
#[derive(Debug)]
pub(super) struct Samples {
    clock: Clock,
    hosts: Vec<HostSum>,
    wakes: BTreeMap<&'static str, u64>,
    each: bool,
    busiest: u64,
    last_us: u64,
    rows: Table,
    host_rows: Table,
}

impl Samples {
    pub(super) fn new(clock: Clock, plan: &Plan) -> Self {
        let host = |host: &crate::plan::HostPlan| HostSum {
            name: host.name.clone(),
            group: host.group,
            ..HostSum::default()
        };
        let hosts: Vec<HostSum> = plan.hosts.iter().map(host).collect();
        let seconds = usize::try_from(plan.end_us / SAMPLE_EVERY_US).unwrap_or(usize::MAX);
        Samples {
            clock,
            each: hosts.len().saturating_mul(seconds) <= schemas::HOST_SAMPLES.rows_max,
            hosts,
            wakes: BTreeMap::new(),
            busiest: 0,
            last_us: 0,
            rows: Table::new(&schemas::SAMPLES),
            host_rows: Table::new(&schemas::HOST_SAMPLES),
        }
    }

    /// A batch goes to the disk.
    pub(super) fn write(&mut self, host: HostId) {
        let host = &mut self.hosts[host as usize];
        host.writes += 1;
        host.writes_waiting += 1;
        host.writes_max = host.writes_max.max(host.writes_waiting);
    }

    /// A batch is durable.
    pub(super) fn written(&mut self, host: HostId) {
        let host = &mut self.hosts[host as usize];
        host.writes_waiting = host.writes_waiting.saturating_sub(1);
    }

    /// A process ended, or the run: `engine` is its last state.
    pub(super) fn ended(&mut self, host: HostId, engine: Option<&halloo_engine::Engine>) {
        let sum = &mut self.hosts[host as usize];
        sum.writes_waiting = 0;
        for (reason, count) in engine.map_or(Vec::new(), |engine| engine.status().wakes) {
            sum.wakes += count;
            *self.wakes.entry(reason).or_default() += count;
        }
    }

    /// A second has passed.
    pub(super) fn second(&mut self, at_us: u64, looks: &[Look<'_>]) {
        self.last_us = at_us;
        let at = Cell::Real(self.clock.seconds(at_us));
        let (mut running, mut members, mut connections) = (0_u64, 0_u64, 0_u64);
        let (mut streams, mut datagrams, mut busiest) = (0, 0, 0);
        let (mut backlog, mut writes) = (0, 0);
        for look in looks {
            let host = &mut self.hosts[look.host as usize];
            let stream = look.traffic.stream_bytes_out - host.before.stream_bytes_out;
            let datagram = look.traffic.datagram_bytes_out - host.before.datagram_bytes_out;
            host.before = look.traffic;
            host.backlog_max = host.backlog_max.max(look.backlog as u64);
            host.connections_max = host.connections_max.max(look.connections as u64);
            running += u64::from(look.runs);
            members += u64::from(look.engine.is_some());
            connections += look.connections as u64;
            streams += stream;
            datagrams += datagram;
            busiest = (stream + datagram).max(busiest);
            backlog = (look.backlog as u64).max(backlog);
            writes = host.writes_waiting.max(writes);
            if self.each {
                self.host_rows.push(&[at, look.host.into(), stream.into(), datagram.into()]);
            }
        }
        self.busiest = self.busiest.max(busiest);
        self.rows.push(&[
            at,
            running.into(),
            members.into(),
            connections.into(),
            streams.into(),
            datagrams.into(),
            busiest.into(),
            backlog.into(),
            writes.into(),
            halloo_vtime::timers().into(),
        ]);
    }

    pub(super) fn figures(&self, figures: &mut super::Figures, seconds: f64) {
        let hosts = self.hosts.len() as f64;
        let sum = |value: fn(&HostSum) -> u64| self.hosts.iter().map(value).sum::<u64>() as f64;
        let max = |value: fn(&HostSum) -> u64| self.hosts.iter().map(value).max().unwrap_or(0) as f64;
        let streams = sum(|host| host.before.stream_bytes_out);
        let datagrams = sum(|host| host.before.datagram_bytes_out);
        figures.put("bytes.streams", streams);
        figures.put("bytes.datagrams", datagrams);
        figures.share("bytes.per_host_s", streams + datagrams, hosts * seconds);
        figures.put("bytes.busiest_host_s", self.busiest as f64);
        figures.put("datagrams.dropped", sum(|host| host.before.datagrams_overflowed));
        figures.put("queues.backlog_max", max(|host| host.backlog_max));
        figures.put("queues.writes_max", max(|host| host.writes_max));
        figures.put("connections.max", max(|host| host.connections_max));
        figures.put("writes.batches", sum(|host| host.writes));
        figures.put("wakes", sum(|host| host.wakes));
        figures.share("wakes.per_host_h", sum(|host| host.wakes) * 3_600.0, hosts * seconds);
        for (reason, count) in self.wakes.iter().filter(|(_, count)| **count > 0) {
            figures.put(&format!("wakes.{reason}"), *count as f64);
        }
    }

    pub(super) fn into_rows(self) -> [Table; 4] {
        let mut hosts = Table::new(&schemas::HOSTS);
        for (number, host) in (0_u32..).zip(self.hosts) {
            hosts.push(&[
                number.into(),
                Cell::Text(&host.name),
                host.group.into(),
                host.before.stream_bytes_out.into(),
                host.before.datagram_bytes_out.into(),
                host.before.datagrams_out.into(),
                host.before.datagrams_in.into(),
                host.before.datagrams_overflowed.into(),
                host.wakes.into(),
                host.writes.into(),
                host.writes_max.into(),
                host.backlog_max.into(),
                host.connections_max.into(),
            ]);
        }
        let mut wakes = Table::new(&schemas::WAKES);
        for (reason, count) in self.wakes {
            wakes.push(&[Cell::Text(reason), count.into()]);
        }
        [self.rows, self.host_rows, hosts, wakes]
    }
}
