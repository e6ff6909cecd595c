//! The description of the interface: who it is, how one is let in, and the refusals that every endpoint shares.

use super::problem::Details;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// The page that describes the interface.
#[derive(utoipa::OpenApi)]
#[openapi(
    modifiers(&Schemes),
    components(schemas(Details)),
    info(title = "halloo", description = "The local door of a member: what only a member may know, on loopback only."),
    tags(
        (name = "door", description = "Who is let in"),
        (name = "groups", description = "Groups, members and invites"),
        (name = "messages", description = "What was written"),
        (name = "location", description = "Where everybody is"),
        (name = "communication", description = "Who talks with whom"),
        (name = "wake", description = "How this device is woken"),
    )
)]
pub(super) struct Api;

/// How one says that one is in.
struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("From POST /api/v1/session. A browser sends a cookie instead"))
            .build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// What any endpoint may refuse.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
pub(super) enum Refusals {
    /// Not as it is described
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Details),
    /// Nobody is in by this
    #[response(status = 401, content_type = "application/problem+json")]
    TokenNeeded(Details),
    /// The role does not allow it, or a page from elsewhere asks
    #[response(status = 403, content_type = "application/problem+json")]
    NotAllowed(Details),
    /// Nothing of this name
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Details),
    /// It took too long
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Details),
    /// It is not so now: something else is under way, somebody is not there
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Details),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Details),
    /// The body is no JSON
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(Details),
    /// Another host was asked
    #[response(status = 421, content_type = "application/problem+json")]
    WrongHost(Details),
    /// As it is described, but it makes no sense here
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Details),
    /// Not now
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Details),
    /// The disk fails the node
    #[response(status = 507, content_type = "application/problem+json")]
    Disk(Details),
}
