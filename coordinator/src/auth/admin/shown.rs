//! Accounts and API keys as they are shown to who may look at them: over the network, and on the machine itself.

use super::super::access::Id;
use super::super::book::Refused;
use super::super::book::api_key::{ApiKey, KeyText};
use super::super::book::rows::{Account, Names};
use super::super::named::date;
use super::super::office::Office;
use super::super::rights::{Role, Scope};
use halloo_crypto::base16;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AdminAccount)]
pub struct AccountLine {
    /// The account.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub user_id: String,
    /// What its owner calls it.
    pub username: Option<String>,
    /// The day on which it began, as a date.
    #[schema(example = "2027-01-15", format = Date)]
    pub created: String,
    /// What it may do to others.
    pub role: Option<Role>,
    /// The day since which it is suspended.
    #[schema(example = "2027-01-15", format = Date)]
    pub suspended: Option<String>,
}

/// An API key in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AdminKey)]
pub struct KeyLine {
    /// Its name, which is also the first part of the key itself.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub key_id: String,
    /// What it is called.
    #[schema(max_length = 64)]
    pub name: String,
    /// What it was made for.
    #[schema(max_items = 5)]
    pub scopes: Vec<Scope>,
    /// The account that made it; none where who hosts did.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub made_by: Option<String>,
    /// The day on which it was made, as a date.
    #[schema(example = "2027-01-15", format = Date)]
    pub made: String,
    /// The last day on which it is good.
    #[schema(example = "2027-01-15", format = Date)]
    pub ends: Option<String>,
    /// The day on which it was last used.
    #[schema(example = "2027-01-15", format = Date)]
    pub used: Option<String>,
}

/// A key, told this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = AdminKeyGiven)]
pub struct KeyGiven {
    /// Its name.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub key_id: String,
    /// What is sent as `Authorization: Bearer KEY`; it is never told again.
    #[schema(pattern = "^hk_[0-9a-f]{32}_[0-9a-f]{64}$")]
    pub key: String,
}

impl std::fmt::Debug for KeyGiven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyGiven").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl KeyGiven {
    pub(super) fn of(key: &KeyText) -> Self {
        KeyGiven { key_id: base16::encode(&key.id), key: key.to_text() }
    }
}

impl Office {
    /// An account that lies in the book.
    pub(super) fn account_line(&self, id: &Id, row: &Account) -> Result<AccountLine, Refused> {
        let names: Names = self.book.rows.open(id, &row.names).unwrap_or_default();
        let standing = self.book.standing(&*self.hall.store, id)?;
        Ok(AccountLine {
            user_id: base16::encode(id),
            username: names.username,
            created: date(row.created),
            role: standing.role,
            suspended: standing.suspended.map(date),
        })
    }

    /// An account of this name, if there is one.
    pub(super) fn line_of(&self, id: &Id) -> Result<AccountLine, Refused> {
        let row = self.book.account(&*self.hall.store, id)?;
        self.account_line(id, &row)
    }

    /// All API keys.
    pub(super) fn key_lines(&self) -> Result<Vec<KeyLine>, Refused> {
        let line = |(id, key): (Id, ApiKey)| KeyLine {
            key_id: base16::encode(&id),
            name: self.book.key_name(&id, &key),
            scopes: key.scopes.iter().copied().collect(),
            made_by: key.maker.map(|maker| base16::encode(&maker)),
            made: date(key.made),
            ends: key.ends.map(date),
            used: key.used.map(date),
        };
        Ok(self.book.keys(&*self.hall.store)?.into_iter().map(line).collect())
    }
}
