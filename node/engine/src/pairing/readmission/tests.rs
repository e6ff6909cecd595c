//! Tests: the frames go through their bytes, and no bytes whatever stop a reader.

use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn people() -> (AccountSecret, DeviceSecret, PeerKey, PeerKey) {
    let mut rng = rng(1);
    (AccountSecret::generate(&mut rng), DeviceSecret::generate(&mut rng), PeerKey([1; 32]), PeerKey([2; 32]))
}

fn requests() -> Vec<Request> {
    let (account, device, asker, answerer) = people();
    let tag = Tag::of(&account.id(), &asker, &answerer);
    let certificate = Box::new(DeviceCertificate::issue(&account, &device, 5));
    let group = Knock::Group(tag, GroupId([7; 32]));
    let proof = prove(&account, &asker, &answerer);
    vec![
        Request { knock: Knock::Nth(tag, 3), ask: Ask::Find { proof } },
        Request {
            knock: group,
            ask: Ask::Return { certificate, operation: vec![1; 900], key_package: vec![2; 400] },
        },
        Request { knock: group, ask: Ask::Fetch(61_440) },
    ]
}

fn answers() -> Vec<Answer> {
    let found = |member, heads: u8| Found {
        member,
        group: GroupId([7; 32]),
        height: 12,
        heads: (0..heads).map(|at| OpId([at; 32])).collect(),
        group_name: "Sunday ride".into(),
        own_name: "Ben".into(),
    };
    vec![
        Answer::Found(Box::new(found(true, 64))),
        Answer::Found(Box::new(found(false, 0))),
        Answer::refused(RefusedWhy::NotMine),
        Answer::Paired(Reply::Wait),
        Answer::Paired(Reply::Chunk { total: 3, offset: 0, bytes: vec![1, 2, 3] }),
    ]
}

#[test]
fn frames_go_through_their_bytes_and_are_told_from_those_of_a_pairing() {
    for request in requests() {
        let bytes = request.to_bytes();
        assert!(is_readmission(&bytes) && crate::pairing::peek_door(&bytes).is_none());
        assert_eq!(peek_knock(&bytes), Some(request.knock));
        assert_eq!(Request::parse(&bytes), Ok(request));
        assert_eq!(Request::parse(&[bytes.as_slice(), b"x"].concat()), Err(WireError::NotCanonical));
    }
    for answer in answers() {
        assert_eq!(Answer::parse(&answer.to_bytes()), Ok(answer));
    }
}

#[test]
fn a_tag_and_a_proof_are_for_one_connection_and_one_account() {
    let (account, _, asker, answerer) = people();
    let other = AccountSecret::generate(&mut rng(2));
    let proof = prove(&account, &asker, &answerer);
    assert!(is_proven(&account.id(), &asker, &answerer, &proof));
    assert!(!is_proven(&account.id(), &answerer, &asker, &proof), "turned round");
    assert!(!is_proven(&account.id(), &PeerKey([3; 32]), &answerer, &proof), "carried on by somebody else");
    assert!(!is_proven(&account.id(), &asker, &PeerKey([3; 32]), &proof), "shown to somebody else");
    assert!(!is_proven(&other.id(), &asker, &answerer, &proof));
    let tag = Tag::of(&account.id(), &asker, &answerer);
    assert_ne!(tag, Tag::of(&other.id(), &asker, &answerer));
    assert_ne!(tag, Tag::of(&account.id(), &answerer, &asker));
    // What a stranger is shown names neither.
    let bytes = requests()[0].to_bytes();
    assert!(!bytes.windows(8).any(|window| window == &account.id().as_bytes()[..8]));
}

#[test]
fn limits_and_versions_hold() {
    let mut bytes = requests()[0].to_bytes();
    bytes[0] = 2;
    assert_eq!(Request::parse(&bytes), Err(WireError::Version(2)));
    assert!(is_readmission(&bytes), "the answerer says its version");
    assert_eq!(Request::parse(&vec![1; REQUEST_MAX_BYTES + 1]), Err(WireError::TooLong));
    let mut found = answers()[0].to_bytes();
    found[43..45].copy_from_slice(&65_u16.to_be_bytes());
    assert_eq!(Answer::parse(&found), Err(WireError::TooLong));
    let mut found = answers()[0].to_bytes();
    found[45..77].fill(9);
    assert_eq!(Answer::parse(&found), Err(WireError::NotCanonical), "heads ascend");
}

/// Seeded, so that a failure is found again.
#[test]
fn no_bytes_whatever_stop_a_reader() {
    let mut rng = rng(9);
    let sound: Vec<Vec<u8>> =
        requests().iter().map(Request::to_bytes).chain(answers().iter().map(Answer::to_bytes)).collect();
    for round in 0..20_000 {
        let mut bytes = sound[round % sound.len()].clone();
        for _ in 0..=rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
        }
        bytes.truncate(rng.next_u32() as usize % (2 * bytes.len()));
        if let Ok(request) = Request::parse(&bytes) {
            assert_eq!(request.to_bytes(), bytes, "one frame has one form");
        }
        if let Ok(answer) = Answer::parse(&bytes) {
            assert_eq!(Answer::parse(&answer.to_bytes()), Ok(answer));
        }
    }
}
