//! What one commit writes: puts and deletions that become durable together or not at all.

/// Longest key, bytes: twice the longest in use. 256 keys of a sled index page stay below the size that makes a file.
pub const MAX_KEY_BYTES: usize = 256;
/// Longest value, bytes. Beyond about 128 KiB sled keeps a value in a file of its own and leaks the space for ever (30 MB became
/// 3.9 GB in a trial); half of that is safe. Larger things are split by the caller or are files.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Most bytes of keys and values in one batch: it is held in memory several times while it is written.
pub const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets the value.
    Put(Vec<u8>),
    /// Removes the key; removing what is not there is no error.
    Del,
}

/// Changes in the order in which they were added: of two for one key the later counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    writes: Vec<(Vec<u8>, Write)>,
    bytes: usize,
}

impl Batch {
    /// Nothing to write yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        self.bytes += key.len() + value.len();
        self.writes.push((key, Write::Put(value)));
        self
    }

    /// Removes `key`.
    pub fn del(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        let key = key.into();
        self.bytes += key.len();
        self.writes.push((key, Write::Del));
        self
    }

    /// Adds everything of `other` after what is here.
    pub fn append(&mut self, mut other: Self) {
        self.bytes += other.bytes;
        self.writes.append(&mut other.writes);
    }

    /// The changes, in order.
    pub fn writes(&self) -> &[(Vec<u8>, Write)] {
        &self.writes
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
