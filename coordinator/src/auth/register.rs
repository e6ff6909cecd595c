//! `POST /api/v1/auth/register`.

use super::book::{Begin, Refused};
use super::config::Registration;
use super::invitation::Invitation;
use super::named::{self, DeviceInfo};
use super::object::{object, object_or_none};
use super::office::{Office, Place, ProofShape, TokensGiven, json};
use super::password::is_good;
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_crypto::base16;
use halloo_crypto::id::ClientId;
use halloo_crypto::mailbox::Day;
use halloo_store::store::Store;
use halloo_wire::login::Purpose;
use halloo_wire::work;
use rand_core::Rng as _;

/// A new account: the key of a device is enough.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterAsk {
    /// That the key is held.
    #[serde(deserialize_with = "object")]
    proof: ProofShape,
    /// A name that nobody else has here.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{2,31}$")]
    username: Option<String>,
    /// Where to write to; nobody checks it.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 254, pattern = "^[!-?A-~]+@[!-?A-~]+$")]
    email: Option<String>,
    /// What opens the account where no key is, under the username.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 128)]
    password: Option<String>,
    /// What was found by the work that the challenge asks for.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-f]{16}$")]
    work: Option<String>,
    /// What who hosts this coordinator has given.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-f]{60}$")]
    invitation: Option<String>,
    /// What the device is.
    #[serde(default, deserialize_with = "object_or_none")]
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
        (status = 403, description = "Registration is closed, work or an invitation is needed, or the signature does not hold", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "The key, the name or the challenge was used before, or a password has no name", body = Details, content_type = "application/problem+json"),
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
    if ask.password.as_deref().is_some_and(|text| !is_good(text)) {
        return Err(Problem::new(Kind::Malformed, "a password has 10 to 128 characters"));
    }
    if ask.password.is_some() && names.username.is_none() {
        return Err(Refused::NameNeeded.into());
    }
    let device = ask.proof.device()?;
    let vouched = Vouched {
        invitation: ask.invitation.as_deref(),
        work: ask.work.as_deref(),
        challenge: &ask.proof.challenge,
    };
    let invitation = vouched.allow(&office, &device)?;
    let origin = office.proven(Purpose::Register, (&ask.proof, &here), |_| Ok(()))?;
    office.registrations.pass(&name)?;
    let mut place = Place::find(&office)?;
    let world = &office.hall.world;
    let password = match &ask.password {
        Some(text) => {
            office.password_registrations.pass(&name)?;
            let mut salt = [0; 16];
            world.chance().fill_bytes(&mut salt);
            Some(office.stretcher.set(text, salt).await?)
        }
        None => None,
    };
    let begin = Begin { names, password, device_name };
    let tag = begin.names.username.as_deref().map(|username| office.book.tag(username));
    let invited = invitation.map(|invitation| invitation.id);
    let others = tag.as_ref().map(|tag| &tag[..]).into_iter().chain(invited.as_ref().map(|id| &id[..]));
    let held: Vec<&[u8]> = [&device.0[..]].into_iter().chain(others).collect();
    let register = |store: &dyn Store| {
        let told = (world.now_ms(), &mut world.chance());
        let mut worked = office.book.register(store, device, &begin, told)?;
        if let Some(invitation) = invitation {
            invitation.spend(store, &mut worked.0.batch)?;
        }
        place.taken = true;
        Ok(worked)
    };
    let opened = office.change(&held, register).await;
    place.taken &= opened.is_ok();
    let opened = opened?;
    Ok((StatusCode::CREATED, Json(office.tokens(&device, &origin, &opened))))
}

/// What speaks for whoever asks for an account.
struct Vouched<'a> {
    invitation: Option<&'a str>,
    work: Option<&'a str>,
    /// What the work was done for.
    challenge: &'a str,
}

impl Vouched<'_> {
    /// Whether there may be an account for this key; the invitation that it uses up.
    fn allow(&self, office: &Office, device: &ClientId) -> Result<Option<Invitation>, Problem> {
        match (office.registration, self.invitation) {
            (Registration::Closed, _) => {
                Err(Problem::new(Kind::RegistrationClosed, "this coordinator gives no accounts"))
            }
            (Registration::Open, _) => Ok(None),
            (Registration::Invite | Registration::Work, Some(code)) => {
                let today = Day::of_ms(office.hall.world.now_ms());
                Ok(Some(office.invitations.read(code, today).map_err(Refused::from)?))
            }
            (Registration::Invite, None) => {
                Err(Problem::new(Kind::InvitationNeeded, "accounts are for who was invited"))
            }
            (Registration::Work, None) => {
                let needed = || Problem::new(Kind::WorkNeeded, "this is not the work that was asked for");
                let nonce = self.work.and_then(base16::decode_array).ok_or_else(needed)?;
                let challenge = base16::decode_array(self.challenge).ok_or_else(needed)?;
                let done = work::is_enough(device, &challenge, &nonce, office.work_bits());
                if done { Ok(None) } else { Err(needed()) }
            }
        }
    }
}
