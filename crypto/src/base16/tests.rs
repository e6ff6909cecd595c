//! Tests: the vectors of the RFC, and what is no text of bytes.

use proptest::prelude::*;

use super::*;

#[test]
fn the_vectors_of_rfc_4648_hold() {
    let vectors = [("", ""), ("f", "66"), ("fo", "666f"), ("foo", "666f6f"), ("foobar", "666f6f626172")];
    for (bytes, text) in vectors {
        assert_eq!(encode(bytes.as_bytes()), text);
    }
    assert_eq!(decode("666F6f626172").as_deref(), Some(&b"foobar"[..]));
}

#[test]
fn another_length_and_what_is_no_digit_are_nothing() {
    for text in ["", "0", "000", "00000", "0g00", "+f00", " 000", "é00"] {
        assert_eq!(decode_array::<2>(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_bytes_read_back(bytes in any::<[u8; 7]>()) {
        prop_assert_eq!(encode(&bytes), hex::encode(bytes));
        prop_assert_eq!(decode_array(&encode(&bytes)), Some(bytes));
    }

    #[test]
    fn any_text_is_bytes_or_nothing(text in ".{0,8}") {
        if let Some(bytes) = decode(&text) {
            prop_assert_eq!(encode(&bytes), text.to_ascii_lowercase());
        }
    }
}
