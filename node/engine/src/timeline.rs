//! What a person sees of the conversation, and what counts in it: the log's word on contents, and who vouches for the removed.
//!
//! A removed author's content counts only if a member who remains referred to it without knowing of the removal: by writing after
//! it, or by a receipt. Otherwise a removed member could backdate for ever.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::content::{Body, Content};
use halloo_crdt::log::{OpKind, Role};
use halloo_crdt::messages::{Authority, Cursor, Item, MAX_PAGE, Version};
use halloo_crypto::id::{AccountId, DeviceId, Incarnation, MessageId, OpId};

use crate::history::{self, Lines};
use crate::output::{ChatEntry, VersionView};
use crate::state::{State, name_of};

/// What remaining members vouch for, by removed author.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vouchers {
    by_removed: BTreeMap<DeviceId, Vouched>,
}

impl Vouchers {
    /// Whether what is said of this removed author is gathered.
    pub(crate) fn covers(&self, author: &DeviceId) -> bool {
        self.by_removed.contains_key(author)
    }
}

#[derive(Clone, Debug, Default)]
struct Vouched {
    ids: BTreeSet<MessageId>,
    marks: BTreeMap<Incarnation, u64>,
}

/// Notes what a content vouches for: if its author remains, what it refers to of removed authors counts.
pub(crate) fn vouch(room: &mut Vouchers, state: &State, content: &Content) {
    if room.by_removed.is_empty() || state.log.view().account_of(&content.author).is_none() {
        return;
    }
    for (removed, vouched) in &mut room.by_removed {
        let ends = state.log.removed_after(removed, &[]);
        if ends.iter().all(|end| state.log.closure_contains(&content.heads, end)) {
            continue;
        }
        let of_removed =
            |id: &&MessageId| state.messages.get(id).is_some_and(|c| c.content().author == *removed);
        vouched.ids.extend(content.deps.iter().filter(of_removed));
        if let Body::Receipt { delivered, read } = &content.body {
            for mark in delivered.iter().chain(read).filter(|mark| mark.author == *removed) {
                let level = vouched.marks.entry(mark.incarnation).or_default();
                *level = mark.seq.max(*level);
            }
        }
    }
}

/// Gathers the vouchers again when the log removed or restored somebody who wrote.
pub(crate) fn revouch(room: &mut Vouchers, state: &State) {
    let removed: BTreeSet<DeviceId> =
        state.messages.authors().filter(|author| state.log.view().account_of(author).is_none()).collect();
    if room.by_removed.keys().eq(&removed) {
        return;
    }
    room.by_removed = removed.into_iter().map(|device| (device, Vouched::default())).collect();
    debug_assert!(
        !room.by_removed.contains_key(&state.me()) || !state.is_member(),
        "who is in is not removed"
    );
    for content in state.messages.accepted() {
        vouch(room, state, content);
    }
}

/// What the log says of contents, for the timeline.
struct ByLog<'a> {
    room: &'a Vouchers,
    state: &'a State,
}

impl ByLog<'_> {
    fn role_then(&self, content: &Content) -> Option<Role> {
        let account = self.state.log.account_of(&content.author)?;
        self.state.log.view_at(&content.heads).ok()?.role(&account)
    }
}

impl Authority for ByLog<'_> {
    fn counts(&self, content: &Content) -> bool {
        let log = &self.state.log;
        if !log.author_entitled_at(&content.author, &content.heads) {
            return false;
        }
        let account = log.account_of(&content.author);
        let mut ends = log.removed_after(&content.author, &content.heads).into_iter();
        // Who left by itself takes nothing back that it said before. A device that its sibling took out may be in other hands.
        let left = |end: &OpId| {
            let revoked = log.get(end).is_some_and(|op| matches!(op.kind(), OpKind::DeviceRevoke { .. }));
            log.actor(end) == account && !revoked
        };
        if ends.all(|end| left(&end)) {
            return true;
        }
        self.room.by_removed.get(&content.author).is_some_and(|vouched| {
            let level = vouched.marks.get(&content.incarnation).copied().unwrap_or(0);
            content.seq <= level || vouched.ids.contains(&content.id())
        })
    }

    fn owns(&self, actor: &DeviceId, author: &DeviceId) -> bool {
        self.state
            .log
            .account_of(actor)
            .is_some_and(|account| self.state.log.account_of(author) == Some(account))
    }

    fn moderates(&self, content: &Content) -> bool {
        self.role_then(content).is_some_and(|role| role >= Role::Moderator)
    }

    fn owed(&self, reader: &DeviceId, content: &Content) -> bool {
        let person = self.state.log.account_of(reader);
        person.is_some_and(|person| self.state.log.role_at(&person, &content.heads).is_some())
            && self.counts(content)
    }
}

/// What the log and the word of who let this device in say of older contents. Whether the line of somebody who is out counted, only
/// those know who were there; a note of such a one counts as any other would.
struct ByWord<'a> {
    by_log: ByLog<'a>,
    lines: &'a Lines,
}

impl Authority for ByWord<'_> {
    fn counts(&self, content: &Content) -> bool {
        match content.body {
            Body::Chat { .. } | Body::Unknown { .. } => {
                self.by_log.state.log.author_entitled_at(&content.author, &content.heads)
                    && self.lines.name(&content.id(), content)
            }
            _ => self.by_log.counts(content),
        }
    }

    fn owns(&self, actor: &DeviceId, author: &DeviceId) -> bool {
        self.by_log.owns(actor, author)
    }

    fn moderates(&self, content: &Content) -> bool {
        self.by_log.moderates(content)
    }

    fn owed(&self, _: &DeviceId, _: &Content) -> bool {
        // What its author had is not known to somebody who came later.
        false
    }
}

/// One line as it stands now; `None` for what is not a line.
pub(crate) fn entry(room: &Vouchers, state: &State, id: &MessageId) -> Option<ChatEntry> {
    let by_log = ByLog { room, state };
    if let Some(item) = state.messages.item(&by_log, id) {
        return Some(to_entry(state, item));
    }
    state.past.handed().contains(id).then(|| {
        let lines = history::lines_for(state, &state.me());
        let item = state.past.handed().item(&ByWord { by_log, lines: &lines }, id)?;
        Some(to_forwarded(state, &lines, item))
    })?
}

/// The texts that a line had, oldest first; nothing of one that was taken back.
pub(crate) fn versions(room: &Vouchers, state: &State, id: &MessageId) -> Vec<VersionView> {
    let by_log = ByLog { room, state };
    let versions = if state.messages.contains(id) {
        state.messages.versions(&by_log, id)
    } else {
        let lines = history::lines_for(state, &state.me());
        state.past.handed().versions(&ByWord { by_log, lines: &lines }, id)
    };
    let view =
        |version: Version| VersionView { text: version.text, device: version.by, at_ms: version.hlc.wall_ms };
    versions.into_iter().map(view).collect()
}

/// Lines before `before`, or the newest, oldest first.
pub(crate) fn page(
    room: &Vouchers,
    state: &State,
    before: Option<Cursor>,
    limit: usize,
) -> (Vec<ChatEntry>, Option<Cursor>) {
    let by_log = ByLog { room, state };
    let page = state.messages.page(&by_log, before, limit);
    debug_assert!(page.items.len() <= limit.max(1), "a page holds what was asked for");
    if state.past.handed().is_empty() {
        return (page.items.into_iter().map(|item| to_entry(state, item)).collect(), page.older);
    }
    // Both sets give their newest; of both together the newest are the page.
    let lines = history::lines_for(state, &state.me());
    let handed = state.past.handed().page(&ByWord { by_log, lines: &lines }, before, limit);
    let more = page.older.is_some() || handed.older.is_some();
    let ordinary = page.items.into_iter().map(|item| (item.place, to_entry(state, item)));
    let handed = handed.items.into_iter().filter(|item| !state.messages.contains(&item.id));
    let handed = handed.map(|item| (item.place, to_forwarded(state, &lines, item)));
    let all: BTreeMap<Cursor, ChatEntry> = ordinary.chain(handed).collect();
    let skipped = all.len().saturating_sub(limit.clamp(1, MAX_PAGE));
    assert!(all.len() - skipped <= limit.max(1), "a page of both holds what was asked for");
    let older = all.keys().nth(skipped).copied().filter(|_| more || skipped > 0);
    (all.into_values().skip(skipped).collect(), older)
}

/// A line that was handed on.
fn to_forwarded(state: &State, lines: &Lines, item: Item) -> ChatEntry {
    let forwarded_by = lines.by(&item.id);
    ChatEntry { forwarded: true, forwarded_by, apart: false, ..to_entry(state, item) }
}

fn to_entry(state: &State, item: Item) -> ChatEntry {
    let account_of = |device: &DeviceId| state.log.account_of(device);
    let accounts = |devices: &BTreeSet<DeviceId>| -> Vec<AccountId> {
        devices.iter().filter_map(account_of).collect::<BTreeSet<_>>().into_iter().collect()
    };
    // Whoever was let in by an act that is void has an account too: it is shown, as void.
    let content = state.messages.get(&item.id).or_else(|| state.past.handed().get(&item.id));
    let heads = content.map_or(&[][..], |content| &content.content().heads);
    let author = account_of(&item.author).or_else(|| state.log.author_at(&item.author, heads));
    let author = author.unwrap_or(AccountId::from_bytes([0; 32]));
    let holders = state.messages.who_has(&item.id);
    ChatEntry {
        id: item.id,
        author,
        device: item.author,
        name: name_of(state, &author),
        sent_ms: item.hlc.wall_ms,
        text: item.text,
        reply_to: item.reply_to,
        edited: item.edited.is_some(),
        deleted: item.redacted_by.is_some(),
        reactions: item.reactions.iter().map(|(emoji, by)| (emoji.clone(), accounts(by))).collect(),
        delivered_to: accounts(&holders.delivered).into_iter().filter(|a| *a != author).collect(),
        read_by: accounts(&holders.read).into_iter().filter(|a| *a != author).collect(),
        own: author == state.account(),
        void: item.void,
        apart: item.apart,
        forwarded: item.author != state.me() && state.log.role_at(&state.account(), heads).is_none(),
        forwarded_by: None,
    }
}

#[cfg(test)]
mod tests;
