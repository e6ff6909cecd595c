//! The log of the run, judged: an ERROR line of any crate fails the run.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines kept; a run with more is bad enough.
const LINES_MAX: usize = 20;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs something with every ERROR line of this thread kept.
pub fn judged(act: impl FnOnce()) {
    tracing::subscriber::with_default(Judge, act);
}

/// The lines kept so far.
#[must_use]
pub fn take() -> Vec<String> {
    LINES.take()
}

struct Judge;

impl Subscriber for Judge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR && metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{}:", event.metadata().target()));
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| {
            if lines.len() < LINES_MAX {
                lines.push(line.0);
            }
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A String takes everything.
        let _ = write!(self.0, " {field}={value:?}");
    }
}
