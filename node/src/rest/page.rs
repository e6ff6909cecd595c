//! The page at `/`: it takes the one-time token out of its own address, where no server and no history of ours saw it, and opens the
//! session of the browser.

use axum::Router;
use axum::http::header;
use axum::response::Html;
use axum::routing::get;

const PAGE: &str = include_str!("page/enter.html");
const SCRIPT: &str = include_str!("page/enter.js");

/// The page and its script.
pub(super) fn door() -> Router {
    Router::new().route("/", get(|| async { Html(PAGE) })).route(
        "/enter.js",
        get(|| async { ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT) }),
    )
}
