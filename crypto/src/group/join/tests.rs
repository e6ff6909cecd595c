//! Tests of welcomes, true and false.

use super::*;
use crate::group::CommitPlan;
use crate::id::GroupId;
use crate::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

fn welcome() -> (Vec<u8>, KeyPackageSecret, ChaCha20Rng) {
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let group = GroupId([1; 32]);
    let creator = DeviceSecret::generate(&mut rng);
    let joiner = DeviceSecret::generate(&mut rng);
    let session = GroupSession::create(group, &creator, &mut rng).unwrap();
    let secret = KeyPackageSecret::generate(group, &joiner, &mut rng).unwrap();
    let plan = CommitPlan { add: vec![secret.key_package().to_vec()], ..CommitPlan::default() };
    let prepared = session.prepare(&plan, &mut rng).unwrap();
    (prepared.welcome.unwrap(), secret, rng)
}

#[test]
fn the_true_welcome_joins() {
    let (welcome, secret, _) = welcome();
    let session = GroupSession::join(&welcome, &secret).unwrap();
    assert_eq!(session.member_count(), 2);
    assert_eq!(session.device(), secret.device);
}

#[test]
fn no_altered_cut_or_random_welcome_joins_or_panics() {
    let (welcome, secret, mut rng) = welcome();
    for at in (0..welcome.len()).step_by(7) {
        let mut altered = welcome.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(GroupSession::join(&altered, &secret).is_err(), "byte {at}");
        assert!(GroupSession::join(&welcome[..at], &secret).is_err(), "cut {at}");
    }
    for _ in 0..500 {
        let mut noise = vec![0; (rng.next_u32() % 400) as usize];
        rng.fill_bytes(&mut noise);
        for (byte, header) in noise.iter_mut().zip([0, 1, 0, 3, 0, 1]) {
            *byte = header;
        }
        assert!(GroupSession::join(&noise, &secret).is_err());
    }
    let long = vec![0; MAX_WELCOME_BYTES + 1];
    let refused = GroupSession::join(&long, &secret).err();
    assert_eq!(refused, Some(GroupError::Peer(PeerFault::TooLong)));
}

#[test]
fn a_welcome_into_a_context_of_another_kind_is_refused() {
    let (_, secret, mut rng) = welcome();
    let creator = DeviceSecret::generate(&mut rng);
    let welcome = desk::lend(&mut rng, || {
        let identity = super::super::key_package::leaf_identity(&secret.group, &creator).unwrap();
        let client = super::super::commit::tests::lax_client(secret.group, Some(identity));
        let mut group = client
            .create_group_with_id(
                secret.group.as_bytes().to_vec(),
                Default::default(),
                Default::default(),
                Some(EPOCH_START()),
            )
            .unwrap();
        let package = MlsMessage::from_bytes(secret.key_package()).unwrap();
        let commit = group.commit_builder().add_member(package).unwrap().build().unwrap();
        commit.welcome_messages[0].to_bytes().unwrap()
    });
    let refused = GroupSession::join(&welcome, &secret).err();
    assert!(matches!(refused, Some(GroupError::Peer(PeerFault::NotAllowed(_)))), "{refused:?}");
}
