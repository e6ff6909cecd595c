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
    assert!(!lives.established(peer, id(1), false, ms(0)));
    assert!(!lives.established(peer, id(2), false, ms(40)));
}

#[test]
fn whoever_comes_back_later_closes_everything_until_nothing_is_left() {
    let (mut lives, peer) = (Lives::default(), PeerId::random());
    assert!(!lives.established(peer, id(1), false, ms(0)));
    assert!(lives.established(peer, id(2), false, ms(2_000)));
    lives.closed(&peer, id(1));
    assert!(lives.established(peer, id(3), false, ms(2_010)), "the twin of the return goes too");
    lives.closed(&peer, id(2));
    lives.closed(&peer, id(3));
    assert!(!lives.established(peer, id(4), false, ms(2_500)), "then it begins anew");
}

#[test]
fn closed_connections_and_other_peers_do_not_count() {
    let (mut lives, peer) = (Lives::default(), PeerId::random());
    assert!(!lives.established(peer, id(1), false, ms(0)));
    assert!(!lives.established(PeerId::random(), id(2), false, ms(3_000)));
    lives.closed(&peer, id(1));
    assert!(!lives.established(peer, id(3), false, ms(5_000)));
    lives.closed(&peer, id(9));
    assert!(lives.established(peer, id(4), false, ms(9_000)));
}

#[test]
fn a_direct_connection_beside_a_relayed_one_is_a_move_however_late_and_however_often() {
    let (mut lives, peer) = (Lives::default(), PeerId::random());
    assert_eq!(lives.is_direct(&peer), None);
    assert!(!lives.established(peer, id(1), true, ms(0)));
    assert_eq!((lives.is_direct(&peer), lives.spare(&peer)), (Some(false), vec![]));
    assert!(!lives.established(peer, id(2), false, ms(5_000)));
    assert!(!lives.established(peer, id(3), false, ms(9_000)), "both sides got through");
    assert_eq!((lives.is_direct(&peer), lives.spare(&peer)), (Some(true), vec![id(1)]));
    lives.closed(&peer, id(1));
    assert_eq!(lives.spare(&peer), vec![]);
    assert!(lives.established(peer, id(4), false, ms(20_000)), "without a relay it is a return again");
}

#[test]
fn whoever_comes_by_the_relay_later_has_lost_its_other_way() {
    for before in [false, true] {
        let (mut lives, peer) = (Lives::default(), PeerId::random());
        assert!(!lives.established(peer, id(1), before, ms(0)));
        assert!(!lives.established(peer, id(2), true, ms(4_000)), "that was tried at the same time");
        assert!(lives.established(peer, id(3), true, ms(9_001)));
    }
}
