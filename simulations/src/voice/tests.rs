//! What `voice` promises, tried.

use super::*;

#[test]
fn mouth_to_ear_finds_the_frame_and_the_sample_inside_it() {
    let captured: Captured = [(0, 1_000_000), (960, 1_020_000), (1_920, 1_040_000)].into();
    assert_eq!(mouth_to_ear_us(&captured, 960, 1_080_000), Some(60_000));
    assert_eq!(mouth_to_ear_us(&captured, 960 + 480, 1_090_000), Some(60_000));
    assert_eq!(mouth_to_ear_us(&captured, 1_920, 1_100_000), Some(60_000));
}

#[test]
fn media_time_may_wrap() {
    let captured: Captured = [(u32::MAX - 479, 1_000_000), (480, 1_020_000)].into();
    assert_eq!(mouth_to_ear_us(&captured, u32::MAX, 1_059_979), Some(50_000));
    assert_eq!(mouth_to_ear_us(&captured, 480, 1_070_000), Some(50_000));
}

#[test]
fn who_is_in_no_call_takes_no_steps_and_opens_nothing() {
    let mut voice = Voice::new(DeviceId::from_bytes([1; 32]), 1, 0, 0);
    assert_eq!(voice.due_us(), None);
    assert_eq!(voice.receive(0, 1, &[1, 2, 3]), Err(None));
}
