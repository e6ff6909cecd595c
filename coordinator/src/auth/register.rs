//! `POST /api/v1/auth/register`.

use super::book::Begin;
use super::config::Registration;
use super::named::{self, DeviceInfo};
use super::office::{Office, Place, ProofShape, TokensGiven, json};
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_store::store::Store;
use halloo_wire::login::Purpose;

/// A new account: the key of a device is enough.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterAsk {
    /// That the key is held.
    proof: ProofShape,
    /// A name that nobody else has here.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{2,31}$")]
    username: Option<String>,
    /// Where to write to; nobody checks it.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 254, pattern = "^[^@\\s]+@[^@\\s]+$")]
    email: Option<String>,
    /// What the device is.
    #[serde(default)]
    device_info: Option<DeviceInfo>,
}

/// Makes an account for the key of a device, and opens a session.
#[utoipa::path(
    post,
    path = "/register",
    tag = "auth",
    request_body = RegisterAsk,
    responses(
        (status = 201, description = "An account and a session", body = TokensGiven),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Registration is closed, or the signature does not hold", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "The key, the name or the challenge was used before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn register(
    State(office): State<Office>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<TokensGiven>), Problem> {
    office.limit.pass(&name)?;
    let ask: RegisterAsk = json(body)?;
    let names = named::names(ask.username, ask.email)?;
    let device_name = named::device_name(ask.device_info)?;
    if office.registration == Registration::Closed {
        return Err(Problem::new(Kind::RegistrationClosed, "this coordinator gives no accounts"));
    }
    let device = ask.proof.device()?;
    let origin = office.proven(Purpose::Register, &ask.proof, &here)?;
    office.registrations.pass(&name)?;
    let mut place = Place::find(&office)?;
    let begin = Begin { names, device_name };
    let tag = begin.names.username.as_deref().map(|username| office.book.tag(username));
    let held: Vec<&[u8]> = [&device.0[..]].into_iter().chain(tag.as_ref().map(|tag| &tag[..])).collect();
    let world = &office.hall.world;
    let register = |store: &dyn Store| {
        let worked = office.book.register(store, device, &begin, (world.now_ms(), &mut world.chance()))?;
        place.taken = true;
        Ok(worked)
    };
    let opened = office.change(&held, register).await;
    place.taken &= opened.is_ok();
    let opened = opened?;
    Ok((StatusCode::CREATED, Json(office.tokens(&device, &origin, &opened))))
}
