//! Names out of paths.

use super::*;
use proptest::prelude::*;

#[test]
fn a_name_has_one_spelling() {
    assert_eq!(name::<2>("00ff").unwrap(), [0, 255]);
    for bad in ["", "00f", "00fff", "00FF", "0x0f", "00fg", "+0+0"] {
        assert_eq!(name::<2>(bad).unwrap_err().kind(), Kind::Malformed, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_fall_over(text in ".{0,70}") {
        if let Ok(bytes) = name::<32>(&text) {
            let again: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(again, text);
        }
    }
}
