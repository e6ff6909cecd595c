//! Tests: what is known of a coordinator after it answered.

use super::*;
use halloo_crypto::id::CoordinatorId;

fn info() -> ServerInfo {
    ServerInfo {
        version: "1".into(),
        rooms: Vec::new(),
        time_ms: 0,
        ticket_key: CoordinatorId([1; 32]),
        relay: None,
    }
}

#[test]
fn a_name_that_is_not_known_just_now_costs_no_relay() {
    let at: SocketAddr = "192.0.2.1:4100".parse().unwrap();
    let mut standing = Standing::default();
    standing.greeted(info(), None);
    assert!(standing.relays.is_empty());
    standing.greeted(info(), Some(vec![at]));
    standing.greeted(info(), None);
    assert_eq!((standing.relays.as_slice(), standing.arrivals), ([at].as_slice(), 1));
    standing.greeted(info(), Some(Vec::new()));
    assert!(standing.relays.is_empty(), "a relay that is there no more");
}
