//! Batches: filled up, shuffled, never larger than a coordinator reads.

use super::*;
use halloo_crypto::id::MailboxAddress;
use halloo_wire::mailbox::{SizeClass, read_deposits};
use std::collections::BTreeSet;

fn post(number: u8, class: SizeClass) -> Post {
    let deposit = Deposit {
        address: MailboxAddress([number; 32]),
        item: MailboxItem([number; 16]),
        bytes: vec![number; class.bytes()],
    };
    Post { group: GroupId::from_bytes([1; 32]), id: u64::from(number), deposit }
}

#[test]
fn a_batch_is_filled_up_to_a_power_of_two_with_items_that_look_like_ours() {
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    for count in 1..=33 {
        let posts: Vec<Post> = (0..count).map(|n| post(n, SizeClass::ALL[usize::from(n) % 2])).collect();
        let (batch, places) = filled(&posts, &mut rng);
        assert_eq!(batch.len(), posts.len().next_power_of_two());
        assert_eq!(places.len(), posts.len());
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), posts.len(), "each has its own place");
        for (post, place) in posts.iter().zip(&places) {
            assert_eq!(batch[*place], post.deposit);
        }
        let read = read_deposits(&write_deposits(&batch)).expect("a coordinator reads it");
        let addresses: BTreeSet<_> = read.iter().map(|deposit| deposit.address).collect();
        assert_eq!(addresses.len(), read.len(), "nobody's addresses are all different");
        let classes: BTreeSet<_> = posts.iter().map(|post| post.deposit.bytes.len()).collect();
        assert!(read.iter().all(|deposit| classes.contains(&deposit.bytes.len())));
    }
}

#[test]
fn the_order_in_a_batch_says_nothing() {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let posts: Vec<Post> = (0..8).map(|n| post(n, SizeClass::Small)).collect();
    let mut first = [0_u32; 8];
    for _ in 0..8_000 {
        first[filled(&posts, &mut rng).1[0]] += 1;
    }
    assert!(first.iter().all(|count| (800..1_200).contains(count)), "{first:?}");
}

#[test]
fn no_batch_is_larger_than_a_coordinator_reads_and_each_item_goes_in_one() {
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    for class in SizeClass::ALL {
        let mut waiting: Vec<Post> = (0..BATCH_ITEMS_MAX as u8).map(|n| post(n, class)).collect();
        let mut batches = 0;
        while !waiting.is_empty() {
            let rest = waiting.split_off(fitting(&waiting));
            let (batch, _) = filled(&waiting, &mut rng);
            assert!(write_deposits(&batch).len() <= DEPOSITS_BODY_MAX, "{class:?}");
            batches += 1;
            waiting = rest;
        }
        assert!(batches <= 4, "{class:?} takes {batches}");
    }
    let mixed = vec![post(1, SizeClass::Small), post(2, SizeClass::Huge), post(3, SizeClass::Small)];
    assert_eq!(fitting(&mixed), 3);
}
