//! Tests: who spoke: verified, unverified, forged; what a forger or a forwarder may try.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::identity::DeviceSecret;
use crate::media::{Kid, MediaKey};
use crate::secret::Secret;

/// Media time of the first frame of a stream, just before it wraps; the receiver's clock says the same at 1,000 s.
const BEGIN: u32 = u32::MAX - 40;
const STREAM: u8 = 9;

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

/// Media time of the frame of a number: 20 ms each.
fn tick(number: u64) -> u32 {
    BEGIN.wrapping_add(2 * number as u32)
}

/// When the receiver has it: 50 ms after it began.
fn at_ms(number: u64) -> u64 {
    1_000_000 + 20 * number + 50
}

fn round(until: u64) -> Round {
    Round { tick: tick(until), stream: STREAM, repeated: false, closed: false }
}

fn writer(frames: std::ops::Range<u64>) -> CheckpointWriter {
    let mut writer = CheckpointWriter::new(&key(1), 0, BEGIN);
    for number in frames {
        writer.note(number, tick(number), &frame(number));
    }
    writer
}

/// The checkpoint of the frames before `until`.
fn signed(until: u64, device: &DeviceSecret) -> Vec<u8> {
    let draft = writer(0..until).draft(&round(until), &mut rng(2));
    draft.expect("few frames").sign(device)
}

fn hear(reader: &mut CheckpointReader, number: u64, bytes: &[u8]) -> Admission {
    let claim = Some(Claim { stream: STREAM, tick: tick(number) });
    reader.admit(at_ms(number), (key(1).print(), number), claim, bytes)
}

fn check(
    reader: &mut CheckpointReader,
    until: u64,
    by: &DeviceSecret,
    bytes: &[u8],
) -> Result<Verdict, MediaError> {
    let known = [key(1).print(), key(2).print()];
    reader.check(at_ms(until) + 100, &by.id(), &known, bytes)
}

#[test]
fn frames_that_were_heard_as_signed_are_verified() {
    let device = device(1);
    let checkpoint = signed(50, &device);
    assert_eq!(checkpoint.len(), HEADER_BYTES + 50 + 64);
    let mut reader = CheckpointReader::new();
    // Every fifth was lost.
    for number in (0..50).filter(|number| number % 5 != 0) {
        assert_eq!(hear(&mut reader, number, &frame(number)), Admission::Waits);
    }
    let verdict = check(&mut reader, 50, &device, &checkpoint).expect("a checkpoint");
    assert_eq!(verdict, Verdict { verified: 40, forged: 0 });
    assert_eq!(verdict.authenticity(), Authenticity::Verified);
}

#[test]
fn a_frame_that_a_member_slipped_in_is_forged() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    for number in 0..50 {
        let heard = if number == 7 { b"what somebody else said".to_vec() } else { frame(number) };
        hear(&mut reader, number, &heard);
    }
    let verdict = check(&mut reader, 50, &device, &signed(50, &device)).expect("a checkpoint");
    assert_eq!(verdict, Verdict { verified: 49, forged: 1 });
    assert_eq!(verdict.authenticity(), Authenticity::Forged);
}

#[test]
fn what_no_checkpoint_speaks_of_is_never_called_forged() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    hear(&mut reader, 100, &frame(100));
    // Heard under the key before, while that was in use: the checkpoint of it was lost.
    let earlier = Claim { stream: STREAM, tick: BEGIN.wrapping_sub(2) };
    reader.admit(at_ms(0), (key(2).print(), 700), Some(earlier), b"x");
    let verdict = check(&mut reader, 50, &device, &signed(50, &device)).expect("a checkpoint");
    assert_eq!(verdict, Verdict::default());
    assert_eq!(verdict.authenticity(), Authenticity::Unverified);
    assert_eq!((reader.expire(at_ms(100) + 3_999), reader.expire(at_ms(100) + 4_000)), (1, 1));
}

#[test]
fn who_says_to_have_been_silent_is_not_who_spoke() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    // The sender has sealed ten frames; somebody goes on in its name, under this key and under the other.
    hear(&mut reader, 12, &frame(12));
    let claim = Claim { stream: STREAM, tick: tick(13) };
    reader.admit(at_ms(13), (key(2).print(), 0), Some(claim), b"x");
    let draft = writer(0..10).draft(&round(50), &mut rng(2)).expect("few frames");
    let verdict = check(&mut reader, 50, &device, &draft.sign(&device)).expect("a checkpoint");
    assert_eq!(verdict, Verdict { verified: 0, forged: 2 });
}

#[test]
fn another_stream_under_the_same_keys_is_not_the_sender() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    let other = Claim { stream: STREAM + 1, tick: 5 };
    reader.admit(at_ms(3), (key(1).print(), 900), Some(other), b"x");
    let verdict = check(&mut reader, 50, &device, &signed(50, &device)).expect("a checkpoint");
    assert_eq!(verdict.forged, 1);
    let later = reader.admit(at_ms(60), (key(1).print(), 901), Some(other), b"x");
    assert_eq!(later, Admission::Unvouched, "from now on it is not even heard");
}

#[test]
fn nobody_speaks_from_the_future() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    check(&mut reader, 50, &device, &signed(50, &device)).expect("a checkpoint");
    let mut ahead = |ticks: u32| {
        let claim = Claim { stream: STREAM, tick: tick(60).wrapping_add(ticks) };
        reader.admit(at_ms(60), (key(1).print(), 60), Some(claim), b"x")
    };
    assert_eq!((ahead(0), ahead(29)), (Admission::Waits, Admission::Waits));
    assert_eq!((ahead(31), ahead(360_000)), (Admission::Unvouched, Admission::Unvouched));
}

#[test]
fn a_key_that_was_left_is_nobodys() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    hear(&mut reader, 4, &frame(4));
    hear(&mut reader, 55, &frame(55));
    let closing = Round { closed: true, ..round(50) };
    let draft = writer(0..50).draft(&closing, &mut rng(2)).expect("few frames");
    let verdict = check(&mut reader, 50, &device, &draft.sign(&device)).expect("a checkpoint");
    assert_eq!(verdict, Verdict { verified: 1, forged: 1 });
    assert_eq!(hear(&mut reader, 56, &frame(56)), Admission::Forged);
    assert_eq!(hear(&mut reader, 5, &frame(5)), Admission::Late);
}

#[test]
fn a_frame_after_its_checkpoint_is_not_heard() {
    let device = device(1);
    let checkpoint = signed(50, &device);
    let mut reader = CheckpointReader::new();
    hear(&mut reader, 1, &frame(1));
    assert_eq!(check(&mut reader, 50, &device, &checkpoint).expect("a checkpoint").verified, 1);
    // The salt is public now; nothing can prove even the true frame any more.
    assert_eq!(hear(&mut reader, 2, &frame(2)), Admission::Late);
    assert_eq!(
        check(&mut reader, 50, &device, &checkpoint),
        Ok(Verdict::default()),
        "a repeat judges nothing"
    );
    assert!(reader.waiting.is_empty());
}

#[test]
fn checkpoints_held_back_and_repeated_accuse_nobody() {
    let device = device(1);
    let mut writer = CheckpointWriter::new(&key(1), 0, BEGIN);
    let mut reader = CheckpointReader::new();
    let mut held = Vec::new();
    for number in 0..500 {
        if number % 50 == 0 && number > 0 {
            let draft = writer.draft(&Round { repeated: true, ..round(number - 5) }, &mut rng(3));
            held.push((number, draft.expect("few frames").sign(&device)));
        }
        writer.note(number, tick(number), &frame(number));
        // Whose checkpoints always come late may be refused; so can whoever forwards drop everything.
        assert_ne!(hear(&mut reader, number, &frame(number)), Admission::Forged, "{number}");
        // Each comes three seconds late, and all of before once more.
        for (_, late) in held.iter().filter(|(since, _)| since + 150 <= number) {
            let verdict = check(&mut reader, number, &device, late).expect("a checkpoint");
            assert_eq!(verdict.forged, 0, "{number}");
        }
    }
}

#[test]
fn only_the_device_itself_signs() {
    let checkpoint = signed(5, &device(1));
    let mut reader = CheckpointReader::new();
    hear(&mut reader, 0, &frame(0));
    assert_eq!(check(&mut reader, 5, &device(2), &checkpoint), Err(MediaError::BadSignature));
    let foreign = reader.check(at_ms(5), &device(1).id(), &[key(7).print()], &checkpoint);
    assert_eq!(foreign, Err(MediaError::UnknownKey));
    let verdict = check(&mut reader, 5, &device(1), &checkpoint).expect("a refused one judges nothing");
    assert_eq!(verdict.verified, 1);
}

#[test]
fn each_frame_is_told_once_or_three_times_with_fresh_salts() {
    for (repeated, wanted) in [(false, 1), (true, CHECKPOINT_COVERS)] {
        let mut writer = CheckpointWriter::new(&key(1), 0, BEGIN);
        let mut rng = rng(1);
        let mut told = [0; 200];
        let mut salts = std::collections::BTreeSet::new();
        for number in 0..300 {
            if number % 30 == 0 {
                let draft = writer.draft(&Round { repeated, ..round(number) }, &mut rng).expect("few frames");
                let bytes = draft.sign(&device(1));
                let checkpoint = Checkpoint::parse(&bytes).expect("our own");
                (checkpoint.first..checkpoint.end())
                    .filter(|at| *at < 200)
                    .for_each(|at| told[at as usize] += 1);
                assert!(salts.insert(checkpoint.salt.to_vec()));
            }
            writer.note(number, tick(number), &frame(number));
        }
        assert!(told.iter().all(|times| *times == wanted), "{told:?}");
    }
}

#[test]
#[should_panic(expected = "in order")]
fn a_frame_left_out_is_our_own_fault() {
    let mut writer = CheckpointWriter::new(&key(1), 0, BEGIN);
    writer.note(0, tick(0), b"a");
    writer.note(2, tick(2), b"c");
}

#[test]
fn what_waits_is_bounded_whatever_a_sender_does() {
    let device = device(1);
    let mut reader = CheckpointReader::new();
    for number in 0..3_000 {
        reader.admit(0, (key((number % 7) as u8).print(), number), None, &frame(number));
    }
    assert!(reader.waiting.len() < 600);
    for seed in 0..20 {
        let mut writer = CheckpointWriter::new(&key(seed), 0, BEGIN);
        (0..1_000).for_each(|number| writer.note(number, tick(number), b"x"));
        let checkpoint = writer.draft(&round(2_000), &mut rng(1)).expect("few frames").sign(&device);
        assert_eq!(checkpoint.len(), HEADER_BYTES + CHECKPOINT_FRAMES_MAX + 64);
        reader.check(0, &device.id(), &[key(seed).print()], &checkpoint).expect("a checkpoint");
    }
    assert!(reader.told.len() <= 4);
}

#[test]
fn shapes_are_checked_before_signatures() {
    let device = device(1);
    let good = signed(3, &device);
    let mut reader = CheckpointReader::new();
    let mut edited = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        check(&mut reader, 3, &device, &bytes)
    };
    assert_eq!(edited(&|_| {}), Ok(Verdict::default()));
    let malformed = Err(MediaError::Malformed);
    assert_eq!(edited(&|bytes| bytes.truncate(20)), malformed);
    assert_eq!(edited(&|bytes| bytes[0] = 0x10), malformed);
    assert_eq!(edited(&|bytes| bytes[0] = 0x22), malformed);
    assert_eq!(edited(&|bytes| bytes[20] = 4), malformed);
    assert_eq!(edited(&|bytes| bytes[20] = 0), malformed);
    assert_eq!(edited(&|bytes| bytes.push(0)), malformed);
    assert_eq!(edited(&|bytes| bytes[18] ^= 1), Err(MediaError::BadSignature));
}

#[test]
fn mutated_checkpoints_and_noise_are_refused() {
    let device = device(1);
    let good = signed(20, &device);
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
        assert!(check(&mut reader, 20, &device, &changed).is_err(), "byte {at}");
        let mut noise = vec![VERSION << 4; rng.next_u32() as usize % 250];
        rng.fill_bytes(&mut noise);
        assert!(check(&mut reader, 20, &device, &noise).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_frame_is_verified_unheard_or_forged(heard in prop::collection::vec(0_u8..3, 1..100)) {
        let device = device(1);
        let mut reader = CheckpointReader::new();
        for (number, how) in (0..).zip(&heard) {
            match how {
                0 => assert_eq!(hear(&mut reader, number, &frame(number)), Admission::Waits),
                1 => assert_eq!(hear(&mut reader, number, &frame(number + 1)), Admission::Waits),
                _ => {}
            }
        }
        let checkpoint = signed(heard.len() as u64, &device);
        let verdict = check(&mut reader, heard.len() as u64, &device, &checkpoint).expect("a checkpoint");
        let count = |wanted: u8| heard.iter().filter(|how| **how == wanted).count() as u32;
        // A tag has one byte: a wrong frame passes once in 256.
        prop_assert_eq!(verdict.verified + verdict.forged, count(0) + count(1));
        prop_assert!(verdict.verified >= count(0) && verdict.verified <= count(0) + 4);
    }
}
