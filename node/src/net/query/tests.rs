//! The question is a well-formed one.

use super::*;

#[test]
fn the_question_is_one_ptr_record_of_the_libp2p_service() {
    assert_eq!(QUESTION.len(), 12 + 17 + 4);
    assert_eq!(QUESTION[4..6], [0, 1], "one question");
    let mut name = Vec::new();
    let mut rest = &QUESTION[12..];
    while let Some((length, tail)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, tail) = tail.split_at(usize::from(*length));
        name.push(std::str::from_utf8(label).expect("ascii"));
        rest = tail;
    }
    assert_eq!(name, ["_p2p", "_udp", "local"]);
    assert_eq!(rest, [0, 0, 12, 0, 1]);
}
