//! What is taken from a request: bodies, queries and ids, each refused in words where it is not as it is described.

use super::object::Object;
use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use std::ops::RangeInclusive;

/// A body of JSON: one object of this shape.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::new("media-type", "the body does not say that it is JSON"));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Problem::new("too-large-body", "the body is longer than is taken here")
                }
                _ => Problem::malformed("the body did not arrive whole"),
            })?;
        let read = serde_json::from_slice::<Object<T>>(&bytes);
        read.map(|Object(shape)| Body(shape))
            .map_err(|error| Problem::malformed(format!("the body is not as it is described: {error}")))
    }
}

/// A query of this shape.
pub(super) struct Sought<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Sought<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(shape)| Sought(shape)).map_err(|rejection| Problem::malformed(rejection.body_text()))
    }
}

/// A word in the path.
pub(super) struct Text(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Text {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(text)| Text(text)).map_err(|rejection| Problem::malformed(rejection.body_text()))
    }
}

/// An id in the path.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Text(id) = Text::from_request_parts(parts, state).await?;
        whole_id("the id in the path", &id)?;
        Ok(Id(id))
    }
}

/// Refuses what is no whole id: programs name things by all of it.
///
/// # Errors
/// It is none.
pub(super) fn whole_id(what: &str, text: &str) -> Result<(), Problem> {
    let is_id = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    is_id.then_some(()).ok_or_else(|| Problem::malformed(format!("{what} has 64 digits of lower-case hex")))
}

/// Refuses a number outside its described range.
///
/// # Errors
/// It is outside.
pub(super) fn within<T: PartialOrd + std::fmt::Display>(
    what: &str,
    number: T,
    range: RangeInclusive<T>,
) -> Result<T, Problem> {
    if range.contains(&number) {
        return Ok(number);
    }
    Err(Problem::malformed(format!("{what} is {} to {}", range.start(), range.end())))
}

/// Refuses a text with fewer or more characters than described.
///
/// # Errors
/// It has.
pub(super) fn as_long(what: &str, text: &str, range: RangeInclusive<usize>) -> Result<(), Problem> {
    if range.contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Problem::malformed(format!("{what} has {} to {} characters", range.start(), range.end())))
}
