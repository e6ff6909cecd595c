//! Mail: what is fetched enters by the same door as frames, what happens here is noted for those who are away.

use core::time::Duration;
use std::collections::BTreeSet;

use halloo_crdt::content::SignedContent;
use halloo_crdt::log::SignedOp;
use halloo_crypto::id::{DeviceId, MailboxAddress, MailboxItem};
use halloo_crypto::mailbox::Day;

use super::Engine;
use crate::input::DepositOutcome;
use crate::mailbox::{self, KEPT_DAYS, Mailboxes};
use crate::meeting::{self, Meeting};
use crate::output::Output;
use crate::post::{self, Post};
use crate::snapshot::Table;
use crate::state::Fact;
use crate::time::Time;
use crate::timers::Timer;
use crate::wire::item::Item;
use crate::wire::parcel::{Parcel, ParcelKind};
use crate::{chat, commits, membership, reconcile, rejoin};

/// Items taken in at once, up to 3 MB: the rest lies there until it is fetched again.
const MAX_TAKEN: usize = 64;

/// Items kept that wait for what has not come, each at most 48 KiB: what is left by several comes in any order. The oldest makes room.
const MAX_LETTERS: usize = 64;

/// Operations and contents by members who are out that are taken in by mail in one run: without a neighbour nobody has to prove anything
/// to leave them.
const MAX_FROM_THE_GONE: u32 = 256;

/// How long mail may wait for other mail before this device asks for help: what several members left lies there at one time.
const STUCK_PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it still must.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Since when mail waits for what does not come.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    since: Time,
    asked: bool,
}

/// The rooms that speak with a coordinator.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) mailboxes: Mailboxes,
    pub(crate) post: Post,
    pub(crate) meeting: Meeting,
    /// The numbers of the items that wait, in the store until nothing waits any more.
    letters: BTreeSet<u64>,
    stuck: Option<Stuck>,
    /// Of [`MAX_FROM_THE_GONE`].
    from_the_gone: u32,
}

/// What a fact may change for these rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Touch {
    Nothing,
    /// Who is a member, the keys, the beacons.
    Places,
    /// What the document says.
    Document,
}

impl Mail {
    pub(super) fn new(mailboxes: Mailboxes, post: Post) -> Self {
        Mail { mailboxes, post, ..Mail::default() }
    }
}

impl Engine {
    /// At a start: where to look, where to meet, and what was left to be done.
    pub(super) fn begin_mail(&mut self, letters: Vec<(u64, Vec<u8>)>) {
        let today = Day::of_ms(self.state.now.wall_ms);
        // Before the letters: what they bring must not look like the first word of a coordinator.
        post::resume(&mut self.mail.post, &mut self.state);
        for (number, bytes) in letters {
            if (number >> 32) + u64::from(KEPT_DAYS) < u64::from(today.0) {
                // What it waits for was left as long ago, and lies nowhere any more.
                self.state.out.del(Table::Letter, &number.to_be_bytes());
                continue;
            }
            self.mail.letters.insert(number);
            match Item::parse(&bytes) {
                Ok(item) => self.on_item(item),
                Err(_) => self.state.count("mail that was kept and is damaged"),
            }
        }
        self.forget_letters();
        let (mail, state) = (&mut self.mail, &mut self.state);
        mailbox::look_who_left(&mut mail.mailboxes, state);
        mailbox::refresh(&mut mail.mailboxes, state);
        meeting::refresh(&mut mail.meeting, state);
    }

    /// Before the rooms hear of a fact: what this device made itself is noted, in the same batch as the thing.
    pub(super) fn before_fact(&mut self, fact: &Fact) -> Touch {
        let (post, state) = (&mut self.mail.post, &mut self.state);
        match fact {
            Fact::Contents(ids) => post::on_contents(post, state, ids),
            Fact::Operations(new) => {
                post::on_operations(post, state, new);
                return Touch::Places;
            }
            Fact::Epoch => {
                post::on_epoch(post, state);
                return Touch::Places;
            }
            Fact::Made(beacon) => {
                post::on_beacon(post, state, beacon);
                return Touch::Places;
            }
            Fact::Told(kind, to, bytes) => post::on_told(post, state, *kind, *to, bytes),
            Fact::Beacon => return Touch::Places,
            Fact::Document(_) | Fact::DocumentLie => return Touch::Document,
            _ => {}
        }
        Touch::Nothing
    }

    /// After they heard of it: where to look and where to meet may be elsewhere.
    pub(super) fn after_fact(&mut self, touch: Touch) {
        let (mail, state) = (&mut self.mail, &mut self.state);
        if touch == Touch::Nothing {
            return;
        }
        if touch == Touch::Document {
            post::on_document(&mut mail.post, state);
        }
        if touch == Touch::Places {
            mailbox::look_who_left(&mut mail.mailboxes, state);
        }
        mailbox::refresh(&mut mail.mailboxes, state);
        meeting::refresh(&mut mail.meeting, state);
        self.forget_letters();
    }

    pub(super) fn on_mail_due(&mut self, timer: Timer) {
        let (mail, state) = (&mut self.mail, &mut self.state);
        match timer {
            Timer::Mailbox => {
                mailbox::on_due(&mut mail.mailboxes, &mut self.chat, state);
                self.forget_letters();
            }
            Timer::Post => post::on_due(&mut mail.post, &mail.mailboxes, state),
            _ => meeting::refresh(&mut mail.meeting, state),
        }
    }

    /// This device goes: what it made is left for all who are not known to have it.
    pub(super) fn on_leaving(&mut self) {
        post::on_leaving(&mut self.mail.post, &self.mail.mailboxes, &mut self.state);
    }

    pub(super) fn on_deposited(&mut self, id: u64, outcome: DepositOutcome) {
        let mail = &mut self.mail;
        post::on_deposited(&mut mail.post, &mail.mailboxes, &mut self.state, (id, outcome));
    }

    /// What lay in an own mailbox. What does not open is done with too, or it would lie there for ever.
    pub(super) fn on_fetched(&mut self, address: MailboxAddress, items: Vec<(MailboxItem, Vec<u8>)>) {
        if !self.state.is_member() || !self.mail.mailboxes.holds(&address) {
            return self.state.count("mail of an address that is not looked into");
        }
        post::on_reached(&mut self.mail.post, &mut self.state);
        if items.is_empty() {
            return mailbox::on_empty(&mut self.mail.mailboxes, &mut self.state, &address);
        }
        let before = self.state.messages.len();
        let (mut taken, mut opened) = (Vec::new(), Vec::new());
        for (name, bytes) in items.into_iter().take(MAX_TAKEN) {
            taken.push(name);
            match Item::open(&bytes, &self.state.group, &self.state.identity.device) {
                Ok(item) => opened.push(item),
                Err(_) => self.state.count("mailbox item that does not open"),
            }
        }
        // Items lie in no order. What all of them say of the log comes first, or lines would wait for it, of which few can.
        for item in &opened {
            let parcels = item.parcels.iter().filter(|parcel| parcel.kind == ParcelKind::Operations);
            parcels.cloned().for_each(|parcel| self.on_letter(parcel));
            self.hand_round();
        }
        opened.into_iter().for_each(|item| self.take_in(item));
        self.forget_letters();
        // What still waits may have been reason to ask for help.
        self.hand_round();
        if self.state.messages.len() > before {
            reconcile::on_brought(&mut self.reconcile, &mut self.state);
        }
        assert!(taken.len() <= MAX_TAKEN && !self.state.has_facts(), "each was taken in to its end");
        self.state.out.durable(Output::Taken { address, items: taken });
    }

    fn on_item(&mut self, item: Item) {
        item.parcels.into_iter().for_each(|parcel| self.on_letter(parcel));
        // One item is bounded as a frame is; many together are not.
        self.hand_round();
    }

    /// Takes an item in. As long as something waits in memory alone for what has not come, the item is kept: the coordinator will
    /// not have it any more.
    fn take_in(&mut self, item: Item) {
        let bytes = item.to_bytes().expect("it was read");
        self.on_item(item);
        if !self.waits() {
            return;
        }
        let today = Day::of_ms(self.state.now.wall_ms);
        let letters = &mut self.mail.letters;
        let number = letters.last().map_or(0, |last| last + 1).max(u64::from(today.0) << 32);
        letters.insert(number);
        self.state.out.put(Table::Letter, &number.to_be_bytes(), bytes);
        while letters.len() > MAX_LETTERS
            && let Some(oldest) = letters.pop_first()
        {
            self.state.count("mail that waited too long for what it follows");
            self.state.out.del(Table::Letter, &oldest.to_be_bytes());
        }
    }

    /// Whether anything is here that waits for something else, and is in no store.
    fn waits(&self) -> bool {
        let state = &self.state;
        state.log.missing().next().is_some()
            || chat::is_ahead(&self.chat)
            || commits::waits_ahead(&self.commits, state)
            || state.beacons.has_early()
    }

    /// When nothing waits any more nothing need be kept.
    pub(super) fn forget_letters(&mut self) {
        debug_assert!(self.mail.letters.len() <= MAX_LETTERS, "the oldest made room");
        if self.mail.letters.is_empty() || self.waits() {
            return self.ask_if_stuck();
        }
        if self.mail.stuck.take().is_some_and(|stuck| stuck.asked) {
            self.commits.nacks.healed();
        }
        for number in core::mem::take(&mut self.mail.letters) {
            self.state.out.del(Table::Letter, &number.to_be_bytes());
        }
    }

    /// Mail waits for what does not come: it was lost, or too old, and nobody is near. A few members are asked by mail to let this
    /// device in again.
    fn ask_if_stuck(&mut self) {
        let now = self.state.now.mono;
        if self.mail.letters.is_empty() || !self.state.is_member() {
            self.mail.stuck = None;
            return;
        }
        let stuck = self.mail.stuck.get_or_insert(Stuck { since: now, asked: false });
        let patience = STUCK_PATIENCE.saturating_sub(now.since(stuck.since));
        if stuck.asked {
            return;
        }
        if !patience.is_zero() || self.state.peers.proven().next().is_some() {
            return self.state.timers.within(Timer::Mailbox, now, patience.max(LOOK_AGAIN));
        }
        stuck.asked = true;
        for commit in commits::newest_waiting(&self.commits, 1) {
            self.commits.nacks.note(commit, None, now);
        }
        rejoin::on_nack_due(&mut self.commits, &mut self.state);
    }

    /// Who was removed knows the mailbox until its owner has another one, and may leave what it signed for an earlier day: it counts for
    /// nothing, and is kept as void. Some of it may be older than the removal and needed by what others wrote; not more than so much.
    fn may_come(&mut self, author: &DeviceId) -> bool {
        let (log, gone) = (&self.state.log, &mut self.mail.from_the_gone);
        if log.view().account_of(author).is_some() || log.account_of(author).is_none() {
            return true;
        }
        *gone = gone.saturating_add(1);
        if *gone > MAX_FROM_THE_GONE {
            self.state.count("too much mail by who is out");
            return false;
        }
        true
    }

    /// A parcel that somebody left: nobody has proven to be who left it, so each item proves itself.
    fn on_letter(&mut self, mut parcel: Parcel) {
        let nobody = self.state.identity.peer;
        match parcel.kind {
            ParcelKind::Operations => {
                parcel.items.retain(|bytes| {
                    SignedOp::from_bytes(bytes)
                        .is_ok_and(|op| self.state.log.contains(&op.id()) || self.may_come(&op.author()))
                });
                let new = membership::on_frames(&mut self.state, &nobody, &parcel.items);
                if !new.is_empty() {
                    // Neighbours without a way to the coordinator hear of it.
                    self.state.tell(Fact::Handed(nobody, new));
                }
            }
            ParcelKind::BoxedContents => {
                for frame in &parcel.items {
                    let Ok(signed) = SignedContent::parse(frame) else {
                        self.state.count("mailed content that is none");
                        continue;
                    };
                    if !self.state.messages.holds(&signed.id()) && !self.may_come(&signed.content().author) {
                        continue;
                    }
                    chat::on_content(&mut self.chat, &mut self.state, &nobody, frame);
                }
            }
            _ => self.on_parcel(nobody, parcel),
        }
    }
}

#[cfg(test)]
mod tests;
