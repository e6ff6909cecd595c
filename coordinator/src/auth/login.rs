//! `POST /api/v1/auth/login`.

use super::book::by_password::Checked;
use super::book::{Book, Opened, Refused};
use super::named::{self, DeviceInfo};
use super::object::{object, object_or_none};
use super::office::{Office, ProofShape, TokensGiven, json};
use super::totp;
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_crypto::id::ClientId;
use halloo_store::store::Store;
use halloo_wire::login::Purpose;
use rand_core::Rng as _;

/// Longest password that is looked at: JSON may take six letters for one character.
const PASSWORD_BYTES_MAX: usize = 1_024;
/// Longest code: a recovery code with dashes.
const CODE_BYTES_MAX: usize = 24;

/// Somebody with a key that has an account, or with a password for a key that has none yet.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginAsk {
    /// That the key is held.
    #[serde(deserialize_with = "object")]
    proof: ProofShape,
    /// The name of the account, with a password.
    #[serde(default)]
    #[schema(max_length = 32)]
    username: Option<String>,
    /// The password, with a name.
    #[serde(default)]
    #[schema(max_length = 128)]
    password: Option<String>,
    /// A code of the authenticator or a recovery code, where the account asks for one.
    #[serde(default)]
    #[schema(max_length = 24)]
    code: Option<String>,
    /// What the device is, where it is new.
    #[serde(default, deserialize_with = "object_or_none")]
    device_info: Option<DeviceInfo>,
}

/// A name and a password that somebody typed.
struct Typed {
    username: String,
    password: String,
    code: Option<String>,
    device_name: String,
}

/// Opens a session for the key of a device; the one that it had ends. With a username and a password, the key becomes a device of that account.
#[utoipa::path(
    post,
    path = "/login",
    tag = "auth",
    request_body = LoginAsk,
    responses(
        (status = 200, description = "A session", body = TokensGiven),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Nobody logs in by this, a code is needed, the account is suspended, or the signature does not hold", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "The challenge was answered before, or the key has another account", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn login(
    State(office): State<Office>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TokensGiven>, Problem> {
    office.limit.pass(&name)?;
    let ask: LoginAsk = json(body)?;
    let device_name = named::device_name(ask.device_info)?;
    let typed = match (ask.username, ask.password) {
        (Some(username), Some(password)) => {
            if password.len() > PASSWORD_BYTES_MAX
                || ask.code.as_ref().is_some_and(|code| code.len() > CODE_BYTES_MAX)
            {
                return Err(Problem::new(Kind::Malformed, "a password or code is longer than any is"));
            }
            office.passwords.pass(&name)?;
            Some(Typed { username, password, code: ask.code, device_name })
        }
        (None, None) => None,
        _ => return Err(Problem::new(Kind::LoginFailed, "a username and a password go together")),
    };
    let device = ask.proof.device()?;
    let origin = office.proven(Purpose::Login, (&ask.proof, &here), |device| {
        // Keys that anybody makes up fill no memory: without a password only one that is known is worth remembering.
        let is_known = typed.is_some() || office.book.knows(&*office.hall.store, device)?;
        if is_known { Ok(()) } else { Err(Refused::Unknown.into()) }
    })?;
    let opened = match &typed {
        Some(typed) => by_password(&office, device, typed).await?,
        None => {
            let world = &office.hall.world;
            let login =
                |store: &dyn Store| office.book.login(store, device, (world.now_ms(), &mut world.chance()));
            office.change(&[&device.0], login).await?
        }
    };
    Ok(Json(office.tokens(&device, &origin, &opened)))
}

async fn by_password(office: &Office, device: ClientId, typed: &Typed) -> Result<Opened, Problem> {
    let tag = office.book.tag(&typed.username);
    office.by_account.pass(tag.first_chunk().expect("32 bytes hold 16"))?;
    let found = office.book.named(&*office.hall.store, &tag)?;
    let kept = found.as_ref().and_then(|(_, account)| account.password.as_ref());
    let is_right = office.stretcher.is(&typed.password, kept).await?;
    let (Some((account, row)), Some(kept), true) = (&found, kept, is_right) else {
        if let Some((account, _)) = found {
            // Noted behind the answer: how long it takes must not tell whether there is such an account.
            let office = office.clone();
            let note = async move { office.change(&[&account], |_| Ok((Book::refused(account), ()))).await };
            tokio::spawn(note);
        }
        return Err(Refused::Unknown.into());
    };
    let asks_for_code = row.second.as_ref().is_some_and(|second| second.confirmed);
    if asks_for_code && typed.code.as_deref().is_some_and(totp::is_code) {
        // Behind the password, so that nobody who lacks it uses them up. Recovery codes are too long to be guessed, and are not counted.
        office.codes.pass(account)?;
    }
    let mut salt = [0; 16];
    office.hall.world.chance().fill_bytes(&mut salt);
    let renewed = office.stretcher.renewed(&typed.password, kept, salt).await;
    let checked = Checked { account: *account, kept, renewed, code: typed.code.as_deref() };
    let world = &office.hall.world;
    let login = |store: &dyn Store| {
        let now = (world.now_ms(), &mut world.chance());
        office.book.login_by_password(store, (device, &typed.device_name), checked, now)
    };
    Ok(office.change(&[account, &device.0], login).await??)
}
