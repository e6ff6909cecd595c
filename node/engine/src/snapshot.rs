//! What a member keeps on disk: the keys of its table, and the snapshot that a start is given back.
//!
//! ```text
//! key = table byte ++ name        value
//! 'm'  (nothing)                  format version, own account and device, group id
//! 'o'  op id (32)                 signed operation of the log
//! 'a'  hash of the row (32)       signed row of the acknowledgement board
//! 'c'  message id (32)            content with its signature
//! 'f'  message id (32)            older content that was handed on to this device, with its signature
//! 'e'  epoch id (32)              MLS state of one branch of the epoch tree
//! 'h'  (nothing)                  epoch id of the current branch
//! 'k'  epoch tag (8)              depth and commit that began an epoch, for members who come back
//! 'b'  beacon id (8)              beacon secret: gossip topic and outer MAC key
//! 'i'  invite op (32)             secret of an invite that this device made
//! 's'  (nothing)                  location settings: precision, end of sharing
//! 'q'  message id (32)            own content that nobody else is known to hold
//! 'd'  number (8)                 own mailbox at a coordinator
//! 'p'  name (32)                  what members who are away are still to be left
//! 'l'  number (8)                 mail that waits for what has not come yet
//! ```
//!
//! The driver puts a prefix per group before each key, seals each value, and gives a start the same pairs without the prefix.

use std::collections::BTreeMap;

/// The pairs that were durable, keys in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Key to value, as in the batches.
    pub pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Snapshot {
    /// Applies one batch, as a store does.
    pub fn apply(&mut self, batch: &crate::output::Batch) {
        for (key, value) in &batch.puts {
            self.pairs.insert(key.clone(), value.clone());
        }
        for key in &batch.dels {
            self.pairs.remove(key);
        }
    }

    /// The pairs of one table, keys without the table byte.
    pub fn table(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        let first = vec![table as u8];
        let end = vec![table as u8 + 1];
        self.pairs.range(first..end).map(|(k, v)| (&k[1..], v.as_slice()))
    }
}

/// The tables of a member's store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Table {
    /// Format version and whose this is.
    Meta = b'm',
    /// Signed operations.
    Operation = b'o',
    /// Acknowledgement board.
    Acknowledgement = b'a',
    /// Contents with their signatures.
    Content = b'c',
    /// Older contents that were handed on.
    Handed = b'f',
    /// MLS states, one per branch.
    Epoch = b'e',
    /// Which branch is current.
    Head = b'h',
    /// Commits for members who come back.
    Trail = b'k',
    /// Beacon secrets.
    Beacon = b'b',
    /// Own invites' secrets.
    Invite = b'i',
    /// Location settings.
    Share = b's',
    /// Own contents that nobody else is known to hold.
    Undelivered = b'q',
    /// Own mailboxes.
    Mailbox = b'd',
    /// What members who are away are still to be left.
    Post = b'p',
    /// Mail that waits for what has not come yet.
    Letter = b'l',
}

impl Table {
    /// The key of `name` in this table.
    pub fn key(self, name: &[u8]) -> Vec<u8> {
        assert!(name.len() <= 64, "names are ids and hashes");
        let mut key = Vec::with_capacity(1 + name.len());
        key.push(self as u8);
        key.extend_from_slice(name);
        key
    }
}

#[cfg(test)]
mod tests;
