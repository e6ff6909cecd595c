//! What who hosts does to accounts by a command on the machine itself, where roles come from: orders that come by the hatch, as JSON.
//!
//! ```text
//!   order      {"order":"role","user":"anna","role":"operator"}, and so on by the names below; `user` is a username or the 32 digits of an account
//!   done       {"account":{...}}, and so on
//! ```

use super::super::access::Id;
use super::super::book::Refused;
use super::super::book::api_key::KeyText;
use super::super::cursor::List;
use super::super::office::{Office, hex};
use super::super::rights::{Hand, Role, Scope};
use super::accounts;
use super::keys;
use super::shown::{AccountLine, KeyGiven, KeyLine};
use crate::problem::{Kind, Problem};
use halloo_crypto::base16;
use halloo_crypto::mailbox::Day;
use halloo_store::store::Store;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Lists accounts, a page at a time.
    Accounts {
        /// What the page before gave.
        next: Option<String>,
    },
    /// Shows an account.
    Show {
        /// Which one.
        user: String,
    },
    /// Lists the accounts that have a role.
    Roles,
    /// Gives an account a role, or takes it away.
    Role {
        /// Which one.
        user: String,
        /// What it may do from now on.
        role: Option<Role>,
    },
    /// Suspends an account, or lets it in again.
    Suspend {
        /// Which one.
        user: String,
        /// Whether it is suspended from now on.
        suspended: bool,
    },
    /// Ends all sessions of an account.
    EndSessions {
        /// Which one.
        user: String,
    },
    /// Forgets an account.
    Delete {
        /// Which one.
        user: String,
    },
    /// Makes an API key.
    MakeKey {
        /// What it is called.
        name: String,
        /// What for.
        scopes: BTreeSet<Scope>,
        /// For how many days.
        days: Option<u16>,
    },
    /// Lists the API keys.
    Keys,
    /// Takes an API key away; the whole key names it as well as its name does.
    RevokeKey {
        /// Which one.
        key: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// Accounts, and where the next page begins.
    Accounts(Vec<AccountLine>, Option<String>),
    /// An account as it is now.
    Account(AccountLine),
    /// An account as it was until now.
    Forgotten(AccountLine),
    /// A new key.
    Key(KeyGiven),
    /// All keys.
    Keys(Vec<KeyLine>),
    /// A key is gone.
    Revoked,
}

impl Office {
    /// Does what who hosts says.
    ///
    /// # Errors
    /// With what is wrong, in words for a person at a terminal.
    pub async fn obey(&self, order: Order) -> Result<Done, Problem> {
        match order {
            Order::Accounts { next } => {
                let (limit, after) = self.page(List::Accounts, None, next.as_deref())?;
                let page = accounts::page(self, limit, after.as_ref())?;
                Ok(Done::Accounts(page.accounts, page.next))
            }
            Order::Show { user } => Ok(Done::Account(self.line_of(&self.whom(&user)?)?)),
            Order::Roles => {
                let named = self.book.with_roles(&*self.hall.store)?;
                let lines = named.iter().map(|id| self.line_of(id));
                Ok(Done::Accounts(lines.collect::<Result<_, _>>()?, None))
            }
            Order::Role { user, role } => {
                let id = self.whom(&user)?;
                self.change(&[&id], |store| self.book.set_role(store, &id, role, Hand::Host)).await?;
                Ok(Done::Account(self.line_of(&id)?))
            }
            Order::Suspend { user, suspended } => {
                let (id, today) = (self.whom(&user)?, Day::of_ms(self.hall.world.now_ms()));
                let since = suspended.then_some(today);
                self.change(&[&id], |store| self.book.set_suspended(store, &id, since, Hand::Host)).await?;
                Ok(Done::Account(self.line_of(&id)?))
            }
            Order::EndSessions { user } => self.end_sessions_of(&self.whom(&user)?).await,
            Order::Delete { user } => self.delete(&self.whom(&user)?).await,
            Order::MakeKey { name, scopes, days } => {
                let begin = keys::begin(name, scopes, days)?;
                let (now_ms, mut rng) = (self.hall.world.now_ms(), self.hall.world.chance());
                let make =
                    |store: &dyn Store| self.book.make_key(store, &begin, Hand::Host, (now_ms, &mut rng));
                Ok(Done::Key(KeyGiven::of(&self.change(&[keys::PAGE], make).await?)))
            }
            Order::Keys => Ok(Done::Keys(self.key_lines()?)),
            Order::RevokeKey { key } => self.revoke(&key).await,
        }
    }

    /// The account that a person at a terminal names. What has the form of an account's own name is never taken for a username: somebody
    /// could have chosen it.
    fn whom(&self, user: &str) -> Result<Id, Problem> {
        let store = &*self.hall.store;
        let found = match base16::decode_array(user) {
            Some(id) => match self.book.account(store, &id) {
                Err(Refused::Absent) => None,
                found => found.map(|_| Some(id))?,
            },
            None => self.book.named(store, &self.book.tag(user))?.map(|(id, _)| id),
        };
        let nobody = "there is no account of this name: `halloo-coordinator admin accounts` lists them";
        found.ok_or_else(|| Problem::new(Kind::NotFound, nobody))
    }

    async fn end_sessions_of(&self, id: &Id) -> Result<Done, Problem> {
        let keys = self.device_keys(id)?;
        let held: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).chain([&id[..]]).collect();
        self.change(&held, |store| self.book.end_sessions(store, id, &keys, Hand::Host)).await?;
        Ok(Done::Account(self.line_of(id)?))
    }

    async fn delete(&self, id: &Id) -> Result<Done, Problem> {
        let (line, keys) = (self.line_of(id)?, self.device_keys(id)?);
        let held: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).chain([&id[..]]).collect();
        self.change(&held, |store| self.book.forget_by(store, id, &keys, Hand::Host)).await?;
        Ok(Done::Forgotten(line))
    }

    async fn revoke(&self, key: &str) -> Result<Done, Problem> {
        let id = match KeyText::read(key) {
            Some(whole) => whole.id,
            None => hex(
                key,
                "a key's name is the 32 digits behind `hk_`: `halloo-coordinator admin key list` has them",
            )?,
        };
        let gone = "there is no API key of this name: `halloo-coordinator admin key list` lists them";
        let revoked = self.change(&[&id], |store| self.book.revoke_key(store, &id, Hand::Host)).await;
        match revoked {
            Err(problem) if problem.kind() == Kind::NotFound => Err(Problem::new(Kind::NotFound, gone)),
            revoked => revoked.map(|()| Done::Revoked),
        }
    }
}

#[cfg(test)]
mod tests;
