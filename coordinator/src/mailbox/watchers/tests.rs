//! Who is told, how often, and that nothing is left of who has gone.

use super::*;

fn address(name: u8) -> MailboxAddress {
    MailboxAddress([name; 32])
}

#[tokio::test]
async fn every_socket_that_watches_is_told_once_however_often_something_came() {
    let all = Arc::new(Watchers::default());
    let (mut first, mut second) = (all.open(4), all.open(4));
    assert!(first.add(address(1)) && first.add(address(2)) && second.add(address(2)));
    for _ in 0..1_000 {
        assert_eq!(all.wake(&[address(1), address(2), address(3)]), [address(3)], "nobody watches it");
    }
    assert_eq!(first.rung().await, BTreeSet::from([address(1), address(2)]));
    assert_eq!(second.rung().await, BTreeSet::from([address(2)]));
    all.wake(&[address(1)]);
    assert_eq!(first.rung().await, BTreeSet::from([address(1)]));
}

#[test]
fn a_socket_watches_as_many_as_it_may_and_the_same_again_costs_nothing() {
    let all = Arc::new(Watchers::default());
    let mut watch = all.open(2);
    assert!(watch.add(address(1)) && watch.add(address(2)) && watch.add(address(1)));
    assert!(!watch.add(address(3)));
    assert_eq!(all.count(), (2, 2));
}

#[test]
fn nothing_is_left_of_a_socket_that_has_gone() {
    let all = Arc::new(Watchers::default());
    let (mut first, mut second) = (all.open(4), all.open(4));
    assert!(first.add(address(1)) && second.add(address(1)) && second.add(address(2)));
    drop(second);
    assert_eq!(all.count(), (1, 1));
    drop(first);
    assert_eq!(all.count(), (0, 0));
}
