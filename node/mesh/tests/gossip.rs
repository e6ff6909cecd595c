//! Gossip between meshes over an in-memory transport: admission, verdicts, waiting.

mod town;

use halloo_mesh::{MeshError, MeshEvent, Published, Topic, Verdict, limits};
use town::{Town, key};

const TOPIC: Topic = Topic([7; 32]);
const OTHER: Topic = Topic([8; 32]);

/// Everybody listens to the topic and admits everybody.
fn members(count: usize) -> Town {
    let mut town = Town::connected(count);
    for me in 0..count {
        town.mesh(me).subscribe(TOPIC).expect("room");
        for other in (0..count).filter(|other| *other != me) {
            town.mesh(me).admit(key(other), TOPIC).expect("connected");
        }
    }
    town.until(|town| (0..count).all(|me| town.mesh(me).grafted(TOPIC).len() >= (count - 1).min(3)));
    town
}

#[test]
fn a_message_reaches_every_admitted_peer_once() {
    let mut town = members(4);
    assert_eq!(town.mesh(0).publish(TOPIC, b"hello".to_vec()), Ok(Published::Sent));
    town.until(|town| (1..4).all(|me| town.events[me].iter().any(|e| matches!(e, MeshEvent::Gossip { .. }))));
    for me in 1..4 {
        for (ticket, bytes) in town.take_gossip(me) {
            assert_eq!(bytes, b"hello");
            town.mesh(me).verdict(ticket, Verdict::Accept);
        }
    }
    town.settle();
    for me in 0..4 {
        assert_eq!(town.take_gossip(me).len(), 0, "no duplicate is shown, not even to the publisher");
        let grafted = town.mesh(me).grafted(TOPIC).len();
        assert_eq!(town.mesh(me).degree(), grafted, "one topic");
    }
    let copies: u64 = (0..4).map(|me| town.mesh(me).gossip_copies()).sum();
    assert!((3..=12).contains(&copies), "three receivers had it, some of them more than once: {copies}");
}

#[test]
fn strangers_learn_no_topic_and_their_gossip_is_not_heard() {
    let mut town = Town::connected(2);
    for me in 0..2 {
        town.mesh(me).subscribe(TOPIC).expect("room");
    }
    // Only one side admits: the other must neither hear nor forward.
    town.mesh(0).admit(key(1), TOPIC).expect("connected");
    town.settle();
    assert_eq!(town.mesh(0).publish(TOPIC, b"early".to_vec()), Ok(Published::Waiting));
    assert_eq!(town.mesh(1).publish(TOPIC, b"early too".to_vec()), Ok(Published::Waiting));
    town.settle();
    assert_eq!(town.mesh(0).grafted(TOPIC), []);
    assert_eq!(town.mesh(1).grafted(TOPIC), []);
    assert_eq!(town.take_gossip(0).len() + town.take_gossip(1).len(), 0);
    // With the second admission what waited arrives on both sides.
    town.mesh(1).admit(key(0), TOPIC).expect("connected");
    town.until(|town| (0..2).all(|me| town.events[me].iter().any(|e| matches!(e, MeshEvent::Gossip { .. }))));
    assert_eq!(town.take_gossip(1)[0].1, b"early");
    assert_eq!(town.take_gossip(0)[0].1, b"early too");
}

#[test]
fn an_admission_counts_for_its_topic_only() {
    let mut town = members(2);
    for me in 0..2 {
        town.mesh(me).subscribe(OTHER).expect("room");
    }
    town.mesh(0).admit(key(1), OTHER).expect("connected");
    town.settle();
    assert_eq!(town.mesh(1).publish(OTHER, b"x".to_vec()), Ok(Published::Waiting));
    assert_eq!(town.mesh(1).publish(TOPIC, b"y".to_vec()), Ok(Published::Sent));
    town.until(|town| town.events[0].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
    assert_eq!(town.take_gossip(0)[0].1, b"y");
    assert_eq!(town.mesh(1).grafted(OTHER), []);
}

/// Three houses in a row: the ends are not connected and depend on the one between.
fn row() -> Town {
    let mut town = Town::new(3);
    town.dial(0, 1);
    town.dial(1, 2);
    town.until(|town| town.houses[1].behaviour().peers().count() == 2);
    for me in 0..3 {
        town.mesh(me).subscribe(TOPIC).expect("room");
    }
    for (me, other) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        town.mesh(me).admit(key(other), TOPIC).expect("connected");
    }
    town.until(|town| town.mesh(1).grafted(TOPIC).len() == 2 && town.mesh(2).grafted(TOPIC).len() == 1);
    town
}

#[test]
fn only_an_accepted_message_is_forwarded() {
    for (verdict, forwarded) in [(Verdict::Accept, 1), (Verdict::Ignore, 0), (Verdict::Reject, 0)] {
        let mut town = row();
        town.mesh(0).publish(TOPIC, b"pass it on".to_vec()).expect("a subscriber");
        town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
        town.settle();
        assert_eq!(town.take_gossip(2).len(), 0, "nothing moves before the verdict");
        let (ticket, _) = town.take_gossip(1).remove(0);
        town.mesh(1).verdict(ticket.clone(), verdict);
        if forwarded > 0 {
            town.until(|town| town.events[2].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
        }
        town.settle();
        assert_eq!(town.take_gossip(2).len(), forwarded, "{verdict:?}");
        town.mesh(1).verdict(ticket, Verdict::Accept);
        town.settle();
        assert_eq!(town.take_gossip(2).len(), 0, "a second verdict does nothing");
    }
}

#[test]
fn a_peer_that_keeps_sending_forgeries_is_cut_off() {
    let mut town = members(2);
    for number in 0..limits::REJECTS_MAX {
        town.mesh(0).publish(TOPIC, number.to_be_bytes().to_vec()).expect("a subscriber");
        town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
        for (ticket, _) in town.take_gossip(1) {
            town.mesh(1).verdict(ticket, Verdict::Reject);
        }
    }
    town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::PeerDown { .. })));
}

#[test]
fn gossip_moves_over_when_the_first_of_two_connections_closes() {
    let mut town = members(2);
    town.dial(1, 0);
    town.until(|town| town.connections.iter().all(|connections| connections.len() == 2));
    for round in 0..2u8 {
        for (me, other) in [(0, 1), (1, 0)] {
            assert_eq!(town.mesh(me).publish(TOPIC, vec![round, me as u8]), Ok(Published::Sent));
            town.until(|town| town.events[other].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
            assert_eq!(town.take_gossip(other)[0].1, [round, me as u8]);
        }
        if round == 0 {
            let first = town.connections[0][0];
            assert!(town.houses[0].close_connection(first));
            let one_left = |town: &mut Town| {
                town.houses
                    .iter()
                    .all(|house| house.network_info().connection_counters().num_established() == 1)
            };
            town.until(one_left);
        }
    }
}

#[test]
fn the_first_words_after_a_silent_change_of_connections_are_heard() {
    let mut town = members(2);
    town.dial(1, 0);
    town.until(|town| town.connections.iter().all(|connections| connections.len() == 2));
    let first = town.connections[0][0];
    assert!(town.houses[0].close_connection(first));
    town.until(|town| {
        town.houses.iter().all(|house| house.network_info().connection_counters().num_established() == 1)
    });
    town.settle();
    for (me, other) in [(0, 1), (1, 0)] {
        assert_eq!(town.mesh(me).publish(TOPIC, vec![me as u8]), Ok(Published::Sent));
        town.until(|town| town.events[other].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
        assert_eq!(town.take_gossip(other)[0].1, [me as u8]);
    }
}

#[test]
fn the_same_bytes_are_not_sent_twice() {
    let mut town = members(2);
    assert_eq!(town.mesh(0).publish(TOPIC, b"once".to_vec()), Ok(Published::Sent));
    assert_eq!(town.mesh(0).publish(TOPIC, b"once".to_vec()), Ok(Published::Duplicate));
}

#[test]
fn an_expelled_peer_comes_back_as_a_stranger() {
    let mut town = members(2);
    town.mesh(0).expel(key(1));
    town.until(|town| {
        (0..2).all(|me| town.events[me].iter().any(|event| matches!(event, MeshEvent::PeerDown { .. })))
    });
    assert_eq!(town.mesh(0).admit(key(1), TOPIC), Err(MeshError::NotConnected));
    town.dial(1, 0);
    town.until(|town| town.houses.iter().all(|house| house.behaviour().peers().count() == 1));
    town.settle();
    assert_eq!(town.mesh(1).publish(TOPIC, b"me again".to_vec()), Ok(Published::Waiting));
    assert_eq!(town.mesh(0).grafted(TOPIC), []);
}

#[test]
fn what_waits_too_long_is_dropped_and_told() {
    let mut town = Town::new(1);
    town.mesh(0).subscribe(TOPIC).expect("room");
    town.mesh(0).publish(TOPIC, b"nobody".to_vec()).expect("waits");
    town.until(|town| !town.events[0].is_empty());
    assert!(matches!(town.events[0][0], MeshEvent::GossipDropped { topic: TOPIC, count: 1 }));
}

/// A ring of houses, each connected with its two neighbours on each side, all of them members.
fn ring(count: usize) -> Town {
    let mut town = Town::new(count);
    for me in 0..count {
        for step in 1..=2 {
            town.dial(me, (me + step) % count);
        }
    }
    town.until(|town| town.houses.iter().all(|house| house.behaviour().peers().count() == 4));
    for me in 0..count {
        town.mesh(me).subscribe(TOPIC).expect("room");
        for step in 1..=2 {
            town.mesh(me).admit(key((me + step) % count), TOPIC).expect("connected");
            town.mesh(me).admit(key((me + count - step) % count), TOPIC).expect("connected");
        }
    }
    town.until(|town| (0..count).all(|me| town.mesh(me).grafted(TOPIC).len() >= 3));
    town
}

/// Accepts everything everywhere until every house but the publisher has `each` messages.
fn spread(town: &mut Town, publisher: usize, each: usize) -> Vec<Vec<Vec<u8>>> {
    let count = town.houses.len();
    let mut got = vec![Vec::new(); count];
    town.until(|town| {
        for (me, got) in got.iter_mut().enumerate() {
            for (ticket, bytes) in town.take_gossip(me) {
                town.mesh(me).verdict(ticket, Verdict::Accept);
                got.push(bytes);
            }
        }
        (0..count).all(|me| me == publisher || got[me].len() >= each)
    });
    town.settle();
    for (me, got) in got.iter_mut().enumerate() {
        got.extend(town.take_gossip(me).into_iter().map(|(_, bytes)| bytes));
    }
    got
}

#[test]
fn messages_cross_a_sparse_town_and_are_shown_once_in_each_house() {
    let mut town = ring(12);
    let messages: Vec<Vec<u8>> = (0..10u8).map(|number| vec![number; 300]).collect();
    for message in &messages {
        assert_eq!(town.mesh(0).publish(TOPIC, message.clone()), Ok(Published::Sent));
    }
    let got = spread(&mut town, 0, messages.len());
    assert_eq!(got[0].len(), 0, "the publisher is not told its own words");
    for got in &got[1..] {
        let mut sorted = got.clone();
        sorted.sort();
        assert_eq!(sorted, messages);
    }
}

#[test]
fn two_halves_that_meet_hear_each_other_from_then_on() {
    let mut town = Town::new(4);
    town.dial(0, 1);
    town.dial(2, 3);
    town.until(|town| town.houses.iter().all(|house| house.behaviour().peers().count() == 1));
    for (me, other) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        town.mesh(me).subscribe(TOPIC).expect("room");
        town.mesh(me).admit(key(other), TOPIC).expect("connected");
    }
    town.until(|town| (0..4).all(|me| town.mesh(me).grafted(TOPIC).len() == 1));
    town.mesh(0).publish(TOPIC, b"apart".to_vec()).expect("a subscriber");
    town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
    town.settle();
    assert_eq!(town.take_gossip(2).len() + town.take_gossip(3).len(), 0);
    for (ticket, _) in town.take_gossip(1) {
        town.mesh(1).verdict(ticket, Verdict::Accept);
    }
    town.dial(1, 2);
    town.until(|town| [1, 2].iter().all(|me| town.houses[*me].behaviour().peers().count() == 2));
    town.mesh(1).admit(key(2), TOPIC).expect("connected");
    town.mesh(2).admit(key(1), TOPIC).expect("connected");
    town.until(|town| [1, 2].iter().all(|me| town.mesh(*me).grafted(TOPIC).len() == 2));
    town.mesh(0).publish(TOPIC, b"together".to_vec()).expect("a subscriber");
    let got = spread(&mut town, 0, 1);
    assert_eq!(got[3], [b"together".to_vec()], "what was said apart is for reconciliation");
}

#[test]
fn who_stops_listening_is_spared() {
    let mut town = members(3);
    town.mesh(2).unsubscribe(TOPIC);
    town.until(|town| (0..2).all(|me| town.mesh(me).grafted(TOPIC).len() == 1));
    town.mesh(0).publish(TOPIC, b"two of us".to_vec()).expect("a subscriber");
    town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
    for (ticket, _) in town.take_gossip(1) {
        town.mesh(1).verdict(ticket, Verdict::Accept);
    }
    town.settle();
    assert_eq!(town.take_gossip(2).len(), 0);
    // Back again: subscribing is enough, the admission still stands.
    town.mesh(2).subscribe(TOPIC).expect("room");
    town.settle();
    assert_eq!(town.mesh(0).publish(TOPIC, b"three again".to_vec()), Ok(Published::Sent));
    town.until(|town| town.events[2].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
}

#[test]
fn the_largest_message_arrives() {
    let mut town = members(2);
    let largest = vec![0x5a; limits::GOSSIP_FRAME_MAX];
    assert_eq!(town.mesh(0).publish(TOPIC, largest.clone()), Ok(Published::Sent));
    town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
    assert_eq!(town.take_gossip(1)[0].1, largest);
}

#[test]
fn verdicts_that_never_come_are_displaced_and_then_do_nothing() {
    let mut town = row();
    let mut first = None;
    for number in 0..=limits::VERDICTS_PENDING_MAX {
        town.mesh(0).publish(TOPIC, number.to_be_bytes().to_vec()).expect("a subscriber");
        town.until(|town| town.events[1].iter().any(|e| matches!(e, MeshEvent::Gossip { .. })));
        let (ticket, _) = town.take_gossip(1).remove(0);
        first.get_or_insert(ticket);
    }
    town.mesh(1).verdict(first.expect("many"), Verdict::Accept);
    town.settle();
    assert_eq!(town.take_gossip(2).len(), 0);
}

#[test]
fn admissions_of_one_peer_are_bounded() {
    let mut town = Town::connected(2);
    let topic = |number: usize| Topic([number.to_be_bytes(); 4].concat().try_into().expect("32 bytes"));
    for number in 0..limits::ADMISSIONS_PER_PEER_MAX {
        assert_eq!(town.mesh(0).admit(key(1), topic(number)), Ok(()));
    }
    assert_eq!(town.mesh(0).admit(key(1), topic(0)), Ok(()), "a repeat costs nothing");
    let full = MeshError::TooMany { max: limits::ADMISSIONS_PER_PEER_MAX };
    assert_eq!(town.mesh(0).admit(key(1), topic(limits::ADMISSIONS_PER_PEER_MAX)), Err(full));
}

#[test]
fn what_waited_comes_in_order_and_the_oldest_is_missing_when_it_was_too_much() {
    let mut town = Town::connected(2);
    for me in 0..2 {
        town.mesh(me).subscribe(TOPIC).expect("room");
    }
    for number in 0..limits::WAITING_MESSAGES_MAX + 3 {
        let published = town.mesh(0).publish(TOPIC, (number as u32).to_be_bytes().to_vec());
        assert_eq!(published, Ok(Published::Waiting));
    }
    for (me, other) in [(0, 1), (1, 0)] {
        town.mesh(me).admit(key(other), TOPIC).expect("connected");
    }
    let mut got = Vec::new();
    town.until(|town| {
        got.extend(town.take_gossip(1).into_iter().map(|(_, bytes)| bytes));
        got.len() == limits::WAITING_MESSAGES_MAX
    });
    let expected: Vec<Vec<u8>> =
        (3..limits::WAITING_MESSAGES_MAX as u32 + 3).map(|number| number.to_be_bytes().to_vec()).collect();
    assert_eq!(got, expected);
}
