//! Tests: ids as text, as bytes and in logs.

use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;

#[test]
fn ids_print_short_in_logs_and_whole_for_people() {
    let id = DeviceId([0xab; 32]);
    assert_eq!(format!("{id:?}"), "DeviceId(abababab)");
    assert_eq!(id.to_string(), "ab".repeat(32));
    assert_eq!(format!("{:?}", Incarnation([1; 16])), "Incarnation(01010101)");
}

#[test]
fn text_that_is_no_hex_of_the_right_length_is_refused() {
    let wrong = Err(IdParseError { expected: 64 });
    for text in ["", "ab", &"zz".repeat(32), &"ab".repeat(33), &"é".repeat(32), &"+1".repeat(32)] {
        assert_eq!(text.parse::<GroupId>(), wrong, "{text}");
    }
    assert_eq!("AB".repeat(32).parse::<GroupId>(), Ok(GroupId([0xab; 32])));
}

#[test]
fn binary_forms_are_the_raw_bytes_and_text_forms_are_hex() {
    let id = MessageId([7; 32]);
    assert_eq!(postcard::to_allocvec(&id).expect("encodes"), [7; 32]);
    assert_eq!(serde_json::to_string(&id).expect("encodes"), format!("\"{id}\""));
    let signature = Signature([9; 64]);
    assert_eq!(postcard::to_allocvec(&signature).expect("encodes"), [9; 64]);
    assert!(postcard::from_bytes::<Signature>(&[9; 63]).is_err());
    assert!(serde_json::from_str::<MessageId>("\"07\"").is_err());
    assert!(serde_json::from_str::<MessageId>("[7]").is_err());
}

#[test]
fn incarnations_of_two_starts_differ() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    assert_ne!(Incarnation::generate(&mut rng), Incarnation::generate(&mut rng));
}

proptest! {
    #[test]
    fn every_id_survives_text_json_and_binary(raw in any::<[u8; 32]>(), half in any::<[u8; 16]>()) {
        let id = AccountId::from_bytes(raw);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.as_bytes(), &raw);
        let json = serde_json::to_string(&id).expect("encodes");
        prop_assert_eq!(serde_json::from_str::<AccountId>(&json).expect("decodes"), id);
        let binary = postcard::to_allocvec(&(id, InviteId(half))).expect("encodes");
        prop_assert_eq!(binary.len(), 48);
        prop_assert_eq!(postcard::from_bytes::<(AccountId, InviteId)>(&binary).expect("decodes"), (id, InviteId(half)));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in ".{0,80}") {
        if let Ok(id) = text.parse::<OpId>() {
            prop_assert_eq!(id.to_string(), text.to_lowercase());
        }
    }
}
