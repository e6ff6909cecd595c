//! Codes come back as they were, and a mistake is told by its group.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

fn bytes() -> impl Strategy<Value = [u8; Voucher::LEN]> {
    proptest::collection::vec(any::<u8>(), Voucher::LEN).prop_map(|bytes| bytes.try_into().unwrap())
}

/// As people write it down.
fn by_hand(code: &str) -> String {
    let code = code.to_lowercase().replace('0', "o").replace('1', "l");
    code.split('-').collect::<Vec<_>>().join(" \n")
}

#[test]
fn a_code_has_34_groups_of_five() {
    let code = write(&[0xa5; Voucher::LEN]);
    let groups: Vec<_> = code.split('-').collect();
    assert_eq!((groups.len(), GROUPS, LETTERS), (34, 34, 170));
    assert!(groups.iter().all(|group| group.len() == 5));
    // 10100 10110 10010 11010: 20, 22, 18, 26; check 7 (1 + 20 + 66 + 90 + 182), which is 17 modulo 32.
    assert_eq!(groups[0], "MPJTH");
}

#[test]
fn too_little_and_too_much_are_told_from_a_mistake() {
    let code = write(&[7; Voucher::LEN]);
    assert_eq!(read(""), Err(CodeError::Length));
    assert_eq!(read(&code[..code.len() - 1]), Err(CodeError::Length));
    assert_eq!(read(&format!("{code}0")), Err(CodeError::Length));
    assert_eq!(read("U"), Err(CodeError::Mistyped(1)));
    assert_eq!(read("ä"), Err(CodeError::Mistyped(1)));
    // A group that is left out makes the next one wrong.
    assert_eq!(read(&code[6..]), Err(CodeError::Mistyped(1)));
}

proptest! {
    #[test]
    fn what_was_written_is_read_also_as_people_write_it(bytes in bytes()) {
        let code = write(&bytes);
        prop_assert_eq!(read(&code), Ok(bytes));
        prop_assert_eq!(read(&by_hand(&code)), Ok(bytes));
    }

    #[test]
    fn another_letter_is_noticed_in_its_group(bytes in bytes(), group in 0..GROUPS, at in 0_usize..5, other in 0_usize..32) {
        let mut code = write(&bytes).into_bytes();
        let place = group * 6 + at;
        prop_assume!(code[place] != ALPHABET[other]);
        code[place] = ALPHABET[other];
        prop_assert_eq!(read(std::str::from_utf8(&code).unwrap()), Err(CodeError::Mistyped(group + 1)));
    }

    #[test]
    fn groups_that_changed_places_are_noticed(bytes in bytes(), group in 0..GROUPS - 1) {
        let code = write(&bytes);
        let mut groups: Vec<_> = code.split('-').collect();
        groups.swap(group, group + 1);
        prop_assert_eq!(read(&groups.join("-")), Err(CodeError::Mistyped(group + 1)));
    }
}

#[test]
fn whatever_is_given_is_read_or_refused_the_same_on_every_machine() {
    let seeded = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::with_cases(20_000), seeded);
    let good = write(&[0x3c; Voucher::LEN]);
    let texts = prop_oneof![
        ".{0,300}",
        "[0-9A-Za-z -]{0,260}",
        // A good one with some letters changed, put in and taken out reaches deeper.
        proptest::collection::vec((0_usize..good.len(), any::<char>(), 0_u8..3), 1..4).prop_map(
            move |changes| {
                let mut letters: Vec<char> = good.chars().collect();
                for (at, letter, how) in changes {
                    let at = at.min(letters.len() - 1);
                    match how {
                        0 => letters[at] = letter,
                        1 => letters.insert(at, letter),
                        _ => drop(letters.remove(at)),
                    }
                }
                letters.into_iter().collect::<String>()
            }
        ),
    ];
    let run = runner.run(&texts, |text| {
        if let Ok(bytes) = read(&text) {
            let plain: String = text.chars().filter(|c| *c != '-' && !c.is_ascii_whitespace()).collect();
            let plain = plain.to_uppercase().replace('O', "0").replace(['I', 'L'], "1");
            prop_assert_eq!(write(&bytes).replace('-', ""), plain);
        }
        Ok(())
    });
    run.unwrap();
}
