//! Tests: the word list and its suggestions.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_list_has_2048_short_sorted_words_that_four_letters_tell_apart() {
    let words: Vec<&str> = LIST.lines().collect();
    assert_eq!(words.len(), usize::from(WORDS));
    assert!(words.is_sorted());
    let prefixes: BTreeSet<&str> = words.iter().map(|word| &word[..word.len().min(UNIQUE_PREFIX)]).collect();
    assert_eq!(prefixes.len(), words.len());
    let fits =
        |word: &&str| (3..=LETTERS_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
    assert!(words.iter().all(fits));
}

#[test]
fn every_word_is_found_written_out_and_shortened() {
    for wanted in 0..WORDS {
        let word = word(wanted);
        assert_eq!(number(word), Some(wanted));
        assert_eq!(number(&word[..word.len().min(UNIQUE_PREFIX)]), Some(wanted), "{word}");
    }
    assert_eq!(number("act"), number("act"), "a whole word wins over a longer one");
    assert_ne!(number("act"), number("action"));
    assert_eq!(number("zz"), None);
    assert_eq!(number(""), None);
    assert_eq!(number("ot"), None, "two letters are too few");
}

#[test]
fn slips_of_the_finger_are_understood() {
    for (typed, meant) in
        [("ottre", "otter"), ("oter", "otter"), ("quarts", "quartz"), ("qartz", "quartz"), ("zooo", "zoo")]
    {
        assert!(suggest(typed).contains(&meant), "{typed}: {:?}", suggest(typed));
    }
    assert!(suggest("xkcdwq").is_empty());
    assert!(suggest(&"a".repeat(40)).is_empty());
    assert!(suggest("ötter").is_empty());
    assert!(suggest("").is_empty());
}

#[test]
fn any_one_slip_in_any_word_suggests_the_word() {
    for wanted in (0..WORDS).step_by(7) {
        let word = word(wanted);
        let mut swapped: Vec<u8> = word.bytes().collect();
        swapped.swap(1, 2);
        for typed in [String::from_utf8(swapped).expect("ASCII"), format!("{word}x"), word[1..].to_owned()] {
            let near = suggest(&typed);
            let crowded = near.len() == SUGGESTIONS_MAX;
            assert!(
                near.contains(&word) || crowded || number(&typed).is_some(),
                "{typed} for {word}: {near:?}"
            );
        }
    }
}

#[test]
fn distance_counts_edits() {
    for (a, b, edits) in
        [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("abc", "xyz", 3)]
    {
        assert_eq!(distance(a.as_bytes(), b.as_bytes()), edits, "{a} {b}");
        assert_eq!(distance(b.as_bytes(), a.as_bytes()), edits, "{b} {a}");
    }
}
