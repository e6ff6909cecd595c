//! Tests: short codes as people type them.

use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;

fn code(nameplate: u16, words: [u16; 2]) -> ShortCode {
    ShortCode::from_parts(Nameplate(nameplate), words).expect("in range")
}

fn otter_quartz() -> ShortCode {
    let number = |word| words::number(word).expect("in the list");
    code(7, [number("otter"), number("quartz")])
}

#[test]
fn the_example_of_the_manual_is_a_code_however_it_is_typed() {
    let wanted = otter_quartz();
    assert_eq!(wanted.to_string(), "7-otter-quartz");
    for typed in [
        "7-otter-quartz",
        " 7 otter quartz ",
        "7_OTTER.Quartz",
        "7--otter - quartz",
        "07-otte-quar",
        "7\u{2013}otter\u{2014}quartz",
        "7, otter, quartz",
    ] {
        assert_eq!(typed.parse(), Ok(wanted.clone()), "{typed}");
    }
}

#[test]
fn each_mistake_has_its_own_error_and_next_step() {
    let error = |typed: &str| typed.parse::<ShortCode>().expect_err(typed);
    assert_eq!(error(""), CodeError::NotACode);
    assert_eq!(error("hello"), CodeError::NotACode);
    assert_eq!(error(&"7-otter-quartz".repeat(9)), CodeError::NotACode);
    assert_eq!(error("otter-quartz"), CodeError::BadNumber);
    assert_eq!(error("0-otter-quartz"), CodeError::BadNumber);
    assert_eq!(error("10000-otter-quartz"), CodeError::BadNumber);
    assert_eq!(error("99999999999-otter-quartz"), CodeError::BadNumber);
    assert_eq!(error("7-otter"), CodeError::WordCount { found: 1 });
    assert_eq!(error("7-otter-quartz-otter"), CodeError::WordCount { found: 3 });
    let unknown = error("7-ottre-quartz");
    assert!(matches!(&unknown, CodeError::UnknownWord { typed, .. } if typed == "ottre"));
    assert!(unknown.to_string().contains("did you mean") && unknown.to_string().contains("otter"));
    assert!(error("7-otter-xxqqxxqq").to_string().contains("ask for the code again"));
}

#[test]
fn the_words_never_reach_a_log() {
    assert_eq!(format!("{:?}", otter_quartz()), "ShortCode(7-..)");
}

#[test]
fn drawn_words_cover_the_list_evenly() {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let mut low = 0;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..4_000 {
        let [first, second] = ShortCode::generate(&mut rng, Nameplate(1)).word_numbers();
        low += u32::from(first < 1_024) + u32::from(second < 1_024);
        seen.extend([first, second]);
    }
    assert!((3_800..4_200).contains(&low), "{low} of 8,000 in the lower half");
    assert!(seen.len() > 1_950, "{} words seen", seen.len());
}

#[test]
fn parts_out_of_range_are_no_code() {
    assert_eq!(ShortCode::from_parts(Nameplate(0), [0, 0]), None);
    assert_eq!(ShortCode::from_parts(Nameplate(NAMEPLATE_MAX + 1), [0, 0]), None);
    assert_eq!(ShortCode::from_parts(Nameplate(1), [0, words::WORDS]), None);
}

proptest! {
    #[test]
    fn every_code_survives_being_read_aloud(nameplate in 1..=NAMEPLATE_MAX, a in 0..words::WORDS, b in 0..words::WORDS) {
        let code = code(nameplate, [a, b]);
        prop_assert_eq!(code.to_string().parse(), Ok(code.clone()));
        prop_assert_eq!(code.to_string().to_uppercase().replace('-', " ").parse(), Ok(code));
    }

    #[test]
    fn any_text_is_a_code_or_an_error(text in "\\PC{0,70}") {
        if let Ok(code) = text.parse::<ShortCode>() {
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }
    }
}
