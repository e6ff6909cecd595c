//! Neighbours and the limit of strangers.

use super::*;

fn key(n: u16) -> PeerKey {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    PeerKey(bytes)
}

#[test]
fn strangers_beyond_the_limit_get_no_place() {
    let mut peers = Peers::default();
    for n in 0..MAX_PEERS {
        assert!(peers.up(key(n as u16), [0; 32], Time::ZERO));
    }
    assert!(!peers.up(key(60_000), [0; 32], Time::ZERO));
    assert!(peers.down(&key(3)).is_some());
    assert!(peers.up(key(60_000), [0; 32], Time::ZERO));
    assert!(!peers.up(key(60_000), [1; 32], Time::ZERO), "a second up is no new connection");
}

#[test]
fn a_claim_alone_makes_no_member() {
    let mut peers = Peers::default();
    peers.up(key(1), [0; 32], Time::ZERO);
    assert_eq!(peers.member(&key(1)), None);
    assert_eq!(peers.proven().count(), 0);
    peers.get_mut(&key(1)).unwrap().proven = true;
    assert_eq!(peers.member(&key(1)), None, "nor does a flag without a claim");
}
