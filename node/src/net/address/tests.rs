//! Addresses as users write them.

use super::*;
use proptest::prelude::*;

fn texts(hint: &str) -> Vec<String> {
    parse_hint(hint).expect("an address").iter().map(ToString::to_string).collect()
}

#[test]
fn a_socket_address_is_tried_by_quic_and_tcp() {
    assert_eq!(texts("192.168.1.7:4001"), ["/ip4/192.168.1.7/udp/4001/quic-v1", "/ip4/192.168.1.7/tcp/4001"]);
    assert_eq!(texts("[fe80::1]:9"), ["/ip6/fe80::1/udp/9/quic-v1", "/ip6/fe80::1/tcp/9"]);
    assert_eq!(texts("127.0.0.1:4001").len(), 2, "by hand loopback is fine");
}

#[test]
fn what_cannot_be_dialled_is_refused_with_the_next_step() {
    for hint in [
        "",
        "otter",
        "1.2.3.4",
        "1.2.3.4:0",
        "0.0.0.0:1",
        "/ip4/1.2.3.4",
        "/dns/x/tcp/1",
        "/ip4/1.2.3.4/udp/5",
    ] {
        let error = parse_hint(hint).expect_err(hint);
        assert!(error.to_string().contains("write IP:PORT"));
    }
}

#[test]
fn the_key_at_the_end_of_an_address_does_not_matter() {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([9; 32]).expect("a seed");
    let full: Multiaddr =
        format!("/ip4/10.0.0.1/tcp/5/p2p/{}", key.public().to_peer_id()).parse().expect("written");
    assert!(is_dialable(&full));
}

fn named(seed: u8) -> (PeerKey, String) {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).expect("a seed");
    (PeerKey::from_public(&key.public()).expect("Ed25519"), key.public().to_peer_id().to_string())
}

#[test]
fn a_circuit_names_its_relay_and_is_no_direct_address() {
    let ((relay, id), (_, end)) = (named(9), named(8));
    for text in [
        format!("/ip4/10.0.0.1/tcp/5/p2p/{id}/p2p-circuit"),
        format!("/ip6/fe80::1/tcp/5/p2p/{id}/p2p-circuit/p2p/{end}"),
    ] {
        let circuit: Multiaddr = text.parse().expect("written");
        assert!(is_circuit(&circuit) && !is_dialable(&circuit));
        assert_eq!(relay_of(&circuit), Some(relay));
    }
    for text in [
        format!("/ip4/10.0.0.1/tcp/5/p2p/{id}"),
        format!("/ip4/10.0.0.1/tcp/0/p2p/{id}/p2p-circuit"),
        format!("/ip4/10.0.0.1/udp/5/quic-v1/p2p/{id}/p2p-circuit"),
        format!("/ip4/10.0.0.1/tcp/5/p2p/{id}/p2p-circuit/p2p/{end}/p2p-circuit"),
        format!("/ip4/10.0.0.1/tcp/5/p2p/{id}/p2p-circuit/tcp/6"),
        format!("/dns4/relay.example/tcp/5/p2p/{id}/p2p-circuit"),
        "/p2p-circuit".to_owned(),
    ] {
        assert_eq!(relay_of(&text.parse().expect("written")), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_that_are_an_address_have_a_relay_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(address) = Multiaddr::try_from(bytes) {
            prop_assert!(relay_of(&address).is_none() || is_circuit(&address));
            prop_assert!(!(is_dialable(&address) && is_circuit(&address)));
        }
    }

    #[test]
    fn any_text_is_addresses_or_an_error(text in "\\PC{0,40}") {
        for address in parse_hint(&text).unwrap_or_default() {
            prop_assert!(is_dialable(&address));
        }
    }
}
