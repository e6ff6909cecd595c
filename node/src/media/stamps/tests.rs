//! Times read back as written, and ways measured on a made-up call.

use super::*;

fn id(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

#[test]
fn a_stamp_reads_back_as_written() {
    let stamps = [
        Stamp::Began { mono_ns: 7 },
        Stamp::Captured { media_time: u32::MAX, mono_ns: 1 },
        Stamp::Played { speaker: id(0xAB), media_time: 0, mono_ns: u64::MAX },
    ];
    for stamp in stamps {
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
    }
    let text = format!("{}\n{}\n{}\np abcd", stamps[0], stamps[1], stamps[2]);
    assert_eq!(parse(&text), stamps);
}

#[test]
fn lines_of_other_things_are_no_stamps() {
    for line in ["", "c", "c 1", "c x 1", "c 1 2 3", "p 1 2 3", "x 1 2", "c -1 2", "c 4294967296 1"] {
        assert_eq!(line.parse::<Stamp>(), Err(StampError), "{line}");
    }
}

#[test]
fn the_way_is_measured_from_the_very_sample() {
    let mouth: Vec<_> = (0..10_u32)
        .map(|n| Stamp::Captured { media_time: n * 960, mono_ns: 1_000_000_000 + u64::from(n) * 20_000_000 })
        .collect();
    // Sample 480 of frame 3 was at the mouth at 1.070 s; it is heard at 1.130 s.
    let ear = [
        Stamp::Played { speaker: id(1), media_time: 3 * 960 + 480, mono_ns: 1_130_000_000 },
        Stamp::Played { speaker: id(2), media_time: 960, mono_ns: 9_000_000_000 },
    ];
    assert_eq!(mouth_to_ear(id(1), &mouth, &ear), vec![60.0]);
}

#[test]
fn media_time_may_wrap_and_what_was_never_captured_is_left_out() {
    let mouth = [Stamp::Captured { media_time: u32::MAX - 479, mono_ns: 0 }];
    let wrapped = Stamp::Played { speaker: id(1), media_time: 480, mono_ns: 50_000_000 };
    assert_eq!(mouth_to_ear(id(1), &mouth, &[wrapped]), vec![30.0]);
    let invented = Stamp::Played { speaker: id(1), media_time: 100_000, mono_ns: 50_000_000 };
    assert!(mouth_to_ear(id(1), &mouth, &[invented]).is_empty());
    assert!(mouth_to_ear(id(1), &[], &[wrapped]).is_empty());
}

#[test]
fn percentiles_are_values_of_the_set() {
    let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
    assert_eq!(percentile(&values, 0.5), Some(50.0));
    assert_eq!(percentile(&values, 0.95), Some(95.0));
    assert_eq!(percentile(&values, 7.0), Some(100.0));
    assert_eq!(percentile(&[], 0.5), None);
}
