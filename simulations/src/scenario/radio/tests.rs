//! What `radio` promises, tried.

use super::*;

#[test]
fn a_link_cut_for_two_reasons_comes_back_when_both_are_gone() {
    let mut book = CutBook::default();
    book.cut(10, Some(30), 2, 1);
    book.cut(20, Some(40), 1, 2);
    book.cut(40, Some(50), 1, 2);
    book.cut(5, None, 0, 0);
    let acts = book.acts();
    assert_eq!(acts, [(10, Act::Cut(1, 2, true)), (50, Act::Cut(1, 2, false))]);
}

#[test]
fn range_cuts_and_mends_with_a_hold() {
    let still = vec![(0.0, 0.0); 6];
    let walks = [0.0, 99.0, 105.0, 111.0, 105.0, 100.0].map(|x| (x, 0.0)).to_vec();
    let mut book = CutBook::default();
    book.range(Radio { range_m: 100.0, hold: 0.1 }, &BTreeMap::from([(3, still), (7, walks)]));
    let cut = |second: u64, cut| (second * 1_000_000, Act::Cut(3, 7, cut));
    assert_eq!(
        book.acts(),
        [cut(3, true), cut(5, false)],
        "a standing link holds to 110 m, a new one needs 100"
    );
}

#[test]
fn who_begins_out_of_range_is_cut_from_the_beginning() {
    let ways = BTreeMap::from([(0, vec![(0.0, 0.0); 2]), (1, vec![(500.0, 0.0); 2])]);
    let mut book = CutBook::default();
    book.range(Radio { range_m: 100.0, hold: 0.0 }, &ways);
    assert_eq!(book.acts(), [(0, Act::Cut(0, 1, true))]);
}
