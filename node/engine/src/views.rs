//! What a user interface is shown: lines, members, places, invites, the activity log, the state of things.

use core::time::Duration;

use halloo_crdt::document::AgendaId;
use halloo_crdt::log::{History, Role};
use halloo_crypto::id::{AccountId, DeviceId, EpochId, InviteId, MessageId, OpId};

use crate::place::Precision;

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
    /// Whether it was written apart: its author did not have all that stands above it and was for it, though that was written long before.
    pub apart: bool,
    /// Whether it was written before the person of this device came, and was handed on: forwarded history.
    pub forwarded: bool,
    /// Who chose it for this device, when it let it in.
    pub forwarded_by: Option<AccountId>,
}

/// One text that a line had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionView {
    /// The text.
    pub text: String,
    /// The device of its author that wrote it.
    pub device: DeviceId,
    /// When, by that clock, Unix milliseconds; display only.
    pub at_ms: u64,
}

/// A poll as it stands now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PollView {
    /// Which.
    pub id: AgendaId,
    /// Who asks.
    pub by: AccountId,
    /// Their display name now.
    pub name: String,
    /// When, by that clock, Unix milliseconds; display only.
    pub at_ms: u64,
    /// The question.
    pub question: String,
    /// What can be chosen, and who has chosen it.
    pub options: Vec<(String, Vec<AccountId>)>,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether this account asks.
    pub own: bool,
    /// What this account has chosen, from 0.
    pub vote: Option<usize>,
}

/// A task as it stands now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskView {
    /// Which.
    pub id: AgendaId,
    /// Who made it.
    pub by: AccountId,
    /// Their display name now.
    pub name: String,
    /// When, by that clock, Unix milliseconds; display only.
    pub at_ms: u64,
    /// What is to be done.
    pub title: String,
    /// Who shall do it.
    pub assigned: Option<AccountId>,
    /// Who says that it is done.
    pub done: Option<AccountId>,
    /// Who says that it need not be done.
    pub dropped: Option<AccountId>,
    /// Whether this account made it.
    pub own: bool,
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
    /// When its account certified it, by that clock, Unix milliseconds; display only.
    pub since_ms: u64,
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
    /// What newcomers get of the past was said.
    History(History),
}

/// How the member stands, for `status` and `doctor`.
#[derive(Clone, PartialEq, Debug)]
pub struct StatusView {
    /// The group's name.
    pub group_name: String,
    /// The origin of the coordinator by which the group meets.
    pub via: Option<String>,
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
    /// Whether this device is in the call.
    pub in_call: bool,
    /// Whether its microphone is muted.
    pub microphone_muted: bool,
    /// Whether its loudspeaker is off.
    pub speaker_muted: bool,
    /// Proven peers.
    pub peers: u32,
    /// Operations known.
    pub operations: u32,
    /// Contents known.
    pub contents: u32,
    /// Own contents that nobody else is known to hold.
    pub undelivered: u32,
    /// Things that are still to be left in the mailboxes of members who are away; not counted is what only goes along with others.
    pub to_leave: u32,
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
