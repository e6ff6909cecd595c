//! OpenMLS as it is published: what it can do in a group of ours, and the one check that makes a looser copy necessary.
#![cfg(not(feature = "loosened"))]

use halloo_crypto::group::CommitPlan;
use halloo_crypto::identity::DeviceSecret;
use halloo_differential::member::{Joiner, Kind, Member};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// One of ours that has added one of theirs.
fn two(rng: &mut ChaCha20Rng) -> (Member, Member) {
    let mut ours = Member::create(Kind::Ours, DeviceSecret::generate(rng), rng);
    let joiner = Joiner::new(Kind::Theirs, DeviceSecret::generate(rng), rng);
    let plan = CommitPlan { add: vec![joiner.key_package().to_vec()], ..CommitPlan::default() };
    let (_, welcome) = ours.commit(&plan, rng);
    ours.merge();
    (ours, joiner.join(&welcome.expect("somebody was added")))
}

#[test]
fn it_joins_by_our_welcome_is_in_the_same_epoch_and_talks_both_ways() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut ours, mut theirs) = two(&mut rng);
    assert_eq!(ours.view(), theirs.view());
    let (a, b) = (ours.device().id(), theirs.device().id());
    let sealed = ours.seal(b"beside", b"from ours", &mut rng);
    assert_eq!(theirs.open(&sealed), Ok((a, b"beside".to_vec(), b"from ours".to_vec())));
    let sealed = theirs.seal(b"beside", b"from theirs", &mut rng);
    assert_eq!(ours.open(&sealed), Ok((b, b"beside".to_vec(), b"from theirs".to_vec())));
}

/// RFC 9420 (12.1.7, 13.4) asks that all members support an extension of the group context. OpenMLS 0.9.2 also asks that
/// it be named in a required capabilities extension of that context; our context holds the log heads and nothing else.
#[test]
fn it_refuses_log_heads_because_no_required_capabilities_name_them() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (mut ours, mut theirs) = two(&mut rng);
    let Member::Theirs(client) = &mut theirs else { unreachable!("it runs OpenMLS") };
    let made = client.commit(&[], &[], &[]);
    assert!(made.clone().is_err_and(|why| why.contains("ExtensionNotInRequiredCapabilities")), "{made:?}");
    let (commit, _) = ours.commit(&CommitPlan::default(), &mut rng);
    let followed = theirs.follow(&commit).map(|followed| followed.committer);
    let why = followed.expect_err("no required capabilities");
    assert!(why.contains("ExtensionNotInRequiredCapabilities"), "{why}");
}
