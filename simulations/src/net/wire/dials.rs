//! How connections come to be: a dial whose first packet finds no link is tried again, as every stack does.

use super::{Conn, ConnId, PipeId, Wire, WireError};
use crate::net::links::HostId;
use halloo_vtime::{Timer, now_us};
use std::collections::BTreeSet;
use std::task::{Context, Poll};

/// How long a dial may take before it fails: libp2p's own default is of this size.
const DIAL_TIMEOUT_US: u64 = 10_000_000;

/// Wait before the first packet of a dial is sent again (RFC 6298); it doubles.
const DIAL_AGAIN_US: u64 = 1_000_000;

impl Wire {
    /// Links came back: what waited is sent again, and so are the first packets of dials.
    pub fn mend(&mut self) {
        let ids: Vec<PipeId> = self.pipes.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.mend_pipe(id);
        }
        self.call_again();
    }

    /// Dials that found no link, or nobody awake, are tried again if the other end can be reached now.
    pub(super) fn call_again(&mut self) {
        let waits = |conn: &Conn| !conn.reaches && conn.refused_us.is_none() && conn.deadline_us > now_us();
        let dials: Vec<ConnId> = self.conns.iter().filter(|(_, c)| waits(c)).map(|(id, _)| id).collect();
        for id in dials {
            let at = dial_retry_us(self.conns[id].dialled_us, now_us());
            self.call(id, at);
        }
    }

    /// Begins a connection.
    pub(in crate::net) fn dial(&mut self, from: HostId, to: HostId) -> ConnId {
        let now = now_us();
        let id = self.conns.insert(Conn {
            ends: [from, to],
            accepted_us: None,
            refused_us: None,
            dialled_us: now,
            reaches: false,
            deadline_us: now + DIAL_TIMEOUT_US,
            dial_waker: None,
            dial_timer: Timer::default(),
            last_us: [0; 2],
            gone_us: [None; 2],
            watcher: [None, None],
            watch_timer: Default::default(),
            opened: Default::default(),
            raw: None,
            pipes: BTreeSet::new(),
            handles: 1,
        });
        self.port(from).conns.insert(id);
        self.call(id, now);
        id
    }

    /// Sends the first packet of a dial at this time, if the link is there.
    fn call(&mut self, id: ConnId, at_us: u64) {
        let conn = &mut self.conns[id];
        let [from, to] = conn.ends;
        let port = &mut self.ports[to as usize];
        if !self.links.can_dial(from, to) || !port.awake {
            return;
        }
        let latency = self.links.latency_us(from, to);
        if port.listening {
            conn.reaches = true;
            let arrival = self.links.stream(at_us, (from, to), 0).unwrap_or(at_us + latency);
            port.incoming.insert((arrival, id));
            port.arm();
        } else {
            conn.refused_us = Some(at_us + 2 * latency);
        }
        if let Some(waker) = conn.dial_waker.take() {
            waker.wake();
        }
    }

    /// Whether the dialled end has answered.
    pub(in crate::net) fn poll_dial(
        &mut self,
        id: ConnId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), WireError>> {
        let latency = self.links.latency_us(self.conns[id].ends[1], self.conns[id].ends[0]);
        let conn = &mut self.conns[id];
        let now = now_us();
        let (at, outcome) = match (conn.accepted_us, conn.refused_us) {
            (Some(accepted), _) => (accepted + latency, Ok(())),
            (None, Some(refused)) => (refused, Err(WireError::Refused)),
            (None, None) => (conn.deadline_us, Err(WireError::Timeout)),
        };
        if at <= now {
            conn.dial_timer.clear();
            conn.last_us[0] = conn.last_us[0].max(now);
            return Poll::Ready(outcome);
        }
        conn.dial_waker = Some(cx.waker().clone());
        conn.dial_timer.set(at, cx.waker());
        Poll::Pending
    }

    /// The next connection that has arrived at a host.
    pub(in crate::net) fn poll_incoming(
        &mut self,
        host: HostId,
        cx: &mut Context<'_>,
    ) -> Poll<(ConnId, HostId)> {
        let now = now_us();
        let port = self.port(host);
        let Some((at, id)) = port.incoming.first().copied().filter(|(at, _)| *at <= now) else {
            port.waker = Some(cx.waker().clone());
            port.arm();
            return Poll::Pending;
        };
        port.incoming.remove(&(at, id));
        port.conns.insert(id);
        let conn = &mut self.conns[id];
        conn.accepted_us = Some(now);
        conn.handles += 1;
        if let Some(waker) = conn.dial_waker.take() {
            waker.wake();
        }
        Poll::Ready((id, conn.ends[0]))
    }
}

/// When a dial that found no link is tried again: the first of the doubling attempts after `now`.
fn dial_retry_us(since: u64, now: u64) -> u64 {
    let (mut at, mut patience) = (since, DIAL_AGAIN_US);
    while at < now {
        at += patience;
        patience *= 2;
    }
    at
}

#[cfg(test)]
mod tests;
