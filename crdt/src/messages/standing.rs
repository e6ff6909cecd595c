//! What a content counts after somebody was caught signing two contents under one number.

use halloo_crypto::id::MessageId;

use super::Messages;
use crate::content::Content;

/// How much a content counts. Nothing is ever dropped for its standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Counts.
    Sound,
    /// Its past holds a content that does not count: shown and folded, marked.
    Orphaned,
    /// Lost its number to a lower hash, or its incarnation was frozen before it: shown marked, changes nothing.
    Equivocated,
}

impl Messages {
    /// `past` is the standing of what it depends on.
    pub(super) fn judge(
        &self,
        content: &Content,
        id: MessageId,
        mut past: impl Iterator<Item = Standing>,
    ) -> Standing {
        if self.streams.is_void(content, id) {
            return Standing::Equivocated;
        }
        if past.all(|standing| standing == Standing::Sound) { Standing::Sound } else { Standing::Orphaned }
    }

    /// Judges everything again in causal order: once for each lie found, not once for each content.
    pub(super) fn judge_again(&mut self) {
        let ids: Vec<MessageId> = self.order.iter().map(|key| key.id).collect();
        assert_eq!(ids.len(), self.entries.len(), "every accepted content has one place in the order");
        for id in ids {
            let content = self.entries.get(&id).map(|e| e.content.content());
            let content = content.expect("the order holds accepted contents only");
            let past = content.deps.iter().filter_map(|dep| self.entries.get(dep)).map(|e| e.standing);
            let standing = self.judge(content, id, past);
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.standing = standing;
            }
        }
    }
}
