//! Behaviour of MLS sessions: joining, leaving, racing, restarting.
#![cfg(feature = "group")]

mod group_support;

use group_support::*;
use halloo_crypto::group::*;
use halloo_crypto::id::*;

#[test]
fn two_members_agree_on_everything_after_a_welcome() {
    let mut world = World::new(1);
    let alice = world.device();
    let bob = world.device();
    let first = world.create(&alice);
    let secret = world.key_package(&bob);
    let heads = vec![OpId([7; 32]), OpId([3; 32])];
    let plan = CommitPlan {
        add: vec![secret.key_package().to_vec()],
        heads: heads.clone(),
        ..CommitPlan::default()
    };
    let prepared = first.prepare(&plan, &mut world.rng).unwrap();
    let joined = GroupSession::join(prepared.welcome.as_deref().unwrap(), &secret).unwrap();
    assert_agree(&[&prepared.next, &joined]);
    assert_eq!(joined.heads(), vec![OpId([3; 32]), OpId([7; 32])]);
    assert_eq!(prepared.added, vec![bob.id()]);
    assert_eq!(
        joined.roster().keys().copied().collect::<Vec<_>>(),
        sorted(vec![alice.id(), bob.id()])
    );
    assert_ne!(first.epoch_id(), joined.epoch_id());
    assert!(!first.contains(&bob.id()));
}

#[test]
fn a_message_is_opened_once_by_each_member_and_names_its_sender() {
    let mut world = World::new(2);
    let mut members = world.group_of(3);
    let sealed = members[0]
        .seal_application(b"clear", b"hidden", &mut world.rng)
        .unwrap();
    assert!(!contains(&sealed, b"hidden"));
    assert_eq!(peek_epoch(&sealed), Some(members[1].tag()));
    for at in 1..3 {
        let opened = members[at].open_application(&sealed).unwrap();
        assert_eq!(opened.plaintext, b"hidden");
        assert_eq!(opened.aad, b"clear");
        assert_eq!(opened.sender, members[0].device());
        assert!(members[at].open_application(&sealed).is_err());
    }
    assert_eq!(
        members[0].open_application(&sealed),
        Err(GroupError::Peer(PeerFault::Own))
    );
}
