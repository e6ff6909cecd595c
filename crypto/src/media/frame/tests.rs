//! Tests: SFrame frames, their padding and their replay window; RFC 9605 vectors.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::Value;

use super::*;
use crate::secret::Secret;

fn key(seed: u8) -> MediaKey {
    MediaKey::from_parts(Kid(0x1234), Secret::new([seed; 32]))
}

fn field(test: &Value, name: &str) -> Vec<u8> {
    hex::decode(test[name].as_str().expect("hex text")).expect("hex")
}

#[test]
fn rfc_9605_gcm_vectors_hold_both_ways() {
    let file: Value =
        serde_json::from_str(include_str!("../../../vectors/rfc9605_sframe.json")).expect("JSON");
    let mut ours = 0;
    for test in file["tests"].as_array().expect("tests") {
        let suite = match test["cipher_suite"].as_u64() {
            Some(4) => CipherSuite::AesGcm128Sha256,
            Some(5) => CipherSuite::AesGcm256Sha512,
            other => panic!("suite {other:?}"),
        };
        ours += usize::from(suite == SUITE);
        let (kid, counter) = (test["kid"].as_u64().expect("kid"), test["ctr"].as_u64().expect("ctr"));
        let (plain, metadata, sealed) = (field(test, "pt"), field(test, "metadata"), field(test, "ct"));
        let base = field(test, "base_key");
        let key = EncryptionKey::derive_from(suite, kid, &base).expect("derives");
        let mut out = vec![];
        seal_raw(&key, counter, &plain, &metadata, &mut out).expect("seals");
        assert_eq!(hex::encode(&out), hex::encode(&sealed));
        let key = DecryptionKey::derive_from(suite, kid, &base).expect("derives");
        let header = Header::parse(&sealed).expect("a header");
        assert_eq!(header.counter, counter);
        assert_eq!(open_raw(&key, &header, &sealed, &metadata, &mut out), Ok(()));
        assert_eq!(out, plain);
        assert!(open_raw(&key, &header, &sealed, b"other", &mut out).is_err());
        assert_eq!(peek_kid(&sealed), Some(Kid(kid)));
    }
    assert_eq!(ours, 1);
}

#[test]
fn frames_open_once_and_in_any_order_within_the_window() {
    let (mut sealer, mut opener) = (MediaSealer::new(&key(1)), MediaOpener::new(&key(1)));
    let mut frames = vec![];
    for number in 0..300_u64 {
        let mut out = vec![];
        assert_eq!(sealer.seal(&number.to_be_bytes(), &mut out), Ok(number));
        frames.push(out);
    }
    let mut out = vec![];
    let order = (0..100).rev().chain(100..300).chain([299, 150, 0]);
    let mut opened = BTreeSet::new();
    for at in order {
        match opener.open(&frames[at], &mut out) {
            Ok(counter) => {
                assert_eq!(counter, at as u64);
                assert_eq!(out, counter.to_be_bytes());
                assert!(opened.insert(at));
            }
            Err(error) => {
                assert_eq!(error, MediaError::Replayed);
                assert!(out.is_empty() && opened.contains(&at));
            }
        }
    }
    assert_eq!(opened.len(), 300);
    let mut fresh = MediaOpener::new(&key(1));
    fresh.open(&frames[299], &mut out).expect("opens");
    assert_eq!(fresh.open(&frames[299 - WINDOW as usize], &mut out), Err(MediaError::Replayed), "too old");
    assert!(fresh.open(&frames[300 - WINDOW as usize], &mut out).is_ok());
}

#[test]
fn a_forged_frame_does_not_move_the_window() {
    let (mut sealer, mut opener) = (MediaSealer::new(&key(1)), MediaOpener::new(&key(1)));
    let (mut good, mut out) = (vec![], vec![]);
    sealer.seal(b"voice", &mut good).expect("fits");
    let mut other = MediaSealer::new(&key(2));
    let mut forged = vec![];
    for _ in 0..600 {
        other.seal(b"noise", &mut forged).expect("fits");
        assert_eq!(opener.open(&forged, &mut out), Err(MediaError::DoesNotOpen));
    }
    assert_eq!(opener.open(&good, &mut out), Ok(0));
    assert_eq!(out, b"voice");
}

#[test]
fn sizes_on_the_wire_come_in_few_classes() {
    let mut sealer = MediaSealer::new(&key(1));
    let mut sizes = BTreeSet::new();
    let mut out = vec![];
    for len in 0..=PAYLOAD_MAX_BYTES {
        let counter = sealer.seal(&vec![7; len], &mut out).expect("fits");
        let header = 3 + usize::from(counter >= 8) + usize::from(counter >= 256);
        sizes.insert(out.len() - header - TAG_BYTES);
    }
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), FRAME_CLASSES_BYTES);
    assert_eq!(sealer.seal(&[0; PAYLOAD_MAX_BYTES + 1], &mut out), Err(MediaError::TooLong));
    sealer.set_floor(200);
    sealer.seal(b"hush", &mut out).expect("fits");
    let quiet = out.len();
    sealer.seal(&[1; 200], &mut out).expect("fits");
    assert_eq!(out.len(), quiet, "a floor hides the codec's ups and downs");
}

#[test]
fn payloads_that_look_like_padding_survive() {
    let mut sealer = MediaSealer::new(&key(1));
    let mut opener = MediaOpener::new(&key(1));
    let (mut sealed, mut out) = (vec![], vec![]);
    for payload in [&[][..], &[0], &[0x80], &[0x80, 0], &[0, 0, 0x80, 0x80], &[0; 95], &[0x80; 96]] {
        sealer.seal(payload, &mut sealed).expect("fits");
        opener.open(&sealed, &mut out).expect("opens");
        assert_eq!(out, payload);
    }
}

#[test]
fn a_plaintext_without_the_mark_is_refused() {
    let key = key(1);
    let raw = EncryptionKey::derive_from(SUITE, key.kid().0, key.material()).expect("derives");
    let mut opener = MediaOpener::new(&key);
    let (mut sealed, mut out) = (vec![], vec![]);
    for (counter, plain) in [(0, vec![0; 96]), (1, vec![1; 96]), (2, vec![])] {
        sealed.clear();
        seal_raw(&raw, counter, &plain, &[], &mut sealed).expect("seals");
        assert_eq!(opener.open(&sealed, &mut out), Err(MediaError::Malformed), "{plain:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn buffers_with_room_are_not_allocated_again() {
    let (mut sealer, mut opener) = (MediaSealer::new(&key(1)), MediaOpener::new(&key(1)));
    let (mut sealed, mut out) = (Vec::with_capacity(1_300), Vec::with_capacity(1_300));
    let before = (sealed.as_ptr(), out.as_ptr());
    for len in [10, 1_000, 80] {
        sealer.seal(&vec![1; len], &mut sealed).expect("fits");
        opener.open(&sealed, &mut out).expect("opens");
    }
    assert_eq!((sealed.as_ptr(), out.as_ptr()), before);
}

#[test]
fn changed_frames_and_noise_never_open() {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let mut good = vec![];
    MediaSealer::new(&key(1)).seal(b"voice", &mut good).expect("fits");
    let mut opener = MediaOpener::new(&key(1));
    let mut out = vec![];
    for _ in 0..3_000 {
        let mut changed = good.clone();
        let at = rng.next_u32() as usize % changed.len();
        match rng.next_u32() % 3 {
            0 => changed.truncate(at),
            1 => changed.push(rng.next_u32() as u8),
            _ => changed[at] ^= 1 << (rng.next_u32() % 8),
        }
        assert!(opener.open(&changed, &mut out).is_err(), "byte {at}");
        let mut noise = vec![0; rng.next_u32() as usize % 60];
        rng.fill_bytes(&mut noise);
        if let [config, high, low, ..] = &mut noise[..] {
            (*config, *high, *low) = (0x90 | *config & 0x0f, 0x12, 0x34);
        }
        assert!(opener.open(&noise, &mut out).is_err());
        let _ = peek_kid(&noise);
    }
    assert_eq!(opener.open(&vec![0; FRAME_MAX_BYTES + 1], &mut out), Err(MediaError::Malformed));
    assert!(opener.open(&good, &mut out).is_ok());
}

proptest! {
    #[test]
    fn every_payload_comes_back(payload in prop::collection::vec(any::<u8>(), 0..PAYLOAD_MAX_BYTES), seed in any::<u8>()) {
        let (mut sealed, mut out) = (vec![], vec![]);
        MediaSealer::new(&key(seed)).seal(&payload, &mut sealed).expect("fits");
        prop_assert!(sealed.len() <= FRAME_MAX_BYTES);
        MediaOpener::new(&key(seed)).open(&sealed, &mut out).expect("opens");
        prop_assert_eq!(out, payload);
    }

    #[test]
    fn the_window_agrees_with_a_set_of_counters(counters in prop::collection::vec(0_u64..900, 1..400)) {
        let mut window = Window::default();
        let mut seen = BTreeSet::new();
        let mut top = 0;
        for counter in counters {
            let refused = seen.contains(&counter) || counter + WINDOW < top;
            prop_assert_eq!(window.contains(counter), refused, "counter {} with top {}", counter, top);
            if !refused {
                window.insert(counter);
                seen.insert(counter);
                top = top.max(counter + 1);
            }
        }
        prop_assert!(window.contains(u64::MAX));
    }
}
