//! Who was removed opens nothing that was sealed after its removal was known to the sender, and nobody opens what was written before it
//! came: judged by plaintext. What a member wrote or where it was while its own engine's members lacked somebody must never be at that
//! somebody. And nothing is sealed to an epoch while somebody holds it who is known to be out, whether or not it comes to that one.

use super::{Check, End, Findings};
use crate::book::{Book, contents_of};
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_crypto::id::{AccountId, DeviceId, EpochId, MessageId};
use halloo_engine::output::{Event, Output};
use halloo_engine::views::{Activity, ActivityEntry};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "removed";

/// The judge.
#[derive(Default)]
pub struct Removed {
    /// Who was told that somebody is out.
    told: BTreeMap<HostId, BTreeSet<AccountId>>,
    /// Who seals, as it was when its last input was done.
    sealers: BTreeMap<HostId, Sealer>,
    /// What the engine said of outsiders, and of what it said it: asking costs a walk through the tree after each input.
    asked: BTreeMap<HostId, ((EpochId, usize, u64), bool)>,
    /// What somebody has just been given that was written after its removal: no fault if its own log calls that removal void now.
    /// Acknowledgements may settle it the other way later, but whoever hands something over goes by what is known.
    fresh: BTreeMap<HostId, Vec<Suspicion>>,
    /// The same, and its log did not: no fault if the removal turns out to be void.
    suspicions: Vec<Suspicion>,
}

/// Something that somebody should not have.
#[derive(Clone, Debug)]
pub struct Suspicion {
    at: At,
    /// Who has it.
    account: AccountId,
    what: String,
    /// Whether a removal is why, and not that it came later.
    parted: bool,
}

/// A member as a sealer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sealer {
    /// Seals to epochs since its start.
    pub seals: u64,
    /// Whether somebody who is out holds its epoch.
    pub tainted: bool,
}

impl Check for Removed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, book: &Book, findings: &mut Findings) {
        match seen {
            Seen::Output { output: Output::Write(batch), .. } => {
                for (id, _) in contents_of(batch) {
                    self.note(holds(at, id, book), findings);
                }
            }
            Seen::Output { output: Output::Event(event), .. } => self.event(at, event, book, findings),
            Seen::VoiceOut { to, .. } => self.speaks(at, *to, book, findings),
            Seen::Began { .. } => {
                self.sealers.remove(&at.host);
                self.asked.remove(&at.host);
            }
            Seen::Drained { engine } => {
                let print = engine.outsiders_print();
                let (asked, tainted) =
                    self.asked.entry(at.host).or_insert_with(|| (print, engine.outsider_holds_epoch()));
                if *asked != print {
                    (*asked, *tainted) = (print, engine.outsider_holds_epoch());
                }
                let tainted = *tainted;
                self.seals(at, Sealer { seals: engine.seals(), tainted }, findings);
                self.weigh(at.host, || engine.activity(usize::MAX));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, findings: &mut Findings) {
        let fresh = std::mem::take(&mut self.fresh).into_values().flatten();
        for suspicion in std::mem::take(&mut self.suspicions).into_iter().chain(fresh) {
            let engines = end.members.iter().filter_map(|member| member.engine);
            let members = engines.filter(|engine| engine.status().member);
            let lines = members.flat_map(|engine| engine.activity(usize::MAX));
            if !overturned(lines, &suspicion.account) {
                findings.add(NAME, suspicion.at, suspicion.what);
            }
        }
    }
}

/// Whether these lines of activity logs call every removal of this account void: acts of somebody who was taken out beside them.
pub fn overturned(lines: impl Iterator<Item = ActivityEntry>, account: &AccountId) -> bool {
    let parts =
        |act: &Activity| matches!(act, Activity::Removed(who) | Activity::Left(who) if who == account);
    let mut removals = lines.filter(|line| parts(&line.act)).map(|line| line.void).peekable();
    removals.peek().is_some() && removals.all(|void| void)
}

impl Removed {
    fn note(&mut self, suspicion: Option<Suspicion>, findings: &mut Findings) {
        match suspicion {
            Some(suspicion) if suspicion.parted => {
                self.fresh.entry(suspicion.at.host).or_default().push(suspicion);
            }
            Some(suspicion) => findings.add(NAME, suspicion.at, suspicion.what),
            None => {}
        }
    }

    /// What a host was given in the input that is done, by the activity log that it has now.
    pub fn weigh(&mut self, host: HostId, log: impl Fn() -> Vec<ActivityEntry>) {
        let fresh = self.fresh.remove(&host).into_iter().flatten();
        self.suspicions.extend(fresh.filter(|suspicion| !overturned(log().into_iter(), &suspicion.account)));
    }

    fn event(&mut self, at: At, event: &Event, book: &Book, findings: &mut Findings) {
        let told = self.told.entry(at.host).or_default();
        match event {
            Event::MemberRemoved { account, .. } | Event::MemberLeft { account } => {
                told.insert(*account);
            }
            Event::MemberJoined { account, .. } => {
                told.remove(account);
            }
            Event::Message(entry) | Event::Edited(entry) => self.note(holds(at, entry.id, book), findings),
            Event::Location(view) if !view.own => {
                self.note(sees(at, view.device, view.taken_ms, book), findings);
            }
            _ => {}
        }
    }

    /// A member has done an input. What it sealed in the very input that brings the taint, or ends it, may lie on the good side.
    pub fn seals(&mut self, at: At, now: Sealer, findings: &mut Findings) {
        let before = self.sealers.insert(at.host, now).unwrap_or_default();
        if before.tainted && now.tainted && now.seals > before.seals {
            findings.add(NAME, at, "seals to an epoch that somebody holds who is known here to be out");
        }
    }

    /// A voice frame leaves for a host.
    fn speaks(&self, at: At, to: HostId, book: &Book, findings: &mut Findings) {
        let out = book
            .account(to)
            .is_some_and(|account| self.told.get(&at.host).is_some_and(|told| told.contains(&account)));
        if out {
            findings.add(NAME, at, format!("voice leaves for host {to}, which is known here to be out"));
        }
    }
}

/// A host has the plaintext of a content; what is wrong with that, if anything.
pub fn holds(at: At, id: MessageId, book: &Book) -> Option<Suspicion> {
    let (account, written) = (book.account(at.host)?, book.written(&id)?);
    if written.host == at.host || written.audience.contains(&account) || written.handed.contains(&account) {
        return None;
    }
    let parted = written.gone.contains(&account);
    if written.document && (book.is_back(&account) || !parted) {
        return None; // The document is for whoever comes, from its beginning.
    }
    let why = if parted { "after it knew it to be out" } else { "before it came" };
    let what = format!("has {id}, which host {} wrote {why} ({} us)", written.host, written.us);
    Some(Suspicion { at, account, what, parted })
}

/// A host sees a position; what is wrong with that, if anything.
pub fn sees(at: At, device: DeviceId, taken_ms: u64, book: &Book) -> Option<Suspicion> {
    let (account, taken) = (book.account(at.host)?, book.taken(&device, taken_ms)?);
    // A newcomer is given the last position of everybody; who was in and is out is not.
    let parted = taken.gone.contains(&account) && !book.is_back(&account);
    let what = format!("sees where {device} was at {taken_ms}, which knew it to be out");
    parted.then_some(Suspicion { at, account, what, parted })
}

#[cfg(test)]
mod tests;
