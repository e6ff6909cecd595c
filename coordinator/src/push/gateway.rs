//! `GET /api/v1/push/gateway`.

use super::door::Push;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use halloo_wire::push::Gateway;

/// What a gateway says of itself.
#[derive(utoipa::ToSchema)]
#[schema(as = Gateway)]
#[allow(dead_code)]
struct GatewayShape {
    /// What tokens are sealed to: an X25519 public key in hex.
    key: String,
    /// Its key of VAPID (RFC 8292), base64url: what a web push subscription is made for.
    vapid: String,
    /// What it can send: `webpush`, `fcm`, `apns`.
    kinds: Vec<String>,
}

/// To which key tokens are sealed here, and what can be sent.
#[utoipa::path(
    get,
    path = "/gateway",
    tag = "push",
    responses((status = 200, description = "What it is", body = GatewayShape))
)]
pub(super) async fn gateway(State(push): State<Push>) -> Result<Json<Gateway>, Problem> {
    Ok(Json(push.waker()?.said().clone()))
}
