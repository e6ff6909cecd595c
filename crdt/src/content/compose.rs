//! Writes content: counts `seq`, draws the salt, signs the id.

use halloo_crypto::id::{DeviceId, GroupId, Incarnation, MessageId, OpId};
use halloo_crypto::identity::{DeviceSecret, Domain};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use super::{Body, Content, MAX_DEPS, MAX_HEADS, SignedContent, VerifiedContent, bytes, id_of};
use crate::clock::Hlc;

/// Where in the group's history a content stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The author's clock.
    pub hlc: Hlc,
    /// `Messages::frontier`: the newest messages known.
    pub deps: Vec<MessageId>,
    /// The heads of the author's log.
    pub heads: Vec<OpId>,
}

/// Authors the contents of one incarnation of one device in one group.
#[derive(Debug, Clone)]
pub struct Composer {
    group: GroupId,
    author: DeviceId,
    incarnation: Incarnation,
    next_seq: u64,
}

impl Composer {
    /// The first content will have `seq` 1. `incarnation` is fresh at every engine start, so nothing is resumed from disk.
    pub fn new(group: GroupId, author: DeviceId, incarnation: Incarnation) -> Self {
        Self { group, author, incarnation, next_seq: 1 }
    }

    /// The `seq` that the next content will have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The incarnation this composer writes under.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Writes and signs one content. `deps` and `heads` of `place` are sorted, deduplicated and cut to their limits here
    /// (keeping the first ones). Errors: the body exceeds a limit of `content.rs`; then no `seq` is used.
    pub fn compose(
        &mut self,
        secret: &DeviceSecret,
        rng: &mut ChaCha20Rng,
        place: Place,
        body: Body,
    ) -> Result<VerifiedContent, super::ContentError> {
        assert_eq!(secret.id(), self.author, "a composer signs for its own device only");
        bytes::check_body(&body)?;
        let Place { hlc, mut deps, mut heads } = place;
        deps.truncate(MAX_DEPS);
        deps.sort_unstable();
        deps.dedup();
        heads.truncate(MAX_HEADS);
        heads.sort_unstable();
        heads.dedup();
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let content = Content {
            group: self.group,
            author: self.author,
            incarnation: self.incarnation,
            seq: self.next_seq,
            hlc,
            deps,
            heads,
            salt,
            body,
        };
        self.next_seq += 1;
        assert!(content.deps.is_sorted() && content.heads.is_sorted(), "there is one order of ids");
        let id = id_of(&content.to_bytes());
        let signature = secret.sign(Domain::Content, id.as_bytes());
        Ok(VerifiedContent(SignedContent { id, signature, content }))
    }
}
