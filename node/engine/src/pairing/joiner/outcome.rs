//! What goes into a joiner, what comes out of it, and every way it can end.

use halloo_crypto::group::KeyPackageSecret;
use halloo_crypto::id::GroupId;
use halloo_crypto::identity::{DeviceCertificate, DeviceSecret};
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::invite::link::Link;
use halloo_crypto::pake::Password;

use crate::lane::PeerKey;
use crate::output::PairingProgress;
use crate::pairing::frames::{RefusedWhy, VERSION};

/// Who joins.
#[derive(Clone)]
pub struct JoinerIdentity {
    /// The keys of this device.
    pub device: DeviceSecret,
    /// Its certificate.
    pub certificate: DeviceCertificate,
    /// The transport key of this node.
    pub peer: PeerKey,
    /// The display name that the group shall see.
    pub name: String,
}

/// What the joiner was given.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// A short code.
    Code(ShortCode),
    /// A link or a QR text.
    Link(Link),
}

impl Ticket {
    pub(super) fn password(&self) -> Password {
        match self {
            Self::Code(code) => Password::from_code(code),
            Self::Link(link) => Password::from_invite(&link.secret),
        }
    }
}

/// What can happen to a joiner.
#[derive(Debug)]
pub enum JoinerInput {
    /// A transport connection to this peer stands.
    PeerUp(PeerKey),
    /// It is gone.
    PeerDown(PeerKey),
    /// The reply of this peer.
    Frame {
        /// Who replied.
        from: PeerKey,
        /// Untrusted.
        bytes: Vec<u8>,
    },
    /// The request to this peer got no reply.
    Failed(PeerKey),
    /// The deadline has come.
    Wake,
}

/// What a joiner wishes.
#[derive(Debug)]
pub enum JoinerOutput {
    /// A request to this peer.
    Send {
        /// The peer.
        to: PeerKey,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Something to show.
    Progress(PairingProgress),
    /// Done; the last output.
    Joined(Box<Joined>),
    /// Over; the last output.
    Failed(JoinError),
}

/// Everything that an engine starts from, see `start::Origin::Join`.
#[derive(Debug)]
pub struct Joined {
    /// The group.
    pub group: GroupId,
    /// Its name, as the host says.
    pub group_name: String,
    /// Who let us in.
    pub host: PeerKey,
    /// The host's certificate: the first member that is known here.
    pub host_certificate: DeviceCertificate,
    /// Plaintext of the bundle; every part is still to be checked.
    pub bundle: Vec<u8>,
    /// What the welcome in it is for. Store it with the first state or not at all.
    pub key_package: KeyPackageSecret,
    /// What both sides showed.
    pub emoji: [&'static str; 4],
}

/// Why joining failed; every text names the next step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoinError {
    /// The words do not match those of the inviter.
    #[error("wrong code: check the two words and type it again ({left} tries left)")]
    WrongWords {
        /// Tries left.
        left: u8,
    },
    /// Too many wrong tries, these or somebody else's.
    #[error(
        "this code is burned after three wrong tries: ask for a new code, or use the link or the QR code"
    )]
    Burned,
    /// Too late.
    #[error("this code or invite has expired: ask for a new one")]
    Expired,
    /// Somebody else used it.
    #[error("this code or invite is used up: ask for a new one")]
    UsedUp,
    /// The inviter closed it.
    #[error("this invite was closed: ask for a new one")]
    Closed,
    /// No peer has the door.
    #[error(
        "nobody here has this code ({asked} asked): check the number, and that both are on the same network and the inviter's halloo is running"
    )]
    NobodyAnswered {
        /// How many peers were asked.
        asked: usize,
    },
    /// The host speaks another version.
    #[error(
        "the inviter's halloo speaks version {theirs} of pairing, this one version {}: update the older of the two",
        VERSION
    )]
    Version {
        /// The version of the host.
        theirs: u8,
    },
    /// The host went away.
    #[error("the inviter's halloo went away: stay close and try again")]
    HostGone,
    /// The host has too much to do.
    #[error("the inviter's halloo is busy: try again in a minute")]
    Busy,
    /// The group does not take this account.
    #[error("the group did not admit you: ask the inviter; a removed member needs a new invite")]
    NotAdmitted,
    /// The code is for a device where a member came, or the other way round. A fresh code takes its place.
    #[error("this code lets in {}", other_door(*device))]
    OtherDoor {
        /// It is for a device.
        device: bool,
    },
    /// The host does not follow the protocol, or somebody stands in between.
    #[error("the inviter's answer makes no sense: try again with a new code, and compare the four emoji")]
    Broken,
}

fn other_door(device: bool) -> &'static str {
    if device {
        "another device of one person: use `halloo device join`, or ask for an invite to the group"
    } else {
        "a member of its own: use `halloo join`, or take a code of `halloo device add` on your other device"
    }
}

impl From<RefusedWhy> for JoinError {
    fn from(why: RefusedWhy) -> Self {
        match why {
            RefusedWhy::NotMine => Self::NobodyAnswered { asked: 1 },
            RefusedWhy::WrongWords { left: 0 } | RefusedWhy::Burned => Self::Burned,
            RefusedWhy::WrongWords { left } => Self::WrongWords { left },
            RefusedWhy::Expired => Self::Expired,
            RefusedWhy::UsedUp => Self::UsedUp,
            RefusedWhy::Closed => Self::Closed,
            RefusedWhy::Busy => Self::Busy,
            RefusedWhy::Broken => Self::Broken,
            RefusedWhy::NotAdmitted => Self::NotAdmitted,
            RefusedWhy::Version(theirs) => Self::Version { theirs },
        }
    }
}
