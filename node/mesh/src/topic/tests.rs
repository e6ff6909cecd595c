//! Topics and their text are two spellings of one thing.

use super::*;
use proptest::prelude::*;

#[test]
fn the_text_is_base64url_without_padding() {
    assert_eq!(Topic([0; 32]).to_hash().as_str(), "A".repeat(43));
    assert_eq!(Topic([0xff; 32]).to_hash().as_str(), format!("{}8", "_".repeat(42)));
    let counting = std::array::from_fn(|i| i as u8);
    assert_eq!(Topic(counting).to_hash().as_str(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
}

#[test]
fn a_second_spelling_is_refused() {
    // The last character of a canonical text has its two lowest bits clear.
    let twin = format!("{}B", "A".repeat(42));
    assert_eq!(Topic::from_hash(&TopicHash::from_raw(twin)), None);
}

proptest! {
    #[test]
    fn a_topic_survives_its_text(bytes in any::<[u8; 32]>()) {
        prop_assert_eq!(Topic::from_hash(&Topic(bytes).to_hash()), Some(Topic(bytes)));
    }

    #[test]
    fn any_text_is_a_topic_or_none(text in "\\PC{0,60}") {
        if let Some(topic) = Topic::from_hash(&TopicHash::from_raw(text.clone())) {
            prop_assert_eq!(topic.to_hash().into_string(), text);
        }
    }

    #[test]
    fn any_text_of_the_right_length_is_a_topic_or_none(text in "[A-Za-z0-9_=+/-]{43}") {
        if let Some(topic) = Topic::from_hash(&TopicHash::from_raw(text.clone())) {
            prop_assert_eq!(topic.to_hash().into_string(), text);
        }
    }
}
