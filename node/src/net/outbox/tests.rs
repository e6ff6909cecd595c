//! Reports on their way to the driver stay in order and bounded.

use super::*;
use halloo_mesh::MeshEvent;

fn failed(number: u8) -> NetEvent {
    NetEvent::NotSent { peer: PeerKey([number; 32]), lane: TapLane::Direct }
}

#[test]
fn events_leave_in_their_order() {
    let mut outbox = Outbox::default();
    outbox.push(NetEvent::Mesh(MeshEvent::PeerDown { peer: PeerKey([1; 32]) }));
    outbox.push(failed(2));
    assert!(matches!(outbox.pop(), Some(NetEvent::Mesh(MeshEvent::PeerDown { .. }))));
    assert!(matches!(outbox.pop(), Some(NetEvent::NotSent { .. })));
    assert!(outbox.pop().is_none());
    assert!(outbox.is_empty());
}

#[test]
fn a_failure_is_told_once_until_it_is_read() {
    let mut outbox = Outbox::default();
    for _ in 0..100 {
        outbox.push(failed(1));
        outbox.push(failed(2));
    }
    assert_eq!(outbox.waiting.len(), 2);
    outbox.push(NetEvent::NotSent { peer: PeerKey([1; 32]), lane: TapLane::Pair });
    assert_eq!(outbox.waiting.len(), 3, "another lane is another matter");
    outbox.pop();
    outbox.push(failed(1));
    assert_eq!(outbox.waiting.len(), 3, "read, then told again");
}
