//! All honest members that can reach each other agree at the end: members, roles, names, epoch, messages with their edits, reactions and
//! receipts, and where everybody is.

use super::{Check, End, Findings, islands};
use crate::book::Book;
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_crdt::messages::{Cursor, MAX_PAGE};
use halloo_crypto::id::{AccountId, DeviceId, MessageId};
use halloo_engine::Engine;
use halloo_engine::views::ChatEntry;
use std::collections::BTreeMap;

/// Lines of the conversation that are compared, the newest ones.
const LINES_MAX: usize = 20_000;
/// How far apart positions of one device may be, milliseconds of its own clock: one report is under way, one waits for its turn, and
/// neighbours pass on once a second.
const POSITION_AGE_MAX_MS: u64 = 10_000;
/// Differences named in one violation.
const NAMED_MAX: usize = 4;

/// The judge.
pub struct Convergence;

/// What one member sees.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct View {
    /// Account, role and name.
    pub members: Vec<(AccountId, String, String)>,
    /// The epoch in hexadecimal.
    pub epoch: String,
    /// The group's name.
    pub name: String,
    /// The conversation.
    pub lines: BTreeMap<MessageId, Shown>,
    /// Who of the members is seen where: the time of the position by its owner's clock.
    pub places: BTreeMap<DeviceId, u64>,
}

impl Check for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn see(&mut self, _: At, _: &Seen<'_>, _: &Book, _: &mut Findings) {}

    fn end(&mut self, end: &End<'_>, findings: &mut Findings) {
        if !end.plan.must_converge {
            return;
        }
        for (group, islands) in islands::of(end) {
            for island in islands {
                compare(end, group, &island, findings);
            }
        }
    }
}

fn compare(end: &End<'_>, group: u32, island: &[HostId], findings: &mut Findings) {
    let view_of = |host: &HostId| view(end.engine(*host).expect("only running members are compared"));
    let Some((first, others)) = island.split_first() else { return };
    let expected = view_of(first);
    for host in others {
        let shared = |id: &MessageId| shared(end.book, id, [*first, *host]);
        let differs = differences(&expected, &view_of(host), &shared);
        if !differs.is_empty() {
            let what = format!("group {group}: host {host} differs from {first}: {}", differs.join("; "));
            end.note(findings, "convergence", *host, what);
        }
    }
}

/// Whether a line is for both: newcomers get nothing that was written before they came.
fn shared(book: &Book, id: &MessageId, hosts: [HostId; 2]) -> bool {
    match book.written(id) {
        Some(written) => hosts
            .iter()
            .all(|host| book.account(*host).is_some_and(|account| written.audience.contains(&account))),
        // Written by somebody who breaks the rules: both were in before the last word that is known of, or we cannot say.
        None => false,
    }
}

/// In what two views differ.
#[must_use]
pub fn differences(expected: &View, found: &View, shared: &dyn Fn(&MessageId) -> bool) -> Vec<String> {
    let mut differs = Vec::new();
    if found.members != expected.members {
        differs.push(format!("members {:?} against {:?}", found.members, expected.members));
    }
    if found.epoch != expected.epoch {
        differs.push(format!("epoch {} against {}", found.epoch, expected.epoch));
    }
    if found.name != expected.name {
        differs.push(format!("name {:?} against {:?}", found.name, expected.name));
    }
    let ids = expected.lines.keys().chain(found.lines.keys().filter(|id| !expected.lines.contains_key(id)));
    let lines = ids.filter(|id| {
        let (one, other) = (expected.lines.get(*id), found.lines.get(*id));
        match (one, other) {
            (Some(one), Some(other)) => !one.agrees(other),
            _ => shared(id),
        }
    });
    let lines: Vec<&MessageId> = lines.collect();
    for id in lines.iter().take(NAMED_MAX) {
        let (one, other) = (expected.lines.get(*id), found.lines.get(*id));
        differs.push(format!("line {id}: {other:?} against {one:?}"));
    }
    if lines.len() > NAMED_MAX {
        differs.push(format!("{} more lines", lines.len() - NAMED_MAX));
    }
    for (device, place) in &found.places {
        let stale = expected.places.get(device).filter(|other| other.abs_diff(*place) > POSITION_AGE_MAX_MS);
        if let Some(other) = stale {
            differs.push(format!("position of {device}: of {place} against {other}"));
        }
    }
    differs
}

fn view(engine: &Engine) -> View {
    let status = engine.status();
    let members = engine.members().into_iter();
    let mut members: Vec<_> =
        members.map(|member| (member.account, format!("{:?}", member.role), member.name)).collect();
    members.sort();
    View {
        members,
        epoch: status.epoch.to_string(),
        name: status.group_name,
        lines: lines(engine),
        places: engine.locations().into_iter().map(|place| (place.device, place.taken_ms)).collect(),
    }
}

fn lines(engine: &Engine) -> BTreeMap<MessageId, Shown> {
    let mut lines = BTreeMap::new();
    let mut before: Option<Cursor> = None;
    while lines.len() < LINES_MAX {
        let page = engine.timeline(before, MAX_PAGE);
        lines.extend(page.entries.into_iter().map(|entry| (entry.id, line(entry))));
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    lines
}

/// A line as somebody shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// On this all agree.
    line: String,
    /// On this all agree who were in when it was written: whether it counts, and who has it. Whoever it was handed on to has the word
    /// of one member for the one, and of the other knows nothing.
    counted: Option<String>,
}

impl Shown {
    /// Whether two show the same, as far as both can know.
    fn agrees(&self, other: &Self) -> bool {
        let counted = self.counted.is_none() || other.counted.is_none() || self.counted == other.counted;
        self.line == other.line && counted
    }
}

/// Everything of a line on which all must agree.
fn line(mut entry: ChatEntry) -> Shown {
    entry.delivered_to.sort();
    entry.read_by.sort();
    let ChatEntry { author, device, sent_ms, text, reply_to, edited, deleted, reactions, void, .. } = &entry;
    let counted = format!("void {void} delivered {:?} read {:?}", entry.delivered_to, entry.read_by);
    Shown {
        line: format!(
            "{author} {device} {sent_ms} {text:?} {reply_to:?} edited {edited} deleted {deleted} {reactions:?}"
        ),
        counted: (!entry.forwarded).then_some(counted),
    }
}

#[cfg(test)]
mod tests;
