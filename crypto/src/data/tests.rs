//! Tests: the data seal: epochs, nonces, commitment, limits, forged bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;

fn keys(exporter: u8, epoch: u8) -> DataKeys {
    DataKeys::new(Secret::new([exporter; 32]), EpochId([epoch; 32]))
}

fn sealer(incarnation: u8) -> DataSealer {
    DataSealer::new(Incarnation([incarnation; 16]))
}

#[test]
fn a_seal_opens_in_its_epoch_with_its_context() {
    let keys = keys(1, 1);
    let mut sealer = sealer(5);
    let bytes = sealer.seal(&keys, b"aad", b"text").expect("seals");
    assert_eq!(bytes.len(), 4 + DATA_OVERHEAD_BYTES);
    assert_eq!(peek_tag(&bytes), Some(keys.tag()));
    let opened = keys.open(b"aad", &bytes).expect("opens");
    assert_eq!(opened, Opened { incarnation: Incarnation([5; 16]), counter: 0, plaintext: b"text".to_vec() });
    assert_eq!(keys.open(b"other", &bytes), Err(DataError::DoesNotOpen));
    assert!(!format!("{opened:?} {keys:?} {sealer:?}").contains("text\""));
}

#[test]
fn another_epoch_is_told_from_a_broken_seal() {
    let bytes = sealer(1).seal(&keys(1, 1), b"", b"text").expect("seals");
    assert_eq!(keys(1, 2).open(b"", &bytes), Err(DataError::OtherEpoch), "another epoch id");
    assert_eq!(keys(2, 1).open(b"", &bytes), Err(DataError::OtherEpoch), "the tag is keyed");
    let mut forged = bytes.clone();
    forged[..TAG_BYTES].copy_from_slice(&keys(2, 1).tag().0);
    assert_eq!(keys(2, 1).open(b"", &forged), Err(DataError::DoesNotOpen));
}

#[test]
fn no_key_and_nonce_come_twice_over_epochs_branches_and_restarts() {
    let epochs = [keys(1, 1), keys(2, 2), keys(1, 1)];
    let mut seen = BTreeSet::new();
    for start in 0..3 {
        let mut sealer = sealer(start);
        for round in 0..30 {
            // Back and forth between branches, as a device does that returns to an anchored one.
            let keys = &epochs[round % epochs.len()];
            let bytes = sealer.seal(keys, b"", b"same text").expect("seals");
            let used = (keys.epoch(), bytes[INCARNATION_AT..COMMITMENT_AT].to_vec());
            assert!(seen.insert(used), "start {start}, round {round}");
        }
    }
}

#[test]
fn the_commitment_depends_on_key_incarnation_and_counter() {
    let commitment = |bytes: &[u8]| bytes[COMMITMENT_AT..CIPHERTEXT_AT].to_vec();
    let mut one = sealer(1);
    let all = [
        commitment(&one.seal(&keys(1, 1), b"", b"").expect("seals")),
        commitment(&one.seal(&keys(1, 1), b"", b"").expect("seals")),
        commitment(&sealer(2).seal(&keys(1, 1), b"", b"").expect("seals")),
        commitment(&sealer(1).seal(&keys(2, 1), b"", b"").expect("seals")),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn a_frame_that_gcm_opens_is_refused_without_the_commitment_to_its_key() {
    // Made by somebody who holds the key: everything is right but the commitment, which is that of another key.
    // A frame that opens to two texts under two keys has this shape for at least one of them.
    let (mine, other) = (keys(1, 1), keys(2, 2));
    let incarnation = Incarnation([1; 16]);
    let mut header = [&mine.tag().0[..], &incarnation.0, &[0; 8]].concat();
    let foreign = other.derive_sender(&incarnation).commit(&header);
    let own = mine.derive_sender(&incarnation).commit(&header);
    let sealed = |header: &[u8]| {
        let cipher = mine.derive_sender(&incarnation).cipher;
        [header, &cipher.seal(&counter_nonce(0), header, b"text")].concat()
    };
    let good = sealed(&[header.as_slice(), &own].concat());
    assert_eq!(mine.open(b"", &good).expect("opens").plaintext, b"text", "the construction is right");
    header.extend_from_slice(&foreign);
    assert_eq!(mine.open(b"", &sealed(&header)), Err(DataError::DoesNotOpen));
}

#[test]
fn limits_hold() {
    let keys = keys(1, 1);
    let long = vec![0; DATA_PLAINTEXT_MAX_BYTES + 1];
    assert_eq!(sealer(1).seal(&keys, b"", &long), Err(DataError::TooLong));
    assert_eq!(keys.open(b"", &[0; DATA_OVERHEAD_BYTES - 1]), Err(DataError::Malformed));
    assert_eq!(
        keys.open(b"", &vec![0; DATA_PLAINTEXT_MAX_BYTES + DATA_OVERHEAD_BYTES + 1]),
        Err(DataError::Malformed)
    );
    assert_eq!(peek_tag(&[0; DATA_OVERHEAD_BYTES - 1]), None);
    let whole = sealer(1).seal(&keys, b"", &long[1..]).expect("the limit itself seals");
    assert!(keys.open(b"", &whole).is_ok());
}

#[test]
#[should_panic(expected = "ran out of nonces")]
fn a_sealer_stops_before_its_counter_repeats() {
    let mut sealer = DataSealer { incarnation: Incarnation([1; 16]), next: SEALS_MAX };
    let _ = sealer.seal(&keys(1, 1), b"", b"");
}

#[test]
fn changed_seals_and_noise_never_open() {
    let keys = keys(3, 3);
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let bytes = sealer(1).seal(&keys, b"a", b"a message of some length").expect("seals");
    for _ in 0..2_000 {
        let mut changed = bytes.clone();
        let at = rng.next_u32() as usize % changed.len();
        match rng.next_u32() % 3 {
            0 => changed.truncate(at),
            1 => changed.push(rng.next_u32() as u8),
            _ => changed[at] ^= 1 << (rng.next_u32() % 8),
        }
        assert!(keys.open(b"a", &changed).is_err(), "byte {at}");
        let mut noise = vec![0; rng.next_u32() as usize % 150];
        rng.fill_bytes(&mut noise);
        if noise.len() > TAG_BYTES {
            noise[..TAG_BYTES].copy_from_slice(&keys.tag().0);
        }
        assert!(keys.open(b"a", &noise).is_err());
    }
}

proptest! {
    #[test]
    fn every_text_comes_back(text in prop::collection::vec(any::<u8>(), 0..400), aad in prop::collection::vec(any::<u8>(), 0..40), skip in 0_u8..5) {
        let keys = keys(7, 7);
        let mut sealer = sealer(8);
        for _ in 0..skip {
            sealer.seal(&keys, b"", b"").expect("seals");
        }
        let bytes = sealer.seal(&keys, &aad, &text).expect("seals");
        let opened = keys.open(&aad, &bytes).expect("opens");
        prop_assert_eq!(opened.counter, u64::from(skip));
        prop_assert_eq!(opened.plaintext, text);
    }
}

fn kept(keys: &DataKeys) -> Vec<u8> {
    keys.senders.borrow().iter().map(|sender| sender.incarnation.0[0]).collect()
}

#[test]
fn keys_of_senders_are_kept_for_those_whose_seal_opened_and_no_more_than_so_many() {
    let keys = keys(1, 1);
    let mut seals: Vec<_> =
        (0..=SENDERS_MAX as u8).map(|n| (n, sealer(n).seal(&keys.clone(), b"", b"text"))).collect();
    assert_eq!(kept(&keys), [0; 0], "a copy of the keys keeps for itself");
    let mut forged = seals[0].1.clone().expect("seals");
    forged[INCARNATION_AT] ^= 0x80;
    assert_eq!(keys.open(b"", &forged), Err(DataError::DoesNotOpen));
    forged[INCARNATION_AT] ^= 0x80;
    *forged.last_mut().expect("long") ^= 1;
    assert_eq!(keys.open(b"", &forged), Err(DataError::DoesNotOpen));
    assert_eq!(kept(&keys), [0; 0], "who opened nothing takes no place");
    // Twice round: the first has lost its place when it comes again.
    for round in 0..2 {
        for (n, seal) in &mut seals {
            let opened = keys.open(b"", seal.as_ref().expect("seals")).expect("opens");
            assert_eq!((opened.incarnation.0[0], opened.counter), (*n, 0), "round {round}");
            assert!(kept(&keys).len() <= SENDERS_MAX);
        }
    }
    assert_eq!(kept(&keys), (1..=SENDERS_MAX as u8).collect::<Vec<_>>());
    assert_eq!(kept(&keys.clone()), [0; 0]);
    keys.forget_senders();
    assert_eq!(kept(&keys), [0; 0]);
    assert!(keys.open(b"", seals[3].1.as_ref().expect("seals")).is_ok(), "derived again");
}

#[test]
fn forgotten_senders_open_nothing_else_than_before() {
    let keys = keys(4, 4);
    let seal = sealer(9).seal(&keys, b"aad", b"text").expect("seals");
    let before = keys.open(b"aad", &seal);
    keys.forget_senders();
    assert_eq!(keys.open(b"aad", &seal), before);
    assert_eq!(keys.open(b"", &seal), Err(DataError::DoesNotOpen));
}
