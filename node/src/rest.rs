//! The door on loopback for browsers and for every language that speaks HTTP: what the owner's socket takes, asked by REST and WebSocket.
//!
//! ```text
//! browser, script                                            owner's socket
//!        \                                                        /
//!    Host, Origin -> session -> endpoint -> door::Request -> the driver's queue
//! ```
//! It decides nothing: each endpoint asks the same requests as the `halloo` command and only names the answer otherwise. Who may ask,
//! and why, is in docs/adr/0021-local-rest-door.md; what can be asked, in docs/spec/rest.md.

mod described;
mod gate;
mod group;
mod groups;
mod house;
mod invite;
mod join;
mod members;
mod messages;
mod moment;
mod object;
mod page;
mod paging;
mod position;
mod positions;
mod problem;
mod search;
mod serving;
mod session;
mod sessions;
mod socket;
mod taken;
mod wake;
mod whole;

pub use house::House;
pub use serving::{ListenError, listen, serve};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use problem::Problem;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

/// What a page of ours may do: run and load what this door itself serves, and nothing else; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Longest body: a message of 16 KiB in JSON escapes with room to spare, as at the socket.
const BODY_MAX: usize = crate::door::LINE_MAX;

/// All endpoints, their description, and who is kept out.
///
/// # Errors
/// The description cannot be written, which is a mistake of ours.
fn router(house: &House) -> Result<Router, serde_json::Error> {
    let (router, api) = described(house).split_for_parts();
    let json = api.to_pretty_json()?;
    let openapi = get(|| async move { ([(header::CONTENT_TYPE, "application/json")], json) });
    let docs = SwaggerUi::new("/api/v1/docs").config(utoipa_swagger_ui::Config::from("/api/v1/openapi.json"));
    let mut router = router
        .route("/api/v1/openapi.json", openapi)
        .merge(docs)
        .merge(page::door())
        .fallback(|| async { Problem::new("not-found", "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Problem::new("method-not-allowed", "this address does not take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(gate::patience))
        .layer(from_fn_with_state(house.clone(), gate::from_here));
    for (name, value) in said_always() {
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    }
    Ok(router)
}

/// Said with every answer.
fn said_always() -> [(HeaderName, &'static str); 7] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ]
}

/// Everything that is described.
fn described(house: &House) -> OpenApiRouter {
    let inside = OpenApiRouter::new()
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(join::join))
        .routes(routes!(group::show, group::change))
        .routes(routes!(members::list))
        .routes(routes!(invite::invite))
        .routes(routes!(messages::list, messages::write))
        .routes(routes!(search::search))
        .routes(routes!(position::update))
        .routes(routes!(positions::of_group))
        .routes(routes!(positions::proximity))
        .routes(routes!(sessions::list, sessions::enter))
        .routes(routes!(sessions::leave))
        .routes(routes!(socket::communication))
        .routes(routes!(wake::show, wake::set, wake::stop))
        .routes(routes!(session::end))
        .route_layer(from_fn_with_state(house.clone(), gate::only_who_is_in));
    OpenApiRouter::with_openapi(described::Api::openapi())
        .merge(inside)
        .merge(OpenApiRouter::new().routes(routes!(session::open)).routes(routes!(problem::explain)))
        .with_state(house.clone())
}

#[cfg(test)]
mod tests;
