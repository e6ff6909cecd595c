//! Invitations to an account: codes that who hosts hands out, each good for so many accounts until a day.
//!
//! ```text
//!  0      8             12         14       30
//!  | id   | last day u32 | uses u16 | tag   |      in hex; tag: first 16 bytes of HMAC-SHA256(key of the coordinator, the 14 bytes before)
//! ```
//! None is kept when it is made. How often one was used is a row from its first use until its last day is over.

use halloo_crypto::base16;
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// Before all rows of invitations.
const ROWS: &[u8] = b"av";
const BODY_BYTES: usize = 14;
const BYTES: usize = 30;
/// Rows that one step forgets.
const FORGET_STEP: usize = 256;

/// Why an invitation is no good.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// It was not made here.
    #[error("this invitation was not made by this coordinator")]
    Foreign,
    /// Its last day is over.
    #[error("this invitation has ended")]
    Ended,
    /// As many accounts were made with it as it is good for.
    #[error("this invitation is used up")]
    UsedUp,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One that was made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its name.
    pub id: [u8; 8],
    last: Day,
    uses: u16,
}

/// Makes and reads invitations.
#[derive(Debug)]
pub struct Invitations(Secret<[u8; 32]>);

impl Invitations {
    /// By the seed of accounts.
    #[must_use]
    pub fn new(seed: &Secret<[u8; 32]>) -> Self {
        Invitations(kdf::derive(seed.expose(), "invitations", &[]))
    }

    fn tag(&self, body: &[u8]) -> [u8; 16] {
        *kdf::mac(self.0.expose(), &[body]).first_chunk().expect("32 bytes hold 16")
    }

    /// The code of a new one.
    #[must_use]
    pub fn make(&self, uses: u16, last: Day, rng: &mut ChaCha20Rng) -> String {
        let mut bytes = [0; BYTES];
        rng.fill_bytes(&mut bytes[..8]);
        bytes[8..12].copy_from_slice(&last.0.to_be_bytes());
        bytes[12..BODY_BYTES].copy_from_slice(&uses.to_be_bytes());
        let tag = self.tag(&bytes[..BODY_BYTES]);
        bytes[BODY_BYTES..].copy_from_slice(&tag);
        base16::encode(&bytes)
    }

    /// Reads a code; whether it is used up the store knows.
    ///
    /// # Errors
    /// [`InvitationError::Foreign`], [`InvitationError::Ended`].
    pub fn read(&self, code: &str, today: Day) -> Result<Invitation, InvitationError> {
        let bytes: [u8; BYTES] = base16::decode_array(code).ok_or(InvitationError::Foreign)?;
        let (body, tag) = bytes.split_at(BODY_BYTES);
        if !kdf::equal(&self.tag(body), tag) {
            return Err(InvitationError::Foreign);
        }
        let id = *body.first_chunk().expect("14 bytes hold 8");
        let last = Day(u32::from_be_bytes(body[8..12].try_into().expect("4 bytes")));
        let uses = u16::from_be_bytes(body[12..].try_into().expect("2 bytes"));
        if last < today { Err(InvitationError::Ended) } else { Ok(Invitation { id, last, uses }) }
    }
}

impl Invitation {
    fn key(&self) -> Vec<u8> {
        [ROWS, &self.id].concat()
    }

    /// Uses it once: what is written with the account. Whoever asks keeps others from its id meanwhile.
    ///
    /// # Errors
    /// [`InvitationError::UsedUp`], and those of the store.
    pub fn spend(&self, store: &dyn Store, batch: &mut Batch) -> Result<(), InvitationError> {
        let used = store.get(&self.key())?.and_then(|row| read_row(&row)).map_or(0, |(used, _)| used);
        if used >= self.uses {
            return Err(InvitationError::UsedUp);
        }
        batch.put(self.key(), [&(used + 1).to_be_bytes()[..], &self.last.0.to_be_bytes()].concat());
        Ok(())
    }
}

/// How often one was used, and its last day.
fn read_row(row: &[u8]) -> Option<(u16, Day)> {
    let (used, last) = row.split_first_chunk()?;
    Some((u16::from_be_bytes(*used), Day(u32::from_be_bytes(last.try_into().ok()?))))
}

/// Takes away rows whose last day is over; a step at a time.
///
/// # Errors
/// Those of the store.
pub fn forget(store: &dyn Store, today: Day) -> Result<Batch, StoreError> {
    let (mut batch, mut after) = (Batch::new(), None::<Vec<u8>>);
    let mut gone = 0;
    loop {
        let page = store.page(ROWS, after.as_deref(), FORGET_STEP)?;
        let Some((last, _)) = page.last() else { return Ok(batch) };
        after = Some(last.clone());
        for (key, row) in page {
            if read_row(&row).is_none_or(|(_, last)| last < today) {
                batch.del(key);
                gone += 1;
            }
        }
        if gone >= FORGET_STEP {
            return Ok(batch);
        }
    }
}

#[cfg(test)]
mod tests;
