//! What a membership proof binds.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn device(seed: u64) -> DeviceSecret {
    DeviceSecret::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn context() -> ProofContext {
    ProofContext {
        group: GroupId::from_bytes([1; 32]),
        prover: PeerKey([2; 32]),
        verifier: PeerKey([3; 32]),
        nonce: [4; 32],
    }
}

#[test]
fn a_proof_shows_the_device() {
    let device = device(1);
    let claimed = context().verify(&context().prove(&device)).unwrap();
    assert_eq!(claimed.device(), device.id());
}

#[test]
fn a_proof_serves_one_connection_in_one_group_once() {
    let proof = context().prove(&device(1));
    let elsewhere = [
        ProofContext { group: GroupId::from_bytes([9; 32]), ..context() },
        ProofContext { prover: PeerKey([9; 32]), ..context() },
        ProofContext { verifier: PeerKey([9; 32]), ..context() },
        ProofContext { prover: context().verifier, verifier: context().prover, ..context() },
    ];
    for other in elsewhere {
        assert_eq!(other.verify(&proof), Err(WireError::BadSignature));
    }
    let later = ProofContext { nonce: [9; 32], ..context() };
    assert_eq!(later.verify(&proof), Err(WireError::UnknownKey));
    assert_eq!(later.verify(&ProofFrame { nonce: [9; 32], ..proof }), Err(WireError::BadSignature));
}

#[test]
fn nobody_proves_to_be_another_device() {
    let proof = context().prove(&device(1));
    let stolen = ProofFrame { device: device(2).id(), ..proof };
    assert_eq!(context().verify(&stolen), Err(WireError::BadSignature));
}
