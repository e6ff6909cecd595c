//! What a user interface asks a member: who is in, what was said, where everybody is. Nothing here changes anything.

use std::collections::BTreeSet;

use halloo_crdt::live::{Cell, Kind};
use halloo_crdt::log::{History, OpKind};
use halloo_crdt::messages::Cursor;
use halloo_crypto::id::{AccountId, DeviceId, EpochId, MessageId, OpId};

use crate::agenda;
use crate::engine::Engine;
use crate::invites;
use crate::lane::PeerKey;
use crate::location;
use crate::mailbox;
use crate::membership::invite_name;
use crate::output::{
    Activity, ActivityEntry, ChatEntry, DeviceView, InviteView, LocationView, MailboxDoor, MemberView,
    PollView, StatusView, TaskView, VersionView,
};
use crate::pairing::Tag;
use crate::readmission;
use crate::state::name_of;
use crate::timeline;
use crate::wire::gossip::GossipFrame;
use crate::wire::parcel::Parcel;

/// Lines of the conversation, oldest first, and where the older ones begin.
#[derive(Clone, PartialEq, Debug)]
pub struct TimelinePage {
    /// The lines.
    pub entries: Vec<ChatEntry>,
    /// For the page before this one.
    pub older: Option<Cursor>,
}

impl Engine {
    /// By which coordinator the group meets, as [`StatusView::via`] without all the rest.
    pub fn via(&self) -> Option<String> {
        self.state.document.via()
    }

    /// The own mailbox in use as it will be from today on, a door a day, for so many days; each costs a multiplication on the curve.
    /// Empty without a coordinator, and for who is no member.
    pub fn mailbox_ahead(&self, days: u32) -> Vec<MailboxDoor> {
        mailbox::ahead(&self.mail.mailboxes, &self.state, days)
    }

    /// Whether deposits wait for their answer: until then a node that ends loses time, not mail.
    pub fn leaves_mail(&self) -> bool {
        self.mail.post.flying() > 0
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.state.me()
    }

    /// This account.
    pub fn account(&self) -> AccountId {
        self.state.account()
    }

    /// The heads of the log, ascending: what a backup keeps of it.
    pub fn heads(&self) -> Vec<OpId> {
        self.state.heads()
    }

    /// Whether a device of an account that is or was in this group knocks, or somebody who knocks too often to be looked for.
    pub fn is_sought(&mut self, from: &PeerKey, tag: &Tag) -> bool {
        readmission::is_sought(&mut self.invites.readmission, &self.state, from, tag)
    }

    /// Members, senior first.
    pub fn members(&self) -> Vec<MemberView> {
        let roster = self.state.log.view();
        let in_order = roster.by_seniority();
        debug_assert_eq!(in_order.len(), roster.members().len(), "everybody has a rank");
        let members = in_order.iter().filter_map(|account| Some((account, roster.member(account)?)));
        members
            .map(|(account, member)| MemberView {
                account: *account,
                name: name_of(&self.state, account),
                role: member.role,
                devices: member.devices.keys().map(|device| self.device_view(device)).collect(),
                own: *account == self.state.account(),
            })
            .collect()
    }

    /// The accounts of all members, in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.state.log.view().members().keys()
    }

    /// What a gossip frame says to a member that holds its beacon: for those who watch a member from outside.
    pub fn reads_gossip(&self, topic: &[u8; 32], bytes: &[u8]) -> Option<Parcel> {
        GossipFrame::parse(bytes).and_then(|frame| self.state.beacons.open(&frame, topic)).ok()
    }

    /// Seals made to epochs since the start: for those who watch a member from outside.
    pub fn seals(&self) -> u64 {
        self.state.sealed
    }

    /// Whether anybody holds the current epoch whom the log does not authorise, asked of the epoch itself and of the log.
    pub fn outsider_holds_epoch(&self) -> bool {
        let authorised = self.state.log.view().devices();
        self.state.epochs.tip().session.devices().iter().any(|leaf| !authorised.contains_key(leaf))
    }

    /// Another whenever [`Self::outsider_holds_epoch`] may say something else.
    pub fn outsiders_print(&self) -> (EpochId, usize, u64) {
        (self.state.epochs.tip().id(), self.state.log.len(), self.state.log.settlements())
    }

    /// Timers that have fired since the start, whatever their reason.
    pub fn wakes(&self) -> u64 {
        self.state.timers.total()
    }

    fn device_view(&self, device: &DeviceId) -> DeviceView {
        let own = *device == self.state.me();
        let mute = match self.state.live.get(device, Kind::Mute) {
            Some(Cell::Mute(mute)) => *mute,
            _ => halloo_crdt::live::Mute::default(),
        };
        let in_call = if own { self.call.in_call() } else { self.call.participants().contains(device) };
        DeviceView {
            device: *device,
            since_ms: self.state.log.view().device(device).map_or(0, |d| d.grant.certificate.created_ms),
            online: own || self.state.live.get(device, Kind::Presence).is_some(),
            connected: own || self.state.peers.of_device(device).is_some(),
            microphone_muted: mute.microphone,
            speaker_muted: mute.speaker,
            in_call,
        }
    }

    /// The newest lines before `before`, or the newest of all; at most `limit`.
    pub fn timeline(&self, before: Option<Cursor>, limit: usize) -> TimelinePage {
        let (entries, older) = timeline::page(&self.chat.vouchers, &self.state, before, limit);
        TimelinePage { entries, older }
    }

    /// How many of the newest lines, at most `limit`, others wrote and no device of this account has read.
    pub fn unread(&self, limit: usize) -> usize {
        let own = self.state.account();
        let unread =
            |line: &&ChatEntry| !line.own && !line.deleted && !line.void && !line.read_by.contains(&own);
        self.timeline(None, limit).entries.iter().filter(unread).count()
    }

    /// Where a line stands in the conversation, to page from it. `None` for what is not a line here, and for the oldest line:
    /// nothing is before it.
    pub fn cursor_of(&self, id: &MessageId) -> Option<Cursor> {
        let mut before = None;
        loop {
            let page =
                timeline::page(&self.chat.vouchers, &self.state, before, halloo_crdt::messages::MAX_PAGE);
            if page.0.iter().any(|entry| entry.id == *id) {
                break;
            }
            before = Some(page.1?);
        }
        loop {
            let (line, older) = timeline::page(&self.chat.vouchers, &self.state, before, 1);
            before = Some(older?);
            if line.iter().any(|entry| entry.id == *id) {
                return before;
            }
        }
    }

    /// One line as it stands now.
    pub fn message(&self, id: &MessageId) -> Option<ChatEntry> {
        timeline::entry(&self.chat.vouchers, &self.state, id)
    }

    /// The texts that a line had, the first one first; nothing of one that was taken back.
    pub fn versions(&self, id: &MessageId) -> Vec<VersionView> {
        timeline::versions(&self.chat.vouchers, &self.state, id)
    }

    /// The lines whose ids begin so (lower-case hexadecimal), at most `most`, ascending.
    pub fn lines_like(&self, beginning: &str, most: usize) -> Vec<MessageId> {
        let Ok(from) = format!("{beginning:0<64}").parse::<MessageId>() else { return Vec::new() };
        let like = |id: &MessageId| id.to_string().starts_with(beginning);
        let ordinary = self.state.messages.lines_from(from).take_while(like).take(most);
        let handed = self.state.past.handed().lines_from(from).take_while(like).take(most);
        let both: BTreeSet<MessageId> = ordinary.chain(handed).collect();
        both.into_iter().take(most).collect()
    }

    /// The newest polls, oldest first.
    pub fn polls(&self) -> Vec<PollView> {
        agenda::polls(&self.state)
    }

    /// The newest tasks, oldest first, also those that are done or dropped.
    pub fn tasks(&self) -> Vec<TaskView> {
        agenda::tasks(&self.state)
    }

    /// Where everybody is who shares it, this device included.
    pub fn locations(&self) -> Vec<LocationView> {
        location::views(&self.here, &self.state)
    }

    /// The newest lines of the activity log, oldest first; at most `limit`.
    pub fn activity(&self, limit: usize) -> Vec<ActivityEntry> {
        let all = self.state.log.activity();
        let skip = all.len().saturating_sub(limit);
        all.into_iter()
            .skip(skip)
            .map(|line| {
                let act = match line.kind {
                    OpKind::Genesis { .. } => Activity::Created,
                    OpKind::Add { account, .. } => Activity::Added(account),
                    OpKind::Remove { account } if account == line.account => Activity::Left(account),
                    OpKind::Remove { account } => Activity::Removed(account),
                    OpKind::SetRole { account, role } => Activity::Role(account, role),
                    OpKind::DeviceAdd { device } => Activity::DeviceAdded(device.certificate.device),
                    OpKind::DeviceRevoke { device, .. } => Activity::DeviceRevoked(device),
                    OpKind::Invite { .. } => Activity::InviteOpened(invite_name(&line.op)),
                    OpKind::SetHistory { history } => Activity::History(history),
                    OpKind::InviteRevoke { invite } => Activity::InviteClosed(invite_name(&invite)),
                };
                ActivityEntry {
                    op: line.op,
                    by: line.account,
                    at_ms: line.at_ms,
                    act,
                    void: line.void.is_some(),
                }
            })
            .collect()
    }

    /// What newcomers are given of the past from now on.
    pub fn history(&self) -> History {
        self.state.log.history_at(&self.state.heads())
    }

    /// Invites that are open.
    pub fn invites(&self) -> Vec<InviteView> {
        invites::views(&self.invites, &self.state)
    }

    /// How this member stands.
    pub fn status(&self) -> StatusView {
        let state = &self.state;
        let tip = state.epochs.tip();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        StatusView {
            group_name: state.document.name().unwrap_or_default(),
            via: state.document.via(),
            member: state.is_member(),
            epoch: tip.id(),
            epoch_devices: number(tip.session.member_count()),
            branches: number(state.epochs.len()),
            tainted: state.tainted,
            in_call: self.call.in_call(),
            microphone_muted: self.call.mutes().0,
            speaker_muted: self.call.mutes().1,
            peers: number(state.peers.proven().count()),
            operations: number(state.log.len()),
            contents: number(state.messages.len()),
            undelivered: number(self.chat.undelivered.len()),
            to_leave: number(self.mail.post.to_leave(state)),
            seals_offered: self.chat.offered,
            seals_opened: self.chat.opened,
            writes_pending: number(state.out.pending()),
            dropped: state.dropped(),
            wakes: state.timers.fired(),
        }
    }
}
