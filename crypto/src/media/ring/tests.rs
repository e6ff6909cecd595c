//! Tests: which key opens whose frame, and until when.

use super::*;
use crate::media::MediaSealer;
use crate::secret::Secret;

const ADA: DeviceId = DeviceId([1; 32]);
const BEN: DeviceId = DeviceId([2; 32]);
const NOW: u64 = 10_000;

fn key(kid: u64, seed: u8) -> MediaKey {
    MediaKey::from_parts(Kid(kid), Secret::new([seed; 32]))
}

fn frame(key: &MediaKey) -> Vec<u8> {
    let mut out = vec![];
    MediaSealer::new(key).seal(b"voice", &mut out).expect("fits");
    out
}

fn opened(
    ring: &mut MediaRing,
    from: Option<&DeviceId>,
    frame: &[u8],
    now_ms: u64,
) -> Result<DeviceId, MediaError> {
    let mut out = vec![];
    let opened = ring.open(from, frame, now_ms, &mut out)?;
    assert_eq!(out, b"voice");
    Ok(opened.device)
}

#[test]
fn a_direct_path_takes_only_the_keys_of_its_own_device() {
    let mut ring = MediaRing::new();
    ring.set_keys(ADA, &[key(300, 1)], NOW);
    ring.set_keys(BEN, &[key(301, 2)], NOW);
    let ada = frame(&key(300, 1));
    assert_eq!(opened(&mut ring, Some(&BEN), &ada, NOW), Err(MediaError::UnknownKey));
    assert_eq!(opened(&mut ring, Some(&ADA), &ada, NOW), Ok(ADA));
    assert_eq!(opened(&mut ring, None, &frame(&key(301, 2)), NOW), Ok(BEN));
    assert_eq!(ring.devices().count(), 2);
}

#[test]
fn a_replaced_key_opens_for_two_seconds_more() {
    let mut ring = MediaRing::new();
    ring.set_keys(ADA, &[key(300, 1)], NOW);
    ring.set_keys(ADA, &[key(300, 2)], NOW);
    assert_eq!(opened(&mut ring, None, &frame(&key(300, 2)), NOW), Ok(ADA));
    let mut sealer = MediaSealer::new(&key(300, 1));
    let mut late = vec![];
    sealer.seal(b"voice", &mut late).expect("fits");
    assert_eq!(opened(&mut ring, None, &late, NOW + OLD_KEY_MS - 1), Ok(ADA));
    sealer.seal(b"voice", &mut late).expect("fits");
    assert!(opened(&mut ring, None, &late, NOW + OLD_KEY_MS).is_err(), "even before the key is erased");
    ring.expire(NOW + OLD_KEY_MS);
    assert_eq!(ring.devices.get(&ADA).map(Vec::len), Some(1));
    ring.set_keys(ADA, &[], NOW);
    ring.expire(NOW + OLD_KEY_MS);
    assert_eq!(ring.devices().count(), 0);
}

#[test]
fn a_removed_device_is_silent_at_once() {
    let mut ring = MediaRing::new();
    ring.set_keys(ADA, &[key(300, 1)], NOW);
    let recorded = frame(&key(300, 1));
    ring.drop_device(&ADA);
    assert_eq!(opened(&mut ring, Some(&ADA), &recorded, NOW), Err(MediaError::UnknownKey));
    assert_eq!(opened(&mut ring, None, &recorded, NOW), Err(MediaError::UnknownKey));
}

#[test]
fn setting_the_same_keys_again_forgets_no_replay() {
    let mut ring = MediaRing::new();
    let heard = frame(&key(300, 1));
    ring.set_keys(ADA, &[key(300, 1)], NOW);
    assert_eq!(opened(&mut ring, None, &heard, NOW), Ok(ADA));
    ring.set_keys(ADA, &[key(300, 1), key(400, 2)], NOW);
    assert_eq!(opened(&mut ring, None, &heard, NOW), Err(MediaError::Replayed));
    ring.set_keys(ADA, &[], NOW);
    ring.set_keys(ADA, &[key(300, 1)], NOW + 1);
    assert_eq!(
        opened(&mut ring, None, &heard, NOW + 10_000),
        Err(MediaError::Replayed),
        "taken back in time"
    );
}

#[test]
fn four_senders_of_one_kid_are_heard_and_a_fifth_is_not() {
    let mut ring = MediaRing::new();
    for seed in 1..=5 {
        ring.set_keys(DeviceId([seed; 32]), &[key(300, seed)], NOW);
    }
    let heard: Vec<bool> =
        (1..=5).map(|seed| opened(&mut ring, None, &frame(&key(300, seed)), NOW).is_ok()).collect();
    assert_eq!(heard, [true, true, true, true, false]);
    let fifth = DeviceId([5; 32]);
    assert!(opened(&mut ring, Some(&fifth), &frame(&key(300, 5)), NOW).is_ok(), "but on its own path it is");
}

#[test]
fn the_keys_of_a_device_are_bounded_and_the_oldest_goes() {
    let mut ring = MediaRing::new();
    for seed in 1..=9 {
        ring.set_keys(ADA, &[key(300, seed)], NOW);
    }
    assert_eq!(ring.devices.get(&ADA).map(Vec::len), Some(KEYS_PER_DEVICE_MAX));
    assert!(opened(&mut ring, None, &frame(&key(300, 9)), NOW).is_ok());
    assert!(opened(&mut ring, None, &frame(&key(300, 6)), NOW).is_ok());
    assert!(opened(&mut ring, None, &frame(&key(300, 5)), NOW).is_err());
    let many: Vec<MediaKey> = (20..30).map(|seed| key(300, seed)).collect();
    ring.set_keys(BEN, &many, NOW);
    assert_eq!(ring.devices.get(&BEN).map(Vec::len), Some(KEYS_PER_DEVICE_MAX));
}

#[test]
fn what_is_no_frame_is_malformed_and_an_unknown_kid_unknown() {
    let mut ring = MediaRing::new();
    ring.set_keys(ADA, &[key(300, 1)], NOW);
    assert_eq!(opened(&mut ring, None, &[], NOW), Err(MediaError::Malformed));
    assert_eq!(opened(&mut ring, None, &frame(&key(999, 1)), NOW), Err(MediaError::UnknownKey));
    assert_eq!(format!("{ring:?}"), "{DeviceId(01010101)}");
}
