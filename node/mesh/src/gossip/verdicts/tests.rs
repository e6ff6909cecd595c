//! Tickets settle once, and the list stays bounded.

use super::*;
use crate::peer::PeerKey;
use libp2p::gossipsub::MessageId;

fn ticket(number: usize) -> GossipTicket {
    GossipTicket { id: MessageId::new(&number.to_be_bytes()), from: PeerKey([1; 32]) }
}

#[test]
fn a_ticket_settles_once() {
    let mut list = Verdicts::default();
    assert_eq!(list.push(ticket(1)), None);
    assert!(list.settle(&ticket(1)));
    assert!(!list.settle(&ticket(1)));
    assert!(!list.settle(&ticket(2)));
}

#[test]
fn the_oldest_is_displaced_when_the_list_is_full() {
    let mut list = Verdicts::default();
    for number in 0..VERDICTS_PENDING_MAX {
        assert_eq!(list.push(ticket(number)), None);
    }
    assert_eq!(list.push(ticket(VERDICTS_PENDING_MAX)), Some(ticket(0)));
    assert!(!list.settle(&ticket(0)));
    assert!(list.settle(&ticket(1)));
    assert!(list.settle(&ticket(VERDICTS_PENDING_MAX)));
}

#[test]
fn tickets_settle_in_any_order() {
    let mut list = Verdicts::default();
    for number in 0..100 {
        list.push(ticket(number));
    }
    for number in (0..100).rev().step_by(2).chain((0..100).step_by(2)) {
        assert!(list.settle(&ticket(number)), "{number}");
    }
    assert!(list.pending.is_empty());
    let other_hop = GossipTicket { from: PeerKey([2; 32]), ..ticket(1) };
    list.push(ticket(1));
    assert!(!list.settle(&other_hop), "a ticket names the hop as well");
}
