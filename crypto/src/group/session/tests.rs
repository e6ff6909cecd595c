//! Tests of a session with one member.

use super::*;
use rand_core::SeedableRng as _;

const GROUP: GroupId = GroupId([1; 32]);

fn alone() -> (GroupSession, DeviceId) {
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let device = DeviceSecret::generate(&mut rng);
    (GroupSession::create(GROUP, &device, &mut rng).unwrap(), device.id())
}

#[test]
fn a_new_group_holds_its_creator_and_realises_no_heads() {
    let (session, device) = alone();
    assert_eq!(session.group(), GROUP);
    assert_eq!(session.device(), device);
    assert_eq!(session.depth(), 0);
    assert_eq!(session.member_count(), 1);
    assert!(session.contains(&device));
    assert!(!session.contains(&DeviceId([5; 32])));
    assert!(session.heads().is_empty());
    assert!(!session.is_read_only());
    assert_eq!(session.roster()[&device].index, 0);
    assert_eq!(session.devices(), [device]);
}

#[test]
fn two_groups_of_one_device_share_nothing() {
    let (one, _) = alone();
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let device = DeviceSecret::generate(&mut rng);
    let two = GroupSession::create(GroupId([2; 32]), &device, &mut rng).unwrap();
    assert_ne!(one.epoch_id(), two.epoch_id());
    assert_ne!(one.tag(), two.tag());
    assert_ne!(one.export_secret(Export::Data).unwrap(), two.export_secret(Export::Data).unwrap());
}

#[test]
fn the_exporter_itself_is_gone_on_entry() {
    let (session, _) = alone();
    assert!(session.mls.export_secret(b"halloo data", GROUP.as_bytes(), 32).is_err());
    let next = {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        session.prepare(&Default::default(), &mut rng).unwrap().next
    };
    assert!(next.mls.export_secret(b"halloo data", GROUP.as_bytes(), 32).is_err());
}

#[test]
fn debug_shows_no_key() {
    let (session, _) = alone();
    let text = format!("{session:?}");
    assert!(text.contains("GroupSession"));
    assert!(!text.contains("secret"));
    assert!(text.len() < 300, "{text}");
}

#[test]
fn an_authenticator_is_of_one_epoch_and_survives_the_storage() {
    let (session, _) = alone();
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let next = session.prepare(&crate::group::CommitPlan::default(), &mut rng).unwrap().next;
    let of = |session: &GroupSession| *session.authenticator().unwrap().expose();
    assert_eq!(of(&session), of(&session.clone()));
    assert_ne!(of(&session), of(&next));
    let stored = GroupSession::from_bytes(next.to_bytes().unwrap().expose()).unwrap();
    assert_eq!(of(&stored), of(&next));
}
