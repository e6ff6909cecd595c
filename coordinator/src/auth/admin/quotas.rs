//! `GET /api/v1/admin/quotas`.

use super::super::book::api_key::KEYS_MAX;
use super::super::caller::{Allowed, QuotasRead};
use super::super::office::Office;
use crate::problem::{Details, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Every setting that is a number, as it counts now.
#[derive(Clone, Debug)]
pub struct InForce(Arc<[(String, u64)]>);

impl InForce {
    /// What the settings say.
    #[must_use]
    pub fn new(settings: Vec<(String, u64)>) -> Self {
        InForce(settings.into())
    }
}

/// What is in force.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = QuotaList)]
pub(super) struct QuotaList {
    /// Every number of the settings, and the limits that are none.
    quotas: Vec<Quota>,
}

/// One limit.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Quota {
    /// The setting, as in docs/spec/coordinator.md.
    #[schema(example = "auth.accounts")]
    name: String,
    /// What it allows.
    #[schema(minimum = 0)]
    limit: u64,
    /// How much of it is used now, where that is known and says nothing of anybody.
    #[schema(minimum = 0)]
    used: Option<u64>,
}

/// The limits that are in force, and how much of them is used: counts of all together, never of one account or address.
#[utoipa::path(
    get,
    path = "/quotas",
    operation_id = "list_quotas",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "The limits", body = QuotaList),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role or scope that allows this, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(office): State<Office>,
    Extension(InForce(settings)): Extension<InForce>,
    _allowed: Allowed<QuotasRead>,
) -> Result<Json<QuotaList>, Problem> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (sockets, circuits) = office.hall.meters.open();
    let used = |name: &str| match name {
        "auth.accounts" => Some(count(office.accounts.load(Ordering::Acquire))),
        "mailbox.sockets" => Some(sockets),
        "relay.circuits" => Some(circuits),
        _ => None,
    };
    let settings = settings.iter();
    let rows = settings.map(|(name, limit)| Quota { name: name.clone(), limit: *limit, used: used(name) });
    let made = count(office.book.keys(&*office.hall.store)?.len());
    let keys = Quota { name: "API keys".to_owned(), limit: count(KEYS_MAX), used: Some(made) };
    Ok(Json(QuotaList { quotas: rows.chain([keys]).collect() }))
}
