//! Who asks for what is not their own: an account by its role (a token and a proof, as everywhere), or a program by its API key. What
//! either may is looked up for each request, and once more where something is changed.

use super::access::Id;
use super::book::api_key::KeyText;
use super::book::{Change, Refused};
use super::office::Office;
use super::rights::{Hand, Right, Scope};
use super::signed::{Signed, counted, only};
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use halloo_crypto::mailbox::Day;
use halloo_store::store::Store;
use std::marker::PhantomData;

/// The scheme of the header that carries a key (RFC 6750, 2.1).
const SCHEME: &str = "Bearer";

/// What an endpoint asks for.
pub(super) trait Needs: Send + Sync + 'static {
    /// The right.
    const RIGHT: Right;
}

/// To list and show accounts.
pub(super) struct AccountsRead;
/// To suspend accounts, and to end their sessions.
pub(super) struct AccountsWrite;
/// To forget accounts.
pub(super) struct AccountsDelete;
/// To read the audit log.
pub(super) struct AuditRead;
/// To read which limits are in force.
pub(super) struct QuotasRead;
/// To make, list and revoke API keys.
pub(super) struct Keys;

impl Needs for AccountsRead {
    const RIGHT: Right = Right::Scoped(Scope::AccountsRead);
}

impl Needs for AccountsWrite {
    const RIGHT: Right = Right::Scoped(Scope::AccountsWrite);
}

impl Needs for AccountsDelete {
    const RIGHT: Right = Right::Scoped(Scope::AccountsDelete);
}

impl Needs for AuditRead {
    const RIGHT: Right = Right::Scoped(Scope::AuditRead);
}

impl Needs for QuotasRead {
    const RIGHT: Right = Right::Scoped(Scope::QuotasRead);
}

impl Needs for Keys {
    const RIGHT: Right = Right::Keys;
}

#[derive(Clone, Debug)]
enum Caller {
    Session(Signed),
    /// A key, and the account that made it.
    Key(KeyText, Option<Id>),
}

/// Somebody who may do what an endpoint asks for.
#[derive(Debug)]
pub(super) struct Allowed<N> {
    caller: Caller,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<Office> for Allowed<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Problem> {
        let header = only(parts, header::AUTHORIZATION.as_str()).and_then(|header| header.split_once(' '));
        let key = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME));
        let key = key.map(|(_, text)| text.trim().to_owned());
        let caller = match key {
            Some(text) => {
                counted(parts, office).await?;
                office.key(&text).await?
            }
            None => Caller::Session(Signed::from_request_parts(parts, office).await?),
        };
        office.hand(&caller, N::RIGHT, &*office.hall.store)?;
        Ok(Allowed { caller, needs: PhantomData })
    }
}

impl Office {
    fn today(&self) -> Day {
        Day::of_ms(self.hall.world.now_ms())
    }

    /// A key that is good, whatever for.
    async fn key(&self, text: &str) -> Result<Caller, Problem> {
        let key = KeyText::read(text).ok_or(Refused::KeyNeeded)?;
        let today = self.today();
        let row = self.book.good_key(&*self.hall.store, &key, today)?;
        if row.used != Some(today.0) {
            // Once a day; a disk that takes nothing more keeps nobody from looking why.
            drop(self.change(&[&key.id], |store| self.book.use_key(store, &key.id, today)).await);
        }
        Ok(Caller::Key(key, row.maker))
    }

    /// With which hand somebody does something that asks for this right.
    fn hand(&self, caller: &Caller, right: Right, store: &dyn Store) -> Result<Hand, Refused> {
        match caller {
            Caller::Session(signed) => {
                let role = self.book.standing(store, &signed.account)?.acts();
                let role = role.filter(|role| role.allows(right)).ok_or(Refused::RoleNeeded)?;
                Ok(Hand::Account(signed.account, role))
            }
            Caller::Key(key, _) => {
                let row = self.book.good_key(store, key, self.today())?;
                self.book.key_allows(store, &row, right)?;
                Ok(Hand::Key(key.id))
            }
        }
    }

    /// As [`Office::change`], on the pages of who asks and of these names, by whoever may do it still when it is worked out.
    pub(super) async fn change_by<N: Needs, T>(
        &self,
        allowed: &Allowed<N>,
        names: &[&[u8]],
        work: impl FnOnce(&dyn Store, Hand) -> Result<(Change, T), Refused>,
    ) -> Result<T, Problem> {
        let caller = &allowed.caller;
        let work = |store: &dyn Store| work(store, self.hand(caller, N::RIGHT, store)?);
        match caller {
            Caller::Session(signed) => {
                self.admin_changes.pass(&signed.account)?;
                self.change_of(signed, names, work).await
            }
            Caller::Key(key, maker) => {
                self.admin_changes.pass(&key.id)?;
                let who = [&key.id].into_iter().chain(maker).map(|id| &id[..]);
                let held: Vec<&[u8]> = who.chain(names.iter().copied()).collect();
                self.change(&held, work).await
            }
        }
    }
}

#[cfg(test)]
mod tests;
