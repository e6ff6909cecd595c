//! Tests: who spoke: verified, unverified, forged.

use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;
use crate::media::Kid;
use crate::secret::Secret;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn device(seed: u8) -> DeviceSecret {
    DeviceSecret::generate(&mut rng(seed))
}

fn key(seed: u8) -> MediaKey {
    MediaKey::from_parts(Kid(300), Secret::new([seed; 32]))
}

fn frame(number: u64) -> Vec<u8> {
    [b"frame ".as_slice(), &number.to_be_bytes()].concat()
}

/// The checkpoint of these frames, and a reader that heard none yet.
fn signed(frames: std::ops::Range<u64>, device: &DeviceSecret) -> Vec<u8> {
    let mut writer = CheckpointWriter::new(&key(1));
    for number in frames {
        writer.note(number, &frame(number));
    }
    writer.draft(&mut rng(2)).expect("frames were noted").sign(device)
}

#[test]
fn frames_that_were_heard_as_signed_are_verified() {
    let device = device(1);
    let checkpoint = signed(10..60, &device);
    assert_eq!(checkpoint.len(), HEADER_BYTES + 100 + 64);
    let mut reader = CheckpointReader::new();
    for number in 10..60 {
        // Every fifth was lost.
        if number % 5 != 0 {
            reader.note(key(1).print(), number, &frame(number));
        }
    }
    let verdict = reader.check(&device.id(), &checkpoint).expect("a checkpoint");
    assert_eq!(verdict, Verdict { verified: 40, forged: 0 });
    assert_eq!(verdict.authenticity(), Authenticity::Verified);
}

#[test]
fn a_frame_that_a_member_slipped_in_is_forged() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    for number in 0..50 {
        let heard = if number == 7 { b"what somebody else said".to_vec() } else { frame(number) };
        reader.note(key(1).print(), number, &heard);
    }
    let verdict = reader.check(&device.id(), &signed(0..50, &device)).expect("a checkpoint");
    assert_eq!(verdict, Verdict { verified: 49, forged: 1 });
    assert_eq!(verdict.authenticity(), Authenticity::Forged);
}

#[test]
fn what_no_checkpoint_covers_is_never_called_forged() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    reader.note(key(1).print(), 100, &frame(100));
    reader.note(key(2).print(), 3, &frame(77));
    let verdict = reader.check(&device.id(), &signed(0..50, &device)).expect("a checkpoint");
    assert_eq!(verdict, Verdict::default());
    assert_eq!(verdict.authenticity(), Authenticity::Unverified);
}

#[test]
fn a_frame_after_its_checkpoint_proves_nothing() {
    let device = device(1);
    let checkpoint = signed(0..50, &device);
    let mut reader = CheckpointReader::new();
    reader.note(key(1).print(), 1, &frame(1));
    assert_eq!(reader.check(&device.id(), &checkpoint).expect("a checkpoint").verified, 1);
    // The salt is public now; even the true frame stays unverified.
    reader.note(key(1).print(), 2, &frame(2));
    assert_eq!(
        reader.check(&device.id(), &checkpoint),
        Ok(Verdict::default()),
        "a repeated checkpoint judges nothing"
    );
    assert!(reader.waiting.is_empty());
}

#[test]
fn only_the_device_itself_signs() {
    let checkpoint = signed(0..5, &device(1));
    let mut reader = CheckpointReader::new();
    reader.note(key(1).print(), 0, &frame(0));
    assert_eq!(reader.check(&device(2).id(), &checkpoint), Err(MediaError::BadSignature));
    let verdict = reader.check(&device(1).id(), &checkpoint).expect("a refused one judges nothing");
    assert_eq!(verdict.verified, 1);
}

#[test]
fn a_writer_drafts_each_frame_once_and_with_a_fresh_salt() {
    let mut writer = CheckpointWriter::new(&key(1));
    assert_eq!(writer.draft(&mut rng(1)), None);
    for number in 0..CHECKPOINT_FRAMES_MAX as u64 {
        assert!(!writer.is_full());
        writer.note(number, &frame(number));
    }
    assert!(writer.is_full());
    let mut rng = rng(1);
    let first = writer.draft(&mut rng).expect("a draft");
    assert!(!writer.is_full());
    assert_eq!(writer.draft(&mut rng), None);
    writer.note(100, &frame(100));
    let second = writer.draft(&mut rng).expect("a draft");
    assert_ne!(first.0[17..25], second.0[17..25]);
}

#[test]
#[should_panic(expected = "in order")]
fn a_frame_left_out_is_our_own_fault() {
    let mut writer = CheckpointWriter::new(&key(1));
    writer.note(0, b"a");
    writer.note(2, b"c");
}

#[test]
fn what_waits_is_bounded_whatever_a_sender_does() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    for number in 0..3 * WAITING_MAX as u64 {
        reader.note(key((number % 7) as u8).print(), number, &frame(number));
    }
    assert_eq!(reader.waiting.len(), WAITING_MAX);
    for seed in 0..20 {
        let mut writer = CheckpointWriter::new(&key(seed));
        writer.note(0, b"x");
        let checkpoint = writer.draft(&mut rng(1)).expect("a draft").sign(&device);
        reader.check(&device.id(), &checkpoint).expect("a checkpoint");
    }
    assert_eq!(reader.covered.len(), KEYS_MAX);
}

#[test]
fn shapes_are_checked_before_signatures() {
    let device = device(1);
    let good = signed(0..3, &device);
    let mut reader = CheckpointReader::new();
    let mut edited = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        reader.check(&device.id(), &bytes)
    };
    assert_eq!(edited(&|_| {}), Ok(Verdict::default()));
    let malformed = Err(MediaError::Malformed);
    assert_eq!(edited(&|bytes| bytes.truncate(20)), malformed);
    assert_eq!(edited(&|bytes| bytes[0] = 2), malformed);
    assert_eq!(edited(&|bytes| bytes[25] = 4), malformed);
    assert_eq!(edited(&|bytes| bytes[25] = 0), malformed);
    assert_eq!(edited(&|bytes| bytes[9..17].fill(0xff)), malformed);
    assert_eq!(edited(&|bytes| bytes.push(0)), malformed);
    assert_eq!(edited(&|bytes| bytes[20] ^= 1), Err(MediaError::BadSignature));
}

#[test]
fn mutated_checkpoints_and_noise_are_refused() {
    let device = device(1);
    let good = signed(0..20, &device);
    let mut rng = rng(4);
    let mut reader = CheckpointReader::new();
    for _ in 0..500 {
        let mut changed = good.clone();
        let at = rng.next_u32() as usize % changed.len();
        match rng.next_u32() % 3 {
            0 => changed.truncate(at),
            1 => changed.push(rng.next_u32() as u8),
            _ => changed[at] ^= 1 << (rng.next_u32() % 8),
        }
        assert!(reader.check(&device.id(), &changed).is_err(), "byte {at}");
        let mut noise = vec![VERSION; rng.next_u32() as usize % 250];
        rng.fill_bytes(&mut noise);
        assert!(reader.check(&device.id(), &noise).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_frame_is_verified_unheard_or_forged(heard in prop::collection::vec(0_u8..3, 1..100), first in 0_u64..1_000_000) {
        let device = device(1);
        let mut reader = CheckpointReader::new();
        for (number, how) in (first..).zip(&heard) {
            match how {
                0 => reader.note(key(1).print(), number, &frame(number)),
                1 => reader.note(key(1).print(), number, &frame(number + 1)),
                _ => {}
            }
        }
        let checkpoint = signed(first..first + heard.len() as u64, &device);
        let verdict = reader.check(&device.id(), &checkpoint).expect("a checkpoint");
        let count = |wanted: u8| heard.iter().filter(|how| **how == wanted).count() as u32;
        // A tag has two bytes: a wrong frame passes once in 65,536.
        prop_assert_eq!(verdict.verified + verdict.forged, count(0) + count(1));
        prop_assert!(verdict.verified >= count(0) && verdict.verified <= count(0) + 1);
    }
}
