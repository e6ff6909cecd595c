//! `GET /i/{id}`: what a person sees who opens the link of an invite in a browser. The secret stands behind the `#` and never comes here.

use crate::problem::{Details, Kind, Problem};
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The page: it is the same for every invite, asks for nothing and runs nothing.
const PAGE: &str = include_str!("invite_page/page.html");
/// Length of an invite's id in a link: 16 bytes in base64url.
const ID_LETTERS: usize = 22;
/// Nothing may be loaded or run, nobody may put it into a frame, and no page that it leads to learns of it.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "public, max-age=86400"),
];

/// Headers and text.
type Page = ([(HeaderName, &'static str); 5], &'static str);

/// The door of the page.
pub fn door() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(page))
}

/// What to do with the link of an invite, for people. Which invites there are is not known here: every id has this page.
#[utoipa::path(
    get,
    path = "/i/{id}",
    tag = "server",
    params(("id" = String, Path, description = "Id of an invite", pattern = "^[A-Za-z0-9_-]{22}$")),
    responses(
        (status = 200, description = "A page for people", body = String, content_type = "text/html"),
        (status = 404, description = "No id of an invite", body = Details, content_type = "application/problem+json"),
    )
)]
async fn page(id: Result<Path<String>, PathRejection>) -> Result<Page, Problem> {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    let letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    if id.len() == ID_LETTERS && id.bytes().all(letter) {
        Ok((HEADERS, PAGE))
    } else {
        Err(Problem::new(
            Kind::NotFound,
            "this is no link of an invite: ask who gave it to you for the whole of it",
        ))
    }
}
