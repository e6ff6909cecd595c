//! Who was removed opens nothing that was sealed after its removal was known to the sender, and nobody opens what was written before it
//! came: judged by plaintext. What a member wrote or where it was while its own engine's members lacked somebody must never be at that
//! somebody. And nothing is sealed to an epoch while somebody holds it who is known to be out, whether or not it comes to that one.

use super::{Check, End, Findings};
use crate::book::{Book, contents_of};
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_crypto::id::{AccountId, DeviceId, MessageId};
use halloo_engine::output::{Event, Output};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "removed";

/// The judge.
#[derive(Default)]
pub struct Removed {
    /// Who was told that somebody is out.
    told: BTreeMap<HostId, BTreeSet<AccountId>>,
    /// Who seals, as it was when its last input was done.
    sealers: BTreeMap<HostId, Sealer>,
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
                    holds(at, id, book, findings);
                }
            }
            Seen::Output { output: Output::Event(event), .. } => self.event(at, event, book, findings),
            Seen::VoiceOut { to, .. } => self.speaks(at, *to, book, findings),
            Seen::Began { .. } => {
                self.sealers.remove(&at.host);
            }
            Seen::Drained { engine } => {
                let now = Sealer { seals: engine.seals(), tainted: engine.outsider_holds_epoch() };
                self.seals(at, now, findings);
            }
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

impl Removed {
    fn event(&mut self, at: At, event: &Event, book: &Book, findings: &mut Findings) {
        let told = self.told.entry(at.host).or_default();
        match event {
            Event::MemberRemoved { account, .. } | Event::MemberLeft { account } => {
                told.insert(*account);
            }
            Event::MemberJoined { account, .. } => {
                told.remove(account);
            }
            Event::Message(entry) | Event::Edited(entry) => holds(at, entry.id, book, findings),
            Event::Location(view) if !view.own => sees(at, view.device, view.taken_ms, book, findings),
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

/// A host has the plaintext of a content.
pub fn holds(at: At, id: MessageId, book: &Book, findings: &mut Findings) {
    let (Some(account), Some(written)) = (book.account(at.host), book.written(&id)) else { return };
    if written.host == at.host || written.audience.contains(&account) {
        return;
    }
    if written.document && (book.is_back(&account) || !written.gone.contains(&account)) {
        return; // The document is for whoever comes, from its beginning.
    }
    let why = if written.gone.contains(&account) { "after it knew it to be out" } else { "before it came" };
    findings.add(NAME, at, format!("has {id}, which host {} wrote {why} ({} us)", written.host, written.us));
}

/// A host sees a position.
pub fn sees(at: At, device: DeviceId, taken_ms: u64, book: &Book, findings: &mut Findings) {
    let (Some(account), Some(taken)) = (book.account(at.host), book.taken(&device, taken_ms)) else { return };
    // A newcomer is given the last position of everybody; who was in and is out is not.
    if taken.gone.contains(&account) && !book.is_back(&account) {
        findings.add(NAME, at, format!("sees where {device} was at {taken_ms}, which knew it to be out"));
    }
}

#[cfg(test)]
mod tests;
