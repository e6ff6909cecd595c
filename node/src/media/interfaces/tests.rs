//! Which addresses are offered to others.

use super::*;

#[test]
fn loopback_is_offered_only_when_asked_for() {
    let closed = Binding::default().addresses();
    assert!(closed.iter().all(is_reachable), "{closed:?}");
    let open = Binding { loopback: true, ..Binding::default() }.addresses();
    assert!(open.contains(&"127.0.0.1".parse().expect("address")), "{open:?}");
    assert!(open.len() <= MAX_LOCAL);
}

#[test]
fn named_addresses_are_taken_as_they_are_and_bounded() {
    let named: Vec<IpAddr> = (1..=12).map(|n| IpAddr::from([10, 0, 0, n])).collect();
    let binding = Binding { explicit: named.clone(), loopback: true };
    assert_eq!(binding.addresses(), named[..MAX_LOCAL]);
    let sockets: Vec<_> = binding.to_socket_addrs().expect("resolves").collect();
    assert_eq!(sockets[0], "10.0.0.1:0".parse::<SocketAddr>().expect("socket"));
}

#[test]
fn addresses_without_a_travelling_scope_are_not_reachable() {
    for ip in ["127.0.0.1", "169.254.3.4", "::1", "fe80::1", "0.0.0.0", "::"] {
        assert!(!is_reachable(&ip.parse().expect("address")), "{ip}");
    }
    for ip in ["192.168.0.2", "fd00::1", "2001:db8::1"] {
        assert!(is_reachable(&ip.parse().expect("address")), "{ip}");
    }
}

#[test]
fn this_machine_has_at_least_its_loopback() {
    assert!(all().iter().any(|local| local.address.is_loopback()));
}
