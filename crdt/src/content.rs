//! What a member wrote: content whose id and signature depend on no epoch, so that anyone entitled may seal it again.
//!
//! Trust levels, one type each:
//!
//! ```text
//!   bytes --parse--> SignedContent --verify--> VerifiedContent --(entitled? the engine asks the log)--> messages, document
//!                         ^                          ^
//!                  shape, sizes, id            signature of the author;
//!                  (nothing is trusted)        or our own store vouches (`trusted`)
//! ```
//!
//! INV-4: the canonical bytes hold no epoch, no branch and no seal; [`MessageId`] is their hash and the author signs the id.

mod bytes;
mod compose;

pub use compose::{Composer, Place};

use halloo_crypto::id::{DeviceId, GroupId, Incarnation, MessageId, OpId, Signature};
use halloo_crypto::identity::{self, Domain};
use halloo_crypto::kdf;

use crate::clock::Hlc;
use crate::log::MAX_HISTORY_LINES;

/// Longest canonical content, bytes. With signature and seal it stays below one 64 KiB gossip frame and one store value.
pub const MAX_CONTENT_BYTES: usize = 48 * 1024;
/// Longest text of a chat or an edit, bytes of UTF-8: about five printed pages.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Longest reaction, bytes of UTF-8: one emoji with skin tones and joiners fits in 35.
pub const MAX_REACTION_BYTES: usize = 40;
/// Longest automerge change, bytes. A larger edit is several changes.
pub const MAX_CHANGE_BYTES: usize = 32 * 1024;
/// Most messages that one content may name as its causal past. The frontier of 50 people talking at once rarely exceeds 8.
pub const MAX_DEPS: usize = 16;
/// Most log heads that one content may name.
pub const MAX_HEADS: usize = 16;
/// Most marks in one receipt, delivered and read counted apart: one content holds the changes of a group of 200 at once.
pub const MAX_MARKS: usize = 200;

/// Most older lines that one content hands to a newcomer: what the group may promise at most.
pub const MAX_HISTORY: usize = MAX_HISTORY_LINES as usize;

/// What is wrong with content that a peer or a caller handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Peer: the bytes end before the field does.
    #[error("content ends inside {0}")]
    Short(&'static str),
    /// Peer: more bytes than [`MAX_CONTENT_BYTES`] or than the named field may have.
    #[error("{field} has {len} bytes, the limit is {limit}")]
    TooLong {
        /// The field that is too long.
        field: &'static str,
        /// Its length, bytes or elements.
        len: usize,
        /// The named limit.
        limit: usize,
    },
    /// Peer: a version that this build does not read.
    #[error("content version {0} is newer than this halloo: update to read it")]
    Version(u8),
    /// Peer: a field that has another spelling; only one is accepted.
    #[error("{0} is not in canonical form")]
    NotCanonical(&'static str),
    /// Peer: the signature over the id is not the author's.
    #[error("the signature is not the author's")]
    Signature,
    /// Caller: content of another group.
    #[error("content of another group")]
    OtherGroup,
}

/// How far a reader has got in one stream of contents: everything up to and including `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Who wrote the stream.
    pub author: DeviceId,
    /// Which start of the author's engine.
    pub incarnation: Incarnation,
    /// The highest `seq` with nothing missing below it, from 1.
    pub seq: u64,
}

/// What a content says. The kind byte stands in the table of `docs/spec/content.md`.
///
/// Of the others 6 to 31 are reserved: 6 voice note, 7 attachment, 8 thread opening, 9 poll vote. A kind that this build does not know is
/// kept, counted, reconciled and shown as [`Body::Unknown`]; it is never refused, because nothing accepted may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Kind 0: a line of chat.
    Chat {
        /// What was written, 1 to [`MAX_TEXT_BYTES`] bytes.
        text: String,
        /// The message that this one answers.
        reply_to: Option<MessageId>,
    },
    /// Kind 1: new text for an earlier chat; the latest of an entitled author wins.
    Edit {
        /// The chat to change.
        target: MessageId,
        /// Its new text.
        text: String,
    },
    /// Kind 2: the target is shown as removed. Its content stays, for reconciliation.
    Redact {
        /// What to hide.
        target: MessageId,
    },
    /// Kind 3: an emoji set on a message, or taken back.
    Reaction {
        /// The message reacted to.
        target: MessageId,
        /// The emoji, 1 to [`MAX_REACTION_BYTES`] bytes.
        emoji: String,
        /// `true` sets it, `false` takes it back.
        on: bool,
    },
    /// Kind 4: what the author's device has received and its person has read; only marks that changed.
    Receipt {
        /// Received and stored, ascending, at most [`MAX_MARKS`].
        delivered: Vec<Mark>,
        /// Shown to a person, ascending, at most [`MAX_MARKS`].
        read: Vec<Mark>,
    },
    /// Kind 5: one uncompressed automerge change for the group's document, at most [`MAX_CHANGE_BYTES`].
    Document(Vec<u8>),
    /// Kind 10: whoever let somebody in names the older lines that the newcomer is given.
    History {
        /// The Add by which the newcomer came in.
        add: OpId,
        /// The lines, ascending, 1 to [`MAX_HISTORY`].
        lines: Vec<MessageId>,
    },
    /// Any other kind: written by a newer halloo.
    Unknown {
        /// The kind byte, 6 or more and not 10.
        kind: u8,
        /// The body, not understood here.
        bytes: Vec<u8>,
    },
}

impl Body {
    /// Whether whoever has it says so: receipts for receipts would never end, and what hands lines to one newcomer is news to nobody else.
    pub fn is_worth_a_receipt(&self) -> bool {
        !matches!(self, Body::Receipt { .. } | Body::History { .. })
    }
}

/// One thing that one device wrote in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The group it belongs to.
    pub group: GroupId,
    /// The device that wrote it.
    pub author: DeviceId,
    /// The start of that device's engine: a restored backup never reuses a `seq`.
    pub incarnation: Incarnation,
    /// Counts the contents of (author, incarnation) from 1, without gaps.
    pub seq: u64,
    /// When the author thought it was; for display order only.
    pub hlc: Hlc,
    /// The newest messages that the author had, ascending, at most [`MAX_DEPS`].
    pub deps: Vec<MessageId>,
    /// The heads of the author's membership log, ascending, at most [`MAX_HEADS`]: under which roster it was written.
    pub heads: Vec<OpId>,
    /// Random: an id says nothing about a guessable text.
    pub salt: [u8; 16],
    /// What it says.
    pub body: Body,
}

impl Content {
    /// The canonical bytes, drawn in `content/bytes.rs`: equal contents have equal bytes and nothing else has them.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes::encode(self)
    }

    /// Reads canonical bytes. Errors are the peer's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContentError> {
        bytes::decode(bytes)
    }

    /// The hash of the canonical bytes.
    pub fn id(&self) -> MessageId {
        id_of(&self.to_bytes())
    }
}

/// SHA-256 of the canonical bytes under the label "content", so that no other hash of ours can meet it.
fn id_of(canonical: &[u8]) -> MessageId {
    MessageId::from_bytes(kdf::hash("content", &[canonical]))
}

/// Content with its id and a signature that nobody has checked yet.
///
/// ```text
///   0      1                    65
///   +------+--------------------+-----------------------------+
///   | 0x01 | signature, 64      | canonical content, the rest |
///   +------+--------------------+-----------------------------+
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedContent {
    id: MessageId,
    signature: Signature,
    content: Content,
}

impl SignedContent {
    /// Reads the frame above. Checks shape and sizes, computes the id, trusts nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, ContentError> {
        let (signature, canonical) = bytes::split_frame(bytes)?;
        Ok(Self { id: id_of(canonical), signature, content: Content::from_bytes(canonical)? })
    }

    /// Checks the author's signature over the id. About 40 us: the one price paid per content.
    pub fn verify(self) -> Result<VerifiedContent, ContentError> {
        identity::verify(&self.content.author, Domain::Content, self.id.as_bytes(), &self.signature)
            .map_err(|_| ContentError::Signature)?;
        Ok(VerifiedContent(self))
    }

    /// The hash of the canonical bytes.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// What the bytes claim.
    pub fn content(&self) -> &Content {
        &self.content
    }
}

/// Content whose author really signed it. Whether the author was entitled is the log's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedContent(SignedContent);

impl VerifiedContent {
    /// Reads a frame of our own store under the id it was stored with: neither hash nor signature is computed again, because
    /// the store's own seal and checksum cover both. Never for bytes of a peer.
    pub fn trusted(id: MessageId, bytes: &[u8]) -> Result<Self, ContentError> {
        let (signature, canonical) = bytes::split_frame(bytes)?;
        let content = Content::from_bytes(canonical)?;
        debug_assert_eq!(id, id_of(canonical), "a stored content lies under its own id");
        Ok(Self(SignedContent { id, signature, content }))
    }

    /// The hash of the canonical bytes.
    pub fn id(&self) -> MessageId {
        self.0.id
    }

    /// What the author wrote.
    pub fn content(&self) -> &Content {
        &self.0.content
    }

    /// The frame to seal, send and store; [`SignedContent::parse`] reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes::frame(&self.0.signature, &self.0.content)
    }
}
