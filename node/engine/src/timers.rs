//! Every reason for which a member may want to be woken: one enum, one table.

use core::time::Duration;

use crate::time::Time;

/// A reason to wake. One deadline each; the table is the whole memory of the future.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Timer {
    /// Own live cells (presence, mute, location) must be renewed before their lease ends.
    LiveRefresh,
    /// A batch of changed live cells goes out.
    LiveFlush,
    /// A lease of somebody's live cell ends.
    LiveExpiry,
    /// The own location sharing ends.
    ShareEnd,
    /// A commit that this device would make is due if nobody else made it.
    CommitDue,
    /// A Nack is to be repeated, or another one is due.
    Nack,
    /// The current epoch is acknowledged if it has stayed.
    Anchor,
    /// Reconciliation with a peer is due again.
    Reconcile,
    /// A handshake, a reconciliation or a pairing has not answered in time.
    PeerTimeout,
    /// An invite or a short code ends.
    InviteEnd,
    /// Receipts are gathered for a moment before they are sent.
    Receipts,
    /// Old branches of the epoch tree and settled facts are dropped.
    Settle,
    /// Message beacon topics of past weeks are given up.
    Topics,
    /// The call: key steps, checkpoints, leases.
    Call,
    /// The pairing machine.
    Pairing,
    /// Another own mailbox is due, or another day of it.
    Mailbox,
    /// What members who are away lack is left in their mailboxes.
    Post,
    /// The places where members meet by day are others.
    Meet,
}

impl Timer {
    /// All reasons, in the order of the table.
    pub const ALL: [Timer; 18] = [
        Timer::LiveRefresh,
        Timer::LiveFlush,
        Timer::LiveExpiry,
        Timer::ShareEnd,
        Timer::CommitDue,
        Timer::Nack,
        Timer::Anchor,
        Timer::Reconcile,
        Timer::PeerTimeout,
        Timer::InviteEnd,
        Timer::Receipts,
        Timer::Settle,
        Timer::Topics,
        Timer::Call,
        Timer::Pairing,
        Timer::Mailbox,
        Timer::Post,
        Timer::Meet,
    ];

    /// A short name for counters and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Timer::LiveRefresh => "live_refresh",
            Timer::LiveFlush => "live_flush",
            Timer::LiveExpiry => "live_expiry",
            Timer::ShareEnd => "share_end",
            Timer::CommitDue => "commit_due",
            Timer::Nack => "nack",
            Timer::Anchor => "anchor",
            Timer::Reconcile => "reconcile",
            Timer::PeerTimeout => "peer_timeout",
            Timer::InviteEnd => "invite_end",
            Timer::Receipts => "receipts",
            Timer::Settle => "settle",
            Timer::Topics => "topics",
            Timer::Call => "call",
            Timer::Pairing => "pairing",
            Timer::Mailbox => "mailbox",
            Timer::Post => "post",
            Timer::Meet => "meet",
        }
    }
}

/// One optional deadline per reason, and how often each has fired.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    due: [Option<Time>; Timer::ALL.len()],
    fired: [u64; Timer::ALL.len()],
}

impl Timers {
    /// Wakes at `at`, whatever was set before.
    pub fn set(&mut self, timer: Timer, at: Time) {
        self.due[timer as usize] = Some(at);
    }

    /// Wakes at `at`, unless it would wake sooner anyway.
    pub fn set_no_later(&mut self, timer: Timer, at: Time) {
        let slot = &mut self.due[timer as usize];
        *slot = Some(slot.map_or(at, |due| due.min(at)));
    }

    /// Wakes after `span`, unless it would wake sooner anyway.
    pub fn within(&mut self, timer: Timer, now: Time, span: Duration) {
        self.set_no_later(timer, now.after(span));
    }

    /// Wakes no more for this reason.
    pub fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    /// When it fires, if it is set.
    pub fn due(&self, timer: Timer) -> Option<Time> {
        self.due[timer as usize]
    }

    /// The next deadline and its reason; the first of the table on a tie.
    pub fn next(&self) -> Option<(Time, Timer)> {
        Timer::ALL.iter().filter_map(|&t| self.due[t as usize].map(|at| (at, t))).min()
    }

    /// Takes one timer that is due, in order of time.
    pub fn take_due(&mut self, now: Time) -> Option<Timer> {
        let (at, timer) = self.next()?;
        if at > now {
            return None;
        }
        debug_assert_eq!(self.due[timer as usize], Some(at), "the next is in the table");
        self.due[timer as usize] = None;
        self.fired[timer as usize] += 1;
        Some(timer)
    }

    /// How often any has fired.
    pub fn total(&self) -> u64 {
        self.fired.iter().sum()
    }

    /// How often each reason has fired.
    pub fn fired(&self) -> Vec<(&'static str, u64)> {
        Timer::ALL.iter().map(|&t| (t.name(), self.fired[t as usize])).collect()
    }
}

#[cfg(test)]
mod tests;
