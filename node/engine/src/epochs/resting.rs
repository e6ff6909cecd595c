//! A group session that lies as bytes until somebody needs it: most epochs are kept for what comes late, and nothing comes.

use core::cell::OnceCell;
use core::ops::Deref;

use halloo_crypto::group::{GroupError, GroupSession};
use halloo_crypto::secret::Secret;

/// The MLS state of an epoch, awake or at rest.
///
/// At rest it is what the store has of it, which takes a fraction of the memory: the trees of many epochs are not held open at once.
/// Whoever looks into it wakes it, and it stays awake until [`Self::rest`].
#[derive(Clone)]
pub struct Resting {
    awake: OnceCell<Box<GroupSession>>,
    /// What it wakes from; as the session is a value, it stays true while it is awake.
    bytes: OnceCell<Secret<Vec<u8>>>,
}

impl Resting {
    /// An awake session.
    pub fn new(session: GroupSession) -> Self {
        Resting { awake: OnceCell::from(Box::new(session)), bytes: OnceCell::new() }
    }

    /// For the store. Kept for the rest to come: what is stored is current for a while, and then never again.
    ///
    /// # Errors
    /// None that a caller can cause; MLS errors are passed on.
    pub fn to_bytes(&self) -> Result<&Secret<Vec<u8>>, GroupError> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes);
        }
        let bytes = self.deref().to_bytes()?;
        Ok(self.bytes.get_or_init(|| bytes))
    }

    /// Puts it to rest. One that cannot be written stays awake.
    pub fn rest(&mut self) {
        if self.awake.get().is_none() {
            return;
        }
        if self.to_bytes().is_ok() {
            self.awake.take();
        }
        debug_assert!(self.awake.get().is_none(), "every session can be written");
    }

    /// Whether it is at rest.
    pub fn rests(&self) -> bool {
        self.awake.get().is_none()
    }
}

impl Deref for Resting {
    type Target = GroupSession;

    fn deref(&self) -> &GroupSession {
        self.awake.get_or_init(|| {
            let bytes = self.bytes.get().expect("a session at rest has its bytes");
            Box::new(GroupSession::from_bytes(bytes.expose()).expect("written by this very process"))
        })
    }
}

impl core::fmt::Debug for Resting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Resting").field("rests", &self.rests()).finish_non_exhaustive()
    }
}
