//! What is on its way to the disk: until it is settled it counts, though the store does not show it yet.

use super::rows::Tally;
use halloo_crypto::id::{MailboxAddress, MailboxItem};
use std::collections::BTreeMap;

/// Addresses with changes under way; as many as the commits that the caller lets run at once touch.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<MailboxAddress, Changes>);

#[derive(Debug, Default)]
struct Changes {
    under_way: u32,
    tally: Option<Tally>,
    /// Items that will be there, or will be gone.
    items: BTreeMap<MailboxItem, bool>,
}

impl Pending {
    /// A change of this address begins; it ends by [`Self::settled`].
    pub(super) fn begin(&mut self, address: &MailboxAddress) {
        self.0.entry(*address).or_default().under_way += 1;
    }

    /// One change has ended; with the last one the store says all there is to say.
    pub(super) fn settled(&mut self, address: &MailboxAddress) {
        if let Some(changes) = self.0.get_mut(address) {
            changes.under_way -= 1;
            if changes.under_way == 0 {
                self.0.remove(address);
            }
        }
    }

    pub(super) fn is_busy(&self, address: &MailboxAddress) -> bool {
        self.0.contains_key(address)
    }

    /// Whether an item will be there; nothing where only the store knows.
    pub(super) fn knows(&self, address: &MailboxAddress, item: &MailboxItem) -> Option<bool> {
        self.0.get(address)?.items.get(item).copied()
    }

    pub(super) fn tally(&self, address: &MailboxAddress) -> Option<Tally> {
        self.0.get(address)?.tally
    }

    /// What a change that has begun does.
    pub(super) fn note(&mut self, address: &MailboxAddress, item: MailboxItem, there: bool, tally: Tally) {
        if let Some(changes) = self.0.get_mut(address) {
            changes.items.insert(item, there);
            changes.tally = Some(tally);
        }
    }

    /// As [`Self::note`], for a change of many.
    pub(super) fn note_tally(&mut self, address: &MailboxAddress, tally: Tally) {
        if let Some(changes) = self.0.get_mut(address) {
            changes.tally = Some(tally);
        }
    }
}
