//! An invitation is good for as many accounts as it says, until its last day, and cannot be made up.

use super::*;
use halloo_store::memory::MemoryStore;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

fn invitations() -> Invitations {
    Invitations::new(&Secret::new([7; 32]))
}

fn code(uses: u16, last: u32) -> String {
    invitations().make(uses, Day(last), &mut ChaCha20Rng::from_seed([1; 32]))
}

fn spend(store: &MemoryStore, invitation: &Invitation) -> Result<(), InvitationError> {
    let mut batch = Batch::new();
    invitation.spend(store, &mut batch)?;
    store.commit(&batch)?;
    Ok(())
}

#[test]
fn it_is_good_for_as_many_accounts_as_it_says() {
    let store = MemoryStore::new();
    let invitation = invitations().read(&code(2, 100), Day(100)).unwrap();
    spend(&store, &invitation).unwrap();
    spend(&store, &invitation).unwrap();
    assert!(matches!(spend(&store, &invitation), Err(InvitationError::UsedUp)));
    assert!(forget(&store, Day(100)).unwrap().is_empty(), "it could be used again");
    store.commit(&forget(&store, Day(101)).unwrap()).unwrap();
    assert!(store.range(ROWS).unwrap().is_empty());
}

#[test]
fn it_ends_after_its_last_day() {
    assert!(matches!(invitations().read(&code(1, 100), Day(101)), Err(InvitationError::Ended)));
}

#[test]
fn another_coordinator_does_not_take_it() {
    let others = Invitations::new(&Secret::new([8; 32]));
    assert!(matches!(others.read(&code(1, 100), Day(1)), Err(InvitationError::Foreign)));
}

#[test]
fn all_rows_that_are_over_go_however_many_are_not() {
    let (store, invitations, mut rng) = (MemoryStore::new(), invitations(), ChaCha20Rng::from_seed([2; 32]));
    for number in 0..700_u32 {
        let code = invitations.make(1, Day(100 + number % 2), &mut rng);
        spend(&store, &invitations.read(&code, Day(1)).unwrap()).unwrap();
    }
    loop {
        let batch = forget(&store, Day(101)).unwrap();
        if batch.is_empty() {
            break;
        }
        store.commit(&batch).unwrap();
    }
    assert_eq!(store.range(ROWS).unwrap().len(), 350);
}

proptest! {
    #[test]
    fn a_code_with_another_digit_is_no_code(at in 0_usize..60, digit in 0_u32..16) {
        let good = code(3, 100);
        let mut bent: Vec<char> = good.chars().collect();
        bent[at] = char::from_digit(digit, 16).unwrap();
        let bent: String = bent.into_iter().collect();
        prop_assume!(bent != good);
        prop_assert!(matches!(invitations().read(&bent, Day(1)), Err(InvitationError::Foreign)));
    }

    #[test]
    fn whatever_is_given_is_read_or_refused(text in ".{0,80}") {
        drop(invitations().read(&text, Day(1)));
    }
}
