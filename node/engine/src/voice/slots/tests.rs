//! Frames wait in order of media time, wrap included, and are never held twice.

use proptest::prelude::*;

use super::*;

fn frame(tick: u32, origin: Origin, coded: &[u8]) -> Incoming<'_> {
    Incoming { tick, length: FrameLength::Ms20, origin, last: false, coded }
}

#[test]
fn frames_come_out_by_media_time_over_the_wrap() {
    let mut slots = Slots::new();
    for tick in [2, u32::MAX - 1, 0] {
        assert!(slots.put(&frame(tick, Origin::Itself, &[tick as u8])));
    }
    assert_eq!(slots.earliest().map(|s| s.tick), Some(u32::MAX - 1));
    assert_eq!(slots.from(u32::MAX).map(|s| s.tick), Some(0));
    assert_eq!(slots.at(2).map(|s| s.coded().to_vec()), Some(vec![2]));
    assert_eq!(slots.at(2).map(Slot::end), Some(4));
    assert!(slots.at(1).is_none());
    assert_eq!(slots.drop_before(2), 2);
    assert_eq!(slots.len(), 1);
    slots.clear();
    assert!(slots.is_empty());
}

#[test]
fn the_frame_itself_replaces_a_copy_and_nothing_replaces_it() {
    let mut slots = Slots::new();
    assert!(slots.put(&frame(8, Origin::List, &[1])));
    assert!(!slots.put(&frame(8, Origin::List, &[2])));
    assert!(slots.put(&frame(8, Origin::Itself, &[3])));
    assert!(!slots.put(&frame(8, Origin::Itself, &[4])));
    assert!(!slots.put(&frame(8, Origin::List, &[5])));
    assert_eq!(slots.at(8).map(|s| s.coded().to_vec()), Some(vec![3]));
}

#[test]
fn a_frame_of_the_next_round_takes_the_place_of_a_forgotten_one() {
    let mut slots = Slots::new();
    slots.put(&frame(5, Origin::Itself, &[1]));
    assert!(slots.put(&frame(5 + SPAN_TICKS, Origin::Itself, &[2])));
    assert!(slots.at(5).is_none());
    assert_eq!(slots.len(), 1);
}

proptest! {
    #[test]
    fn the_ring_agrees_with_a_map(base in any::<u32>(), ticks in prop::collection::vec(0..SPAN_TICKS, 0..200), cut in 0..SPAN_TICKS) {
        let mut slots = Slots::new();
        let mut map = std::collections::BTreeMap::new();
        for t in &ticks {
            slots.put(&frame(base.wrapping_add(*t), Origin::Itself, &[*t as u8]));
            map.entry(*t).or_insert(*t as u8);
        }
        prop_assert_eq!(slots.len(), map.len());
        prop_assert_eq!(slots.earliest().map(|s| s.tick.wrapping_sub(base)), map.keys().next().copied());
        let dropped = slots.drop_before(base.wrapping_add(cut)) as usize;
        prop_assert_eq!(dropped, map.range(..cut).count());
        let first = slots.from(base.wrapping_add(cut)).map(|s| s.tick.wrapping_sub(base));
        prop_assert_eq!(first, map.range(cut..).next().map(|(t, _)| *t));
    }
}
