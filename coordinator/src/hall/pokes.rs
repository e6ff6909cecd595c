//! The hallway from mailboxes to push: the address where something came and nobody watches. Bounded; losing one is safe.

use halloo_crypto::id::MailboxAddress;
use tokio::sync::mpsc;

/// Addresses that wait to be looked at: a burst of batches, not a queue to live in.
const WAITING_MAX: usize = 4_096;

/// The end where mailboxes say that something came; without a room of push nobody hears it.
#[derive(Clone, Debug, Default)]
pub struct Pokes(Option<mpsc::Sender<MailboxAddress>>);

/// A hallway, and the end where push listens.
#[must_use]
pub fn pokes() -> (Pokes, mpsc::Receiver<MailboxAddress>) {
    let (say, hear) = mpsc::channel(WAITING_MAX);
    (Pokes(Some(say)), hear)
}

impl Pokes {
    /// Something came; false where too many wait, and the device wakes when it wakes.
    pub fn poke(&self, address: MailboxAddress) -> bool {
        self.0.as_ref().is_none_or(|say| say.try_send(address).is_ok())
    }
}

#[cfg(test)]
mod tests;
