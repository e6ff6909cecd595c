//! One edit of the document on the wire, and the automerge change that every member builds from it.
//!
//! ```text
//!   at  size  field
//!   0   1     version, 0x01
//!   1   4     number of this change among its author's (device, incarnation), from 1
//!   5   4     number of its first operation, from 1
//!   9   1     d, dependencies (0..=32)
//!   10  32 d  automerge change hashes, strictly ascending
//!   ..  1     o, operations (1..=64)
//!   each operation:
//!       1     key length (1..=128), key (UTF-8)
//!       1     value: 0 none (deletes the key), 1 text: length 2, UTF-8 (at most 4096), 2 whole number: 8, 3 real: 8 (finite),
//!                    4 yes or no: 1
//!       1     p, operations that it replaces (0..=16; at least 1 for a deletion)
//!       28 p  operation number 4, actor 24; strictly ascending
//! ```
//!
//! Little endian. Keys of one change differ.
//!
//! Deviation: automerge's own change bytes are never read from a peer. Its column format may claim 2^60 operations in ten bytes,
//! and its merge asserts what an honest writer guarantees; the change is built here from checked fields instead.

use automerge::legacy::{self, OpType};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ScalarValue};
use halloo_crypto::id::{DeviceId, Incarnation};
use halloo_crypto::kdf;

/// Most changes that one change follows directly. More heads than this are joined by the next ones.
pub(super) const MAX_DEPS: usize = 32;
/// Most operations in one change.
pub(super) const MAX_OPS: usize = 64;
/// Most concurrent values of one key that one operation replaces.
pub(super) const MAX_REPLACED: usize = 16;
/// Longest key, bytes.
pub(super) const MAX_KEY_BYTES: usize = 128;
/// Longest text value, bytes.
pub const MAX_VALUE_BYTES: usize = 4096;
const VERSION: u8 = 1;

/// The automerge actor of one incarnation: 24 bytes, so that nobody finds two incarnations with one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Actor(pub(super) [u8; 24]);

impl Actor {
    pub(super) fn of(device: &DeviceId, incarnation: &Incarnation) -> Self {
        let hash = kdf::hash("document actor", &[device.as_bytes(), incarnation.as_bytes()]);
        let mut bytes = [0; 24];
        bytes.copy_from_slice(&hash[..24]);
        Self(bytes)
    }

    pub(super) fn id(self) -> ActorId {
        ActorId::from(self.0.as_slice())
    }
}

/// One operation's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpName {
    pub(super) number: u32,
    pub(super) actor: Actor,
}

/// A value of the document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// UTF-8, at most [`MAX_VALUE_BYTES`] bytes.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Real(f64),
    /// Yes or no.
    Bool(bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Op {
    pub(super) key: String,
    /// `None` deletes.
    pub(super) value: Option<Value>,
    pub(super) replaces: Vec<OpName>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct DocChange {
    pub(super) seq: u32,
    pub(super) first_op: u32,
    pub(super) deps: Vec<[u8; 32]>,
    pub(super) ops: Vec<Op>,
}

impl DocChange {
    /// The number after its last operation would be `last_op() + 1`.
    pub(super) fn last_op(&self) -> Option<u32> {
        self.first_op.checked_add(self.ops.len() as u32 - 1)
    }

    /// The automerge change: the same at every member. Its time is 0, for no clock is read and the content carries the time.
    pub(super) fn build(&self, actor: Actor) -> Change {
        assert!(self.seq > 0 && !self.ops.is_empty(), "a decoded change is numbered and does something");
        let operations = self.ops.iter().map(|op| legacy::Op {
            action: op.value.as_ref().map_or(OpType::Delete, |value| OpType::Put(scalar(value))),
            obj: legacy::ObjectId::Root,
            key: legacy::Key::Map(op.key.as_str().into()),
            pred: op
                .replaces
                .iter()
                .map(|name| legacy::OpId(u64::from(name.number), name.actor.id()))
                .collect(),
            insert: false,
        });
        Change::from(ExpandedChange {
            operations: operations.collect(),
            actor_id: actor.id(),
            hash: None,
            seq: u64::from(self.seq),
            start_op: u64::from(self.first_op).try_into().expect("a decoded change counts operations from 1"),
            time: 0,
            message: None,
            deps: self.deps.iter().map(|hash| ChangeHash(*hash)).collect(),
            extra_bytes: Vec::new(),
            author: None,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        assert!(
            self.deps.len() <= MAX_DEPS && self.ops.len() <= MAX_OPS,
            "a change is built or decoded within its limits"
        );
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.first_op.to_le_bytes());
        out.push(self.deps.len() as u8);
        self.deps.iter().for_each(|hash| out.extend_from_slice(hash));
        out.push(self.ops.len() as u8);
        assert!(self.deps.is_sorted(), "there is one order of dependencies");
        for op in &self.ops {
            assert!(
                op.key.len() <= MAX_KEY_BYTES && op.replaces.len() <= MAX_REPLACED,
                "operations are within limits"
            );
            out.push(op.key.len() as u8);
            out.extend_from_slice(op.key.as_bytes());
            encode_value(op.value.as_ref(), &mut out);
            out.push(op.replaces.len() as u8);
            for name in &op.replaces {
                out.extend_from_slice(&name.number.to_le_bytes());
                out.extend_from_slice(&name.actor.0);
            }
        }
        out
    }

    /// Reads exactly one change; `None` for anything that is not its one spelling.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut at = Reader(bytes);
        if at.array()? != [VERSION] {
            return None;
        }
        let seq = u32::from_le_bytes(at.array()?);
        let first_op = u32::from_le_bytes(at.array()?);
        let deps = at.list(MAX_DEPS, |at| at.array::<32>())?;
        let [count] = at.array()?;
        let count = usize::from(count);
        if seq == 0 || first_op == 0 || count == 0 || count > MAX_OPS {
            return None;
        }
        let mut ops: Vec<Op> = Vec::with_capacity(count);
        for _ in 0..count {
            let op = at.op()?;
            if ops.iter().any(|before| before.key == op.key) {
                return None;
            }
            ops.push(op);
        }
        at.0.is_empty().then_some(Self { seq, first_op, deps, ops })
    }
}

fn encode_value(value: Option<&Value>, out: &mut Vec<u8>) {
    match value {
        None => out.push(0),
        Some(Value::Text(text)) => {
            out.push(1);
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Some(Value::Int(n)) => {
            out.push(2);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Some(Value::Real(x)) => {
            out.push(3);
            out.extend_from_slice(&x.to_bits().to_le_bytes());
        }
        Some(Value::Bool(b)) => out.extend_from_slice(&[4, u8::from(*b)]),
    }
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Text(text) => ScalarValue::Str(text.as_str().into()),
        Value::Int(n) => ScalarValue::Int(*n),
        Value::Real(x) => ScalarValue::F64(*x),
        Value::Bool(b) => ScalarValue::Boolean(*b),
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn text(&mut self, len: usize) -> Option<String> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(head).ok().map(str::to_owned)
    }

    /// A count and that many items, strictly ascending.
    fn list<T: Ord>(&mut self, max: usize, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let [count] = self.array()?;
        if usize::from(count) > max {
            return None;
        }
        let mut items: Vec<T> = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let next = read(self)?;
            if items.last().is_some_and(|last| *last >= next) {
                return None;
            }
            items.push(next);
        }
        Some(items)
    }

    fn op(&mut self) -> Option<Op> {
        let [len] = self.array()?;
        let key = self.text(usize::from(len))?;
        let value = self.value()?;
        let replaces = self.list(MAX_REPLACED, |at| {
            let number = u32::from_le_bytes(at.array()?);
            Some(OpName { number, actor: Actor(at.array()?) })
        })?;
        let sized = !key.is_empty() && key.len() <= MAX_KEY_BYTES;
        (sized && (value.is_some() || !replaces.is_empty())).then_some(Op { key, value, replaces })
    }

    fn value(&mut self) -> Option<Option<Value>> {
        let [tag] = self.array()?;
        Some(match tag {
            0 => None,
            1 => {
                let len = usize::from(u16::from_le_bytes(self.array()?));
                if len > MAX_VALUE_BYTES {
                    return None;
                }
                Some(Value::Text(self.text(len)?))
            }
            2 => Some(Value::Int(i64::from_le_bytes(self.array()?))),
            3 => {
                let x = f64::from_bits(u64::from_le_bytes(self.array()?));
                Some(Value::Real(x.is_finite().then_some(x)?))
            }
            4 => match self.array()? {
                [b @ 0..=1] => Some(Value::Bool(b == 1)),
                _ => return None,
            },
            _ => return None,
        })
    }
}
