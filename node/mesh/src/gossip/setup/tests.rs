//! Gossipsub accepts our settings, and ids are what they should be.

use super::*;
use libp2p::gossipsub::TopicHash;

fn message(topic: &str, data: &[u8]) -> Message {
    Message { source: None, data: data.to_vec(), sequence_number: None, topic: TopicHash::from_raw(topic) }
}

#[test]
fn every_group_size_gives_a_valid_configuration() {
    for size in [GroupSize::Small, GroupSize::Middle, GroupSize::Large] {
        let _ = behaviour(size);
    }
}

#[test]
fn an_id_is_short_and_depends_on_topic_and_payload() {
    let id = message_id(&message("a", b"b"));
    assert_eq!(id.0.len(), limits::MESSAGE_ID_BYTES);
    assert_eq!(id, message_id(&message("a", b"b")));
    assert_ne!(id, message_id(&message("a", b"c")));
    assert_ne!(id, message_id(&message("b", b"b")));
    assert_ne!(
        message_id(&message("ab", b"c")),
        message_id(&message("a", b"bc")),
        "the border is hashed too"
    );
}
