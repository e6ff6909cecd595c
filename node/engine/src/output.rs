//! Everything that a member can wish for: frames to send, batches to store, things to tell its user.

use halloo_crdt::document::AgendaId;
use halloo_crdt::log::Role;
use halloo_crypto::id::{
    AccountId, DeviceId, EpochId, InviteId, MailboxAddress, MailboxItem, MessageId, OpId,
};
use halloo_crypto::mailbox::DayKey;
use halloo_crypto::secret::Secret;

use crate::lane::{Lane, PeerKey};
use crate::time::Time;
use crate::voice::VoicePlan;

pub use crate::views::{
    Activity, ActivityEntry, ChatEntry, DeviceView, InviteView, LocationView, MemberView, PollView,
    StatusView, TaskView, VersionView,
};

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
    /// Leave this at a coordinator, for a member who is away. Lost is nothing: it is asked for again after a failure.
    Deposit {
        /// Answered by [`crate::input::Input::Deposited`].
        id: u64,
        /// The origin of the coordinator.
        via: String,
        /// The mailbox of that member, today.
        address: MailboxAddress,
        /// Names the item; left twice it lies there once.
        item: MailboxItem,
        /// Sealed, and padded to a size class of the coordinator.
        bytes: Vec<u8>,
    },
    /// The own mailboxes to look into, all of them; replaces the list given before.
    Doors(Vec<MailboxDoor>),
    /// These are taken in and durable here: the coordinator can forget them.
    Taken {
        /// The own mailbox.
        address: MailboxAddress,
        /// Their names.
        items: Vec<MailboxItem>,
    },
    /// The places where members of this group find each other's addresses, all of them; replaces the list given before.
    Meet(Vec<MeetingPlace>),
    /// Nothing more until an input, or until the deadline. Always the last value of a drain.
    Idle(Option<Deadline>),
}

/// One own mailbox at a coordinator, on one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailboxDoor {
    /// The origin of the coordinator.
    pub via: String,
    /// Signs for the address.
    pub key: DayKey,
    /// Whether to be told when something comes; else it is looked into at the start, after a reconnect and now and then.
    pub watch: bool,
}

/// Where members leave their addresses for each other at a coordinator.
#[derive(Clone, PartialEq, Eq)]
pub struct MeetingPlace {
    /// The origin of the coordinator.
    pub via: String,
    /// The name of the place there.
    pub id: [u8; 32],
    /// What the records there are sealed with.
    pub key: Secret<[u8; 32]>,
    /// Whether to leave the own addresses there; else only to look.
    pub publish: bool,
}

impl core::fmt::Debug for MeetingPlace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MeetingPlace")
            .field("via", &self.via)
            .field("publish", &self.publish)
            .finish_non_exhaustive()
    }
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
    /// The poll or task now has this id, and is durable.
    Agenda(AgendaId),
    /// The invite stands.
    Invite(InviteView),
}

/// Why a command is refused. Always the caller's to mend; the text names the next step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The role of this account does not allow it.
    #[error("your role does not allow this; ask an admin of the group")]
    NotAllowed,
    /// Only who wrote a line gives it another text, whatever the role.
    #[error("only who wrote a line changes it; answer it with `halloo say --reply-to`")]
    NotYours,
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
    /// An admin said what newcomers are given of the past.
    HistoryChanged(halloo_crdt::log::History),
    /// A role changed.
    RoleChanged {
        /// Whose.
        account: AccountId,
        /// The role now.
        role: Role,
    },
    /// A member has another device.
    DeviceAdded {
        /// Whose.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
    /// A device of a member was taken out.
    DeviceRevoked {
        /// Whose.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
    /// A message, new to this device; `own` ones are told too, once durable.
    Message(ChatEntry),
    /// A message changed: edited, deleted or reacted to. The whole entry as it is now.
    Edited(ChatEntry),
    /// A poll is new or changed: as it is now.
    Poll(PollView),
    /// A task is new or changed: as it is now.
    Task(TaskView),
    /// Someone has a message, or has read up to it.
    Receipt {
        /// The message.
        message: MessageId,
        /// Who.
        account: AccountId,
        /// Read, or only delivered.
        read: bool,
    },
    /// Another device of this account has read: what is unread is less here too.
    ReadElsewhere {
        /// Which.
        device: DeviceId,
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
    /// The group meets by another coordinator, or by none.
    ViaChanged {
        /// Its origin.
        via: Option<String>,
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
    /// Some could not apply several commits of one account: its device is broken, or it poisons the keys; or those who say so lie.
    /// Told to admins.
    UnreadableKeys {
        /// Whose commits.
        account: AccountId,
        /// How many of the last ten minutes.
        commits: u32,
        /// Who said so.
        by: Vec<AccountId>,
    },
    /// A bound was reached and something was dropped.
    Overflow {
        /// Which bound.
        what: &'static str,
    },
}
