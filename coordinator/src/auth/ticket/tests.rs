//! The described shapes are the ones that are spoken.

use super::*;
use halloo_crypto::id::{ClientId, Signature};
use std::collections::BTreeSet;
use utoipa::PartialSchema;

/// Names of the fields that a schema describes.
fn described<T: PartialSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(T::schema()).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn spoken(value: &impl serde::Serialize) -> BTreeSet<String> {
    serde_json::to_value(value).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_described_fields_are_the_ones_that_are_spoken() {
    let ask = TicketAsk {
        room: "mailbox".to_owned(),
        client: ClientId([1; 32]),
        time_ms: 0,
        nonce: String::new(),
        origin: String::new(),
        signature: Signature([0; 64]),
    };
    assert_eq!(described::<AskShape>(), spoken(&ask));
    let rooms = serde_json::to_value(RoomShape::schema()).unwrap();
    let names: Vec<_> = halloo_crypto::ticket::Room::ALL.iter().map(|room| room.name()).collect();
    assert_eq!(rooms["enum"], serde_json::json!(names));
    let given = TicketGiven { ticket: String::new(), expires_ms: 0 };
    assert_eq!(described::<GivenShape>(), spoken(&given));
}
