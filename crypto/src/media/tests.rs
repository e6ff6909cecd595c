//! The whole of the voice keys: two senders, a joiner, a removal and a restart.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::id::{DeviceId, Incarnation};
use crate::sealed::BoxSecret;
use crate::secret::Secret;

const ADA: DeviceId = DeviceId([1; 32]);
const BEN: DeviceId = DeviceId([2; 32]);

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn exporter(epoch: u8) -> Secret<[u8; 32]> {
    Secret::new([epoch; 32])
}

fn open(key: &MediaKey, frame: &[u8]) -> Result<Vec<u8>, MediaError> {
    let mut out = vec![];
    MediaOpener::new(key).open(frame, &mut out).map(|_| out)
}

fn frame(key: &MediaKey, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    MediaSealer::new(key).seal(payload, &mut out).expect("fits");
    out
}

#[test]
fn a_joiner_gets_the_present_step_and_no_earlier_one() {
    let start = CallStep::random(&mut rng(1));
    let early = start.media_key(&exporter(1), &ADA, Incarnation([1; 16]), Kid(300));
    let recorded = frame(&early, b"before you came");
    let now = start.next();
    let joiner = BoxSecret::generate(&mut rng(2));
    let sealed = now.seal_to(&mut rng(3), &joiner.public(), b"call").expect("seals");
    let mut theirs = CallStep::open(&mut Some(joiner), b"call", &sealed).expect("opens");
    assert_eq!(theirs, now);
    assert_eq!(theirs.index(), 1);
    for _ in 0..4 {
        let key = theirs.media_key(&exporter(1), &ADA, Incarnation([1; 16]), Kid(300));
        assert_eq!(open(&key, &recorded), Err(MediaError::DoesNotOpen));
        theirs = theirs.next();
    }
}

#[test]
fn a_sealed_step_opens_for_its_joiner_and_its_call_only() {
    let step = CallStep::random(&mut rng(1));
    let joiner = BoxSecret::generate(&mut rng(2));
    let public = joiner.public();
    let sealed = step.seal_to(&mut rng(3), &public, b"call").expect("seals");
    let mut joiner = Some(joiner);
    assert_eq!(CallStep::open(&mut joiner, b"other call", &sealed).err(), Some(MediaError::DoesNotOpen));
    let mut other = Some(BoxSecret::generate(&mut rng(4)));
    assert_eq!(CallStep::open(&mut other, b"call", &sealed).err(), Some(MediaError::DoesNotOpen));
    assert!(joiner.is_some() && other.is_some(), "what does not open uses nothing up");
    assert!(CallStep::open(&mut joiner, b"call", &sealed).is_ok() && joiner.is_none(), "once");
    assert_eq!(CallStep::open(&mut joiner, b"call", &sealed).err(), Some(MediaError::DoesNotOpen));
    assert!(step.seal_to(&mut rng(3), &crate::id::BoxPublic([0; 32]), b"").is_err());
    assert_eq!(format!("{step:?}"), "CallStep(0)");
}

#[test]
fn a_key_needs_step_epoch_device_incarnation_and_kid() {
    let step = || CallStep::random(&mut rng(1));
    let good = step().media_key(&exporter(1), &ADA, Incarnation([1; 16]), Kid(300));
    let recorded = frame(&good, b"secret");
    let others = [
        step().next().media_key(&exporter(1), &ADA, Incarnation([1; 16]), Kid(300)),
        step().media_key(&exporter(2), &ADA, Incarnation([1; 16]), Kid(300)),
        step().media_key(&exporter(1), &BEN, Incarnation([1; 16]), Kid(300)),
        step().media_key(&exporter(1), &ADA, Incarnation([2; 16]), Kid(300)),
        CallStep::random(&mut rng(9)).media_key(&exporter(1), &ADA, Incarnation([1; 16]), Kid(300)),
    ];
    for other in &others {
        assert_eq!(open(other, &recorded), Err(MediaError::DoesNotOpen));
        assert_ne!(other.print(), good.print());
    }
    let renamed = step().media_key(&exporter(1), &ADA, Incarnation([1; 16]), Kid(301));
    assert_eq!(open(&renamed, &recorded), Err(MediaError::UnknownKey));
    assert_eq!(open(&good, &recorded).as_deref(), Ok(b"secret".as_slice()));
    assert!(!format!("{good:?}").contains(&hex::encode(&good.material()[..3])));
}

#[test]
fn looking_ahead_gives_the_step_that_next_gives() {
    let step = CallStep::random(&mut rng(1));
    let ahead = step.ahead();
    assert_eq!(ahead, step.next());
    assert_eq!(ahead.index(), 1);
}

#[test]
fn kids_are_random_and_always_two_bytes_long() {
    let mut rng = rng(5);
    let drawn: Vec<Kid> = (0..2_000).map(|_| Kid::random(&mut rng)).collect();
    assert!(drawn.iter().all(|kid| (Kid::MIN..=Kid::MAX).contains(&kid.0)));
    let distinct: std::collections::BTreeSet<&Kid> = drawn.iter().collect();
    assert!(distinct.len() > 1_900);
    let lengths: std::collections::BTreeSet<usize> = drawn
        .iter()
        .map(|kid| frame(&MediaKey::from_parts(*kid, Secret::new([1; 32])), b"x").len())
        .collect();
    assert_eq!(lengths.len(), 1);
}
