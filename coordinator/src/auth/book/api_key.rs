//! API keys: what stands for a program of who hosts. Shown once, kept as hashes, made for some scopes, and never worth more than who
//! made them.
//!
//! ```text
//!  text     "hk_" | id | "_" | secret                    in lower-case hex: 32 digits, and 64
//!  key      "ak" | id 16
//!  value    version | postcard of ApiKey
//! ```
//! The id is drawn, and says nothing: a key that lies around somewhere is revoked by it. The secret has 256 bits: a plain hash hides it.

use super::super::access::Id;
use super::super::rights::{Hand, Right, Scope};
use super::audit::{Event, What};
use super::rows;
use super::{Book, Change, Refused};
use halloo_crypto::base16;
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_store::batch::Batch;
use halloo_store::store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Before all of them.
const ROWS: &[u8] = b"ak";
/// What every key begins with, so that a search finds those that lie where they should not.
const PREFIX: &str = "hk_";
/// Most of them: a page of a list. Some programs of one host need far fewer.
pub const KEYS_MAX: usize = 50;
/// Of them, so many are made by who hosts alone: an operator whose session was stolen must not fill the table.
pub const KEYS_OF_HOST: usize = 10;

fn row_key(id: &Id) -> Vec<u8> {
    [ROWS, id].concat()
}

/// A key as its owner holds it.
#[derive(Clone)]
pub struct KeyText {
    /// Its name.
    pub id: Id,
    secret: Secret<[u8; 32]>,
}

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyText(..)")
    }
}

impl KeyText {
    fn draw(rng: &mut ChaCha20Rng) -> Self {
        let id = super::drawn(rng);
        KeyText { id, secret: Secret::filled(|secret: &mut [u8; 32]| rng.fill_bytes(secret)) }
    }

    /// Reads what somebody sent, in its one spelling; whether it is good the book knows.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let one_spelling = !text.bytes().any(|letter| letter.is_ascii_uppercase());
        let (id, secret) = base16::decode_array(id).zip(base16::decode_array(secret))?;
        one_spelling.then(|| KeyText { id, secret: Secret::new(secret) })
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}_{}", base16::encode(&self.id), base16::encode(self.secret.expose()))
    }

    fn hash(&self) -> [u8; 32] {
        kdf::hash("api key", &[&self.id, self.secret.expose()])
    }
}

/// A key as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    hash: [u8; 32],
    /// What it is called, sealed.
    name: Vec<u8>,
    /// What it was made for.
    pub scopes: BTreeSet<Scope>,
    /// The account that made it; none where who hosts did.
    pub maker: Option<Id>,
    /// The day on which it was made.
    pub made: u32,
    /// The last day on which it is good.
    pub ends: Option<u32>,
    /// The day on which it was last used.
    pub used: Option<u32>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// What a new key begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBegin {
    /// What it is called.
    pub name: String,
    /// What it is made for.
    pub scopes: BTreeSet<Scope>,
    /// For how many days, today not counted; for ever where none are said.
    pub days: Option<u16>,
}

impl Book {
    /// A new key. Whoever asks keeps others from making one meanwhile.
    pub fn make_key(
        &self,
        store: &dyn Store,
        begin: &KeyBegin,
        hand: Hand,
        (now_ms, rng): (u64, &mut ChaCha20Rng),
    ) -> Result<(Change, KeyText), Refused> {
        let most = if hand == Hand::Host { KEYS_MAX } else { KEYS_MAX - KEYS_OF_HOST };
        if store.page(ROWS, None, most)?.len() == most {
            return Err(Refused::Keys);
        }
        let (key, today) = (KeyText::draw(rng), Day::of_ms(now_ms));
        let row = ApiKey {
            hash: key.hash(),
            name: self.rows.seal(&key.id, begin.name.as_str(), rng),
            scopes: begin.scopes.clone(),
            maker: if let Hand::Account(account, _) = hand { Some(account) } else { None },
            made: today.0,
            ends: begin.days.map(|days| today.after(u32::from(days)).0),
            used: None,
        };
        let mut change = Change::default();
        change.batch.put(row_key(&key.id), rows::write(&row));
        change.events.push(Event { what: What::KeyMade, subject: key.id, by: Some(hand.by()) });
        Ok((change, key))
    }

    /// All keys, in the order of their names.
    pub fn keys(&self, store: &dyn Store) -> Result<Vec<(Id, ApiKey)>, Refused> {
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            Some((Id::try_from(key.get(ROWS.len()..)?).ok()?, rows::read(&value)?))
        };
        Ok(store.page(ROWS, None, KEYS_MAX)?.into_iter().filter_map(read).collect())
    }

    /// What a key is called.
    #[must_use]
    pub fn key_name(&self, id: &Id, key: &ApiKey) -> String {
        self.rows.open(id, &key.name).unwrap_or_default()
    }

    /// A key that is good today.
    pub fn good_key(&self, store: &dyn Store, presented: &KeyText, today: Day) -> Result<ApiKey, Refused> {
        let row = store.get(&row_key(&presented.id))?.and_then(|value| rows::read::<ApiKey>(&value));
        let good = row.filter(|row| kdf::equal(&row.hash, &presented.hash()));
        good.filter(|row| row.ends.is_none_or(|last| today.0 <= last)).ok_or(Refused::KeyNeeded)
    }

    /// Whether a good key allows something: it was made for it, and who made it may still do that.
    pub fn key_allows(&self, store: &dyn Store, key: &ApiKey, right: Right) -> Result<(), Refused> {
        let made_for = matches!(right, Right::Scoped(scope) if key.scopes.contains(&scope));
        let by_maker = match &key.maker {
            None => true,
            Some(maker) => self.standing(store, maker)?.acts().is_some_and(|role| role.allows(right)),
        };
        if made_for && by_maker { Ok(()) } else { Err(Refused::ScopeNeeded) }
    }

    /// Notes the day on which a key was used; nothing where it is noted already, or the key is gone.
    pub fn use_key(&self, store: &dyn Store, id: &Id, today: Day) -> Result<(Change, ()), Refused> {
        let mut change = Change::default();
        let row = store.get(&row_key(id))?.and_then(|value| rows::read::<ApiKey>(&value));
        if let Some(mut row) = row.filter(|row| row.used != Some(today.0)) {
            row.used = Some(today.0);
            change.batch.put(row_key(id), rows::write(&row));
        }
        Ok((change, ()))
    }

    /// Takes a key away for good.
    pub fn revoke_key(&self, store: &dyn Store, id: &Id, hand: Hand) -> Result<(Change, ()), Refused> {
        let value = store.get(&row_key(id))?.ok_or(Refused::Absent)?;
        // What cannot be read is taken away by who hosts, as are the keys of who hosts.
        let maker = rows::read::<ApiKey>(&value).and_then(|row| row.maker);
        let reached = match (hand, maker) {
            (Hand::Host, _) => true,
            (_, None) => false,
            (Hand::Account(by, _), Some(maker)) if by == maker => true,
            (_, Some(maker)) => hand.reaches(self.standing(store, &maker)?.role),
        };
        if !reached {
            return Err(Refused::Protected);
        }
        let mut change = Change::default();
        change.batch.del(row_key(id));
        change.events.push(Event { what: What::KeyRevoked, subject: *id, by: Some(hand.by()) });
        Ok((change, ()))
    }
}

/// Takes away keys whose last day is over. There are few: one step does it.
///
/// # Errors
/// Those of the store.
pub fn forget(store: &dyn Store, today: Day) -> Result<Batch, Refused> {
    let mut batch = Batch::new();
    for (key, value) in store.page(ROWS, None, KEYS_MAX)? {
        let last = rows::read::<ApiKey>(&value).and_then(|row| row.ends);
        if last.is_some_and(|last| last < today.0) {
            batch.del(key);
        }
    }
    Ok(batch)
}

#[cfg(test)]
mod tests;
