//! `GET /api/v1/users/subscription/invoices`.

use super::door::Desk;
use super::ledger::Invoice;
use super::plans::PaymentKind;
use crate::auth::{Signed, date};
use crate::hall::store_problem;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;

/// What an account has used.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct InvoiceList {
    /// The oldest first; each is kept for 400 days.
    #[schema(max_items = 128)]
    invoices: Vec<InvoiceShown>,
}

/// A voucher that was used; which one is not kept with the account.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct InvoiceShown {
    /// Counts up, for this account.
    #[schema(minimum = 1)]
    number: u32,
    /// The day, as a date (UTC).
    #[schema(example = "2027-01-15", format = Date)]
    date: String,
    /// For which plan.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    plan_id: String,
    /// For how many days.
    days: u16,
    /// By what.
    payment_method: PaymentKind,
}

impl From<Invoice> for InvoiceShown {
    fn from(invoice: Invoice) -> Self {
        InvoiceShown {
            number: invoice.number,
            date: date(invoice.day.0),
            plan_id: invoice.plan,
            days: invoice.days,
            payment_method: PaymentKind::Voucher,
        }
    }
}

/// What the account that asks has used.
#[utoipa::path(
    get,
    path = "/subscription/invoices",
    tag = "subscriptions",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "What it has used", body = InvoiceList),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn invoices(State(desk): State<Desk>, signed: Signed) -> Result<Json<InvoiceList>, Problem> {
    let hall = &desk.room.hall;
    let kept = desk.room.ledger.invoices(&*hall.store, &signed.account);
    let invoices = kept.map_err(|error| store_problem(&error))?.into_iter().map(InvoiceShown::from).collect();
    Ok(Json(InvoiceList { invoices }))
}
