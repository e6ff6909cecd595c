//! The direct and pairing lanes between meshes over an in-memory transport.

mod town;

use halloo_mesh::{MeshError, MeshEvent, limits};
use town::{Town, house, key};

#[test]
fn frames_arrive_in_order_both_ways_between_strangers() {
    let mut town = Town::connected(2);
    let frames: Vec<Vec<u8>> = (0..200u32).map(|number| number.to_be_bytes().repeat(50)).collect();
    for frame in &frames {
        town.mesh(0).send_direct(key(1), frame.clone()).expect("connected");
        town.mesh(1).send_direct(key(0), frame.clone()).expect("connected");
    }
    town.until(|town| town.direct(1, key(0)).len() == 200 && town.direct(0, key(1)).len() == 200);
    assert_eq!(town.direct(1, key(0)), frames);
    assert_eq!(town.direct(0, key(1)), frames);
}

#[test]
fn the_largest_frame_and_the_empty_one_arrive() {
    let mut town = Town::connected(2);
    let largest = vec![0xa5; limits::DIRECT_FRAME_MAX];
    town.mesh(0).send_direct(key(1), largest.clone()).expect("connected");
    town.mesh(0).send_direct(key(1), Vec::new()).expect("connected");
    town.until(|town| town.direct(1, key(0)).len() == 2);
    assert_eq!(town.direct(1, key(0)), [largest, Vec::new()]);
}

#[test]
fn a_full_queue_is_told_and_drains_by_acknowledgement() {
    let mut town = Town::connected(2);
    for _ in 0..limits::DIRECT_QUEUE_FRAMES_MAX {
        town.mesh(0).send_direct(key(1), vec![1]).expect("room");
    }
    assert_eq!(town.mesh(0).send_direct(key(1), vec![1]), Err(MeshError::QueueFull));
    town.until(|town| town.mesh(0).send_direct(key(1), vec![2]).is_ok());
    let all = limits::DIRECT_QUEUE_FRAMES_MAX + 1;
    town.until(|town| town.direct(1, key(0)).len() == all);
}

#[test]
fn bytes_in_the_queue_are_bounded_too() {
    let mut town = Town::connected(2);
    let fits = limits::DIRECT_QUEUE_BYTES_MAX / limits::DIRECT_FRAME_MAX;
    for _ in 0..fits {
        town.mesh(0).send_direct(key(1), vec![0; limits::DIRECT_FRAME_MAX]).expect("room");
    }
    assert_eq!(town.mesh(0).send_direct(key(1), vec![0]), Err(MeshError::QueueFull));
}

#[test]
fn every_frame_is_either_delivered_or_reported() {
    let mut town = Town::connected(2);
    let mut ids = Vec::new();
    for number in 0..100u32 {
        ids.push(town.mesh(0).send_direct(key(1), number.to_be_bytes().to_vec()).expect("connected"));
    }
    town.until(|town| town.direct(1, key(0)).len() >= 10);
    town.mesh(1).expel(key(0));
    town.until(|town| {
        (0..2).all(|me| town.events[me].iter().any(|e| matches!(e, MeshEvent::PeerDown { .. })))
    });
    let delivered = town.direct(1, key(0)).len();
    let failed: Vec<_> = town.events[0]
        .iter()
        .filter_map(|event| match event {
            MeshEvent::DirectFailed { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    assert!(delivered + failed.len() >= ids.len(), "{delivered} delivered, {} failed", failed.len());
    assert_eq!(failed, ids[ids.len() - failed.len()..], "the newest, in order");
    let down = town.events[0].iter().position(|e| matches!(e, MeshEvent::PeerDown { .. }));
    let last = town.events[0].iter().rposition(|e| matches!(e, MeshEvent::DirectFailed { .. }));
    assert!(last < down, "failures are told before the peer is gone");
}

#[test]
fn nothing_is_lost_or_repeated_when_one_of_two_connections_closes() {
    let mut town = Town::connected(2);
    town.dial(1, 0);
    town.until(|town| {
        town.houses.iter().all(|house| house.network_info().connection_counters().num_established() == 2)
    });
    let frames: Vec<Vec<u8>> = (0..300u32).map(|number| number.to_be_bytes().to_vec()).collect();
    for frame in &frames[..150] {
        town.mesh(0).send_direct(key(1), frame.clone()).expect("connected");
        town.mesh(1).send_direct(key(0), frame.clone()).expect("connected");
    }
    town.until(|town| town.direct(1, key(0)).len() >= 20);
    // Frames travel on the connection that was established first.
    let first = town.connections[0][0];
    assert!(town.houses[0].close_connection(first));
    for frame in &frames[150..] {
        town.mesh(0).send_direct(key(1), frame.clone()).expect("still connected");
        town.mesh(1).send_direct(key(0), frame.clone()).expect("still connected");
    }
    town.until(|town| town.direct(1, key(0)).len() >= 300 && town.direct(0, key(1)).len() >= 300);
    assert_eq!(town.direct(1, key(0)), frames);
    assert_eq!(town.direct(0, key(1)), frames);
    assert!(!town.events[0].iter().any(|event| matches!(event, MeshEvent::PeerDown { .. })));
}

#[test]
fn a_restarted_peer_counts_from_zero_and_is_heard() {
    let mut town = Town::connected(2);
    town.mesh(0).send_direct(key(1), b"before".to_vec()).expect("connected");
    town.until(|town| town.direct(1, key(0)).len() == 1);
    town.houses[0] = house(0, 77);
    town.dial(0, 1);
    town.until(|town| town.houses[0].behaviour().peers().count() == 1);
    town.mesh(0).send_direct(key(1), b"after".to_vec()).expect("connected");
    town.until(|town| town.direct(1, key(0)).len() == 2);
    assert_eq!(town.direct(1, key(0)), [b"before".to_vec(), b"after".to_vec()]);
}

#[test]
fn a_pairing_request_is_answered_once() {
    let mut town = Town::connected(2);
    let id = town.mesh(0).send_pair(key(1), b"7".to_vec()).expect("connected");
    town.until(|town| town.events[1].iter().any(|event| matches!(event, MeshEvent::Pair { .. })));
    let place =
        town.events[1].iter().position(|event| matches!(event, MeshEvent::Pair { .. })).expect("just seen");
    let MeshEvent::Pair { from, bytes, reply } = town.events[1].remove(place) else {
        unreachable!("just matched");
    };
    assert_eq!((from, bytes.as_slice()), (key(0), &b"7"[..]));
    town.mesh(1).reply_pair(reply, b"otter".to_vec()).expect("the asker waits");
    town.until(|town| town.events[0].iter().any(|event| matches!(event, MeshEvent::PairReplied { .. })));
    let answer = town.events[0].iter().find_map(|event| match event {
        MeshEvent::PairReplied { peer, id, bytes } => Some((*peer, *id, bytes.clone())),
        _ => None,
    });
    assert_eq!(answer, Some((key(1), id, b"otter".to_vec())));
}

#[test]
fn a_dropped_request_is_reported_to_the_asker() {
    let mut town = Town::connected(2);
    let asked = town.mesh(0).send_pair(key(1), b"7".to_vec()).expect("connected");
    town.until(|town| town.events[1].iter().any(|event| matches!(event, MeshEvent::Pair { .. })));
    town.events[1].clear();
    town.until(|town| town.events[0].iter().any(|event| matches!(event, MeshEvent::PairFailed { .. })));
    let failed = town.events[0].iter().any(|e| matches!(e, MeshEvent::PairFailed { id, .. } if *id == asked));
    assert!(failed);
}

#[test]
fn requests_of_strangers_are_bounded_over_all_peers() {
    let askers = limits::PAIR_PENDING_MAX / limits::PAIR_PENDING_PER_PEER_MAX + 2;
    let mut town = Town::new(askers + 1);
    for asker in 1..=askers {
        town.dial(asker, 0);
    }
    town.until(|town| town.houses[0].behaviour().peers().count() == askers);
    for asker in 1..=askers {
        for _ in 0..limits::PAIR_PENDING_PER_PEER_MAX {
            town.mesh(asker).send_pair(key(0), b"?".to_vec()).expect("connected");
        }
    }
    let refused = 2 * limits::PAIR_PENDING_PER_PEER_MAX;
    let failures = |town: &Town| {
        town.events.iter().flatten().filter(|e| matches!(e, MeshEvent::PairFailed { .. })).count()
    };
    town.until(|town| failures(town) == refused);
    let shown = town.events[0].iter().filter(|event| matches!(event, MeshEvent::Pair { .. })).count();
    assert_eq!(shown, limits::PAIR_PENDING_MAX);
}

#[test]
fn a_peer_has_a_bounded_number_of_connections() {
    let mut town = Town::connected(2);
    for _ in 0..2 * limits::CONNECTIONS_PER_PEER_MAX {
        town.dial(1, 0);
    }
    town.settle();
    let counters = town.houses[0].network_info();
    assert!(counters.connection_counters().num_established() <= limits::CONNECTIONS_PER_PEER_MAX);
}

#[test]
fn one_connection_carries_a_bounded_number_of_pairing_exchanges() {
    let mut town = Town::connected(2);
    let max = limits::PAIR_PENDING_PER_PEER_MAX;
    for _ in 0..max {
        town.mesh(0).send_pair(key(1), b"?".to_vec()).expect("connected");
    }
    let shown = |town: &Town| town.events[1].iter().filter(|e| matches!(e, MeshEvent::Pair { .. })).count();
    town.until(|town| shown(town) == max);
    town.mesh(0).send_pair(key(1), b"one more".to_vec()).expect("connected");
    town.until(|town| town.events[0].iter().any(|event| matches!(event, MeshEvent::PairFailed { .. })));
    assert_eq!(shown(&town), max);
}

#[test]
fn own_pairing_requests_are_bounded() {
    let mut town = Town::connected(2);
    for _ in 0..limits::PAIR_ASKED_MAX {
        town.mesh(0).send_pair(key(1), b"?".to_vec()).expect("room");
    }
    let full = MeshError::TooMany { max: limits::PAIR_ASKED_MAX };
    assert_eq!(town.mesh(0).send_pair(key(1), b"?".to_vec()), Err(full));
}

#[test]
fn a_reply_after_the_asker_left_is_told() {
    let mut town = Town::connected(2);
    town.mesh(0).send_pair(key(1), b"7".to_vec()).expect("connected");
    town.until(|town| town.events[1].iter().any(|event| matches!(event, MeshEvent::Pair { .. })));
    town.mesh(1).expel(key(0));
    town.until(|town| {
        (0..2).all(|me| town.events[me].iter().any(|e| matches!(e, MeshEvent::PeerDown { .. })))
    });
    let place =
        town.events[1].iter().position(|event| matches!(event, MeshEvent::Pair { .. })).expect("seen");
    let MeshEvent::Pair { reply, .. } = town.events[1].remove(place) else {
        unreachable!("just matched");
    };
    assert_eq!(town.mesh(1).reply_pair(reply, b"late".to_vec()), Err(MeshError::AskerGone));
    town.until(|town| town.events[0].iter().any(|event| matches!(event, MeshEvent::PairFailed { .. })));
}

#[test]
fn a_reply_over_its_limit_is_refused_and_the_largest_arrives() {
    let mut town = Town::connected(2);
    town.mesh(0).send_pair(key(1), vec![7; limits::PAIR_REQUEST_MAX]).expect("connected");
    town.until(|town| town.events[1].iter().any(|event| matches!(event, MeshEvent::Pair { .. })));
    let place =
        town.events[1].iter().position(|event| matches!(event, MeshEvent::Pair { .. })).expect("seen");
    let MeshEvent::Pair { reply, bytes, .. } = town.events[1].remove(place) else {
        unreachable!("just matched");
    };
    assert_eq!(bytes.len(), limits::PAIR_REQUEST_MAX);
    town.mesh(1).reply_pair(reply, vec![8; limits::PAIR_REPLY_MAX]).expect("the asker waits");
    town.until(|town| town.events[0].iter().any(|event| matches!(event, MeshEvent::PairReplied { .. })));
    town.mesh(0).send_pair(key(1), b"again".to_vec()).expect("connected");
    town.until(|town| town.events[1].iter().any(|event| matches!(event, MeshEvent::Pair { .. })));
    let place =
        town.events[1].iter().position(|event| matches!(event, MeshEvent::Pair { .. })).expect("seen");
    let MeshEvent::Pair { reply, .. } = town.events[1].remove(place) else {
        unreachable!("just matched");
    };
    let max = limits::PAIR_REPLY_MAX;
    let refused = town.mesh(1).reply_pair(reply, vec![8; max + 1]);
    assert_eq!(refused, Err(MeshError::TooLarge { len: max + 1, max }));
}

#[test]
fn a_peer_says_where_it_listens() {
    let town = Town::connected(2);
    let mut town = town;
    town.until(|town| {
        (0..2).all(|me| town.events[me].iter().any(|e| matches!(e, MeshEvent::PeerAddresses { .. })))
    });
    for (me, other) in [(0, 1), (1, 0)] {
        let told = town.events[me].iter().find_map(|event| match event {
            MeshEvent::PeerAddresses { peer, addresses } => Some((*peer, addresses.clone())),
            _ => None,
        });
        assert_eq!(told, Some((key(other), vec![town.address(other)])));
    }
}
