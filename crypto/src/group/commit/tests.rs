//! Tests of commits under attack: a hostile member with a client that allows all of RFC 9420.

use super::*;
use crate::group::config::{Config, Drawer, NoPsk, client};
use crate::group::credential::Leaves;
use crate::group::key_package::tests::{GROUP, forge};
use crate::group::key_package::{KeyPackageSecret, NOT_AFTER_S, check_leaf};
use crate::group::provider::{Crypto, SUITE};
use crate::group::rules::HEADS;
use crate::identity::DeviceSecret;
use mls_rs::client_builder::{
    BaseConfig, ClientBuilder, PaddingMode, WithCryptoProvider, WithGroupStateStorage, WithIdentityProvider,
    WithKeyPackageRepo, WithMlsRules, WithPskStore,
};
use mls_rs::extension::ExtensionType;
use mls_rs::group::ExportedTree;
use mls_rs::identity::SigningIdentity;
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::{Client, Extension, ExtensionList, Group};
use mls_rs_core::crypto::SignatureSecretKey;
use rand_core::{Rng as _, SeedableRng as _};
use std::time::Duration;

type LaxConfig = WithMlsRules<
    DefaultMlsRules,
    WithIdentityProvider<
        Leaves,
        WithCryptoProvider<
            Crypto,
            WithGroupStateStorage<Drawer, WithPskStore<NoPsk, WithKeyPackageRepo<Drawer, BaseConfig>>>,
        >,
    >,
>;

/// A hostile member's client: everything that RFC 9420 allows, with our keys.
pub(in crate::group) fn lax_client(
    group: crate::id::GroupId,
    identity: Option<(SigningIdentity, SignatureSecretKey)>,
) -> Client<LaxConfig> {
    lax_client_with(group, identity, true)
}

fn lax_client_with(
    group: crate::id::GroupId,
    identity: Option<(SigningIdentity, SignatureSecretKey)>,
    encrypted: bool,
) -> Client<LaxConfig> {
    let rules = DefaultMlsRules::new()
        .with_commit_options(CommitOptions::new().with_path_required(true))
        .with_encryption_options(EncryptionOptions::new(encrypted, PaddingMode::None));
    let (identity, signer) = identity.unwrap();
    ClientBuilder::new()
        .key_package_repo(Drawer)
        .psk_store(NoPsk)
        .group_state_storage(Drawer)
        .crypto_provider(Crypto)
        .identity_provider(Leaves(group))
        .mls_rules(rules)
        .extension_type(HEADS)
        .key_package_lifetime(Duration::from_secs(NOT_AFTER_S))
        .signing_identity(identity, signer, SUITE)
        .build()
}

/// An honest pair and a hostile third who holds their state in a lax client.
struct Scene {
    rng: ChaCha20Rng,
    honest: Vec<GroupSession>,
    hostile: Group<LaxConfig>,
}

fn key_package(rng: &mut ChaCha20Rng) -> KeyPackageSecret {
    let device = DeviceSecret::generate(rng);
    KeyPackageSecret::generate(GROUP, &device, rng).unwrap()
}

fn scene(encrypted: bool) -> Scene {
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let creator = DeviceSecret::generate(&mut rng);
    let first = GroupSession::create(GROUP, &creator, &mut rng).unwrap();
    let (second, third) = (key_package(&mut rng), key_package(&mut rng));
    let plan = CommitPlan {
        add: vec![second.key_package().to_vec(), third.key_package().to_vec()],
        ..CommitPlan::default()
    };
    let prepared = first.prepare(&plan, &mut rng).unwrap();
    let welcome = prepared.welcome.unwrap();
    let honest = vec![prepared.next, GroupSession::join(&welcome, &second).unwrap()];
    let identity = Some((third.identity.clone(), third.signer.clone()));
    desk::put_key_package(third.id.clone(), third.data.clone());
    let message = MlsMessage::from_bytes(&welcome).unwrap();
    let (hostile, _) = lax_client_with(GROUP, identity, encrypted).join_group(None, &message, None).unwrap();
    desk::take_key_package();
    Scene { rng, honest, hostile }
}

impl Scene {
    /// What an honest member says to the hostile one's message in a well-made frame.
    fn verdict(&self, message: &MlsMessage) -> Result<Applied, GroupError> {
        let victim = &self.honest[0];
        let bytes = message.to_bytes().unwrap();
        let frame = frame::wrap(&victim.exports, &victim.epoch, Kind::Commit, &bytes).unwrap();
        victim.apply(&frame)
    }

    fn commit(&mut self, change: impl FnOnce(Builder<'_>) -> Builder<'_>) -> MlsMessage {
        let hostile = &mut self.hostile;
        desk::lend(&mut self.rng, || {
            change(hostile.commit_builder()).build_detached().unwrap().0.commit_message
        })
    }

    fn refuses(&mut self, change: impl FnOnce(Builder<'_>) -> Builder<'_>) {
        let message = self.commit(change);
        let verdict = self.verdict(&message);
        assert!(matches!(verdict, Err(GroupError::Peer(_))), "{verdict:?}");
    }
}

type Builder<'a> = mls_rs::group::CommitBuilder<'a, LaxConfig>;

fn heads(builder: Builder<'_>) -> Builder<'_> {
    builder.set_group_context_ext(heads_extension(&[])).unwrap()
}

#[test]
fn the_hostile_clients_honest_commit_is_followed() {
    let mut scene = scene(true);
    let message = scene.commit(heads);
    let applied = scene.verdict(&message).unwrap();
    assert_eq!(applied.committer, scene.honest[0].device_at(2).unwrap());
}

#[test]
fn a_commit_without_heads_or_with_another_context_is_refused() {
    let mut scene = scene(true);
    scene.refuses(|builder| builder);
    scene.refuses(|builder| builder.set_group_context_ext(ExtensionList::new()).unwrap());
    scene.refuses(|builder| {
        let other = vec![Extension::new(HEADS, vec![1, 2, 3])];
        builder.set_group_context_ext(other.into()).unwrap()
    });
}

#[test]
fn a_reinit_would_end_the_group_and_is_refused() {
    let mut scene = scene(true);
    scene.refuses(|builder| {
        builder.reinit(None, mls_rs::ProtocolVersion::MLS_10, SUITE, ExtensionList::new()).unwrap()
    });
}

#[test]
fn handshakes_in_the_clear_are_refused() {
    let mut scene = scene(false);
    scene.refuses(heads);
}

#[test]
fn proposals_by_reference_never_reach_the_cache() {
    let mut scene = scene(true);
    let hostile = &mut scene.hostile;
    let proposal = desk::lend(&mut scene.rng, || hostile.propose_update(vec![])).unwrap();
    let verdict = scene.verdict(&proposal).err();
    let refused = PeerFault::NotAllowed("another kind of message");
    assert_eq!(verdict, Some(GroupError::Peer(refused)));
    let rng = &mut scene.rng;
    assert!(scene.honest[0].seal_application(b"", b"still speaks", rng).is_ok());
}

#[test]
fn an_added_package_that_the_log_would_refuse_is_refused_in_a_commit() {
    let mut scene = scene(true);
    let owner = key_package(&mut scene.rng);
    let bad: [Vec<u8>; 3] = [
        forge(&owner, |forge| forge.leaf.public_key = vec![0; 32].into()),
        forge(&owner, |forge| {
            forge.leaf.capabilities.extensions.push(ExtensionType::new(0xF4FF));
        }),
        forge(&owner, |forge| {
            forge.extensions = vec![Extension::new(ExtensionType::new(0xF4FF), vec![])].into();
        }),
    ];
    for package in bad {
        let message = MlsMessage::from_bytes(&package).unwrap();
        if message.as_key_package().is_none() {
            continue;
        }
        let hostile = &mut scene.hostile;
        let commit = desk::lend(&mut scene.rng, || {
            heads(hostile.commit_builder()).add_member(message)?.build_detached()
        });
        if let Ok((commit, _)) = commit {
            let verdict = scene.verdict(&commit.commit_message);
            assert!(matches!(verdict, Err(GroupError::Peer(_))), "{verdict:?}");
        }
    }
}

#[test]
fn a_committer_cannot_change_the_capabilities_of_its_leaf() {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let creator = DeviceSecret::generate(&mut rng);
    let first = GroupSession::create(GROUP, &creator, &mut rng).unwrap();
    let secret = key_package(&mut rng);
    let plan = CommitPlan { add: vec![secret.key_package().to_vec()], ..CommitPlan::default() };
    let prepared = first.prepare(&plan, &mut rng).unwrap();
    let identity = Some((secret.identity.clone(), secret.signer.clone()));
    let odd = client(GROUP, identity).to_builder(None).extension_type(ExtensionType::new(0xF4FF)).build();
    desk::put_key_package(secret.id.clone(), secret.data.clone());
    let message = MlsMessage::from_bytes(&prepared.welcome.unwrap()).unwrap();
    let (mls, _): (Group<Config>, _) = odd.join_group(None, &message, None).unwrap();
    let hostile = GroupSession::enter(mls, GROUP, secret.device).unwrap();
    let commit = hostile.prepare(&CommitPlan::default(), &mut rng).unwrap().commit;
    let verdict = prepared.next.apply(&commit).err();
    let refused = PeerFault::NotAllowed("other capabilities or leaf extensions");
    assert_eq!(verdict, Some(GroupError::Peer(refused)));
}

#[test]
fn a_path_with_a_key_that_nobody_can_seal_to_is_refused() {
    let mut scene = scene(true);
    let session = &scene.honest[0];
    let update = session.prepare(&CommitPlan::default(), &mut scene.rng).unwrap().next;
    let tree = update.tree();
    assert!(check_path(&tree, 0).is_ok());
    let index = LeafIndex::try_from(0).unwrap();
    let parents = tree.filtered_direct_path(index).unwrap();
    let bytes = tree.to_bytes().unwrap();
    let mut keys: Vec<_> = parents.into_iter().flatten().map(|p| p.public_key.to_vec()).collect();
    keys.push(tree.get_leaf(index).unwrap().unwrap().public_key.to_vec());
    assert!(keys.len() >= 2);
    for key in keys {
        let at = bytes.windows(32).position(|window| window == key).unwrap();
        let mut poisoned = bytes.clone();
        poisoned[at..at + 32].fill(0);
        let tree = ExportedTree::from_bytes(&poisoned).unwrap();
        let verdict = check_path(&tree, 0).err();
        assert_eq!(verdict, Some(GroupError::Peer(PeerFault::WeakKey)));
    }
}

#[test]
fn a_package_that_copies_anothers_key_is_skipped() {
    let mut scene = scene(true);
    let owner = key_package(&mut scene.rng);
    let index = LeafIndex::try_from(1).unwrap();
    let tree = scene.honest[0].tree();
    let copied = tree.get_leaf(index).unwrap().unwrap().public_key.clone();
    let package = forge(&owner, |forge| forge.leaf.public_key = copied);
    assert!(check_key_package(&GROUP, &package).is_ok());
    assert!(scene.honest[0].clashes(&package));
    assert!(!scene.honest[0].clashes(owner.key_package()));
    let plan = CommitPlan { add: vec![package, owner.key_package().to_vec()], ..CommitPlan::default() };
    let prepared = scene.honest[0].prepare(&plan, &mut scene.rng).unwrap();
    assert_eq!(prepared.skipped[0].fault, PeerFault::NotAllowed("a key of another leaf"));
    assert_eq!(prepared.added, vec![owner.device]);
    assert!(scene.honest[1].apply(&prepared.commit).is_ok());
}

#[test]
fn a_package_that_passes_the_static_check_can_always_be_committed() {
    let mut scene = scene(true);
    for seed in 0..20_u8 {
        let owner = key_package(&mut scene.rng);
        let package = forge(&owner, |forge| {
            forge.init_key[usize::from(seed)] ^= 1 << (seed % 7);
            let mut key = forge.leaf.public_key.to_vec();
            key[usize::from(31 - seed)] ^= seed;
            forge.leaf.public_key = key.into();
        });
        assert!(check_key_package(&GROUP, &package).is_ok());
        let plan = CommitPlan { add: vec![package], ..CommitPlan::default() };
        let prepared = scene.honest[0].prepare(&plan, &mut scene.rng).unwrap();
        assert!(prepared.skipped.is_empty());
        let applied = scene.honest[1].apply(&prepared.commit).unwrap();
        let after = applied.next.prepare(&CommitPlan::default(), &mut scene.rng).unwrap();
        assert!(prepared.next.apply(&after.commit).is_ok());
    }
}

#[test]
fn altered_messages_in_well_made_frames_never_panic_and_never_pass() {
    let mut scene = scene(true);
    let message = scene.commit(heads).to_bytes().unwrap();
    let victim = scene.honest[0].clone();
    for round in 0..1_500 {
        let mut altered = message.clone();
        for _ in 0..=scene.rng.next_u32() % 3 {
            let at = scene.rng.next_u32() as usize % altered.len();
            altered[at] ^= 1 << (scene.rng.next_u32() % 8);
        }
        if round % 5 == 0 {
            altered.truncate(scene.rng.next_u32() as usize % message.len());
        }
        if altered == message {
            continue;
        }
        let frame = frame::wrap(&victim.exports, &victim.epoch, Kind::Commit, &altered).unwrap();
        assert!(victim.apply(&frame).is_err());
        let frame = frame::wrap(&victim.exports, &victim.epoch, Kind::Application, &altered).unwrap();
        assert!(victim.clone().open_application(&frame).is_err());
    }
    assert!(check_leaf(victim.tree().get_leaf(LeafIndex::try_from(0).unwrap()).unwrap().unwrap()).is_ok());
}

#[test]
fn the_depth_that_a_commit_shows_is_that_of_its_parent() {
    let mut rng = ChaCha20Rng::seed_from_u64(77);
    let device = DeviceSecret::generate(&mut rng);
    let mut session = GroupSession::create(GROUP, &device, &mut rng).unwrap();
    for depth in 0..3 {
        let made = session.prepare(&CommitPlan::default(), &mut rng).unwrap();
        assert_eq!((frame::peek_depth(&made.commit), session.depth()), (Some(depth), depth));
        session = made.next;
    }
    assert_eq!(frame::peek_depth(&[1; 40]), None);
}
