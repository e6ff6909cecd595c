//! `POST /api/v1/auth/challenge`.

use super::office::{Office, device_key, json};
use crate::hall::Asker;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_crypto::base16;

/// Who wants to prove a key.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeAsk {
    /// Public key of the device, Ed25519, in hex: made for this coordinator alone.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    device_key: String,
}

/// What that key is to sign.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct ChallengeGiven {
    /// Opaque, in hex.
    #[schema(pattern = "^[0-9a-f]{80}$")]
    challenge: String,
    /// When it ends, milliseconds since 1970 on the clock of the coordinator.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    expires_ms: u64,
    /// How many zero bits the work for an account needs; 0 where none is asked for.
    #[schema(maximum = 28)]
    work_bits: u8,
}

/// Gives a challenge for a key; it is good once and for two minutes.
#[utoipa::path(
    post,
    path = "/challenge",
    tag = "auth",
    request_body = ChallengeAsk,
    responses(
        (status = 200, description = "A challenge for two minutes", body = ChallengeGiven),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn challenge(
    State(office): State<Office>,
    Asker(name): Asker,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ChallengeGiven>, Problem> {
    office.limit.pass(&name)?;
    let ask: ChallengeAsk = json(body)?;
    let device = device_key(&ask.device_key)?;
    let world = &office.hall.world;
    let (challenge, expires_ms) = office.challenges().give(&device, &mut world.chance(), world.now_ms());
    Ok(Json(ChallengeGiven {
        challenge: base16::encode(&challenge),
        expires_ms,
        work_bits: office.work_bits(),
    }))
}
