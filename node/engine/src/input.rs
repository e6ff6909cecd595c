//! Everything that can happen to a member: commands of its user, frames of its peers, answers of its disk, time.

use core::time::Duration;

use halloo_crdt::document::AgendaId;
use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, DeviceId, InviteId, MailboxAddress, MailboxItem, MessageId};
use halloo_crypto::identity::Revocation;
use halloo_crypto::invite::InviteSecret;

use crate::lane::{Lane, PeerKey};
use crate::output::WriteId;
use crate::place::{Fix, Precision};

/// One thing that happened. An engine takes one and is then drained to [`crate::output::Output::Idle`].
#[derive(Clone, Debug)]
pub enum Input {
    /// The user, or a program for the user, wants something. Answered by one [`crate::output::Output::Reply`].
    Command {
        /// Chosen by the driver, returned in the reply.
        request: u64,
        /// What is wanted.
        command: Command,
    },
    /// Bytes from a peer. `from` is who handed them over, which on gossip is not who wrote them.
    Frame {
        /// The neighbour on the wire.
        from: PeerKey,
        /// Which way it came.
        lane: Lane,
        /// The frame, untrusted.
        bytes: Vec<u8>,
    },
    /// A transport connection to this peer stands.
    PeerUp(PeerKey),
    /// The last transport connection to this peer is gone.
    PeerDown(PeerKey),
    /// The batch of this id is durable. Batches are confirmed in the order they were asked for.
    Written(WriteId),
    /// The device's own position, from a GPS, a GPX replay or the command line.
    Fix(Fix),
    /// The addresses of this node changed: links and QR texts shown from now on carry these.
    Addresses(Vec<String>),
    /// Time has passed: the deadline of the last `Idle`, or a push from outside.
    Wake(WakeReason),
    /// What lay in an own mailbox. It enters by the same door as frames; what is done with is told by [`crate::output::Output::Taken`].
    Fetched {
        /// Which mailbox.
        address: MailboxAddress,
        /// Names and bytes, untrusted.
        items: Vec<(MailboxItem, Vec<u8>)>,
    },
    /// What became of a deposit.
    Deposited {
        /// Of [`crate::output::Output::Deposit`].
        id: u64,
        /// What became of it.
        outcome: DepositOutcome,
    },
}

/// What became of a deposit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DepositOutcome {
    /// The coordinator has it durably.
    Stored,
    /// That mailbox is full.
    Full,
    /// The coordinator does not answer, or refuses this node now.
    Unreachable,
}

/// Why the driver woke the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WakeReason {
    /// The deadline that the engine asked for has come.
    Deadline,
    /// A push notification or a foreground switch of the app.
    Outside,
    /// The node is about to end: what others lack is left for them now, not after a wait. It may be fed on for as long as that takes.
    Leaving,
}

/// What a user can ask of a member.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Write a message to the group.
    Say {
        /// The text, UTF-8, at most [`halloo_crdt::content::MAX_TEXT_BYTES`].
        text: String,
        /// The message that this one answers.
        reply_to: Option<MessageId>,
    },
    /// Replace the text of an own message.
    Edit {
        /// The message, written by the same account.
        message: MessageId,
        /// The new text.
        text: String,
    },
    /// Withdraw an own message (or, with the role of moderator, anyone's).
    Delete {
        /// The message.
        message: MessageId,
    },
    /// Put a reaction on a message, or take it off.
    React {
        /// The message.
        message: MessageId,
        /// The emoji, at most 32 bytes.
        emoji: String,
        /// `false` takes it off again.
        on: bool,
    },
    /// Change polls and tasks.
    Agenda(AgendaAsk),
    /// Everything up to and including this message has been read.
    MarkRead {
        /// The newest message read.
        message: MessageId,
    },
    /// Share the location for this long, or with `None` stop sharing now.
    Share {
        /// How long sharing stays on; `None` stops it and withdraws the last position.
        lease: Option<Duration>,
    },
    /// Choose how exactly the others see this device.
    SetPrecision(Precision),
    /// Tell the group whether this microphone is muted. The media thread obeys the next plan.
    MuteMicrophone(bool),
    /// Tell the group whether this loudspeaker is off.
    MuteSpeaker(bool),
    /// Enter the group's call.
    JoinCall,
    /// Leave the group's call.
    LeaveCall,
    /// Hand these signalling bytes to the media endpoint of another device.
    Signal {
        /// The other end.
        to: DeviceId,
        /// Opaque, at most [`crate::wire::MAX_SIGNAL_BYTES`].
        bytes: Vec<u8>,
    },
    /// Open an invite: a link, a QR text and a short code.
    Invite {
        /// How many people may come in by it.
        max_uses: u16,
        /// How long it stays open.
        expiry: Duration,
        /// The role that it grants.
        role: Role,
    },
    /// Close an invite before its time.
    CloseInvite(InviteId),
    /// Take a member out of the group, with all its devices.
    Remove(AccountId),
    /// Take one device of the own account out, for instance a lost phone.
    RevokeDevice {
        /// Which.
        device: DeviceId,
        /// The account key's word, where this device has that key: no word of the lost device stands against it.
        word: Option<Revocation>,
    },
    /// Open a door for ten minutes by which another device of the own account comes in, as [`crate::pairing`] says.
    OpenForDevice {
        /// The device that may come, and no other.
        device: DeviceId,
        /// What it knows the door by.
        secret: InviteSecret,
    },
    /// Change what a member may do.
    SetRole {
        /// Whose role.
        account: AccountId,
        /// The new role.
        role: Role,
    },
    /// Say what newcomers are given of the past from now on.
    SetHistory(halloo_crdt::log::History),
    /// Leave the group with this account.
    Leave,
    /// Change the group's name.
    Rename(String),
    /// Say by which coordinator the group meets: an origin, `https://halloo.example`; `None`: by none.
    SetVia(Option<String>),
    /// Change the own display name.
    SetProfile {
        /// At most [`crate::output::MAX_NAME_BYTES`].
        name: String,
    },
}

/// What a user can ask about polls and tasks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AgendaAsk {
    /// Ask the group a question.
    OpenPoll {
        /// At most [`halloo_crdt::document::MAX_QUESTION_BYTES`].
        question: String,
        /// Two to [`halloo_crdt::document::MAX_OPTIONS`], all different.
        options: Vec<String>,
    },
    /// Vote, or vote otherwise; a person has one vote, whatever its devices do.
    Vote {
        /// Which poll.
        poll: AgendaId,
        /// The text of the option; `None` takes the vote back.
        option: Option<String>,
    },
    /// Close an own poll.
    ClosePoll(AgendaId),
    /// Note something that is to be done.
    AddTask {
        /// At most [`halloo_crdt::document::MAX_TITLE_BYTES`].
        title: String,
        /// Who shall do it.
        assigned: Option<AccountId>,
    },
    /// Say otherwise what is to be done, or by whom.
    ChangeTask {
        /// Which task.
        task: AgendaId,
        /// The new title.
        title: Option<String>,
        /// Who shall do it from now on: somebody, or nobody.
        assigned: Option<Option<AccountId>>,
    },
    /// Say that it is done, or that it is not.
    FinishTask {
        /// Which task.
        task: AgendaId,
        /// Done.
        done: bool,
    },
    /// Say that it need not be done, or that it must be after all.
    DropTask {
        /// Which task.
        task: AgendaId,
        /// Dropped.
        dropped: bool,
    },
}
