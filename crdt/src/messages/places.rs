//! What is accepted, heaped up by the heads of the log at which it was written: what may be told to whom is judged once a heap, not once a
//! content, when two members compare what they hold.
//!
//! Invariant: every accepted content is named once, with its author's time; changes of the document, which are for everybody, lie apart.

use std::collections::BTreeMap;

use halloo_crypto::id::{MessageId, OpId};

use crate::content::{Body, Content};

#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    documents: Vec<(u64, MessageId)>,
    written: BTreeMap<Vec<OpId>, Vec<(u64, MessageId)>>,
}

impl Places {
    /// Files an accepted content.
    pub(super) fn add(&mut self, content: &Content, id: MessageId) {
        let heap = match (&content.body, self.written.get_mut(&content.heads)) {
            (Body::Document(_), _) => &mut self.documents,
            (_, Some(heap)) => heap,
            (_, None) => self.written.entry(content.heads.clone()).or_default(),
        };
        heap.push((content.hlc.wall_ms, id));
    }

    pub(super) fn documents(&self) -> &[(u64, MessageId)] {
        &self.documents
    }

    pub(super) fn written(&self) -> impl Iterator<Item = (&[OpId], &[(u64, MessageId)])> {
        self.written.iter().map(|(heads, heap)| (heads.as_slice(), heap.as_slice()))
    }
}
