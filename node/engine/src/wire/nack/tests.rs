//! Nacks, whole, of others, and damaged.

use super::*;
use halloo_crypto::group::KeyPackageSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const GROUP: GroupId = GroupId([5; 32]);

fn device(seed: u64) -> DeviceSecret {
    DeviceSecret::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn package(device: &DeviceSecret) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    KeyPackageSecret::generate(GROUP, device, &mut rng).expect("a package").key_package().to_vec()
}

fn nack() -> Nack {
    let device = device(1);
    let package = package(&device);
    Nack::sign(&GROUP, &device, vec![[9; 32], [3; 32], [9; 32]], vec![[2; 32]], package)
}

#[test]
fn a_nack_is_read_back_and_believed() {
    let nack = nack();
    assert_eq!(nack.commits, [[3; 32], [9; 32]], "sorted, none twice");
    let read = Nack::parse(&nack.to_bytes()).expect("canonical");
    assert_eq!(read, nack);
    let verified = read.verify(&GROUP).expect("signed");
    let info = check_key_package(&GROUP, &nack.key_package).expect("sound");
    assert_eq!((verified.fresh_leaf(), verified.nack().device), (info.leaf_key, device(1).id()));
}

#[test]
fn the_bytes_are_those_of_the_drawing() {
    let nack = nack();
    let bytes = nack.to_bytes();
    assert_eq!((bytes[0], &bytes[1..33], bytes[33]), (1, nack.device.as_bytes().as_slice(), 2));
    assert_eq!((&bytes[34..66], &bytes[66..98], bytes[98]), ([3; 32].as_slice(), [9; 32].as_slice(), 1));
    assert_eq!(&bytes[99..131], [2; 32]);
    assert_eq!(bytes.len(), 131 + 4 + nack.key_package.len() + 64);
}

#[test]
fn what_is_too_much_is_cut_by_who_signs_and_refused_by_who_reads() {
    let device = device(1);
    let names: Vec<[u8; 32]> = (0..20).map(|n| [n; 32]).collect();
    let nack = Nack::sign(&GROUP, &device, names.clone(), names, package(&device));
    assert_eq!((nack.commits.len(), nack.leaves.len()), (MAX_NACKED_COMMITS, MAX_NACKED_LEAVES));
    let mut bytes = nack.to_bytes();
    assert!(Nack::parse(&bytes).is_ok());
    bytes[33] = 9;
    assert_eq!(Nack::parse(&bytes), Err(WireError::TooLong));
    assert_eq!(Nack::parse(&vec![1; MAX_NACK_BYTES + 1]), Err(WireError::TooLong));
}

#[test]
fn nobody_nacks_for_another_in_another_group_or_by_another_package() {
    let other = device(2);
    assert_eq!(nack().verify(&GroupId([6; 32])), Err(WireError::BadSignature));
    let theirs = Nack::sign(&GROUP, &device(1), vec![[3; 32]], vec![[2; 32]], package(&other));
    assert_eq!(theirs.verify(&GROUP), Err(WireError::BadSignature));
    let forged = Nack { device: other.id(), ..nack() };
    assert_eq!(forged.verify(&GROUP), Err(WireError::BadSignature));
    let leaf = check_key_package(&GROUP, &package(&device(1))).expect("sound").leaf_key;
    let circular = Nack::sign(&GROUP, &device(1), vec![[3; 32]], vec![leaf], package(&device(1)));
    assert_eq!(circular.verify(&GROUP), Err(WireError::BadSignature), "it would never be answered for good");
}

#[test]
fn mutated_and_random_nacks_are_refused_or_canonical_and_never_believed() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let valid = nack().to_bytes();
    for round in 0..5_000_u32 {
        let mut bytes = valid.clone();
        let at = rng.next_u32() as usize % bytes.len();
        match round % 3 {
            0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
            1 => bytes.truncate(at),
            _ => {
                bytes = vec![0; rng.next_u32() as usize % 700];
                rng.fill_bytes(&mut bytes);
                bytes.iter_mut().take(1).for_each(|version| *version = 1);
            }
        }
        if let Ok(nack) = Nack::parse(&bytes) {
            assert_eq!(nack.to_bytes(), bytes, "one spelling only");
            assert_eq!(nack.verify(&GROUP), Err(WireError::BadSignature));
        }
    }
}
