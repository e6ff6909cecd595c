//! Loss by sequence numbers.

use super::*;

#[test]
fn a_gap_is_loss_until_the_late_packet_comes() {
    let mut sequence = Sequence::default();
    assert_eq!(sequence.note(10), 0);
    assert_eq!(sequence.note(13), 2);
    assert_eq!(sequence.note(12), 1);
    assert_eq!(sequence.note(11), 0);
    assert_eq!(sequence.note(14), 0);
}

#[test]
fn sixteen_bits_wrap_without_loss() {
    let mut sequence = Sequence::default();
    for number in 65_000_u32..200_000 {
        assert_eq!(sequence.note((number & 0xFFFF) as u16), 0, "{number}");
    }
    assert_eq!(sequence.note((200_003 & 0xFFFF_u32) as u16), 3);
}

#[test]
fn duplicates_and_older_first_packets_never_make_loss_negative() {
    let mut sequence = Sequence::default();
    assert_eq!(sequence.note(5), 0);
    assert_eq!(sequence.note(5), 0);
    assert_eq!(sequence.note(4), 0);
    assert_eq!(sequence.note(3), 0);
}

#[test]
fn unknown_numbers_are_not_reported_as_numbers() {
    let counters = Counters::default();
    assert_eq!(counters.snapshot(), ConnectionStats::default());
    counters.set_rtt(0.0);
    assert_eq!(counters.snapshot().rtt_ms, None);
    counters.set_rtt(0.002_5);
    counters.set_setup_ms(0);
    assert_eq!(counters.snapshot().rtt_ms, Some(2.5));
    assert_eq!(counters.snapshot().setup_ms, Some(0));
}
