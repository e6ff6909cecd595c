//! `GET`, `PUT` and `DELETE /api/v1/wake`.

use super::described::Refusals;
use super::house::House;
use super::object::object;
use super::problem::Problem;
use super::taken::Body;
use crate::door::{Request, WakeAsk, WakeToken};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// What a push service knows this device by.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum By {
    /// Web Push (RFC 8030) and UnifiedPush.
    #[schema(title = "WebPush")]
    WebPush {
        /// The URL that the push service has given.
        endpoint: String,
        /// The public key of the subscription: an uncompressed point of P-256, base64url.
        p256dh: String,
        /// Its authentication secret: 16 bytes, base64url.
        auth: String,
    },
    /// Firebase Cloud Messaging.
    #[schema(title = "Fcm")]
    Fcm {
        /// The registration token.
        token: String,
    },
    /// Apple's push service.
    #[schema(title = "Apns")]
    Apns {
        /// The device token in hex.
        token: String,
    },
}

/// How this device is to be woken.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WakeSet {
    /// By what.
    #[serde(deserialize_with = "object")]
    by: By,
    /// The origin of the coordinator that sends to that push service, `https://HOST[:PORT]`; without it each coordinator does so itself.
    #[serde(default)]
    gateway: Option<String>,
}

/// Why a coordinator does not have it woken.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
struct Trouble {
    /// Which coordinator.
    origin: String,
    /// Why, in words.
    why: String,
}

/// How this device is woken.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct WakeStands {
    /// `webpush`, `fcm` or `apns`; null: it is not woken.
    kind: Option<String>,
    /// Who sends, where that is not each coordinator itself.
    gateway: Option<String>,
    /// At so many addresses of days to come coordinators know of it.
    #[schema(minimum = 0)]
    left: u64,
    /// At so many they are still to be told.
    #[schema(minimum = 0)]
    waiting: u64,
    /// What keeps it from being woken.
    trouble: Vec<Trouble>,
}

/// How this device is woken when something is left for it while it is away.
#[utoipa::path(
    get,
    path = "/api/v1/wake",
    tag = "wake",
    operation_id = "show_wake",
    security(("bearer" = [])),
    responses((status = 200, description = "How it stands", body = WakeStands), Refusals)
)]
pub(super) async fn show(State(house): State<House>) -> Result<Json<WakeStands>, Problem> {
    house.ask_for(None, Request::Wake).await.map(Json)
}

/// Says how this device is woken; sealed, it is left at coordinators for each day of a month to come, and kept true there.
#[utoipa::path(
    put,
    path = "/api/v1/wake",
    tag = "wake",
    operation_id = "set_wake",
    security(("bearer" = [])),
    request_body = WakeSet,
    responses((status = 200, description = "It is known; coordinators are being told", body = WakeStands), Refusals)
)]
pub(super) async fn set(
    State(house): State<House>,
    Body(set): Body<WakeSet>,
) -> Result<Json<WakeStands>, Problem> {
    let by = match set.by {
        By::WebPush { endpoint, p256dh, auth } => WakeToken::WebPush { endpoint, p256dh, auth },
        By::Fcm { token } => WakeToken::Fcm { token },
        By::Apns { token } => WakeToken::Apns { token },
    };
    house.ask_for(None, Request::WakeBy(WakeAsk { by, gateway: set.gateway })).await.map(Json)
}

/// This device is woken no more, and coordinators are told so.
#[utoipa::path(
    delete,
    path = "/api/v1/wake",
    tag = "wake",
    operation_id = "stop_wake",
    security(("bearer" = [])),
    responses((status = 204, description = "It is known"), Refusals)
)]
pub(super) async fn stop(State(house): State<House>) -> Result<StatusCode, Problem> {
    house.ask(None, Request::WakeOff).await?;
    Ok(StatusCode::NO_CONTENT)
}
