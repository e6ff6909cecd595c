//! What is done to accounts that are not one's own: endpoints below `/api/v1/admin`, and orders of who hosts, which come by the hatch.

mod accounts;
mod audit;
pub mod host;
mod keys;
mod quotas;
mod sessions;
pub mod shown;
mod suspension;

pub use quotas::InForce;

use super::access::Id;
use super::door::BODY_MAX;
use super::office::{Office, hex};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes below `/api/v1/admin`.
pub fn door(office: &Office, in_force: InForce) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::show, accounts::delete))
        .routes(routes!(suspension::suspend, suspension::lift))
        .routes(routes!(sessions::end))
        .routes(routes!(audit::list))
        .routes(routes!(quotas::list))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::revoke))
        .layer(Extension(in_force))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(office.clone())
}

/// An account that a path names.
fn account_id(text: &str) -> Result<Id, Problem> {
    hex(text, "an account has 32 digits of lower-case hex")
}
