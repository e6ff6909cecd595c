//! What was written before this device came and was handed on to it, and which members named which lines for whom.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::content::{Body, VerifiedContent};
use halloo_crdt::messages::{InsertError, Messages};
use halloo_crypto::id::{GroupId, MessageId, OpId};

/// Lines handed on and notes on them that are kept: each Add names 500 lines at most, and nobody comes in often.
const MAX_HANDED: usize = 16_384;

/// The older lines of this device, and the words that hand lines on.
pub(crate) struct Past {
    /// Lines handed on, and notes on them, without what they depend on. A set of its own: it owes no receipts and is in nobody's past.
    handed: Messages,
    /// By Add, the contents that name lines for whom it brought in.
    words: BTreeMap<OpId, BTreeSet<MessageId>>,
}

impl Past {
    /// Of somebody who has been handed nothing.
    pub(crate) fn new(group: GroupId) -> Self {
        Past { handed: Messages::new(group), words: BTreeMap::new() }
    }

    /// From the store: what was handed on, and all else that was written.
    pub(crate) fn load(group: GroupId, handed: Vec<VerifiedContent>, messages: &Messages) -> Self {
        let mut past = Past::new(group);
        for content in handed {
            // What the set refuses now, it refused when it came.
            let _refused = past.take_in(content, messages);
        }
        let all = messages.sync_items().filter_map(|(_, id)| messages.get(&id));
        for content in all.filter(|content| messages.contains(&content.id())) {
            past.note_word(content);
        }
        past
    }

    /// Keeps what was handed on; with a line the notes on it that came before it. What is new.
    ///
    /// # Errors
    /// [`InsertError`].
    pub(crate) fn take_in(
        &mut self,
        content: VerifiedContent,
        messages: &Messages,
    ) -> Result<Vec<MessageId>, InsertError> {
        if self.handed.len() >= MAX_HANDED {
            return Err(InsertError::Full);
        }
        let id = content.id();
        let mut new = self.handed.insert_alone(content)?.accepted;
        for note in messages.notes_on(&id) {
            new.extend(self.handed.insert_alone(note.clone())?.accepted);
        }
        assert!(new.iter().all(|id| self.handed.contains(id)), "nothing waits here");
        Ok(new)
    }

    /// Folds a note that came as everything does into the line that was handed on.
    pub(crate) fn follow(&mut self, note: &VerifiedContent, line: &MessageId) {
        if self.handed.contains(line) {
            // A liar's ninth note under one number is left out here too.
            let _refused = self.handed.insert_alone(note.clone());
        }
    }

    /// What was handed on.
    pub(crate) fn handed(&self) -> &Messages {
        &self.handed
    }

    /// Takes note of a content that names lines for a newcomer.
    pub(crate) fn note_word(&mut self, content: &VerifiedContent) {
        if let Body::History { add, .. } = &content.content().body {
            assert!(!self.handed.contains(&content.id()), "a word is no line");
            self.words.entry(*add).or_default().insert(content.id());
        }
    }

    /// The Adds that lines are named for.
    pub(crate) fn adds(&self) -> impl Iterator<Item = &OpId> {
        self.words.keys()
    }

    /// The contents that name lines for one, ascending.
    pub(crate) fn words(&self, add: &OpId) -> impl Iterator<Item = &MessageId> {
        self.words.get(add).into_iter().flatten()
    }
}
