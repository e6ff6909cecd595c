//! `GET /api/v1/users/subscription`.

use super::config::Provider;
use super::door::{Desk, Subscriptions};
use crate::auth::{Signed, date};
use crate::hall::entitlements::{Account, Feature};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;

/// How it stands with the plans of an account.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum SubscriptionStatus {
    /// Nothing is sold here.
    Unlimited,
    /// It has a plan.
    Active,
    /// It has none.
    None,
}

/// What an account has.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct SubscriptionShown {
    /// How it stands.
    subscription_status: SubscriptionStatus,
    /// The last day of the plan that lasts longest, as a date (UTC); null where none ends.
    #[schema(example = "2027-02-14", format = Date)]
    subscription_expiry: Option<String>,
    /// What it may begin today.
    features: Vec<Feature>,
    /// Its plans, each with a last day of its own.
    #[schema(max_items = 256)]
    plans: Vec<HeldShown>,
}

/// A plan of an account.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct HeldShown {
    /// Which.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    plan_id: String,
    /// Its last day, as a date (UTC).
    #[schema(example = "2027-02-14", format = Date)]
    expiry: String,
}

/// What an account has today.
pub(super) fn standing(room: &Subscriptions, account: &Account) -> Result<SubscriptionShown, Problem> {
    let standing = room.standing(account)?;
    let longest = standing.held.iter().map(|held| held.last).max();
    let subscription_status = match (room.provider, longest) {
        (Provider::None, _) => SubscriptionStatus::Unlimited,
        (Provider::Voucher, Some(_)) => SubscriptionStatus::Active,
        (Provider::Voucher, None) => SubscriptionStatus::None,
    };
    let shown = |held: super::ledger::Held| HeldShown { plan_id: held.plan, expiry: date(held.last.0) };
    Ok(SubscriptionShown {
        subscription_status,
        subscription_expiry: longest.map(|last| date(last.0)),
        features: standing.features.into_iter().collect(),
        plans: standing.held.into_iter().map(shown).collect(),
    })
}

/// What the account that asks has, and what it may begin.
#[utoipa::path(
    get,
    path = "/subscription",
    tag = "subscriptions",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "What it has", body = SubscriptionShown),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn shown(
    State(desk): State<Desk>,
    signed: Signed,
) -> Result<Json<SubscriptionShown>, Problem> {
    standing(&desk.room, &signed.account).map(Json)
}
