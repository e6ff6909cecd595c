//! `GET /api/v1/plans`.

use super::config::{Plan, Provider};
use super::door::Subscriptions;
use crate::hall::entitlements::Feature;
use axum::Json;
use axum::extract::State;

/// The plans of a coordinator.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct PlanList {
    /// Whether nothing is sold here: everything is everybody's, without end.
    unlimited: bool,
    /// How somebody comes to a plan.
    payment_methods: Vec<PaymentKind>,
    /// What there is.
    #[schema(max_items = 32)]
    plans: Vec<PlanShown>,
}

/// How somebody comes to a plan.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PaymentKind {
    /// By a code that who sells it has made.
    Voucher,
}

/// A plan.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct PlanShown {
    /// What it is called in requests.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    plan_id: String,
    /// What it is called to people.
    #[schema(max_length = 64)]
    name: String,
    /// What an account may begin with it.
    features: Vec<Feature>,
    /// What it costs and where it is had, in words.
    #[schema(max_length = 200)]
    price: String,
}

impl From<&Plan> for PlanShown {
    fn from(plan: &Plan) -> Self {
        PlanShown {
            plan_id: plan.id.clone(),
            name: plan.name.clone(),
            features: plan.features.iter().copied().collect(),
            price: plan.price.clone(),
        }
    }
}

/// The plans that there are here; none where nothing is sold.
#[utoipa::path(
    get,
    path = "/api/v1/plans",
    tag = "subscriptions",
    responses((status = 200, description = "The plans", body = PlanList))
)]
pub(super) async fn plans(State(room): State<Subscriptions>) -> Json<PlanList> {
    let payment_methods = match room.provider {
        Provider::None => Vec::new(),
        Provider::Voucher => vec![PaymentKind::Voucher],
    };
    let unlimited = room.provider == Provider::None;
    Json(PlanList { unlimited, payment_methods, plans: room.plans.iter().map(PlanShown::from).collect() })
}
