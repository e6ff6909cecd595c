//! What each kind of work costs a real CPU, taken while a simulation does it; judges, trace and figures are left out.
//!
//! Reads the CPU time of the thread only where it was switched on: what is measured never decides anything in a run.

use halloo_vtime::cpu_ns;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Work of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Pieces.
    pub count: u64,
    /// CPU time of them all, nanoseconds.
    pub ns: u64,
}

#[derive(Default)]
struct Meter {
    tallies: BTreeMap<&'static str, Tally>,
    aside_ns: u64,
}

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Measures on this thread from now on.
pub fn begin() {
    METER.set(Some(Meter::default()));
}

/// Ends it; what was measured.
#[must_use]
pub fn end() -> BTreeMap<&'static str, Tally> {
    METER.take().map(|meter| meter.tallies).unwrap_or_default()
}

fn aside_ns() -> Option<u64> {
    METER.with_borrow(|meter| meter.as_ref().map(|meter| meter.aside_ns))
}

/// Does a piece of work of this kind, `count` pieces in one where the caller cannot tell them apart.
pub fn work<R>(kind: &'static str, does: impl FnOnce() -> (R, u64)) -> R {
    let Some(aside) = aside_ns() else { return does().0 };
    let began = cpu_ns();
    let (result, count) = does();
    let took = cpu_ns() - began;
    METER.with_borrow_mut(|meter| {
        if let Some(meter) = meter {
            let tally = meter.tallies.entry(kind).or_default();
            tally.count += count;
            tally.ns += took.saturating_sub(meter.aside_ns - aside);
        }
    });
    result
}

/// Does what the work itself would not do.
pub fn aside<R>(does: impl FnOnce() -> R) -> R {
    if aside_ns().is_none() {
        return does();
    }
    let began = cpu_ns();
    let result = does();
    let took = cpu_ns() - began;
    METER.with_borrow_mut(|meter| {
        if let Some(meter) = meter {
            meter.aside_ns += took;
        }
    });
    result
}

#[cfg(test)]
mod tests;
