//! What the world knows for sure, for its judges to compare with: who is who, who runs, who wrote what and who was a member then.
//!
//! A member's own word is taken only for what it knows (`accounts`), never for whether it obeys.

use crate::net::links::HostId;
use crate::plan::Plan;
use crate::seen::{At, Seen};
use halloo_crdt::content::{Body, SignedContent};
use halloo_crypto::id::{AccountId, DeviceId, MessageId};
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::{Batch, Event, Output};
use halloo_engine::snapshot::Table;
use halloo_engine::views::Activity;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// A set of accounts that many entries share.
pub type Accounts = Rc<BTreeSet<AccountId>>;

/// One host as the world knows it.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// The account and device of its member, once it has been one.
    pub ids: Option<(AccountId, DeviceId)>,
    /// Which life runs, or ran last.
    pub life: u32,
    /// When it first was a member.
    pub joined_us: Option<u64>,
    /// When its process ended; `None` while it runs.
    pub ended_us: Option<u64>,
    /// Breaks the rules: nothing is asked of it.
    pub adversary: bool,
    /// The group of the plan.
    pub group: u32,
    /// Who was in when it last wrote or moved, as its own engine had it.
    accounts: Accounts,
    /// Who was in at any such time and was not at the last.
    gone: Accounts,
    /// Who was in before the command that is being carried out: what belongs to a removal is said to the removed as well.
    before: Option<Accounts>,
}

/// A content as it was when its author wrote it.
#[derive(Clone, Debug)]
pub struct Written {
    /// By whom.
    pub host: HostId,
    /// When.
    pub us: u64,
    /// Members in its author's eyes.
    pub audience: Accounts,
    /// Members before, in its author's eyes, and no more.
    pub gone: Accounts,
    /// A change of the document, which newcomers get from the beginning; everything else only from their coming on.
    pub document: bool,
    /// Who came later and is given it by the word of who let it in.
    pub handed: BTreeSet<AccountId>,
}

/// A position as it was when it was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// When it was first given to the engine, virtual microseconds.
    pub us: u64,
    /// Members before, in its owner's eyes, and no more, each time that it was given to the engine.
    pub gone: Accounts,
}

/// What is known for sure.
#[derive(Debug, Default)]
pub struct Book {
    /// The hosts in order.
    pub people: Vec<Person>,
    devices: BTreeMap<DeviceId, HostId>,
    accounts: BTreeMap<AccountId, HostId>,
    contents: BTreeMap<MessageId, Written>,
    /// Edits, reactions and withdrawals by their line.
    notes: BTreeMap<MessageId, Vec<MessageId>>,
    /// Positions by device and the time in them.
    places: BTreeMap<(DeviceId, u64), Taken>,
    /// When the world last gave a device a reason to renew its position.
    shared: BTreeMap<DeviceId, u64>,
    /// When somebody was last taken out or left, in anybody's eyes.
    parted_us: BTreeMap<AccountId, u64>,
    /// When somebody was last seen to come in.
    came_us: BTreeMap<AccountId, u64>,
    /// How long positions stay valid without news, by the plan.
    pub location_lease: Duration,
    /// The same for presence.
    pub presence_lease: Duration,
}

impl Book {
    /// A book of a run that has not begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let person = |host: &crate::plan::HostPlan| Person {
            adversary: host.adversary.is_some(),
            group: host.group,
            ..Person::default()
        };
        Book {
            people: plan.hosts.iter().map(person).collect(),
            location_lease: plan.config.location_lease,
            presence_lease: plan.config.presence_lease,
            ..Book::default()
        }
    }

    /// The host of a device.
    #[must_use]
    pub fn host_of(&self, device: &DeviceId) -> Option<HostId> {
        self.devices.get(device).copied()
    }

    /// The host of an account.
    #[must_use]
    pub fn host_of_account(&self, account: &AccountId) -> Option<HostId> {
        self.accounts.get(account).copied()
    }

    /// A host.
    #[must_use]
    pub fn person(&self, host: HostId) -> &Person {
        &self.people[host as usize]
    }

    /// The account of a host that has been a member.
    #[must_use]
    pub fn account(&self, host: HostId) -> Option<AccountId> {
        self.person(host).ids.map(|(account, _)| account)
    }

    /// A content that somebody honest wrote.
    #[must_use]
    pub fn written(&self, id: &MessageId) -> Option<&Written> {
        self.contents.get(id)
    }

    /// A position that somebody honest took.
    #[must_use]
    pub fn taken(&self, device: &DeviceId, fix_ms: u64) -> Option<&Taken> {
        self.places.get(&(*device, fix_ms))
    }

    /// When a device last had a reason to renew its position, virtual microseconds.
    #[must_use]
    pub fn shared_us(&self, device: &DeviceId) -> Option<u64> {
        self.shared.get(device).copied()
    }

    /// Whether somebody was ever taken out or left, in anybody's eyes.
    #[must_use]
    pub fn has_parted(&self, account: &AccountId) -> bool {
        self.parted_us.contains_key(account)
    }

    /// Whether somebody who was out came in again, in anybody's eyes.
    #[must_use]
    pub fn is_back(&self, account: &AccountId) -> bool {
        let parted = self.parted_us.get(account);
        parted.is_some_and(|parted| self.came_us.get(account).is_some_and(|came| came > parted))
    }

    /// Notes what happened.
    pub fn see(&mut self, at: At, seen: &Seen<'_>) {
        match seen {
            Seen::Began { origin, engine } => self.began(at, origin, engine),
            Seen::Ended(_) => self.people[at.host as usize].ended_us = Some(at.us),
            Seen::Input { input, engine } => self.input(at, input, engine),
            Seen::Output { output: Output::Write(batch), engine } => self.batch(at, batch, engine),
            Seen::Output { output: Output::Event(event), .. } => self.event(at, event),
            _ => {}
        }
    }

    fn began(&mut self, at: At, origin: &str, engine: &Engine) {
        self.introduce(at.host, engine.account(), engine.device());
        let person = &mut self.people[at.host as usize];
        person.life = at.life;
        person.ended_us = None;
        person.joined_us.get_or_insert(at.us);
        if origin != "restore" {
            self.came_us.insert(engine.account(), at.us);
        }
    }

    /// Notes who is behind a host.
    pub fn introduce(&mut self, host: HostId, account: AccountId, device: DeviceId) {
        self.people[host as usize].ids = Some((account, device));
        self.accounts.insert(account, host);
        self.devices.insert(device, host);
    }

    fn event(&mut self, at: At, event: &Event) {
        match event {
            Event::MemberRemoved { account, .. } | Event::MemberLeft { account } => {
                self.parted_us.insert(*account, at.us);
            }
            Event::Evicted { .. } => {
                self.parted_us.extend(self.account(at.host).map(|account| (account, at.us)))
            }
            Event::MemberJoined { account, .. } => {
                self.came_us.insert(*account, at.us);
            }
            _ => {}
        }
    }

    fn input(&mut self, at: At, input: &Input, engine: &Engine) {
        self.people[at.host as usize].before = None;
        if let Input::Command { .. } = input {
            self.knows(at.host, engine.accounts().copied().collect());
            let person = &mut self.people[at.host as usize];
            person.before = Some(Rc::clone(&person.accounts));
        }
        match input {
            Input::Fix(fix) => {
                self.knows(at.host, engine.accounts().copied().collect());
                self.took(at, engine.device(), fix.time_ms);
            }
            Input::Command { command: Command::Share { .. } | Command::SetPrecision(_), .. } => {
                self.shared.insert(engine.device(), at.us);
            }
            _ => {}
        }
    }

    /// A host's engine has these members now.
    pub fn knows(&mut self, host: HostId, accounts: BTreeSet<AccountId>) {
        let person = &mut self.people[host as usize];
        if *person.accounts == accounts {
            return;
        }
        let gone = person.gone.union(&person.accounts).filter(|account| !accounts.contains(account));
        person.gone = Rc::new(gone.copied().collect());
        person.accounts = Rc::new(accounts);
    }

    /// A host's device was given a position of this time.
    pub fn took(&mut self, at: At, device: DeviceId, fix_ms: u64) {
        let gone = Rc::clone(&self.people[at.host as usize].gone);
        self.shared.insert(device, at.us);
        let taken = Taken { us: at.us, gone: Rc::clone(&gone) };
        if let Some(before) = self.places.insert((device, fix_ms), taken) {
            let both = before.gone.intersection(&gone).copied().collect();
            self.places.insert((device, fix_ms), Taken { us: before.us, gone: Rc::new(both) });
        }
    }

    /// Contents are stored first by their author, in the drain in which they are written.
    fn batch(&mut self, at: At, batch: &Batch, engine: &Engine) {
        if self.person(at.host).adversary {
            return;
        }
        for (id, value) in contents_of(batch) {
            if self.contents.contains_key(&id) {
                continue;
            }
            let Ok(signed) = SignedContent::parse(value) else { continue };
            if signed.content().author == engine.device() {
                self.knows(at.host, engine.accounts().copied().collect());
                let body = &signed.content().body;
                self.wrote(at, id, matches!(body, Body::Document(_)));
                self.hand_on(id, body, engine);
            }
        }
    }

    /// A host's member wrote this, for whom it knows now.
    pub fn wrote(&mut self, at: At, id: MessageId, document: bool) {
        let person = &self.people[at.host as usize];
        let (mut audience, mut gone) = (Rc::clone(&person.accounts), Rc::clone(&person.gone));
        if let Some(before) = person.before.as_ref().filter(|before| **before != audience) {
            audience = Rc::new(audience.union(before).copied().collect());
            gone = Rc::new(gone.difference(before).copied().collect());
        }
        let written = Written { host: at.host, us: at.us, audience, gone, document, handed: BTreeSet::new() };
        self.contents.entry(id).or_insert(written);
    }

    /// A word hands lines to somebody, and with a line go all notes on it, whenever they are written.
    fn hand_on(&mut self, id: MessageId, body: &Body, engine: &Engine) {
        match body {
            Body::Edit { target, .. } | Body::Redact { target } | Body::Reaction { target, .. } => {
                self.notes.entry(*target).or_default().push(id);
                let handed = self.contents.get(target).map(|line| line.handed.clone()).unwrap_or_default();
                if let Some(note) = self.contents.get_mut(&id) {
                    note.handed = handed;
                }
            }
            Body::History { add, lines } => {
                let added = engine.activity(usize::MAX).into_iter().find(|line| line.op == *add);
                if let Some(Activity::Added(account)) = added.map(|line| line.act) {
                    lines.iter().for_each(|line| self.hand(account, line));
                }
            }
            _ => {}
        }
    }

    /// A line is for this account from now on.
    pub fn hand(&mut self, account: AccountId, line: &MessageId) {
        let notes = self.notes.get(line).into_iter().flatten();
        for id in notes.chain([line]) {
            if let Some(written) = self.contents.get_mut(id) {
                written.handed.insert(account);
            }
        }
    }
}

/// The contents that a batch stores, those too that were handed on.
pub fn contents_of(batch: &Batch) -> impl Iterator<Item = (MessageId, &[u8])> {
    batch.puts.iter().filter_map(|(key, value)| {
        let (table, name) = key.split_first()?;
        let name = <[u8; 32]>::try_from(name)
            .ok()
            .filter(|_| [Table::Content as u8, Table::Handed as u8].contains(table))?;
        Some((MessageId::from_bytes(name), value.as_slice()))
    })
}

#[cfg(test)]
mod tests;
