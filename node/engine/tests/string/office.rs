//! A coordinator among the strings: a map of addresses to items, with accidents of its own, and what each member does with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halloo_crypto::id::{MailboxAddress, MailboxItem};
use halloo_crypto::mailbox::{Day, SizeClass};
use halloo_engine::input::{DepositOutcome, Input};
use halloo_engine::output::{MailboxDoor, MeetingPlace, Output};

use super::{Delivery, World};

/// Days that an item is kept.
const KEPT_DAYS: u32 = 14;
/// How often everybody looks into its mailboxes without being told.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Items given out at once.
const AT_ONCE: usize = 64;

/// The coordinator.
#[derive(Debug)]
pub struct Office {
    /// What lies where, and the day it came.
    pub boxes: BTreeMap<MailboxAddress, BTreeMap<MailboxItem, (Day, Vec<u8>)>>,
    /// Whether it answers.
    pub open: bool,
    /// Items that one address holds.
    pub room: usize,
    /// Wakes that are lost, per mille.
    pub deaf: u32,
    /// Everything ever left, in order: by whom, where, how many bytes.
    pub left: Vec<(usize, MailboxAddress, usize)>,
    /// Who left an item.
    pub by: BTreeMap<MailboxItem, usize>,
    /// Whose an address is: from what the members look into.
    pub owners: BTreeMap<MailboxAddress, usize>,
}

impl Default for Office {
    fn default() -> Self {
        Office {
            boxes: BTreeMap::new(),
            open: true,
            room: 1_000,
            deaf: 0,
            left: Vec::new(),
            by: BTreeMap::new(),
            owners: BTreeMap::new(),
        }
    }
}

impl Office {
    /// Items that lie there.
    pub fn items(&self) -> usize {
        self.boxes.values().map(BTreeMap::len).sum()
    }
}

/// What a member's driver knows of the coordinator.
#[derive(Debug, Default)]
pub struct Letters {
    pub doors: Vec<MailboxDoor>,
    pub places: Vec<MeetingPlace>,
    /// Whether it looks now and then.
    looks: bool,
}

/// What the driver is about to do.
#[derive(Debug)]
pub enum Errand {
    /// Tell what became of a deposit.
    Deposited(u64, DepositOutcome),
    /// Look into one mailbox.
    Look(MailboxAddress),
    /// Look into all, and again later.
    LookAll,
}

impl World {
    /// A wish about mail.
    pub(super) fn mail(&mut self, who: usize, output: Output) {
        assert!(self.office.is_some(), "without a coordinator nobody speaks of mail");
        match output {
            Output::Deposit { id, address, item, bytes, .. } => {
                let outcome = self.leave(who, address, item, bytes);
                let after = self.latency();
                self.post(who, after, Delivery::Mail(Errand::Deposited(id, outcome)));
            }
            Output::Doors(doors) => {
                for door in &doors {
                    let address = door.key.address();
                    let office = self.office.as_mut().expect("just seen");
                    let before = office.owners.insert(address, who);
                    assert!(before.is_none_or(|before| before == who), "one address, one owner");
                    let after = self.latency();
                    self.post(who, after, Delivery::Mail(Errand::Look(address)));
                }
                self.people[who].letters.doors = doors;
                if !std::mem::replace(&mut self.people[who].letters.looks, true) {
                    self.post(who, LOOK_EVERY, Delivery::Mail(Errand::LookAll));
                }
            }
            Output::Taken { address, items } => {
                let office = self.office.as_mut().expect("just seen");
                if let Some(lying) = office.boxes.get_mut(&address).filter(|_| office.open) {
                    lying.retain(|name, _| !items.contains(name));
                }
                // There may be more than was given out.
                let after = self.latency();
                self.post(who, after, Delivery::Mail(Errand::Look(address)));
            }
            Output::Meet(places) => self.people[who].letters.places = places,
            other => panic!("no mail: {other:?}"),
        }
    }

    fn leave(
        &mut self,
        who: usize,
        address: MailboxAddress,
        item: MailboxItem,
        bytes: Vec<u8>,
    ) -> DepositOutcome {
        assert!(SizeClass::of(bytes.len()).is_some(), "items have one of four sizes");
        let today = Day::of_ms(self.now.wall_ms);
        let office = self.office.as_mut().expect("just seen");
        office.left.push((who, address, bytes.len()));
        office.by.insert(item, who);
        if let Some(owner) = office.owners.get(&address).copied() {
            let account = self.people[owner].identity.account();
            let members = self.engine(who).members();
            assert!(members.iter().any(|member| member.account == account), "INV-2: left for who is out");
        }
        let office = self.office.as_mut().expect("just seen");
        if !office.open {
            return DepositOutcome::Unreachable;
        }
        let lying = office.boxes.entry(address).or_default();
        if lying.len() >= office.room {
            return DepositOutcome::Full;
        }
        lying.entry(item).or_insert((today, bytes));
        let deaf = office.deaf;
        let owner = office.owners.get(&address).copied();
        let watches = |world: &World, owner: usize| {
            let doors = &world.people[owner].letters.doors;
            doors.iter().any(|door| door.watch && door.key.address() == address)
        };
        if let Some(owner) = owner.filter(|owner| watches(self, *owner))
            && !self.chance(deaf)
        {
            let after = self.latency();
            self.post(owner, after, Delivery::Mail(Errand::Look(address)));
        }
        DepositOutcome::Stored
    }

    pub(super) fn run_errand(&mut self, who: usize, errand: Errand) {
        match errand {
            Errand::Deposited(id, outcome) => self.hand(who, Input::Deposited { id, outcome }),
            Errand::Look(address) => self.look(who, address),
            Errand::LookAll => {
                let doors: Vec<_> =
                    self.people[who].letters.doors.iter().map(|door| door.key.address()).collect();
                doors.into_iter().for_each(|address| self.look(who, address));
                self.post(who, LOOK_EVERY, Delivery::Mail(Errand::LookAll));
            }
        }
    }

    fn look(&mut self, who: usize, address: MailboxAddress) {
        let ours = self.people[who].letters.doors.iter().any(|door| door.key.address() == address);
        let today = Day::of_ms(self.now.wall_ms);
        let Some(office) = self.office.as_mut().filter(|office| office.open && ours) else { return };
        let lying = office.boxes.entry(address).or_default();
        lying.retain(|_, (day, _)| day.after(KEPT_DAYS) >= today);
        let items: Vec<_> =
            lying.iter().take(AT_ONCE).map(|(name, (_, bytes))| (*name, bytes.clone())).collect();
        let copies = 1 + u32::from(self.chance(self.faults.duplicates));
        for _ in 0..copies {
            self.hand(who, Input::Fetched { address, items: items.clone() });
        }
    }

    /// Goes away with all that is on its way to the disk written.
    pub fn leave_town(&mut self, who: usize) {
        if self.people[who].engine.is_some() {
            self.run_until(Duration::from_secs(1), |world| world.people[who].unwritten.is_empty());
            self.crash(who, usize::MAX);
        }
    }

    /// Only these are there from now on.
    pub fn only(&mut self, there: &[usize]) {
        let there: BTreeSet<usize> = there.iter().copied().collect();
        for who in (0..self.people.len()).filter(|who| !there.contains(who)) {
            self.leave_town(who);
        }
        for who in there {
            if self.people[who].engine.is_none() {
                self.restart(who);
            }
        }
    }
}
