//! A second dial of one moment keeps both connections; a return after a while closes what was before.

use super::*;

fn id(n: usize) -> ConnectionId {
    ConnectionId::new_unchecked(n)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn two_dials_of_one_moment_are_one_life() {
    let (mut lives, peer) = (Lives::default(), PeerId::random());
    assert!(!lives.established(peer, id(1), ms(0)));
    assert!(!lives.established(peer, id(2), ms(40)));
}

#[test]
fn whoever_comes_back_later_closes_everything_until_nothing_is_left() {
    let (mut lives, peer) = (Lives::default(), PeerId::random());
    assert!(!lives.established(peer, id(1), ms(0)));
    assert!(lives.established(peer, id(2), ms(2_000)));
    lives.closed(&peer, id(1));
    assert!(lives.established(peer, id(3), ms(2_010)), "the twin of the return goes too");
    lives.closed(&peer, id(2));
    lives.closed(&peer, id(3));
    assert!(!lives.established(peer, id(4), ms(2_500)), "then it begins anew");
}

#[test]
fn closed_connections_and_other_peers_do_not_count() {
    let (mut lives, peer) = (Lives::default(), PeerId::random());
    assert!(!lives.established(peer, id(1), ms(0)));
    assert!(!lives.established(PeerId::random(), id(2), ms(3_000)));
    lives.closed(&peer, id(1));
    assert!(!lives.established(peer, id(3), ms(5_000)));
    lives.closed(&peer, id(9));
    assert!(lives.established(peer, id(4), ms(9_000)));
}
