//! `POST /api/v1/users/subscription`.

use super::code;
use super::config::is_plan_id;
use super::door::Desk;
use super::plans::PaymentKind;
use super::shown::{SubscriptionShown, standing};
use crate::auth::{Signed, json, object};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_crypto::voucher::Voucher;

/// A plan, and how it is come to.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscribeAsk {
    /// Which plan.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    plan_id: String,
    /// By what.
    #[serde(deserialize_with = "object")]
    payment_method: PaymentMethod,
}

/// How a plan is come to.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PaymentMethod {
    /// What it is; there is nothing else yet.
    #[serde(rename = "type")]
    kind: PaymentKind,
    /// The code of a voucher, in either case, with or without dashes and blanks.
    code: String,
}

/// Lets a voucher count for the account that asks, once: its days come on top of those that are left. The same request again, because an
/// answer was lost, has the same answer. Where nothing is sold everything is unlimited already, and nothing is used up.
#[utoipa::path(
    post,
    path = "/subscription",
    tag = "subscriptions",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = SubscribeAsk,
    responses(
        (status = 200, description = "What the account has now", body = SubscriptionShown),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The voucher does not count, the account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "No plan of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn redeem(
    State(desk): State<Desk>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SubscriptionShown>, Problem> {
    let ask: SubscribeAsk = json(body)?;
    if !is_plan_id(&ask.plan_id) {
        return Err(Problem::new(Kind::Malformed, "the id of a plan has 1 to 32 of a-z, 0-9 and dash"));
    }
    let PaymentMethod { kind: PaymentKind::Voucher, code } = ask.payment_method;
    let room = &desk.room;
    let Some(key) = &room.voucher_key else { return standing(room, &signed.account).map(Json) };
    room.tries.pass(&signed.account)?;
    if !room.ledger.has(&ask.plan_id) {
        return Err(Problem::new(
            Kind::NotFound,
            "there is no plan of this name: GET /api/v1/plans lists them",
        ));
    }
    let refuse = |why: String| Problem::new(Kind::VoucherRefused, why);
    let bytes = code::read(&code).map_err(|error| refuse(error.to_string()))?;
    let voucher = Voucher::check(&bytes, key).map_err(|error| refuse(error.to_string()))?;
    let still = || desk.still(&signed);
    let kept = desk.keep(&signed).await;
    room.redeem(&signed.account, (&voucher, &ask.plan_id), still, kept).await?;
    standing(room, &signed.account).map(Json)
}
