//! Tests: the text forms of tickets and of what asks for them.

use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::ClientSecret;

use super::*;

#[test]
fn what_is_asked_in_json_is_what_was_signed() {
    let client = ClientSecret::derive(&Secret::new([1; 32]), "https://halloo.example");
    let request = TicketRequest {
        room: Room::Turn,
        client: client.id(),
        time_ms: 5,
        nonce: *b"0123456789abcdef",
        origin: "https://halloo.example".to_owned(),
    };
    let ask = TicketAsk::new(&request, client.sign(&request).unwrap());
    let text = serde_json::to_string(&ask).unwrap();
    let again: TicketAsk = serde_json::from_str(&text).unwrap();
    assert_eq!(again.request().unwrap(), request);
    assert_eq!(again.request().unwrap().check(&again.signature, 5), Ok(()));
    assert_eq!(TicketAsk { room: "kitchen".to_owned(), ..ask.clone() }.request(), None);
    assert_eq!(TicketAsk { nonce: "zz".repeat(16), ..ask }.request(), None);
}

#[test]
fn a_ticket_reads_back_from_its_text_and_nothing_else_does() {
    let ticket = core::array::from_fn(|at| u8::try_from(at).unwrap());
    let text = to_text(&ticket);
    assert_eq!(from_text(&text), Some(ticket));
    for bad in ["", &text[1..], &text.replace('0', "g"), &format!("{text}00"), "é"] {
        assert_eq!(from_text(bad), None, "{bad}");
    }
}

#[test]
fn a_time_is_a_whole_number_in_any_spelling_of_json() {
    #[derive(Deserialize)]
    struct Time(#[serde(deserialize_with = "whole")] u64);
    let read = |text: &str| serde_json::from_str::<Time>(text).ok().map(|time| time.0);
    for (text, number) in
        [("5", 5), ("5.0", 5), ("1.8e12", 1_800_000_000_000), ("1800000000001.0", 1_800_000_000_001)]
    {
        assert_eq!(read(text), Some(number), "{text}");
    }
    for text in ["-1", "-1.0", "0.5", "1e16", "1e300", "\"5\"", "null"] {
        assert_eq!(read(text), None, "{text}");
    }
}
