//! What waits for a subscriber is bounded in number, bytes and time.

use super::*;
use proptest::prelude::*;

const T: Topic = Topic([1; 32]);
const U: Topic = Topic([2; 32]);

#[test]
fn messages_come_out_in_their_order_once() {
    let mut room = Waiting::default();
    room.push(T, vec![1]).expect("room");
    room.push(U, vec![9]).expect("room");
    room.push(T, vec![2]).expect("room");
    assert_eq!(room.take(T), [[1], [2]]);
    assert_eq!(room.take(T), Vec::<Vec<u8>>::new());
    assert_eq!(room.take(U), [[9]]);
    assert!(room.is_empty());
}

#[test]
fn a_message_leaves_at_its_second_tick_and_is_counted() {
    let mut room = Waiting::default();
    room.push(T, vec![1]).expect("room");
    assert_eq!(room.tick(), []);
    room.push(T, vec![2]).expect("room");
    assert_eq!(room.tick(), [(T, 1)]);
    assert_eq!(room.take(T), [[2]]);
    assert_eq!(room.tick(), []);
    assert!(room.is_empty());
}

#[test]
fn the_oldest_makes_room_and_is_counted() {
    let mut room = Waiting::default();
    for number in 0..=WAITING_MESSAGES_MAX {
        room.push(T, vec![number as u8]).expect("room");
    }
    let left = room.take(T);
    assert_eq!(left.len(), WAITING_MESSAGES_MAX);
    assert_eq!(left[0], [1]);
    assert!(!room.is_empty(), "the loss is still to be told");
    assert_eq!(room.tick(), [(T, 1)]);
    assert!(room.is_empty());
}

#[test]
fn bytes_are_bounded_over_all_topics() {
    let mut room = Waiting::default();
    room.push(T, vec![0; WAITING_BYTES_MAX - 1]).expect("room");
    assert_eq!(room.push(U, vec![0; 2]), Err(Full));
    room.push(U, vec![0]).expect("the last byte");
    assert_eq!(room.push(U, vec![0]), Err(Full));
    room.forget(T);
    room.push(U, vec![0; WAITING_BYTES_MAX - 1]).expect("room again");
}

proptest! {
    #[test]
    fn bytes_are_always_the_sum(steps in proptest::collection::vec((0u8..4, 0u8..3, 0usize..2000), 0..400)) {
        let mut room = Waiting::default();
        for (step, topic, len) in steps {
            let topic = Topic([topic; 32]);
            match step {
                0 => { room.take(topic); }
                1 => { room.tick(); }
                _ => { let _ = room.push(topic, vec![0; len]); }
            }
            let sum: usize = room.topics.values().flat_map(|q| &q.messages).map(|(_, b)| b.len()).sum();
            prop_assert_eq!(room.bytes, sum);
            prop_assert!(room.bytes <= WAITING_BYTES_MAX);
        }
    }
}
