//! What `heals` promises, tried.

use super::*;

#[test]
fn parts_are_joined_by_others_too() {
    // 0-1, 1-2 are joined, 3-4 are joined.
    let joined = |a: HostId, b: HostId| matches!((a.min(b), a.max(b)), (0, 1) | (1, 2) | (3, 4));
    let parts = parts(6, &joined);
    assert_eq!(parts[0], parts[2], "by way of 1");
    assert_eq!(parts[3], parts[4]);
    let mut numbers = vec![parts[0], parts[3], parts[5]];
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
}

#[test]
fn an_episode_is_compared_every_tenth_of_a_second_from_its_beginning() {
    let mut heals = Heals::new(Clock { start_us: 0 });
    assert_eq!(heals.due_us(5), None);
    heals.returned(50, "link", Vec::new());
    assert_eq!(heals.due_us(50), Some(100_050));
    assert_eq!(heals.due_us(100_050), Some(200_050));
    heals.returned(120_000, "link", Vec::new());
    assert_eq!(heals.due_us(120_000), Some(220_000), "the last return counts");
    heals.end();
    assert_eq!(heals.due_us(300_000), None);
    let rows = heals.into_rows();
    assert_eq!(rows.numbers("returns"), [2.0]);
    assert!(rows.numbers("took_s")[0].is_nan(), "it never healed");
}
