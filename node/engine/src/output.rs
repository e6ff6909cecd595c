//! Everything that a member can wish for: frames to send, batches to store, things to tell its user.

use core::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, DeviceId, EpochId, InviteId, MessageId, OpId};

use crate::lane::{Lane, PeerKey};
use crate::place::Precision;
use crate::time::Time;
use crate::voice::VoicePlan;

/// Longest display name of a person or a group, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 64;

/// Names one batch of writes; counts up from 1 in each run of an engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct WriteId(pub u64);

/// One wish of the engine. The driver grants each in order; a drain ends with `Idle`.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send these bytes to one peer, in order on each lane.
    Send {
        /// The peer.
        to: PeerKey,
        /// `Direct` or `Pair`.
        lane: Lane,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Flood these bytes to everyone subscribed to this topic.
    Publish {
        /// A topic that the engine has subscribed to.
        topic: [u8; 32],
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Follow this topic.
    Subscribe([u8; 32]),
    /// Stop following this topic.
    Unsubscribe([u8; 32]),
    /// This peer has proven membership: let it into the mesh of this topic, lift the limits for strangers.
    Admit {
        /// The peer.
        peer: PeerKey,
        /// A topic that the engine follows.
        topic: [u8; 32],
    },
    /// This peer is no longer welcome on this topic: take it out of the mesh.
    Expel {
        /// The peer.
        peer: PeerKey,
        /// The topic.
        topic: [u8; 32],
    },
    /// The answer to the gossip frame just handed in: whether the mesh may forward it. Exactly one in the drain of each.
    Verdict(Verdict),
    /// Make this batch durable, all or nothing, then answer [`crate::input::Input::Written`]. Batches are applied in order.
    Write(Batch),
    /// What the media thread shall do from now on.
    Plan(Box<VoicePlan>),
    /// Something for the user.
    Event(Event),
    /// The answer to a command.
    Reply {
        /// The number that the driver gave the command.
        request: u64,
        /// What came of it. A command that changes something is answered when the change is durable.
        result: Result<Reply, Refusal>,
    },
    /// Reserved: leave this sealed item at a mailbox address.
    Deposit {
        /// Answered by [`crate::input::Input::Deposited`].
        id: u64,
        /// The blinded address.
        address: [u8; 32],
        /// The sealed item.
        bytes: Vec<u8>,
    },
    /// Reserved: ask the mailbox for what lies at this address.
    Fetch {
        /// The blinded address.
        address: [u8; 32],
    },
    /// Nothing more until an input, or until the deadline. Always the last value of a drain.
    Idle(Option<Deadline>),
}

/// What the mesh shall do with a gossip frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Genuine as far as can be seen here: forward it.
    Accept,
    /// Cannot be judged here: do not forward, nobody is to blame.
    Ignore,
    /// Forged or malformed: do not forward, and count it against the neighbour.
    Reject,
}

/// When the engine wants to be woken, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// On the monotonic clock.
    pub at: Time,
    /// The reason; wakes are counted by reason, because they are the battery.
    pub why: crate::timers::Timer,
}

/// Puts and deletes that become durable together. Keys start with a table byte, see [`crate::snapshot`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Answered by `Written` of the same id.
    pub id: WriteId,
    /// Keys and their new values, applied in order. A value may be larger than the store's record limit; the driver splits it.
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys to delete, after the puts.
    pub dels: Vec<Vec<u8>>,
}

/// What a command gives back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Done, and durable where it changed anything.
    Done,
    /// The message now has this id, and is durable.
    Message(MessageId),
    /// The invite stands.
    Invite(InviteView),
}

/// Why a command is refused. Always the caller's to mend; the text names the next step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The role of this account does not allow it.
    #[error("your role does not allow this; ask an admin of the group")]
    NotAllowed,
    /// This device is no longer a member.
    #[error("this device is no longer a member; ask for a new invite")]
    NotMember,
    /// No such member, device, message or invite.
    #[error("nothing of that id is known here: {0}")]
    Unknown(&'static str),
    /// A text, name, payload or number is outside its limits.
    #[error("{what} must be at most {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A queue is full; try again when something has been written or sent.
    #[error("too much is waiting to be stored; try again in a moment")]
    Busy,
    /// The device in question is not reachable now.
    #[error("that device is not connected now")]
    NotConnected,
    /// The arguments make no sense together.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Something for the user interface.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Someone is in the group from now on.
    MemberJoined {
        /// Who.
        account: AccountId,
        /// The display name, as far as it is known.
        name: String,
    },
    /// Someone left of their own accord.
    MemberLeft {
        /// Who.
        account: AccountId,
    },
    /// Someone was taken out.
    MemberRemoved {
        /// Who.
        account: AccountId,
        /// By whom.
        by: AccountId,
    },
    /// This very device is no longer a member; the engine keeps its history and does nothing more.
    Evicted {
        /// By whom, if a Remove did it.
        by: Option<AccountId>,
    },
    /// A role changed.
    RoleChanged {
        /// Whose.
        account: AccountId,
        /// The role now.
        role: Role,
    },
    /// A device of a member was taken out.
    DeviceRevoked {
        /// The device.
        device: DeviceId,
    },
    /// A message, new to this device; `own` ones are told too, once durable.
    Message(ChatEntry),
    /// A message changed: edited, deleted or reacted to. The whole entry as it is now.
    Edited(ChatEntry),
    /// Someone has a message, or has read up to it.
    Receipt {
        /// The message.
        message: MessageId,
        /// Who.
        account: AccountId,
        /// Read, or only delivered.
        read: bool,
    },
    /// Where a member is.
    Location(LocationView),
    /// The lease of a member's position has run out, or sharing was stopped.
    LocationExpired {
        /// Whose device.
        device: DeviceId,
    },
    /// A device came or went.
    Presence {
        /// The device.
        device: DeviceId,
        /// Of whom.
        account: AccountId,
        /// Whether it is there.
        online: bool,
    },
    /// A device muted or opened its microphone or loudspeaker.
    Muted {
        /// The device.
        device: DeviceId,
        /// Microphone off.
        microphone: bool,
        /// Loudspeaker off.
        speaker: bool,
    },
    /// A device is in the call.
    CallJoined {
        /// The device.
        device: DeviceId,
    },
    /// A device left the call, or its lease ran out.
    CallLeft {
        /// The device.
        device: DeviceId,
    },
    /// Signalling bytes of another device's media endpoint, opened and authenticated.
    Signal {
        /// Who sent them.
        from: DeviceId,
        /// Opaque to the engine.
        bytes: Vec<u8>,
    },
    /// An invite was opened or its short code was renewed.
    Invite(InviteView),
    /// An invite is closed: used up, expired, burned, or by hand.
    InviteClosed {
        /// Which.
        invite: InviteId,
    },
    /// How a pairing stands.
    Pairing(PairingProgress),
    /// How reconciliation with one peer stands; told when it takes more than one round, and at its end.
    SyncProgress {
        /// With whom.
        device: DeviceId,
        /// Items received.
        received: u32,
        /// Items sent.
        sent: u32,
        /// Whether both sides are now equal.
        done: bool,
    },
    /// A neighbour proved that it is this member.
    PeerProven {
        /// The transport.
        peer: PeerKey,
        /// The member's device.
        device: DeviceId,
        /// The member.
        account: AccountId,
    },
    /// A display name changed.
    ProfileChanged {
        /// Whose.
        account: AccountId,
        /// The new name.
        name: String,
    },
    /// The group's name changed.
    Renamed {
        /// The new name.
        name: String,
    },
    /// The group keys moved on.
    EpochChanged {
        /// The current epoch.
        epoch: EpochId,
        /// How many devices hold it.
        devices: u32,
    },
    /// Something is off. Never fatal.
    Warning(Warning),
}

/// Stages of a pairing, as both sides show them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PairingProgress {
    /// A stranger with the right nameplate is here.
    Started,
    /// The words agree; both sides now show these four emoji.
    Emoji([&'static str; 4]),
    /// The newcomer is being added.
    Adding,
    /// Done.
    Joined {
        /// Who came in.
        account: AccountId,
    },
    /// Wrong words; so many tries are left before the code burns.
    WrongWords {
        /// Tries left.
        left: u8,
    },
    /// The code is burned; link and QR still work.
    Burned,
}

/// What is off, in a form that a program can act on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// The clock of a member differs from ours by more than a minute.
    ClockSkew {
        /// Whose.
        device: DeviceId,
        /// Theirs minus ours, seconds.
        seconds: i64,
    },
    /// A peer sent frames that break the rules; they were dropped.
    BadFrames {
        /// The neighbour.
        peer: PeerKey,
        /// How many since the last warning.
        count: u32,
    },
    /// A device signed two different contents for one place. The lower hash stands, that incarnation is frozen.
    Equivocation {
        /// Whose.
        device: DeviceId,
    },
    /// An operation by someone without the authority for it; shown as void, without effect.
    VoidOperation {
        /// The operation.
        op: OpId,
    },
    /// A device cannot follow the group keys and asks to be added again.
    CannotFollow {
        /// Whose.
        device: DeviceId,
    },
    /// A bound was reached and something was dropped.
    Overflow {
        /// Which bound.
        what: &'static str,
    },
}

/// One line of the conversation as it stands now.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatEntry {
    /// The message.
    pub id: MessageId,
    /// Who wrote it.
    pub author: AccountId,
    /// On which device.
    pub device: DeviceId,
    /// Their display name now.
    pub name: String,
    /// When, by the author's clock, Unix milliseconds; display only.
    pub sent_ms: u64,
    /// The text as last edited; empty if deleted.
    pub text: String,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// Whether it was edited.
    pub edited: bool,
    /// Whether it was withdrawn.
    pub deleted: bool,
    /// Emoji and who put them, ordered.
    pub reactions: Vec<(String, Vec<AccountId>)>,
    /// Accounts known to have it.
    pub delivered_to: Vec<AccountId>,
    /// Accounts known to have read it.
    pub read_by: Vec<AccountId>,
    /// Whether this account wrote it.
    pub own: bool,
    /// Whether it counts for nothing: its author was removed before anybody who remains vouched for it. Shown as such, never
    /// dropped.
    pub void: bool,
}

/// A member as the member list shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct MemberView {
    /// Who.
    pub account: AccountId,
    /// Display name; a short form of the id where none is known.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their devices.
    pub devices: Vec<DeviceView>,
    /// Whether this is the own account.
    pub own: bool,
}

/// A device of a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceView {
    /// Which.
    pub device: DeviceId,
    /// Whether its presence lease runs.
    pub online: bool,
    /// Whether a proven direct connection stands.
    pub connected: bool,
    /// Microphone muted, as it says.
    pub microphone_muted: bool,
    /// Loudspeaker off, as it says.
    pub speaker_muted: bool,
    /// In the call.
    pub in_call: bool,
}

/// Where a member's device is, seen from here.
#[derive(Clone, PartialEq, Debug)]
pub struct LocationView {
    /// Whose.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
    /// WGS-84, degrees.
    pub latitude_deg: f64,
    /// WGS-84, degrees.
    pub longitude_deg: f64,
    /// Radius of uncertainty, metres; at least half the cell's diagonal when coarsened.
    pub accuracy_m: f64,
    /// Height, metres.
    pub altitude_m: Option<f64>,
    /// Ground speed, metres per second.
    pub speed_mps: Option<f64>,
    /// Direction of travel, degrees clockwise from true north.
    pub heading_deg: Option<f64>,
    /// How exact it is meant to be.
    pub precision: Precision,
    /// When taken, by the sender's clock, Unix milliseconds.
    pub taken_ms: u64,
    /// How long ago the report was received.
    pub age: Duration,
    /// Along the ellipsoid from the own last fix, metres.
    pub distance_m: Option<f64>,
    /// Initial bearing from the own last fix, degrees clockwise from true north, 0 ..< 360.
    pub bearing_deg: Option<f64>,
    /// Whether it is the own device.
    pub own: bool,
}

/// An invite as the inviter sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InviteView {
    /// Which.
    pub invite: InviteId,
    /// The short code, `7-otter-quartz`; `None` when burned or closed.
    pub code: Option<String>,
    /// The link with the secret in its fragment; `None` on devices that did not make the invite.
    pub link: Option<String>,
    /// The text of the QR, `halloo:i/...`; `None` like `link`.
    pub qr: Option<String>,
    /// By whom.
    pub by: AccountId,
    /// The role it grants.
    pub role: Role,
    /// Uses so far.
    pub uses: u16,
    /// Uses allowed.
    pub max_uses: u16,
    /// When it ends, Unix milliseconds.
    pub expires_ms: u64,
    /// Whether it can still be used.
    pub open: bool,
}

/// One line of the activity log: an operation of the signed log, in words' place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivityEntry {
    /// The operation.
    pub op: OpId,
    /// Who signed it.
    pub by: AccountId,
    /// When, by the signer's clock, Unix milliseconds; display only.
    pub at_ms: u64,
    /// What it does.
    pub act: Activity,
    /// Whether it has no effect, for want of authority or because its author was removed.
    pub void: bool,
}

/// What an operation of the log does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Activity {
    /// The group began.
    Created,
    /// A member came in.
    Added(AccountId),
    /// A member was taken out.
    Removed(AccountId),
    /// A member left.
    Left(AccountId),
    /// A role changed.
    Role(AccountId, Role),
    /// A device was added to a member.
    DeviceAdded(DeviceId),
    /// A device was taken out.
    DeviceRevoked(DeviceId),
    /// An invite was opened.
    InviteOpened(InviteId),
    /// An invite was closed.
    InviteClosed(InviteId),
}

/// How the member stands, for `status` and `doctor`.
#[derive(Clone, PartialEq, Debug)]
pub struct StatusView {
    /// The group's name.
    pub group_name: String,
    /// Whether this device is a member.
    pub member: bool,
    /// The current epoch.
    pub epoch: EpochId,
    /// Devices in the current epoch.
    pub epoch_devices: u32,
    /// Branches of the epoch tree still kept.
    pub branches: u32,
    /// Whether the current epoch holds a leaf that the log removed.
    pub tainted: bool,
    /// Proven peers.
    pub peers: u32,
    /// Operations known.
    pub operations: u32,
    /// Contents known.
    pub contents: u32,
    /// Own contents that nobody else is known to hold.
    pub undelivered: u32,
    /// Sealed contents that came, since the start.
    pub seals_offered: u64,
    /// Of these, how many opened.
    pub seals_opened: u64,
    /// Batches asked for and not yet durable.
    pub writes_pending: u32,
    /// Frames dropped since the start, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Wakes since the start, by reason.
    pub wakes: Vec<(&'static str, u64)>,
}
