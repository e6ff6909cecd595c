//! The coordinator of the group used last: does it answer, is its clock ours, do its relay and its TURN answer.

use super::{Check, bad, good};
use crate::uplink::{Standing, look_at};
use halloo_wire::origin::Origin;
use halloo_wire::server::ServerInfo;
use rtc::stun::message::{BINDING_REQUEST, Message, TransactionId};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

/// How long a door that is there takes at most to open.
const PATIENCE: Duration = Duration::from_secs(3);
/// A STUN request is sent so often within that: single packets get lost.
const TRIES: u32 = 3;
/// From here on a clock is called wrong: tickets are refused from two minutes on.
const CLOCK_MS: u64 = 60_000;

/// Looks at a coordinator.
pub(super) async fn check(origin: &Origin) -> Vec<Check> {
    match look_at(origin).await {
        Err(why) => vec![bad(
            "coordinator",
            format!("{origin} does not answer ({why})"),
            "see that it runs and that its name leads to it; until it is back members who share a network go on without it",
        )],
        Ok((info, standing)) => {
            let mut checks = vec![answers(origin, &info, &standing), clock(standing.ahead_ms)];
            checks.push(relay(origin, &info).await);
            checks.push(turn(origin, &info).await);
            checks
        }
    }
}

fn answers(origin: &Origin, info: &ServerInfo, standing: &Standing) -> Check {
    let took = standing.round_trip.unwrap_or_default().as_millis();
    let plain = if origin.is_tls() { "" } else { ", unencrypted: only its own network shall reach it" };
    good("coordinator", format!("{origin} answers within {took} ms, rooms {}{plain}", info.rooms.join(", ")))
}

pub(super) fn clock(ahead_ms: i64) -> Check {
    let seconds = ahead_ms.unsigned_abs() / 1_000;
    let way = if ahead_ms < 0 { "behind" } else { "ahead of" };
    if ahead_ms.unsigned_abs() < CLOCK_MS {
        return good("coord. clock", format!("{seconds} s {way} this one"));
    }
    bad(
        "coord. clock",
        format!("{seconds} s {way} this one"),
        "set the clock of whichever is wrong: date and time from the network",
    )
}

async fn relay(origin: &Origin, info: &ServerInfo) -> Check {
    let Some(relay) = &info.relay else {
        return good("relay", "the coordinator has none: members meet only where one reaches the other");
    };
    let opened = timeout(PATIENCE, TcpStream::connect((origin.host(), relay.port))).await;
    let why = match opened {
        Ok(Ok(_)) => return good("relay", format!("port {} opens", relay.port)),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    bad(
        "relay",
        format!("port {}: {why}", relay.port),
        "let TCP of that port through at the coordinator's firewall; a proxy in front must pass it on",
    )
}

async fn turn(origin: &Origin, info: &ServerInfo) -> Check {
    if !info.rooms.iter().any(|room| room == halloo_crypto::ticket::Room::Turn.name()) {
        return good("turn", "the coordinator has none: voice needs a direct path");
    }
    // The port of TURN comes with credentials; on a coordinator with one port it is that of the relay.
    let port = info.relay.as_ref().map_or(origin.port(), |relay| relay.port);
    let at = match lookup_host((origin.host(), port)).await {
        Ok(mut found) => found.next(),
        Err(_) => None,
    };
    match at {
        Some(at) if binds(at).await => good("turn", format!("UDP port {port} answers")),
        _ => bad(
            "turn",
            format!("UDP port {port} does not answer"),
            "let UDP of that port through at the coordinator's firewall, and here; voice still goes where a direct path is found",
        ),
    }
}

/// Whether somebody answers a STUN Binding request (RFC 8489, 7.2) there.
pub(super) async fn binds(at: SocketAddr) -> bool {
    let any: SocketAddr = if at.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let Ok(socket) = UdpSocket::bind(any).await else { return false };
    let mut request = Message::new();
    if request.build(&[Box::new(BINDING_REQUEST), Box::new(TransactionId::new())]).is_err() {
        return false;
    }
    let mut answer = [0; 1_500];
    for _ in 0..TRIES {
        if socket.send_to(&request.raw, at).await.is_err() {
            return false;
        }
        if let Ok(Ok((count, from))) = timeout(PATIENCE / TRIES, socket.recv_from(&mut answer)).await
            && from == at
            && count >= 20
            && answer[4..20] == request.raw[4..20]
        {
            return true;
        }
    }
    false
}
