//! What a person sees: lines in causal order with edits, reactions and redactions folded in.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{DeviceId, MessageId};

use super::order::{Cursor, Key, Past};
use super::{Messages, Standing};
use crate::clock::Hlc;
use crate::content::{Body, Content, VerifiedContent};

/// Most lines in one page.
pub const MAX_PAGE: usize = 500;
/// Most texts of one line that are told: the newest ones.
const MAX_VERSIONS: usize = 100;
/// Lines above a line that its author is held to have had: what a screen shows.
const MAX_ABOVE: usize = 50;
/// Written by this much earlier, a line has come to whom it is for, and in the largest groups the receipt for it has come too: gossip takes
/// three seconds, receipts are spread over ten. What crosses within it was not written apart.
const APART_MS: u64 = 10_000;
/// Most different emoji shown on one line; the lexically first ones are.
const MAX_EMOJI_PER_LINE: usize = 32;

/// What the membership log says about contents. The engine implements it over its log; asked at every reading, so that a
/// later operation changes what is shown.
pub trait Authority {
    /// Whether the author was entitled at the content's place in history; else it is shown as void and changes nothing.
    fn counts(&self, content: &Content) -> bool;
    /// Whether `actor` and `author` are devices of one person.
    fn owns(&self, actor: &DeviceId, author: &DeviceId) -> bool;
    /// Whether the author of this redaction may hide what others wrote.
    fn moderates(&self, content: &Content) -> bool;
    /// Whether the content counts and was for the person of this device when it was written.
    fn owed(&self, reader: &DeviceId, content: &Content) -> bool;
}

/// Every device is its own person, all count, nobody moderates.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceOnly;

impl Authority for DeviceOnly {
    fn counts(&self, _: &Content) -> bool {
        true
    }
    fn owns(&self, actor: &DeviceId, author: &DeviceId) -> bool {
        actor == author
    }
    fn moderates(&self, _: &Content) -> bool {
        false
    }
    fn owed(&self, _: &DeviceId, _: &Content) -> bool {
        true
    }
}

/// One line as it is to be shown now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The message.
    pub id: MessageId,
    /// Its place in the timeline.
    pub place: Cursor,
    /// The device that wrote it.
    pub author: DeviceId,
    /// When its author says it was written.
    pub hlc: Hlc,
    /// The text after edits; empty once redacted and for kinds that this build does not know.
    pub text: String,
    /// When it was last edited, by the editor's clock.
    pub edited: Option<Hlc>,
    /// Who hid it.
    pub redacted_by: Option<DeviceId>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// emoji -> devices that set it.
    pub reactions: BTreeMap<String, BTreeSet<DeviceId>>,
    /// The kind byte, if a newer halloo wrote something that this one cannot show.
    pub unknown_kind: Option<u8>,
    /// Its author did not have everything that stands above it and was for it: written apart. See [`Messages::item`].
    pub apart: bool,
    /// Whether somebody's lie touches it.
    pub standing: Standing,
    /// Its author was not entitled to write it: shown as void.
    pub void: bool,
}

/// One text that a line had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The text.
    pub text: String,
    /// The device that wrote it.
    pub by: DeviceId,
    /// When, by its clock.
    pub hlc: Hlc,
}

/// Lines, oldest first, and where the older ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The lines, oldest first.
    pub items: Vec<Item>,
    /// Hand this to [`Messages::page`] for the page before; `None` at the beginning of the group.
    pub older: Option<Cursor>,
}

impl Messages {
    /// The last `limit` lines (at most [`MAX_PAGE`]) before `before`, or the newest.
    pub fn page(&self, authority: &dyn Authority, before: Option<Cursor>, limit: usize) -> Page {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut keys: Vec<Key> = match before {
            Some(Cursor(key)) => self.lines.range(..key).rev().take(limit + 1).copied().collect(),
            None => self.lines.iter().rev().take(limit + 1).copied().collect(),
        };
        keys.reverse();
        let more = keys.len() > limit;
        let shown = if more { &keys[1..] } else { &keys[..] };
        let older = if more { shown.first().map(|key| Cursor(*key)) } else { None };
        assert!(shown.len() <= limit && shown.is_sorted(), "a page is a piece of the timeline");
        let items = shown.iter().filter_map(|key| self.item_at(authority, key)).collect();
        Page { items, older }
    }

    /// One line; `None` if the id is not in the set or not a line of its own.
    ///
    /// It was written apart if one of the [`MAX_ABOVE`] lines above it, by another device, for the person of its author and written at
    /// least [`APART_MS`] before it by the stamps, is not in its past and was not acknowledged by its author before it: so lines of two sides
    /// of a split are marked, and those that merely cross are not.
    pub fn item(&self, authority: &dyn Authority, id: &MessageId) -> Option<Item> {
        let key = self.entries.get(id)?.key;
        self.lines.contains(&key).then(|| self.item_at(authority, &key))?
    }

    fn item_at(&self, authority: &dyn Authority, key: &Key) -> Option<Item> {
        let entry = self.entries.get(&key.id)?;
        let c = entry.content.content();
        let (text, reply_to, unknown_kind) = match &c.body {
            Body::Chat { text, reply_to } => (text.clone(), *reply_to, None),
            Body::Unknown { kind, .. } => (String::new(), None, Some(*kind)),
            _ => return None,
        };
        let mut item = Item {
            id: key.id,
            place: Cursor(*key),
            author: c.author,
            hlc: c.hlc,
            text,
            edited: None,
            redacted_by: None,
            reply_to,
            reactions: BTreeMap::new(),
            unknown_kind,
            apart: self.written_apart(authority, key, c),
            standing: entry.standing,
            void: !authority.counts(c),
        };
        self.fold_notes(authority, &mut item);
        Some(item)
    }

    fn written_apart(&self, authority: &dyn Authority, key: &Key, c: &Content) -> bool {
        let mut past = Past::of(self, key);
        let above = self.lines.range(..*key).rev().take(MAX_ABOVE);
        let mut old = above.filter(|above| above.hlc.wall_ms.saturating_add(APART_MS) <= key.hlc.wall_ms);
        old.any(|above| {
            let Some(line) = self.entries.get(&above.id).map(|e| e.content.content()) else { return false };
            line.author != c.author
                && !self.had(&c.author, line, c.hlc)
                && !past.holds(above)
                && authority.owed(&c.author, line)
        })
    }

    /// The texts that a line had, the first one first and the one that is shown last; nothing of one that was taken back. Of edits
    /// that did not know each other all are there.
    pub fn versions(&self, authority: &dyn Authority, id: &MessageId) -> Vec<Version> {
        let told = |item: &Item| item.redacted_by.is_none() && item.unknown_kind.is_none();
        let Some(item) = self.item(authority, id).filter(told) else {
            return Vec::new();
        };
        let line = self.entries.get(id).map(|entry| entry.content.content());
        let edits = self.notes_on(id).filter(|note| {
            let c = note.content();
            let sound = self.standing(&note.id()) != Some(Standing::Equivocated) && authority.counts(c);
            sound && authority.owns(&c.author, &item.author)
        });
        let texts =
            line.into_iter().chain(edits.map(VerifiedContent::content)).filter_map(|c| match &c.body {
                Body::Chat { text, .. } | Body::Edit { text, .. } => {
                    Some(Version { text: text.clone(), by: c.author, hlc: c.hlc })
                }
                _ => None,
            });
        let mut versions: Vec<Version> = texts.collect();
        assert!(versions.last().is_none_or(|last| last.text == item.text), "the last one is what is shown");
        versions.drain(..versions.len().saturating_sub(MAX_VERSIONS));
        versions
    }

    /// The lines in the order of their ids, from `id` on.
    pub fn lines_from(&self, id: MessageId) -> impl Iterator<Item = MessageId> + '_ {
        let lines = self.entries.range(id..).filter(|(_, entry)| self.lines.contains(&entry.key));
        lines.map(|(id, _)| *id)
    }

    /// Edits, reactions and redactions in causal order: the last one to speak wins.
    fn fold_notes(&self, authority: &dyn Authority, item: &mut Item) {
        let notes = self.notes.get(&item.id).into_iter().flatten();
        for entry in notes.filter_map(|key| self.entries.get(&key.id)) {
            let c = entry.content.content();
            if entry.standing == Standing::Equivocated || !authority.counts(c) {
                continue;
            }
            match &c.body {
                Body::Edit { text, .. }
                    if authority.owns(&c.author, &item.author) && item.unknown_kind.is_none() =>
                {
                    item.text.clone_from(text);
                    item.edited = Some(c.hlc);
                }
                Body::Redact { .. } if authority.owns(&c.author, &item.author) || authority.moderates(c) => {
                    item.redacted_by.get_or_insert(c.author);
                }
                Body::Reaction { emoji, on: true, .. } => {
                    item.reactions.entry(emoji.clone()).or_default().insert(c.author);
                }
                Body::Reaction { emoji, on: false, .. } => {
                    // A person takes back what it set, on whichever device.
                    if let Some(devices) = item.reactions.get_mut(emoji) {
                        devices.retain(|device| *device != c.author && !authority.owns(&c.author, device));
                    }
                }
                _ => {}
            }
        }
        item.reactions.retain(|_, devices| !devices.is_empty());
        while item.reactions.len() > MAX_EMOJI_PER_LINE {
            item.reactions.pop_last();
        }
        if item.redacted_by.is_some() {
            item.text.clear();
            item.reactions.clear();
        }
    }
}
