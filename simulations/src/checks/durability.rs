//! Nothing acknowledged is lost: what a member was told is done or shown is there after its restart and, at the end, at every entitled
//! member that it can reach; and nothing is shown as new twice.

use super::{Check, End, Findings, islands};
use crate::book::Book;
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, MessageId};
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::{Event, Output, Reply};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "durability";
/// Missing messages named one by one at the end, for each host.
const NAMED_MAX: usize = 3;

/// The judge.
#[derive(Default)]
pub struct Durability {
    hosts: BTreeMap<HostId, Promises>,
}

/// What one member was promised.
#[derive(Debug, Default)]
pub struct Promises {
    /// Commands under way.
    asked: BTreeMap<u64, Command>,
    /// Own messages that were acknowledged.
    written: BTreeSet<MessageId>,
    /// Messages shown as new, in any life.
    shown: BTreeSet<MessageId>,
    /// Withdrawn messages whose withdrawal was acknowledged.
    deleted: BTreeSet<MessageId>,
    /// The group's name that was acknowledged last and that no news has changed since.
    name: Option<String>,
    /// The same for roles.
    roles: BTreeMap<AccountId, Role>,
    /// Accounts whose removal was acknowledged and that have not come in again.
    removed: BTreeSet<AccountId>,
    /// The own leaving was acknowledged.
    left: bool,
}

impl Check for Durability {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, _: &Book, findings: &mut Findings) {
        let promises = self.hosts.entry(at.host).or_default();
        match seen {
            Seen::Began { origin: "restore", engine } => {
                for lost in promises.broken_by(*engine) {
                    findings.add(NAME, at, format!("after the restart {lost}"));
                }
                promises.asked.clear();
            }
            Seen::Input { input: Input::Command { request, command }, .. } => {
                promises.asked.insert(*request, command.clone());
            }
            Seen::Output { output: Output::Reply { request, result }, .. } => {
                let command = promises.asked.remove(request);
                if let (Some(command), Ok(reply)) = (command, result) {
                    promises.keep(command, reply);
                }
            }
            Seen::Output { output: Output::Event(event), .. } => {
                if let Some(twice) = promises.hear(event) {
                    findings.add(NAME, at, format!("{twice} is shown as new a second time"));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, findings: &mut Findings) {
        for (host, promises) in &self.hosts {
            for lost in end.engine(*host).into_iter().flat_map(|engine| promises.broken_by(engine)) {
                end.note(findings, NAME, *host, format!("at the end {lost}"));
            }
        }
        if !end.plan.must_converge {
            return;
        }
        for island in islands::of(end).into_values().flatten() {
            self.spread(end, &island, findings);
        }
    }
}

impl Durability {
    /// What anybody of an island was promised or shown, everybody entitled there has.
    fn spread(&self, end: &End<'_>, island: &[HostId], findings: &mut Findings) {
        let known: BTreeSet<&MessageId> = island
            .iter()
            .filter_map(|host| self.hosts.get(host))
            .flat_map(|promises| promises.written.iter().chain(&promises.shown))
            .collect();
        let withdrawn: BTreeSet<&MessageId> =
            self.hosts.values().flat_map(|promises| &promises.deleted).collect();
        for host in island {
            let (Some(engine), Some(account)) = (end.engine(*host), end.book.account(*host)) else {
                continue;
            };
            if end.book.has_parted(&account) {
                continue; // What somebody who left and came again is entitled to is for `removed` to say.
            }
            let entitled = known.iter().filter(|id| {
                end.book.written(id).is_some_and(|written| {
                    // What was withdrawn is not handed on any more.
                    let handed = written.handed.contains(&account) && !withdrawn.contains(*id);
                    written.audience.contains(&account) || handed
                })
            });
            let missing: Vec<_> = entitled.filter(|id| engine.message(id).is_none()).collect();
            for id in missing.iter().take(NAMED_MAX) {
                end.note(findings, NAME, *host, format!("at the end {id} is missing"));
            }
            if missing.len() > NAMED_MAX {
                let what = format!("at the end {} more messages are missing", missing.len() - NAMED_MAX);
                end.note(findings, NAME, *host, what);
            }
        }
    }
}

/// What a member can be asked about its promises.
pub trait Memory {
    /// Whether a message is here, and whether it is withdrawn.
    fn message(&self, id: &MessageId) -> Option<bool>;
    /// The role of a member.
    fn role(&self, account: &AccountId) -> Option<Role>;
    /// The group's name.
    fn group_name(&self) -> String;
    /// Whether it still is a member itself.
    fn is_member(&self) -> bool;
}

impl Memory for Engine {
    fn message(&self, id: &MessageId) -> Option<bool> {
        Engine::message(self, id).map(|entry| entry.deleted)
    }

    fn role(&self, account: &AccountId) -> Option<Role> {
        self.members().into_iter().find(|member| member.account == *account).map(|member| member.role)
    }

    fn group_name(&self) -> String {
        self.status().group_name
    }

    fn is_member(&self) -> bool {
        self.status().member
    }
}

impl Promises {
    /// A command was acknowledged.
    pub fn keep(&mut self, command: Command, reply: &Reply) {
        if let Reply::Message(id) = reply {
            self.written.insert(*id);
        }
        match command {
            Command::Delete { message } => {
                self.deleted.insert(message);
            }
            Command::Rename(name) => self.name = Some(name),
            Command::SetRole { account, role } => {
                self.roles.insert(account, role);
            }
            Command::Remove(account) => {
                self.removed.insert(account);
            }
            Command::Leave => self.left = true,
            _ => {}
        }
    }

    /// Something was shown; the message that was shown before.
    pub fn hear(&mut self, event: &Event) -> Option<MessageId> {
        match event {
            Event::Message(entry) if !self.shown.insert(entry.id) => return Some(entry.id),
            // News of others take the place of what was promised: which of two changes stands is for `convergence` to judge.
            Event::Renamed { name } if self.name.as_ref().is_some_and(|promised| promised != name) => {
                self.name = None;
            }
            Event::RoleChanged { account, role }
                if self.roles.get(account).is_some_and(|kept| kept != role) =>
            {
                self.roles.remove(account);
            }
            Event::MemberRemoved { account, .. } | Event::MemberLeft { account } => {
                self.roles.remove(account);
            }
            Event::MemberJoined { account, .. } => {
                self.removed.remove(account);
                self.left = false;
            }
            _ => {}
        }
        None
    }

    /// What was promised and does not hold.
    pub fn broken_by(&self, memory: &dyn Memory) -> Vec<String> {
        let mut broken = Vec::new();
        let absent = |ids: &BTreeSet<MessageId>| {
            ids.iter().filter(|id| memory.message(id).is_none()).copied().collect::<Vec<_>>()
        };
        broken.extend(absent(&self.written).iter().map(|id| format!("the acknowledged {id} is gone")));
        broken.extend(absent(&self.shown).iter().map(|id| format!("{id} is gone, which was shown")));
        for id in &self.deleted {
            if memory.message(id) == Some(false) {
                broken.push(format!("the withdrawn {id} is back"));
            }
        }
        if self.left && memory.is_member() {
            broken.push("its leaving is undone".to_owned());
        }
        if !memory.is_member() {
            return broken;
        }
        if let Some(name) = self.name.as_ref().filter(|name| **name != memory.group_name()) {
            broken.push(format!("the group is called {:?} and not {name:?}", memory.group_name()));
        }
        for account in self.removed.iter().filter(|account| memory.role(account).is_some()) {
            broken.push(format!("the removed {account} is a member"));
        }
        for (account, role) in &self.roles {
            let found = memory.role(account);
            if found.is_some_and(|found| found != *role) {
                broken.push(format!("the role of {account} is {found:?} and not {role:?}"));
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests;
