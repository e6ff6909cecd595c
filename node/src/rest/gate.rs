//! Who is kept out before anything is read: other hosts, other pages, whoever has no session, and whoever takes too long.
//!
//! A page from elsewhere can send requests to loopback, and a name of its own can be made to lead there (DNS rebinding). So the `Host` must
//! be this very door, the `Origin` must be its own where there is one, and nothing is ever allowed to another one (no CORS).

use super::house::House;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a request may take from its head to our answer: coming into a group takes up to two minutes.
const PATIENCE: Duration = Duration::from_secs(150);

/// The bearer of the session that asks.
#[derive(Clone)]
pub(super) struct Bearer(pub(super) String);

/// Cuts off what takes too long.
pub(super) async fn patience(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::new("too-slow", "the request took too long").into_response())
}

/// Lets through what asks this very door, and comes from no page or from one of this door.
pub(super) async fn from_here(State(house): State<House>, request: Request, next: Next) -> Response {
    let local = house.entrance.local();
    let Some(host) = host(&request).filter(|host| is_ours(host, local)) else {
        return Problem::new("wrong-host", "the host of this request is another one").into_response();
    };
    if !is_own_origin(request.headers(), host) {
        return Problem::new("wrong-origin", "this request comes from another page").into_response();
    }
    next.run(request).await
}

/// The host that is asked, where all that is said of it is the same.
fn host(request: &Request) -> Option<&str> {
    let mut said = request.headers().get_all(header::HOST).iter();
    let (host, another) = (said.next()?.to_str().ok()?, said.next());
    let agrees = request.uri().authority().is_none_or(|authority| authority.as_str() == host);
    (another.is_none() && agrees).then_some(host)
}

fn is_ours(host: &str, local: SocketAddr) -> bool {
    let named = format!("localhost:{}", local.port());
    host.eq_ignore_ascii_case(&local.to_string()) || host.eq_ignore_ascii_case(&named)
}

fn is_own_origin(headers: &HeaderMap, host: &str) -> bool {
    let own = |origin: &str| {
        origin.strip_prefix("http://").is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(own))
}

/// Lets through who has an open session.
pub(super) async fn only_who_is_in(State(house): State<House>, mut request: Request, next: Next) -> Response {
    let bearer = bearer(request.headers(), house.entrance.local().port());
    let Some(bearer) = bearer.filter(|bearer| house.entrance.is_open(bearer)) else {
        return Problem::new("token-needed", "no session is open by this").into_response();
    };
    request.extensions_mut().insert(Bearer(bearer));
    next.run(request).await
}

/// The bearer that a request names: in its `Authorization`, or where there is none in the cookie of this door.
fn bearer(headers: &HeaderMap, port: u16) -> Option<String> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let (scheme, bearer) = authorization.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| bearer.trim().to_owned());
    }
    // Cookies know no ports: a page of another port of this host would send ours along.
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return None;
    }
    let name = cookie_name(port);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, bearer)| bearer.to_owned())
}

/// The cookie of the door on this port.
pub(super) fn cookie_name(port: u16) -> String {
    format!("halloo-{port}")
}
