//! The canonical bytes of content: fixed fields, little endian, exactly one spelling for each content.
//!
//! ```text
//!   at   size  field
//!   0    1     version, 0x01
//!   1    32    group
//!   33   32    author (device key)
//!   65   16    incarnation
//!   81   8     seq, from 1
//!   89   12    HLC: wall time, Unix milliseconds, 8; counter, 4; big endian
//!   101  16    salt
//!   117  1     d, number of deps (0..=16)
//!   118  1     h, number of log heads (0..=16)
//!   119  32 d  deps, strictly ascending
//!   ..   32 h  log heads, strictly ascending
//!   ..   1     kind
//!   ..   rest  body
//!
//!   kind 0 chat      reply flag (0|1), [32 bytes reply target], text (UTF-8, the rest, 1..=16384)
//!   kind 1 edit      32 target, text (the rest, 1..=16384)
//!   kind 2 redact    32 target
//!   kind 3 reaction  32 target, on (0|1), emoji (the rest, 1..=40)
//!   kind 4 receipt   n delivered (1 byte), 56 n marks, m read (1 byte), 56 m marks; each list strictly ascending by stream
//!                    mark = 32 author, 16 incarnation, 8 seq (from 1)
//!   kind 5 document  one uncompressed automerge change (the rest, 1..=32768)
//!   kind 10 history  32 Add operation, 32 n lines, strictly ascending (1..=500)
//!   others           reserved; kept as they are
//! ```

use halloo_crypto::id::{DeviceId, GroupId, Incarnation, MessageId, OpId, Signature};

use super::{
    Body, Content, ContentError, MAX_CHANGE_BYTES, MAX_CONTENT_BYTES, MAX_DEPS, MAX_HEADS, MAX_HISTORY,
    MAX_MARKS, MAX_REACTION_BYTES, MAX_TEXT_BYTES, Mark,
};
use crate::clock::Hlc;

const VERSION: u8 = 1;
/// Bytes before the lists.
const FIXED: usize = 119;
/// Version and signature.
const FRAME_HEAD: usize = 1 + 64;
/// First kind that this build does not know.
pub(super) const FIRST_UNKNOWN: u8 = 6;
/// One that it does know beyond.
const HISTORY: u8 = 10;

/// Version, signature, content: the frame of `SignedContent`.
pub(super) fn frame(signature: &Signature, content: &Content) -> Vec<u8> {
    let body = encode(content);
    let mut out = Vec::with_capacity(FRAME_HEAD + body.len());
    out.push(VERSION);
    out.extend_from_slice(signature.as_bytes());
    out.extend_from_slice(&body);
    out
}

/// The signature and the canonical content inside a frame.
pub(super) fn split_frame(bytes: &[u8]) -> Result<(Signature, &[u8]), ContentError> {
    limit("content", bytes.len().saturating_sub(FRAME_HEAD), MAX_CONTENT_BYTES)?;
    let mut at = Reader(bytes);
    version(at.byte("version")?)?;
    let signature = Signature::from_bytes(at.array("signature")?);
    Ok((signature, at.0))
}

pub(super) fn encode(c: &Content) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIXED + 32 * (c.deps.len() + c.heads.len()) + 256);
    out.push(VERSION);
    out.extend_from_slice(c.group.as_bytes());
    out.extend_from_slice(c.author.as_bytes());
    out.extend_from_slice(c.incarnation.as_bytes());
    out.extend_from_slice(&c.seq.to_le_bytes());
    out.extend_from_slice(&c.hlc.to_bytes());
    out.extend_from_slice(&c.salt);
    assert!(
        c.deps.len() <= MAX_DEPS && c.heads.len() <= MAX_HEADS,
        "content is built or decoded within its limits"
    );
    out.push(c.deps.len() as u8);
    out.push(c.heads.len() as u8);
    assert_eq!(out.len(), FIXED, "the fixed part is what the drawing says");
    c.deps.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
    c.heads.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
    encode_body(&c.body, &mut out);
    assert!(out.len() <= MAX_CONTENT_BYTES, "the limits of the parts add up to less than that of the whole");
    out
}

fn encode_body(body: &Body, out: &mut Vec<u8>) {
    match body {
        Body::Chat { text, reply_to } => {
            out.extend_from_slice(&[0, u8::from(reply_to.is_some())]);
            if let Some(id) = reply_to {
                out.extend_from_slice(id.as_bytes());
            }
            out.extend_from_slice(text.as_bytes());
        }
        Body::Edit { target, text } => {
            out.push(1);
            out.extend_from_slice(target.as_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Body::Redact { target } => {
            out.push(2);
            out.extend_from_slice(target.as_bytes());
        }
        Body::Reaction { target, emoji, on } => {
            out.push(3);
            out.extend_from_slice(target.as_bytes());
            out.push(u8::from(*on));
            out.extend_from_slice(emoji.as_bytes());
        }
        Body::Receipt { delivered, read } => {
            out.push(4);
            for marks in [delivered, read] {
                assert!(marks.len() <= MAX_MARKS, "a receipt is built or decoded within its limit");
                out.push(marks.len() as u8);
                for mark in marks {
                    out.extend_from_slice(mark.author.as_bytes());
                    out.extend_from_slice(mark.incarnation.as_bytes());
                    out.extend_from_slice(&mark.seq.to_le_bytes());
                }
            }
        }
        Body::Document(change) => {
            out.push(5);
            out.extend_from_slice(change);
        }
        Body::History { add, lines } => {
            out.push(HISTORY);
            out.extend_from_slice(add.as_bytes());
            lines.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
        }
        Body::Unknown { kind, bytes } => {
            out.push(*kind);
            out.extend_from_slice(bytes);
        }
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Content, ContentError> {
    limit("content", bytes.len(), MAX_CONTENT_BYTES)?;
    let mut at = Reader(bytes);
    version(at.byte("version")?)?;
    let group = GroupId::from_bytes(at.array("group")?);
    let author = DeviceId::from_bytes(at.array("author")?);
    let incarnation = Incarnation::from_bytes(at.array("incarnation")?);
    let seq = at.count("seq")?;
    let hlc = Hlc::from_bytes(at.array("hlc")?);
    let salt = at.array("salt")?;
    let deps_len = usize::from(at.byte("deps")?);
    let heads_len = usize::from(at.byte("heads")?);
    limit("deps", deps_len, MAX_DEPS)?;
    limit("heads", heads_len, MAX_HEADS)?;
    let deps = at.ids("deps", deps_len, MessageId::from_bytes)?;
    let heads = at.ids("heads", heads_len, OpId::from_bytes)?;
    let kind = at.byte("kind")?;
    let body = decode_body(kind, at)?;
    Ok(Content { group, author, incarnation, seq, hlc, deps, heads, salt, body })
}

fn decode_body(kind: u8, mut at: Reader<'_>) -> Result<Body, ContentError> {
    let body = match kind {
        0 => {
            let reply_to = match at.flag("reply flag")? {
                true => Some(MessageId::from_bytes(at.array("reply target")?)),
                false => None,
            };
            Body::Chat { reply_to, text: at.text("text")? }
        }
        1 => Body::Edit { target: at.target()?, text: at.text("text")? },
        2 => {
            let target = at.target()?;
            if !at.0.is_empty() {
                return Err(ContentError::NotCanonical("redact"));
            }
            Body::Redact { target }
        }
        3 => Body::Reaction { target: at.target()?, on: at.flag("reaction")?, emoji: at.text("reaction")? },
        4 => {
            let (delivered, read) = (at.marks("delivered")?, at.marks("read")?);
            if !at.0.is_empty() {
                return Err(ContentError::NotCanonical("receipt"));
            }
            Body::Receipt { delivered, read }
        }
        5 => Body::Document(at.0.to_vec()),
        HISTORY => {
            let add = OpId::from_bytes(at.array("add")?);
            let lines = at.0.len() / 32;
            limit("lines", lines, MAX_HISTORY)?;
            let lines = at.ids("lines", lines, MessageId::from_bytes)?;
            if !at.0.is_empty() {
                return Err(ContentError::NotCanonical("history"));
            }
            Body::History { add, lines }
        }
        _ => Body::Unknown { kind, bytes: at.0.to_vec() },
    };
    check_body(&body)?;
    Ok(body)
}

/// The limits that hold for both writers and readers.
pub(super) fn check_body(body: &Body) -> Result<(), ContentError> {
    match body {
        Body::Chat { text, .. } | Body::Edit { text, .. } => sized("text", text.len(), MAX_TEXT_BYTES),
        Body::Redact { .. } => Ok(()),
        Body::Reaction { emoji, .. } => sized("reaction", emoji.len(), MAX_REACTION_BYTES),
        Body::Receipt { delivered, read } => {
            ascending("delivered", delivered)?;
            ascending("read", read)
        }
        Body::Document(change) => sized("change", change.len(), MAX_CHANGE_BYTES),
        Body::History { lines, .. } => {
            if !lines.is_sorted_by(|a, b| a < b) {
                return Err(ContentError::NotCanonical("lines"));
            }
            sized("lines", lines.len(), MAX_HISTORY)
        }
        Body::Unknown { kind, bytes } => {
            if *kind < FIRST_UNKNOWN || *kind == HISTORY {
                return Err(ContentError::NotCanonical("kind"));
            }
            limit("body", bytes.len(), MAX_CONTENT_BYTES - FIXED - 32 * (MAX_DEPS + MAX_HEADS) - 1)
        }
    }
}

fn ascending(field: &'static str, marks: &[Mark]) -> Result<(), ContentError> {
    limit(field, marks.len(), MAX_MARKS)?;
    let in_order =
        marks.windows(2).all(|w| (w[0].author, w[0].incarnation) < (w[1].author, w[1].incarnation));
    if in_order && marks.iter().all(|m| m.seq > 0) { Ok(()) } else { Err(ContentError::NotCanonical(field)) }
}

fn version(found: u8) -> Result<(), ContentError> {
    match found {
        VERSION => Ok(()),
        0 => Err(ContentError::NotCanonical("version")),
        newer => Err(ContentError::Version(newer)),
    }
}

fn limit(field: &'static str, len: usize, limit: usize) -> Result<(), ContentError> {
    if len > limit { Err(ContentError::TooLong { field, len, limit }) } else { Ok(()) }
}

fn sized(field: &'static str, len: usize, max: usize) -> Result<(), ContentError> {
    if len == 0 { Err(ContentError::Short(field)) } else { limit(field, len, max) }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], ContentError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(ContentError::Short(field))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ContentError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(ContentError::Short(field))?;
        self.0 = rest;
        Ok(*head)
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, ContentError> {
        self.array::<1>(field).map(|[b]| b)
    }

    fn count(&mut self, field: &'static str) -> Result<u64, ContentError> {
        match u64::from_le_bytes(self.array(field)?) {
            0 => Err(ContentError::NotCanonical(field)),
            n => Ok(n),
        }
    }

    fn flag(&mut self, field: &'static str) -> Result<bool, ContentError> {
        match self.byte(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ContentError::NotCanonical(field)),
        }
    }

    fn target(&mut self) -> Result<MessageId, ContentError> {
        self.array("target").map(MessageId::from_bytes)
    }

    fn text(&mut self, field: &'static str) -> Result<String, ContentError> {
        let text = std::str::from_utf8(self.0).map_err(|_| ContentError::NotCanonical(field))?;
        self.0 = &[];
        Ok(text.to_owned())
    }

    fn ids<T: Ord>(
        &mut self,
        field: &'static str,
        len: usize,
        id: fn([u8; 32]) -> T,
    ) -> Result<Vec<T>, ContentError> {
        let mut out = Vec::with_capacity(len);
        for _ in 0..len {
            let next = id(self.array(field)?);
            if out.last().is_some_and(|last| *last >= next) {
                return Err(ContentError::NotCanonical(field));
            }
            out.push(next);
        }
        Ok(out)
    }

    fn marks(&mut self, field: &'static str) -> Result<Vec<Mark>, ContentError> {
        let len = usize::from(self.byte(field)?);
        limit(field, len, MAX_MARKS)?;
        let mut at = Reader(self.take(len * 56, field)?);
        (0..len)
            .map(|_| {
                Ok(Mark {
                    author: DeviceId::from_bytes(at.array(field)?),
                    incarnation: Incarnation::from_bytes(at.array(field)?),
                    seq: at.count(field)?,
                })
            })
            .collect()
    }
}
