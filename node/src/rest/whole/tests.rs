//! Which numbers are whole.

use super::*;

#[test]
fn a_float_without_a_fraction_is_whole_and_what_does_not_fit_is_refused() {
    for (text, number) in [("0", 0_u16), ("3", 3), ("3.0", 3), ("3e2", 300), ("-0.0", 0), ("65535", 65_535)] {
        let read: Result<u16, _> = whole(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read.unwrap(), number, "{text}");
    }
    for text in ["-1", "-1.0", "0.5", "65536", "1e300", "\"3\"", "null", "true", "[3]"] {
        let read: Result<u16, _> = whole(&mut serde_json::Deserializer::from_str(text));
        assert!(read.is_err(), "{text}");
    }
    let none: Option<u64> = whole_or_none(&mut serde_json::Deserializer::from_str("null")).unwrap();
    assert_eq!(none, None);
}
