//! Tests: whose a reply is.

use super::*;

#[test]
fn one_request_is_out_at_a_time_and_each_reply_goes_to_whoever_asked() {
    let (peer, other) = (PeerKey([1; 32]), PeerKey([2; 32]));
    let mut lane = PairLane::default();
    assert_eq!(lane.ask(peer, Asker::Joiner, vec![1]), Some(vec![1]));
    assert_eq!(lane.ask(peer, Asker::Seeker, vec![2]), None, "it waits");
    assert_eq!(lane.ask(other, Asker::Seeker, vec![3]), Some(vec![3]), "nobody waits for another peer");
    assert_eq!(lane.answered(&peer), (Some(Asker::Joiner), Some(vec![2])));
    assert_eq!(lane.answered(&peer), (Some(Asker::Seeker), None));
    assert_eq!(lane.answered(&peer), (None, None), "nobody asked");
    assert_eq!(lane.ask(peer, Asker::Joiner, vec![4]), Some(vec![4]));
}

#[test]
fn a_peer_that_is_gone_owes_nothing_and_one_that_never_answers_is_not_asked_without_end() {
    let peer = PeerKey([1; 32]);
    let mut lane = PairLane::default();
    let sent = (0..100).filter(|_| lane.ask(peer, Asker::Joiner, vec![1]).is_some()).count();
    assert_eq!(sent, 1);
    assert_eq!(lane.asked[&peer].len(), WAITING_MAX);
    lane.gone(&peer);
    assert_eq!(lane.answered(&peer), (None, None));
    assert_eq!(lane.ask(peer, Asker::Seeker, vec![2]), Some(vec![2]));
}
