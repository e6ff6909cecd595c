//! A member of either kind, and everything about its epoch that both kinds can say.

use std::collections::BTreeMap;

use halloo_crypto::group::{
    CommitPlan, Export, GroupError, GroupSession, KeyPackageSecret, LeafInfo, Prepared, check_key_package,
};
use halloo_crypto::id::{DeviceId, GroupId};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;

use crate::format;
use crate::theirs::{Client, Followed, Theirs};

/// The group of every script.
pub const GROUP: GroupId = GroupId([0x11; 32]);

/// Which of the two a member runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `halloo_crypto::group`.
    Ours,
    /// OpenMLS.
    Theirs,
}

/// What an epoch is, as a member of either kind sees it. Two members of one epoch say the same of all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Length of the branch.
    pub depth: u64,
    /// Members, counted apart from the roster.
    pub count: usize,
    /// Leaves: place and signature key of each device.
    pub roster: BTreeMap<DeviceId, LeafInfo>,
    /// The log heads, as they stand in the group context.
    pub heads: Vec<u8>,
    /// The commit that began the epoch.
    pub commit_id: [u8; 32],
    /// The epoch authenticator.
    pub authenticator: Vec<u8>,
    /// The epoch id.
    pub epoch_id: Vec<u8>,
    /// The tag on everything sealed to the epoch.
    pub tag: [u8; 8],
    /// The exporter under each label of ours.
    pub exports: Vec<Vec<u8>>,
    /// What is derived from those for a context, more than one block of it.
    pub derived: Vec<Vec<u8>>,
}

/// Bytes of [`View::derived`]: more than one block of HKDF, and no whole number of them.
const DERIVED_BYTES: usize = 77;

/// A device with what it needs to be added.
#[allow(clippy::large_enum_variant, reason = "a handful of values in a test")]
pub enum Joiner {
    /// Ours.
    Ours(DeviceSecret, KeyPackageSecret),
    /// OpenMLS.
    Theirs(Client, Vec<u8>),
}

impl Joiner {
    /// Makes a key package of `device`, and holds it against our static check.
    #[must_use]
    pub fn new(kind: Kind, device: DeviceSecret, rng: &mut ChaCha20Rng) -> Self {
        let id = device.id();
        let joiner = match kind {
            Kind::Ours => {
                let secret = KeyPackageSecret::generate(GROUP, &device, rng).expect("a key package");
                Self::Ours(device, secret)
            }
            Kind::Theirs => {
                let client = Client::new(device, GROUP);
                let package = client.key_package();
                Self::Theirs(client, package)
            }
        };
        let info = check_key_package(&GROUP, joiner.key_package());
        assert_eq!(info.expect("passes our static check").device, id);
        joiner
    }

    /// The public half.
    #[must_use]
    pub fn key_package(&self) -> &[u8] {
        match self {
            Self::Ours(_, secret) => secret.key_package(),
            Self::Theirs(_, package) => package,
        }
    }

    /// Joins by the welcome that names the key package.
    #[must_use]
    pub fn join(self, welcome: &[u8]) -> Member {
        match self {
            Self::Ours(device, secret) => {
                let session = GroupSession::join(welcome, &secret).expect("our join");
                Member::Ours { device, session, pending: None }
            }
            Self::Theirs(client, _) => Member::Theirs(client.join(welcome).expect("their join")),
        }
    }
}

/// A member of the group.
#[allow(clippy::large_enum_variant, reason = "a handful of values in a test")]
pub enum Member {
    /// Runs our layer.
    Ours {
        /// Its device.
        device: DeviceSecret,
        /// Its epoch.
        session: GroupSession,
        /// The commit that it has made and not entered.
        pending: Option<Prepared>,
    },
    /// Runs OpenMLS.
    Theirs(Theirs),
}

impl Member {
    /// Begins the group.
    #[must_use]
    pub fn create(kind: Kind, device: DeviceSecret, rng: &mut ChaCha20Rng) -> Self {
        match kind {
            Kind::Ours => {
                let session = GroupSession::create(GROUP, &device, rng).expect("a group");
                Self::Ours { device, session, pending: None }
            }
            Kind::Theirs => Self::Theirs(Client::new(device, GROUP).create()),
        }
    }

    /// Its device.
    #[must_use]
    pub fn device(&self) -> &DeviceSecret {
        match self {
            Self::Ours { device, .. } => device,
            Self::Theirs(theirs) => theirs.device(),
        }
    }

    /// What it says of its epoch.
    #[must_use]
    pub fn view(&self) -> View {
        match self {
            Self::Ours { session, .. } => {
                let heads: Vec<[u8; 32]> = session.heads().iter().map(|head| head.0).collect();
                let secret = |export| session.export_secret(export).expect("held").expose().to_vec();
                let derive = |export| session.export(export, b"context", DERIVED_BYTES).expect("held");
                View {
                    depth: session.depth(),
                    count: session.member_count(),
                    roster: session.roster(),
                    heads: format::heads(&heads),
                    commit_id: session.commit_id().0,
                    authenticator: session.authenticator().expect("always there").expose().to_vec(),
                    epoch_id: session.epoch_id().as_bytes().to_vec(),
                    tag: session.tag(),
                    exports: Export::ALL.into_iter().map(secret).collect(),
                    derived: Export::ALL.into_iter().map(|e| derive(e).expose().clone()).collect(),
                }
            }
            Self::Theirs(theirs) => {
                let epoch_id = theirs.export(format::EPOCH_ID);
                let derive = |export: Export| {
                    format::derive(&theirs.secret(export), export.label(), b"context", DERIVED_BYTES)
                };
                View {
                    depth: theirs.depth(),
                    count: theirs.count(),
                    roster: theirs.leaves(),
                    heads: theirs.heads().expect("log heads and nothing else"),
                    commit_id: theirs.commit_id(),
                    authenticator: theirs.authenticator(),
                    tag: format::epoch_tag(&epoch_id),
                    epoch_id,
                    exports: Export::ALL.into_iter().map(|export| theirs.secret(export)).collect(),
                    derived: Export::ALL.into_iter().map(derive).collect(),
                }
            }
        }
    }

    /// Makes a commit and does not enter its epoch yet; the commit, and a welcome if somebody is added.
    pub fn commit(&mut self, plan: &CommitPlan, rng: &mut ChaCha20Rng) -> (Vec<u8>, Option<Vec<u8>>) {
        match self {
            Self::Ours { session, pending, .. } => {
                let prepared = session.prepare(plan, rng).expect("our commit");
                assert!(prepared.skipped.is_empty(), "{:?}", prepared.skipped);
                let made = (prepared.commit.clone(), prepared.welcome.clone());
                *session = prepared.parent.clone();
                *pending = Some(prepared);
                made
            }
            Self::Theirs(theirs) => {
                theirs.commit(&plan.add, &plan.remove, &plan.heads).expect("their commit")
            }
        }
    }

    /// Enters the epoch of the commit that it made.
    pub fn merge(&mut self) {
        match self {
            Self::Ours { session, pending, .. } => {
                *session = pending.take().expect("a commit is pending").next;
            }
            Self::Theirs(theirs) => theirs.merge(),
        }
    }

    /// Follows a commit of another; one that it made itself is dropped.
    ///
    /// # Errors
    /// In the words of the side that refused.
    pub fn follow(&mut self, commit: &[u8]) -> Result<Followed, String> {
        match self {
            Self::Ours { session, pending, .. } => {
                *pending = None;
                match session.apply(commit) {
                    Ok(applied) => {
                        *session = applied.next;
                        Ok(Followed {
                            committer: applied.committer,
                            added: applied.added,
                            removed: applied.removed,
                            stays: true,
                        })
                    }
                    Err(GroupError::Removed(committer)) => {
                        Ok(Followed { committer, added: Vec::new(), removed: Vec::new(), stays: false })
                    }
                    Err(error) => Err(format!("{error:?}")),
                }
            }
            Self::Theirs(theirs) => theirs.follow(commit),
        }
    }

    /// Seals an application message.
    pub fn seal(&mut self, aad: &[u8], text: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
        match self {
            Self::Ours { session, .. } => session.seal_application(aad, text, rng).expect("our seal"),
            Self::Theirs(theirs) => theirs.seal(aad, text).expect("their seal"),
        }
    }

    /// Opens an application message: who sent it, what was authenticated beside it, and the text.
    ///
    /// # Errors
    /// In the words of the side that refused.
    pub fn open(&mut self, sealed: &[u8]) -> Result<(DeviceId, Vec<u8>, Vec<u8>), String> {
        match self {
            Self::Ours { session, .. } => {
                let opened = session.open_application(sealed).map_err(|error| format!("{error:?}"))?;
                Ok((opened.sender, opened.aad, opened.plaintext))
            }
            Self::Theirs(theirs) => theirs.open(sealed),
        }
    }

    /// Stops and reads what it stored.
    pub fn restart(&mut self) {
        match self {
            Self::Ours { session, .. } => {
                let bytes = session.to_bytes().expect("encodes");
                *session = GroupSession::from_bytes(bytes.expose()).expect("what it wrote");
            }
            Self::Theirs(theirs) => theirs.restart(),
        }
    }
}
