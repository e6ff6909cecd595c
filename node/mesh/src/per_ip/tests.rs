//! Connections from one address are counted in and out.

use super::*;

fn from(ip: &str) -> Multiaddr {
    format!("/{ip}/tcp/1").parse().expect("a written address")
}

fn enter(limit: &mut PerIp, id: usize, ip: &str) -> bool {
    let id = ConnectionId::new_unchecked(id);
    limit.handle_pending_inbound_connection(id, &Multiaddr::empty(), &from(ip)).is_ok()
}

#[test]
fn one_address_is_bounded_and_others_are_not_hurt() {
    let mut limit = PerIp::default();
    for id in 0..INCOMING_PER_IP_MAX {
        assert!(enter(&mut limit, id, "ip4/10.0.0.1"));
    }
    assert!(!enter(&mut limit, 1000, "ip4/10.0.0.1"));
    assert!(enter(&mut limit, 1001, "ip4/10.0.0.2"));
    assert!(enter(&mut limit, 1002, "ip6/fe80::1"));
}

#[test]
fn a_connection_that_ends_makes_room_once() {
    let mut limit = PerIp::default();
    for id in 0..INCOMING_PER_IP_MAX {
        assert!(enter(&mut limit, id, "ip4/10.0.0.1"));
    }
    limit.leave(ConnectionId::new_unchecked(3));
    limit.leave(ConnectionId::new_unchecked(3));
    limit.leave(ConnectionId::new_unchecked(999));
    assert!(enter(&mut limit, 1000, "ip4/10.0.0.1"));
    assert!(!enter(&mut limit, 1001, "ip4/10.0.0.1"));
}

#[test]
fn an_address_without_ip_is_not_counted() {
    let mut limit = PerIp::default();
    for id in 0..2 * INCOMING_PER_IP_MAX {
        let id = ConnectionId::new_unchecked(id);
        let remote = "/memory/7".parse().expect("a written address");
        assert!(limit.handle_pending_inbound_connection(id, &Multiaddr::empty(), &remote).is_ok());
    }
    assert!(limit.count.is_empty());
}
