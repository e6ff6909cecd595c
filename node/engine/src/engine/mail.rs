//! Mail: what is fetched enters by the same door as frames, what happens here is noted for those who are away.

use halloo_crypto::id::{MailboxAddress, MailboxItem};

use super::Engine;
use crate::input::DepositOutcome;
use crate::mailbox::{self, Mailboxes};
use crate::meeting::{self, Meeting};
use crate::output::Output;
use crate::post::{self, Post};
use crate::state::Fact;
use crate::timers::Timer;
use crate::wire::item::Item;
use crate::wire::parcel::{Parcel, ParcelKind};
use crate::{chat, membership, reconcile};

/// Items taken in at once, up to 3 MB: the rest lies there until it is fetched again.
const MAX_TAKEN: usize = 64;

/// The rooms that speak with a coordinator.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) mailboxes: Mailboxes,
    pub(crate) post: Post,
    pub(crate) meeting: Meeting,
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
        Mail { mailboxes, post, meeting: Meeting::default() }
    }
}

impl Engine {
    /// At a start: where to look, where to meet, and what was left to be done.
    pub(super) fn begin_mail(&mut self) {
        let (mail, state) = (&mut self.mail, &mut self.state);
        post::resume(&mut mail.post, state);
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
        mailbox::refresh(&mut mail.mailboxes, state);
        meeting::refresh(&mut mail.meeting, state);
    }

    pub(super) fn on_mail_due(&mut self, timer: Timer) {
        let (mail, state) = (&mut self.mail, &mut self.state);
        match timer {
            Timer::Mailbox => mailbox::on_due(&mut mail.mailboxes, &mut self.chat, state),
            Timer::Post => post::on_due(&mut mail.post, state),
            _ => meeting::refresh(&mut mail.meeting, state),
        }
    }

    pub(super) fn on_deposited(&mut self, id: u64, outcome: DepositOutcome) {
        post::on_deposited(&mut self.mail.post, &mut self.state, id, outcome);
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
        let mut taken = Vec::new();
        for (name, bytes) in items.into_iter().take(MAX_TAKEN) {
            taken.push(name);
            match Item::open(&bytes, &self.state.group, &self.state.identity.device) {
                Ok(item) => item.parcels.into_iter().for_each(|parcel| self.on_letter(parcel)),
                Err(_) => self.state.count("mailbox item that does not open"),
            }
            // One item is bounded as a frame is; many together are not.
            self.hand_round();
        }
        if self.state.messages.len() > before {
            reconcile::on_brought(&mut self.reconcile, &mut self.state);
        }
        self.state.out.durable(Output::Taken { address, items: taken });
    }

    /// A parcel that somebody left: nobody has proven to be who left it, so each item proves itself.
    fn on_letter(&mut self, parcel: Parcel) {
        let nobody = self.state.identity.peer;
        match parcel.kind {
            ParcelKind::Operations => {
                let new = membership::on_frames(&mut self.state, &nobody, &parcel.items);
                if !new.is_empty() {
                    // Neighbours without a way to the coordinator hear of it.
                    self.state.tell(Fact::Handed(nobody, new));
                }
            }
            ParcelKind::BoxedContents => {
                for frame in &parcel.items {
                    chat::on_content(&mut self.chat, &mut self.state, &nobody, frame);
                }
            }
            _ => self.on_parcel(nobody, parcel),
        }
    }
}

#[cfg(test)]
mod tests;
