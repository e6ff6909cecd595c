//! Contents that wait for their past, bounded per author and in all.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{DeviceId, MessageId};

use super::{MAX_PENDING_BYTES, MAX_PENDING_BYTES_PER_AUTHOR, MAX_PENDING_PER_AUTHOR};
use crate::content::{Body, Content, VerifiedContent};

#[derive(Debug, Clone, Default)]
struct Share {
    contents: usize,
    bytes: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    held: BTreeMap<MessageId, VerifiedContent>,
    /// missing content -> who waits for it
    waiting: BTreeMap<MessageId, BTreeSet<MessageId>>,
    shares: BTreeMap<DeviceId, Share>,
    bytes: usize,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn contains(&self, id: &MessageId) -> bool {
        self.held.contains_key(id)
    }

    pub(super) fn get(&self, id: &MessageId) -> Option<&VerifiedContent> {
        self.held.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VerifiedContent> + '_ {
        self.held.values()
    }

    /// Whether something that is held waits for this.
    pub(super) fn wants(&self, id: &MessageId) -> bool {
        self.waiting.contains_key(id)
    }

    pub(super) fn wanted(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.waiting.keys().filter(|id| !self.held.contains_key(id)).copied()
    }

    pub(super) fn has_room(&self, content: &Content) -> bool {
        let bytes = weight(content);
        let share = self.shares.get(&content.author).cloned().unwrap_or_default();
        share.contents < MAX_PENDING_PER_AUTHOR
            && share.bytes + bytes <= MAX_PENDING_BYTES_PER_AUTHOR
            && self.bytes + bytes <= MAX_PENDING_BYTES
    }

    pub(super) fn hold(&mut self, content: VerifiedContent, missing: &[MessageId]) {
        assert!(!missing.is_empty(), "only what lacks something waits");
        let bytes = weight(content.content());
        let share = self.shares.entry(content.content().author).or_default();
        share.contents += 1;
        share.bytes += bytes;
        self.bytes += bytes;
        for id in missing {
            self.waiting.entry(*id).or_default().insert(content.id());
        }
        assert!(share.bytes <= self.bytes, "a share is part of the whole");
        let before = self.held.insert(content.id(), content);
        assert!(before.is_none(), "a content waits once");
    }

    /// Whoever waited for `arrived`; each may still wait for something else.
    pub(super) fn waiting_for(&mut self, arrived: &MessageId) -> BTreeSet<MessageId> {
        self.waiting.remove(arrived).unwrap_or_default()
    }

    pub(super) fn take(&mut self, id: &MessageId) -> Option<VerifiedContent> {
        let content = self.held.remove(id)?;
        let bytes = weight(content.content());
        let author = content.content().author;
        let share = self.shares.get_mut(&author).expect("whoever waits has a share");
        share.contents -= 1;
        share.bytes -= bytes;
        self.bytes -= bytes;
        assert!(self.bytes >= share.bytes, "a share is part of the whole");
        if share.contents == 0 {
            assert_eq!(share.bytes, 0, "an empty share weighs nothing");
            self.shares.remove(&author);
        }
        Some(content)
    }
}

/// Bytes that a waiting content takes, near enough.
fn weight(content: &Content) -> usize {
    let body = match &content.body {
        Body::Chat { text, .. } | Body::Edit { text, .. } => text.len(),
        Body::Document(bytes) | Body::Unknown { bytes, .. } => bytes.len(),
        Body::Receipt { delivered, read } => 56 * (delivered.len() + read.len()),
        Body::History { lines, .. } => 32 * lines.len(),
        Body::Redact { .. } | Body::Reaction { .. } => 64,
    };
    256 + 32 * (content.deps.len() + content.heads.len()) + body
}
