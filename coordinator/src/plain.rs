//! Where there is a certificate, who may still speak plain HTTP and where everybody else is sent.
//!
//! Plain HTTP is answered to proxies (which end TLS themselves, and ask whether it lives; loopback unless set otherwise) and, with
//! `lan`, to private addresses, which no authority certifies. Others are told the same address by https (308): what they sent was sent
//! already, but the next request is not.

use crate::hall::{Known, Peer};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// Answers, or sends elsewhere.
pub(crate) async fn or_elsewhere(State(known): State<Arc<Known>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let elsewhere = peer.filter(|peer| known.tls && !peer.tls && !may_be_plain(&known, peer.remote.ip()));
    match elsewhere.and_then(|peer| target(&known, peer, &request)) {
        Some(target) => moved(target),
        None => next.run(request).await,
    }
}

fn may_be_plain(known: &Known, from: IpAddr) -> bool {
    let from = from.to_canonical();
    known.proxies.contains(&from) || known.lan && is_private(from)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The same by https, at our own name: what the request says of its host is whatever the client claims.
fn target(known: &Known, peer: Peer, request: &Request) -> Option<HeaderValue> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let host = match &known.origin {
        Some(origin) => origin.as_str().to_owned(),
        None => peer.local.map(|local| format!("https://{local}"))?,
    };
    HeaderValue::try_from(format!("{host}{path}")).ok()
}

fn moved(target: HeaderValue) -> Response {
    let mut response = Response::new(Body::from("https, please\n"));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, target);
    response
}
