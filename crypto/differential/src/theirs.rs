//! A member that runs OpenMLS, configured to be what our layer accepts: our credential, capabilities, extension and frame.

use std::collections::BTreeMap;

use halloo_crypto::group::{Export, LeafInfo};
use halloo_crypto::id::{DeviceId, GroupId, OpId};
use halloo_crypto::identity::DeviceSecret;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::*;
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::format::{self, Kind};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

/// A device with its leaf key and its own storage, not in a group yet.
pub struct Client {
    device: DeviceSecret,
    group_id: GroupId,
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
}

/// A member of the group.
pub struct Theirs {
    client: Client,
    group: MlsGroup,
}

/// What a message turned out to be.
pub struct Followed {
    /// Who committed.
    pub committer: DeviceId,
    /// Who came, in the order of the commit.
    pub added: Vec<DeviceId>,
    /// Who went.
    pub removed: Vec<DeviceId>,
    /// Whether this member is still one.
    pub stays: bool,
}

fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&[ExtensionType::Unknown(format::HEADS)]),
        Some(&[]),
        Some(&[CredentialType::Other(format::CREDENTIAL)]),
    )
}

fn context(heads: &[OpId]) -> Extensions<GroupContext> {
    let ids: Vec<[u8; 32]> = heads.iter().map(|head| head.0).collect();
    let content = UnknownExtension(format::heads(&ids));
    Extensions::single(Extension::Unknown(format::HEADS, content)).expect("allowed in a group context")
}

fn config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build()
}

fn body(bytes: &[u8]) -> Result<MlsMessageBodyIn, String> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|error| format!("{error:?}"))?;
    Ok(message.extract())
}

impl Client {
    /// A client of `device` for the group.
    #[must_use]
    pub fn new(device: DeviceSecret, group_id: GroupId) -> Self {
        let provider = OpenMlsRustCrypto::default();
        let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).expect("Ed25519");
        let content = format::credential(&group_id, &device, signer.public());
        let credential = CredentialWithKey {
            credential: Credential::new(CredentialType::Other(format::CREDENTIAL), content),
            signature_key: signer.public().into(),
        };
        Self { device, group_id, provider, signer, credential }
    }

    /// A new key package, as an `MLSMessage`.
    #[must_use]
    pub fn key_package(&self) -> Vec<u8> {
        let bundle = KeyPackage::builder()
            .key_package_lifetime(Lifetime::init(0, format::NOT_AFTER_S))
            .leaf_node_capabilities(capabilities())
            .build(SUITE, &self.provider, &self.signer, self.credential.clone())
            .expect("a key package");
        MlsMessageOut::from(bundle.key_package().clone()).to_bytes().expect("encodes")
    }

    /// Begins the group.
    #[must_use]
    pub fn create(self) -> Theirs {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .lifetime(Lifetime::init(0, format::NOT_AFTER_S))
            .capabilities(capabilities())
            .with_group_context_extensions(context(&[]))
            .build();
        let id = openmls::prelude::GroupId::from_slice(self.group_id.as_bytes());
        let group =
            MlsGroup::new_with_group_id(&self.provider, &self.signer, &config, id, self.credential.clone())
                .expect("a group");
        Theirs { client: self, group }
    }

    /// Joins by a welcome.
    ///
    /// # Errors
    /// In the words of OpenMLS.
    pub fn join(self, welcome: &[u8]) -> Result<Theirs, String> {
        let MlsMessageBodyIn::Welcome(welcome) = body(welcome)? else { return Err("no welcome".into()) };
        let staged = StagedWelcome::new_from_welcome(&self.provider, &config(), welcome, None)
            .map_err(|error| format!("{error:?}"))?;
        let group = staged.into_group(&self.provider).map_err(|error| format!("{error:?}"))?;
        let theirs = Theirs { client: self, group };
        if theirs.leaves().len() != theirs.group.members().count() {
            return Err("a leaf that its device did not certify".into());
        }
        Ok(theirs)
    }
}

impl Theirs {
    /// The device.
    #[must_use]
    pub fn device(&self) -> &DeviceSecret {
        &self.client.device
    }

    /// The secret that the exporter gives for a label, context = group id.
    #[must_use]
    pub fn export(&self, label: &str) -> Vec<u8> {
        let crypto = self.client.provider.crypto();
        let context = self.client.group_id.as_bytes();
        self.group.export_secret(crypto, label, context, 32).expect("in the group")
    }

    /// As [`Self::export`], by our name of the label.
    #[must_use]
    pub fn secret(&self, export: Export) -> Vec<u8> {
        self.export(export.label())
    }

    /// The leaves that their devices certified.
    #[must_use]
    pub fn leaves(&self) -> BTreeMap<DeviceId, LeafInfo> {
        let leaf = |member: Member| {
            let key = &member.signature_key;
            let content = member.credential.serialized_content();
            let device = format::certified(&self.client.group_id, content, key)?;
            let leaf_key = key.as_slice().try_into().ok()?;
            Some((device, LeafInfo { index: member.index.u32(), leaf_key }))
        };
        self.group.members().filter_map(leaf).collect()
    }

    /// Members as OpenMLS counts them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.group.members().count()
    }

    /// Whether it is in the group.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.group.is_active()
    }

    /// The number of the epoch.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// The epoch authenticator.
    #[must_use]
    pub fn authenticator(&self) -> Vec<u8> {
        self.group.epoch_authenticator().as_slice().to_vec()
    }

    /// The id of the commit that began this epoch.
    #[must_use]
    pub fn commit_id(&self) -> [u8; 32] {
        let context = self.group.public_group().group_context();
        format::commit_id(&self.client.group_id, context.confirmed_transcript_hash())
    }

    /// The content of the log heads extension, if the context holds that and nothing else.
    #[must_use]
    pub fn heads(&self) -> Option<Vec<u8>> {
        let all: Vec<_> = self.group.extensions().iter().collect();
        match all[..] {
            [Extension::Unknown(format::HEADS, content)] => Some(content.0.clone()),
            _ => None,
        }
    }

    /// Makes a commit by value, with a path and the log heads, and keeps it pending.
    ///
    /// # Errors
    /// In the words of OpenMLS.
    pub fn commit(
        &mut self,
        add: &[Vec<u8>],
        remove: &[DeviceId],
        heads: &[OpId],
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
        let (epoch, outer) = (self.export(format::EPOCH_ID), self.export(format::OUTER));
        let provider = &self.client.provider;
        let package = |bytes: &Vec<u8>| match body(bytes)? {
            MlsMessageBodyIn::KeyPackage(package) => package
                .validate(provider.crypto(), ProtocolVersion::Mls10)
                .map_err(|error| format!("{error:?}")),
            _ => Err("no key package".into()),
        };
        let add = add.iter().map(package).collect::<Result<Vec<_>, _>>()?;
        let leaves = self.leaves();
        let remove: Vec<_> = remove.iter().map(|device| LeafNodeIndex::new(leaves[device].index)).collect();
        let bundle = self
            .group
            .commit_builder()
            .consume_proposal_store(false)
            .force_self_update(true)
            .propose_removals(remove)
            .propose_adds(add)
            .propose_group_context_extensions(context(heads))
            .map_err(|error| format!("{error:?}"))?
            .load_psks(provider.storage())
            .map_err(|error| format!("{error:?}"))?
            .build(provider.rand(), provider.crypto(), &self.client.signer, |_| true)
            .map_err(|error| format!("{error:?}"))?
            .stage_commit(provider)
            .map_err(|error| format!("{error:?}"))?;
        let bytes = |message: &MlsMessageOut| message.to_bytes().map_err(|error| format!("{error:?}"));
        let welcome = bundle.to_welcome_msg().as_ref().map(bytes).transpose()?;
        Ok((format::frame(&epoch, &outer, Kind::Commit, &bytes(bundle.commit())?), welcome))
    }

    /// Enters the epoch of the pending commit.
    pub fn merge(&mut self) {
        self.group.merge_pending_commit(&self.client.provider).expect("a commit is pending");
    }

    fn process(&mut self, kind: Kind, bytes: &[u8]) -> Result<ProcessedMessage, String> {
        let (epoch, outer) = (self.export(format::EPOCH_ID), self.export(format::OUTER));
        let message = format::unframe(&epoch, &outer, kind, bytes).ok_or("not a frame of this epoch")?;
        let MlsMessageBodyIn::PrivateMessage(message) = body(message)? else {
            return Err("not encrypted".into());
        };
        let processed = self.group.process_message(&self.client.provider, message);
        processed.map_err(|error| format!("{error:?}"))
    }

    fn sender(&self, message: &ProcessedMessage) -> Result<DeviceId, String> {
        let Sender::Member(index) = message.sender() else { return Err("not a member".into()) };
        let leaves = self.leaves();
        let found = leaves.iter().find(|(_, leaf)| leaf.index == index.u32());
        Ok(*found.ok_or("nobody is there")?.0)
    }

    /// Follows a commit of another; a pending one of this member is dropped.
    ///
    /// # Errors
    /// In the words of OpenMLS.
    pub fn follow(&mut self, commit: &[u8]) -> Result<Followed, String> {
        let message = self.process(Kind::Commit, commit)?;
        let committer = self.sender(&message)?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else {
            return Err("no commit".into());
        };
        let before = self.leaves();
        let device_at = |index: LeafNodeIndex| {
            before.iter().find(|(_, leaf)| leaf.index == index.u32()).map(|(device, _)| *device)
        };
        let removed = staged.remove_proposals().map(|one| device_at(one.remove_proposal().removed()));
        let removed = removed.collect::<Option<Vec<_>>>().ok_or("removes nobody")?;
        let added = staged.add_proposals().map(|one| {
            let leaf = one.add_proposal().key_package().leaf_node();
            let content = leaf.credential().serialized_content();
            format::certified(&self.client.group_id, content, leaf.signature_key().as_slice())
        });
        let added = added.collect::<Option<Vec<_>>>().ok_or("a leaf that its device did not certify")?;
        let stays = !staged.self_removed();
        self.group
            .merge_staged_commit(&self.client.provider, *staged)
            .map_err(|error| format!("{error:?}"))?;
        Ok(Followed { committer, added, removed, stays })
    }

    /// Seals an application message.
    ///
    /// # Errors
    /// In the words of OpenMLS.
    pub fn seal(&mut self, aad: &[u8], text: &[u8]) -> Result<Vec<u8>, String> {
        let (epoch, outer) = (self.export(format::EPOCH_ID), self.export(format::OUTER));
        self.group.set_aad(aad.to_vec());
        let message = self.group.create_message(&self.client.provider, &self.client.signer, text);
        let message = message.map_err(|error| format!("{error:?}"))?;
        let bytes = message.to_bytes().map_err(|error| format!("{error:?}"))?;
        Ok(format::frame(&epoch, &outer, Kind::Application, &bytes))
    }

    /// Opens an application message: who sent it, what was authenticated beside it, and the text.
    ///
    /// # Errors
    /// In the words of OpenMLS.
    pub fn open(&mut self, sealed: &[u8]) -> Result<(DeviceId, Vec<u8>, Vec<u8>), String> {
        let message = self.process(Kind::Application, sealed)?;
        let (sender, aad) = (self.sender(&message)?, message.aad().to_vec());
        let ProcessedMessageContent::ApplicationMessage(text) = message.into_content() else {
            return Err("no application message".into());
        };
        Ok((sender, aad, text.into_bytes()))
    }

    /// Reads the group anew from its storage.
    pub fn restart(&mut self) {
        let loaded = MlsGroup::load(self.client.provider.storage(), self.group.group_id());
        self.group = loaded.expect("readable").expect("there");
    }
}
