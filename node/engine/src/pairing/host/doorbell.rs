//! What goes into a host and what comes out of it.

use halloo_crypto::id::{AccountId, DeviceId, GroupId, InviteId};
use halloo_crypto::identity::DeviceCertificate;
use halloo_crypto::invite::code::ShortCode;

use crate::lane::PeerKey;
use crate::pairing::doors::Ending;
use crate::pairing::frames::RefusedWhy;
use crate::wire::bundle::VerifiedRequest;

/// Who the host is.
#[derive(Clone, Debug)]
pub struct HostIdentity {
    /// This device's certificate.
    pub certificate: DeviceCertificate,
    /// The transport key of this node.
    pub peer: PeerKey,
    /// The group that it invites to.
    pub group: GroupId,
    /// The group's name, shown to the joiner once the words are proven.
    pub group_name: String,
}

/// What can happen to a host.
#[derive(Debug)]
pub enum HostInput {
    /// A request on the pairing lane.
    Frame {
        /// Who asks.
        from: PeerKey,
        /// Untrusted.
        bytes: Vec<u8>,
    },
    /// The asker is gone.
    PeerDown(PeerKey),
    /// Membership has added the newcomer and it is durable.
    Admitted {
        /// The peer of the `Admit`.
        from: PeerKey,
        /// The sealed bundle, see `wire::bundle`.
        bundle: Vec<u8>,
    },
    /// Membership does not add it.
    Refused {
        /// The peer of the `Admit`.
        from: PeerKey,
        /// Told to the joiner.
        why: RefusedWhy,
    },
    /// The deadline has come.
    Wake,
}

/// What a host wishes.
#[derive(Debug)]
pub enum HostOutput {
    /// The reply to the last request of that peer.
    Send {
        /// The peer.
        to: PeerKey,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Add this newcomer, then answer `Admitted` or `Refused`. Its proof fits the invite; whether the invite still admits
    /// anybody, the log says.
    Admit {
        /// The peer that asks.
        from: PeerKey,
        /// The invite that it came by.
        invite: InviteId,
        /// What it asks.
        request: Box<VerifiedRequest>,
    },
    /// Something to show.
    Event(HostEvent),
}

/// What the inviter sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostEvent {
    /// Somebody knocks with the right number.
    Started,
    /// The words agree; both sides show these.
    Emoji([&'static str; 4]),
    /// Wrong words at the code of this invite.
    WrongWords {
        /// Which.
        invite: InviteId,
        /// Tries left; 0: the code is burned.
        left: u8,
    },
    /// A code, or with [`HostEvent::InviteEnded`] all of the invite, is over.
    CodeEnded {
        /// Which.
        invite: InviteId,
        /// Why.
        ending: Ending,
    },
    /// The invite itself is over here.
    InviteEnded {
        /// Which.
        invite: InviteId,
        /// Why.
        ending: Ending,
    },
    /// The invite has a fresh code.
    NewCode {
        /// Which.
        invite: InviteId,
        /// The code.
        code: ShortCode,
    },
    /// The newcomer is in and was handed its bundle.
    Joined {
        /// Who.
        account: AccountId,
        /// On which device.
        device: DeviceId,
    },
}

impl From<Ending> for RefusedWhy {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Burned => Self::Burned,
            Ending::Expired => Self::Expired,
            Ending::UsedUp => Self::UsedUp,
            Ending::Closed => Self::Closed,
        }
    }
}
