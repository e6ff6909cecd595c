//! Beginnings that are refused.

use super::*;
use crate::rig::{Rig, identity};
use crate::start::Config;
use crate::time::Time;
use rand_core::SeedableRng as _;

const NOW: Now = Now { mono: Time::ZERO, wall_ms: 1_790_000_000_000 };

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn refused(identity: Identity, origin: Origin) -> StartError {
    let started = crate::Engine::new(Config::default(), identity, origin, [1; 32], NOW);
    started.err().expect("refused")
}

fn create(name: &str) -> Origin {
    Origin::Create { group_name: name.into() }
}

#[test]
fn a_certificate_of_another_device_or_with_another_box_is_refused() {
    let (ada, ben) = (identity(&mut rng(), "Ada", 1), identity(&mut ChaCha20Rng::seed_from_u64(2), "Ben", 2));
    let stolen = Identity { certificate: ben.certificate.clone(), ..ada.clone() };
    assert_eq!(refused(stolen, create("x")), StartError::Identity);
    let mut boxed = ada.clone();
    boxed.certificate.box_key = ben.certificate.box_key;
    assert_eq!(refused(boxed, create("x")), StartError::Identity);
    let mut unsigned = ada;
    unsigned.certificate.created_ms += 1;
    assert_eq!(refused(unsigned, create("x")), StartError::Identity);
}

#[test]
fn empty_and_long_names_are_refused() {
    let ada = identity(&mut rng(), "Ada", 1);
    for name in ["", "   ", &"x".repeat(MAX_NAME_BYTES + 1)] {
        assert_eq!(refused(ada.clone(), create(name)), StartError::Name);
        let nameless = Identity { name: (*name).to_owned(), ..ada.clone() };
        assert_eq!(refused(nameless, create("fine")), StartError::Name);
    }
}

#[test]
fn every_error_names_the_next_step() {
    for error in [StartError::Identity, StartError::Name, StartError::Bundle("x"), StartError::Snapshot("y")]
    {
        assert!(error.to_string().len() > 20, "{error}");
    }
}

#[test]
fn a_store_without_a_head_an_epoch_or_with_odd_keys_is_refused() {
    let rig = Rig::group(2, 90);
    let whole = &rig.members[0].disk;
    let ada = rig.members[0].identity.clone();
    for table in [Table::Meta, Table::Head, Table::Epoch] {
        let mut broken = whole.clone();
        broken.pairs.retain(|key, _| key[0] != table as u8);
        assert!(
            matches!(refused(ada.clone(), Origin::Restore(broken)), StartError::Snapshot(_)),
            "{table:?}"
        );
    }
    for table in [Table::Content, Table::Undelivered, Table::Invite, Table::Trail] {
        let mut broken = whole.clone();
        broken.pairs.insert(table.key(&[1, 2, 3]), vec![1; 40]);
        assert!(
            matches!(refused(ada.clone(), Origin::Restore(broken)), StartError::Snapshot(_)),
            "{table:?}"
        );
    }
}

#[test]
fn a_restored_member_is_the_member_that_was() {
    let mut rig = Rig::group(3, 91);
    rig.say(0, "one");
    rig.say(1, "two");
    rig.pass(core::time::Duration::from_secs(5));
    let snapshot = rig.members[0].disk.clone();
    let origin = Origin::Restore(snapshot);
    let again =
        crate::Engine::new(Config::default(), rig.members[0].identity.clone(), origin, [9; 32], rig.now);
    let again = again.expect("it starts");
    let before = rig.engine(0);
    assert_eq!(again.members().len(), before.members().len());
    assert_eq!(again.activity(100), before.activity(100));
    let texts = |engine: &crate::Engine| -> Vec<String> {
        engine.timeline(None, 10).entries.into_iter().map(|entry| entry.text).collect()
    };
    assert_eq!(texts(&again), texts(before));
    assert_eq!(again.status().epoch, before.status().epoch);
    assert_ne!(again.state.sealer.incarnation(), before.state.sealer.incarnation(), "INV-3");
    assert_ne!(again.state.scribe.incarnation(), before.state.scribe.incarnation(), "INV-3");
}

#[test]
fn each_start_is_later_than_the_last_even_when_the_clock_went_back() {
    let rig = Rig::group(1, 92);
    let identity = rig.members[0].identity.clone();
    let early = Now { wall_ms: 5, ..rig.now };
    let mut rng = rng();
    let snapshot = rig.members[0].disk.clone();
    let (_, last) = read_meta(&identity, &snapshot.pairs[&Table::Meta.key(&[])]).expect("own head");
    let birth = begin(&identity, Origin::Restore(snapshot), &mut rng, early).expect("it starts");
    assert_eq!(birth.ground.start, last + 1);
}
