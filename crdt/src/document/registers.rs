//! The values of the document: one flat map whose keys hold every value that nothing has replaced, merged as automerge merges it.
//!
//! ```text
//!   key -> { operation that set it -> its value, or nothing once another operation replaced it }
//! ```
//!
//! Of several values of one key the operation with the highest (number, actor) is shown, as in automerge. An operation stays
//! after it was replaced, for others may name it late; what it set does not.

use std::collections::BTreeMap;

use super::change::{Op, OpName, Value};

/// The values. Merging is commutative for operations that name only what is in already.
#[derive(Debug, Clone, Default)]
pub(super) struct Registers(BTreeMap<String, BTreeMap<OpName, Option<Value>>>);

impl Registers {
    /// Takes in one operation under its name.
    pub(super) fn merge(&mut self, name: OpName, op: Op) {
        let register = self.0.entry(op.key).or_default();
        for replaced in &op.replaces {
            let before = register.get_mut(replaced).expect("judged: what is replaced was set");
            *before = None;
        }
        if op.value.is_some() {
            let twice = register.insert(name, op.value);
            assert!(twice.is_none(), "an operation is merged once");
        }
    }

    /// Whether this operation ever set this key.
    pub(super) fn was_set(&self, key: &str, name: &OpName) -> bool {
        self.0.get(key).is_some_and(|register| register.contains_key(name))
    }

    /// The operations whose values a key has now, ascending; several if they are concurrent.
    pub(super) fn current(&self, key: &str) -> impl Iterator<Item = OpName> {
        self.0.get(key).into_iter().flatten().filter(|(_, value)| value.is_some()).map(|(name, _)| *name)
    }

    /// The value that is shown of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        shown(self.0.get(key)?)
    }

    /// The values shown of the keys below `prefix`, without it and its slash, in order.
    pub(super) fn under(&self, prefix: &str) -> impl Iterator<Item = (&str, &Value)> {
        // '0' is the character after '/': the range ends with the last key under the prefix.
        let (from, to) = (format!("{prefix}/"), format!("{prefix}0"));
        let skip = from.len();
        self.0.range(from..to).filter_map(move |(key, register)| Some((key.get(skip..)?, shown(register)?)))
    }
}

fn shown(register: &BTreeMap<OpName, Option<Value>>) -> Option<&Value> {
    register.values().rev().flatten().next()
}

#[cfg(test)]
mod tests;
