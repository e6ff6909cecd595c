//! Quotas, bandwidth and usage of one subject.

use super::*;

#[test]
fn a_subject_pays_for_both_ways_until_its_second_is_used_up() {
    let mut accounts = Accounts::new(1000);
    let id = accounts.open("a", 0).unwrap();
    assert!(accounts.charge(id, 600, Way::ToPeer, 0));
    assert!(accounts.charge(id, 400, Way::FromPeer, 0));
    assert!(!accounts.charge(id, 1, Way::ToPeer, 0));
    assert!(!accounts.charge(id, 101, Way::ToPeer, 100));
    assert!(accounts.charge(id, 100, Way::ToPeer, 100));
    let other = accounts.open("b", 100).unwrap();
    assert!(accounts.charge(other, 1000, Way::ToPeer, 100), "another subject has its own");
    assert!(!accounts.charge(id, 1001, Way::ToPeer, 1_000_000), "no more than a second is saved up");
}

#[test]
fn bandwidth_is_not_won_by_giving_allocations_back() {
    let mut accounts = Accounts::new(1000);
    let first = accounts.open("a", 0).unwrap();
    assert!(accounts.charge(first, 1000, Way::ToPeer, 0));
    accounts.close(first);
    let second = accounts.open("a", 0).unwrap();
    assert!(!accounts.charge(second, 1, Way::ToPeer, 0));
}

#[test]
fn a_clock_of_a_slow_rate_loses_nothing_to_rounding() {
    let mut accounts = Accounts::new(100);
    let id = accounts.open("a", 0).unwrap();
    assert!(accounts.charge(id, 100, Way::ToPeer, 0));
    for ms in 1..=1000 {
        accounts.charge(id, 1000, Way::ToPeer, ms);
    }
    assert!(accounts.charge(id, 100, Way::ToPeer, 1000));
}

#[test]
fn usage_is_told_once_and_who_is_gone_is_forgotten_with_it() {
    let mut accounts = Accounts::new(1000);
    let id = accounts.open("a", 0).unwrap();
    accounts.charge(id, 10, Way::ToPeer, 0);
    accounts.charge(id, 20, Way::FromPeer, 0);
    accounts.charge(id, 5000, Way::FromPeer, 0);
    let wanted = Usage { subject: "a".into(), to_peers: 10, from_peers: 20, packets: 2, refused: 1 };
    assert_eq!(accounts.drain(), [wanted]);
    assert_eq!(accounts.drain(), []);
    assert_eq!(accounts.allocations("a"), 1);
    accounts.close(id);
    assert_eq!(accounts.drain(), []);
    assert!(accounts.by_subject.is_empty() && accounts.accounts.is_empty());
}

#[test]
fn subjects_of_other_days_make_room_for_new_ones_though_nobody_drains() {
    let mut accounts = Accounts::new(1000);
    let stays = accounts.open("stays", 0).unwrap();
    for n in 0..MAX_ACCOUNTS + 1 {
        let id = accounts.open(&format!("day {n}"), 0).unwrap();
        accounts.charge(id, 1, Way::ToPeer, 0);
        accounts.close(id);
    }
    assert!(accounts.accounts.len() <= MAX_ACCOUNTS);
    assert_eq!((accounts.allocations("stays"), accounts.by_subject.len()), (1, accounts.accounts.len()));
    assert!(accounts.charge(stays, 1, Way::ToPeer, 0));
}
