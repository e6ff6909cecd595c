//! Tests of the lent generator and the drawers.

use super::*;

#[test]
fn without_a_loan_nothing_is_drawn() {
    let mut out = [0_u8; 8];
    assert!(!draw(&mut out));
    assert_eq!(out, [0; 8]);
    assert!(draw_generator().is_none());
}

#[test]
fn a_loan_comes_back_advanced_and_ends_with_the_call() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let mut twin = rng.clone();
    let mut lent = [0_u8; 16];
    lend(&mut rng, || assert!(draw(&mut lent)));
    let mut direct = [0_u8; 16];
    twin.fill_bytes(&mut direct);
    assert_eq!(lent, direct);
    assert_eq!(rng.next_u64(), twin.next_u64());
    assert!(!draw(&mut lent));
}

#[test]
fn a_panic_in_a_call_does_not_leave_the_generator_behind() {
    let result = std::panic::catch_unwind(|| {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        lend(&mut rng, || panic!("in the call"));
    });
    assert!(result.is_err());
    assert!(!draw(&mut [0; 1]));
}

#[test]
fn drawers_give_back_once() {
    put_state(Zeroizing::new(vec![1, 2, 3]));
    assert_eq!(take_state().map(|state| state.to_vec()), Some(vec![1, 2, 3]));
    assert!(take_state().is_none());
    let data = KeyPackageData::new(vec![9], vec![1].into(), vec![2].into(), 0);
    put_key_package(vec![7], data.clone());
    assert!(find_key_package(&[8]).is_none());
    assert_eq!(find_key_package(&[7]), Some(data));
    assert!(take_key_package().is_some());
    assert!(take_key_package().is_none());
}

#[test]
fn only_what_happens_while_it_watches_is_noted_and_the_first_signer_stays() {
    note_signer(&[1]);
    note_unopened();
    let (value, seen) = watch(Vec::new(), || 5);
    assert_eq!((value, seen), (5, Watched::default()), "nothing of before");
    let ((), seen) = watch(Vec::new(), || {
        note_signer(&[2]);
        note_signer(&[3]);
        note_unopened();
    });
    assert_eq!(seen, Watched { signer: Some(vec![2]), unopened: true, ..Watched::default() });
    assert_eq!(watch(Vec::new(), || ()).1, Watched::default(), "nothing of the call before");
}

#[test]
fn a_path_fits_if_it_was_seen_and_has_the_nodes_that_are_due() {
    assert!(!path_fits(&[], 0, 0), "nothing was seen");
    let (fits, _) = watch(vec![true; 2], || {
        let unseen = path_fits(&[], 0, 0);
        note_nodes(1);
        note_nodes(2);
        (unseen, path_fits(&[], 0, 0), path_fits(&[], 1, 0), path_fits(&[1], 0, 0))
    });
    assert_eq!(fits, (false, true, false, false), "the first is the commit's");
}
