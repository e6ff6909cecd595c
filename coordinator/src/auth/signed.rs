//! Who asks with an access token: the token, the proof of its key (RFC 9449) and the session behind both, checked before an endpoint runs,
//! and the session once more where something is changed.

use super::access::{Access, Id};
use super::book::{Change, Refused};
use super::dpop::{self, DpopError, Proven};
use super::jose;
use super::office::Office;
use super::seen::SeenError;
use crate::hall::{Asker, Here};
use crate::problem::{Kind, Problem};
use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use axum::http::header;
use axum::http::request::Parts;
use halloo_crypto::id::ClientId;
use halloo_store::store::Store;
use tokio::sync::OwnedMutexGuard;

/// The scheme of the header that carries a token (RFC 9449, 7.1).
const SCHEME: &str = "DPoP";

/// Somebody with a session; also for the endpoints of other rooms that are an account's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed {
    /// The account.
    pub(crate) account: Id,
    /// The key of the device.
    pub(super) device: ClientId,
    /// The session.
    pub(super) session: Id,
}

/// Somebody with a key, who has no token yet or no longer. The proof is not remembered yet: made-up keys would fill the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder(pub(super) Proven);

fn refuse(why: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Kind::TokenNeeded, why)
}

fn ended() -> Problem {
    refuse("the session has ended")
}

/// The one value of a header; several would leave it open which of them counts.
pub(super) fn only<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// Counts the request before anything is computed for it.
pub(super) async fn counted(parts: &mut Parts, office: &Office) -> Result<(), Problem> {
    let Ok(Asker(name)) = Asker::from_request_parts(parts, office).await;
    office.limit.pass(&name)
}

async fn proven(parts: &mut Parts, office: &Office, token: Option<&str>) -> Result<Proven, Problem> {
    let Ok(here) = Here::from_request_parts(parts, office).await;
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let proof = only(parts, "dpop").ok_or_else(|| refuse("no `DPoP` proof was sent"))?;
    let (method, path) = (parts.method.as_str(), uri.path());
    let request = dpop::Request { method, path, origins: &here.origins, token };
    let now_ms = office.hall.world.now_ms();
    dpop::check(proof, &request, now_ms).map_err(|error| match error {
        DpopError::ClockApart => Problem::new(Kind::ClockApart, error.to_string()),
        _ => refuse(error.to_string()),
    })
}

impl FromRequestParts<Office> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Problem> {
        counted(parts, office).await?;
        Ok(Holder(proven(parts, office, None).await?))
    }
}

impl<S> FromRequestParts<S> for Signed
where
    S: Send + Sync,
    Office: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let office = &Office::from_ref(state);
        counted(parts, office).await?;
        let header =
            only(parts, header::AUTHORIZATION.as_str()).ok_or_else(|| refuse("no token was sent"))?;
        let (scheme, token) = header.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(refuse("the header is not `Authorization: DPoP TOKEN`"));
        }
        let (token, now_ms) = (token.trim().to_owned(), office.hall.world.now_ms());
        let Ok(here) = Here::from_request_parts(parts, office).await;
        let access = office.issuer.check(&token, &here.origins, now_ms);
        let Access { account, session, thumbprint } = access.map_err(|error| refuse(error.to_string()))?;
        let proven = proven(parts, office, Some(&token)).await?;
        if jose::thumbprint(&proven.key) != thumbprint {
            return Err(refuse("the proof is by another key than the token is for"));
        }
        let signed = Signed { account, device: ClientId(proven.key), session };
        // The token alone would be good for minutes after the session was ended; here the book is at hand.
        if !office.is_open(&signed, &*office.hall.store)? {
            return Err(ended());
        }
        office.remember(&proven)?;
        Ok(signed)
    }
}

impl Office {
    /// Notes that a proof is used, which no other request is after it.
    pub(super) fn remember(&self, proven: &Proven) -> Result<(), Problem> {
        let first = self.proofs().first_time(proven.name, proven.ends_ms, self.hall.world.now_ms());
        first.map_err(|error| match error {
            SeenError::Replayed => Problem::new(Kind::Replayed, "this DPoP proof was seen before"),
            SeenError::Busy => {
                Problem::new(Kind::Unavailable, "too many proofs are remembered at the moment").after(60)
            }
        })
    }

    /// Keeps the pages of who asks as they are for as long as this is held, so that the account is not forgotten meanwhile.
    pub(crate) async fn keep(&self, signed: &Signed) -> Vec<OwnedMutexGuard<()>> {
        self.hold(&[&signed.account[..], &signed.device.0[..]]).await
    }

    /// Whether the session of who asks is still open: a body may come long after its head.
    pub(crate) fn still(&self, signed: &Signed) -> Result<(), Problem> {
        if self.is_open(signed, &*self.hall.store)? { Ok(()) } else { Err(ended()) }
    }

    /// Whether the session is the one that is open; refused where its account is suspended.
    fn is_open(&self, signed: &Signed, store: &dyn Store) -> Result<bool, Refused> {
        match self.book.session(store, &signed.device, &signed.session, self.hall.world.now_ms()) {
            Ok(row) if row.account == signed.account => {
                self.book.admit(store, &signed.account).map(|()| true)
            }
            Ok(_) => Ok(false),
            Err(Refused::Ended) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// As [`Office::change`], on the pages of the account and the device that ask and of these names, if their session is still open then:
    /// a body may come long after its head, and another request may have ended the session in between.
    pub(super) async fn change_of<T>(
        &self,
        signed: &Signed,
        names: &[&[u8]],
        work: impl FnOnce(&dyn Store) -> Result<(Change, T), Refused>,
    ) -> Result<T, Problem> {
        let held = [&[&signed.account[..], &signed.device.0], names].concat();
        let work = |store: &dyn Store| {
            if !self.is_open(signed, store)? {
                return Ok((Change::default(), None));
            }
            work(store).map(|(change, told)| (change, Some(told)))
        };
        self.change(&held, work).await?.ok_or_else(ended)
    }
}

#[cfg(test)]
mod tests;
