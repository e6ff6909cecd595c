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
    pub(super) fn judge(&self, content: &Content, id: MessageId) -> Standing {
        if self.streams.is_void(content, id) {
            return Standing::Equivocated;
        }
        let sound = |dep: &MessageId| self.entries.get(dep).is_none_or(|e| e.standing == Standing::Sound);
        if content.deps.iter().all(sound) { Standing::Sound } else { Standing::Orphaned }
    }

    /// Judges everything again in causal order: once for each lie found, not once for each content.
    pub(super) fn judge_again(&mut self) {
        let ids: Vec<MessageId> = self.order.iter().map(|key| key.id).collect();
        assert_eq!(ids.len(), self.entries.len(), "every accepted content has one place in the order");
        for id in ids {
            let content = self.entries.get(&id).map(|e| e.content.content());
            let standing = self.judge(content.expect("the order holds accepted contents only"), id);
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.standing = standing;
            }
        }
    }
}
