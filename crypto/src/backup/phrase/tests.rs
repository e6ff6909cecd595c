//! Tests: the words of the standard, there and back, and what is said of a slip.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;

fn some(seed: u64) -> AccountSecret {
    AccountSecret::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

#[test]
fn the_words_are_those_of_the_standard() {
    // From the vectors of BIP-39.
    let zeros = of(&parts::secret_of(&[0; 32]));
    assert_eq!(zeros.expose(), &("abandon ".repeat(23) + "art"));
    let ones = of(&parts::secret_of(&[0xff; 32]));
    assert_eq!(ones.expose(), &("zoo ".repeat(23) + "vote"));
}

#[test]
fn an_account_goes_through_words_and_back_in_any_case_and_spacing() {
    for seed in 0..200 {
        let account = some(seed);
        let words = of(&account);
        assert_eq!(words.expose().split(' ').count(), WORDS);
        assert_eq!(read(words.expose()).map(|a| a.id()), Ok(account.id()));
        let typed = format!("  {}\n", words.expose().to_uppercase().replace(' ', "\n \t"));
        assert_eq!(read(&typed).map(|a| a.id()), Ok(account.id()));
    }
}

fn told(words: &[&str]) -> PhraseError {
    read(&words.join(" ")).expect_err("something is wrong with it")
}

#[test]
fn a_slip_is_told_with_its_place() {
    let text = of(&parts::secret_of(&[0; 32]));
    let mut words: Vec<&str> = text.expose().split(' ').collect();
    assert_eq!(told(&words[..23]), PhraseError::Count(23));
    assert_eq!(told(&[words.as_slice(), &["zoo"]].concat()), PhraseError::Count(25));
    words[6] = "abandom";
    assert_eq!(told(&words), PhraseError::Unknown { at: 7, near: Some("abandon") });
    assert!(told(&words).to_string().contains("word 7") && told(&words).to_string().contains("`abandon`"));
    words[6] = "xkcdqw";
    assert_eq!(told(&words), PhraseError::Unknown { at: 7, near: None });
    // In the list of short codes, but not in the standard's.
    words[6] = "otter";
    assert!(matches!(told(&words), PhraseError::Unknown { at: 7, .. }));
    words[6] = "zoo";
    assert_eq!(told(&words), PhraseError::Checksum);
    assert_eq!(told(&[]), PhraseError::Count(0));
}

/// Seeded: any text at all is a phrase or is refused.
#[test]
fn no_text_whatever_stops_a_reader() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for _ in 0..2_000 {
        let text: String =
            (0..rng.next_u32() % 60).filter_map(|_| char::from_u32(rng.next_u32() % 0x600)).collect();
        assert!(read(&text).is_err(), "{text}");
        let list = Language::English.word_list();
        let words: Vec<&str> = (0..24).map(|_| list[rng.next_u32() as usize % 2048]).collect();
        match read(&words.join(" ")) {
            Ok(account) => assert_eq!(of(&account).expose(), &words.join(" ")),
            Err(error) => assert_eq!(error, PhraseError::Checksum),
        }
    }
}

#[test]
fn a_slip_of_one_word_goes_unnoticed_about_once_in_256() {
    let text = of(&some(7));
    let words: Vec<&str> = text.expose().split(' ').collect();
    let slips = Language::English.word_list().iter().filter(|word| **word != words[3]);
    let unnoticed = slips.filter(|word| {
        let mut slipped = words.clone();
        slipped[3] = word;
        read(&slipped.join(" ")).is_ok()
    });
    let unnoticed = unnoticed.count();
    assert!((1..=24).contains(&unnoticed), "{unnoticed} of 2,047; eight bits of checksum let 8 through");
}
