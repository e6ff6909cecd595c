//! Reading and writing fields of frames: every length is checked against a limit before anything is copied.

use super::WireError;

/// Reads fields from the front of a byte slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(WireError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// One byte, which must be this version: a frame of another one has another form from here on.
    pub fn version(&mut self, ours: u8) -> Result<(), WireError> {
        let theirs = self.u8()?;
        if theirs == ours { Ok(()) } else { Err(WireError::Version(theirs)) }
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A blob: its length in four bytes, at most `max`, then the bytes.
    pub fn blob(&mut self, max: usize) -> Result<&'a [u8], WireError> {
        let len = self.u32()? as usize;
        if len > max {
            return Err(WireError::TooLong);
        }
        self.take(len)
    }

    /// A list of blobs: the count in two bytes, at most `max_items`, then each blob.
    pub fn blobs(&mut self, max_items: usize, max_each: usize) -> Result<Vec<Vec<u8>>, WireError> {
        let count = usize::from(self.u16()?);
        if count > max_items {
            return Err(WireError::TooLong);
        }
        // No reservation by the claimed count: each blob needs at least its four length bytes to be there.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.blob(max_each)?.to_vec());
        }
        Ok(items)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Checks that nothing is left.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::NotCanonical) }
    }
}

/// Appends a blob as [`Reader::blob`] reads it.
pub fn put_blob(out: &mut Vec<u8>, blob: &[u8]) {
    let len = u32::try_from(blob.len()).expect("our own blobs are far below 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(blob);
}

/// Appends a list of blobs as [`Reader::blobs`] reads it.
pub fn put_blobs<B: AsRef<[u8]>>(out: &mut Vec<u8>, items: &[B]) {
    let count = u16::try_from(items.len()).expect("our own lists are cut to their limits");
    out.extend_from_slice(&count.to_be_bytes());
    for item in items {
        put_blob(out, item.as_ref());
    }
}

/// Cuts a list of items into lists whose blobs fit `limit` bytes and `max_items` items; an item alone may exceed the limit.
pub fn batches(items: Vec<Vec<u8>>, limit: usize, max_items: usize) -> Vec<Vec<Vec<u8>>> {
    assert!(max_items > 0, "a batch holds something");
    let mut done = Vec::new();
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let mut size = 0;
    for item in items {
        let cost = item.len() + 4;
        if !batch.is_empty() && (size + cost > limit || batch.len() == max_items) {
            done.push(core::mem::take(&mut batch));
            size = 0;
        }
        size += cost;
        batch.push(item);
    }
    if !batch.is_empty() {
        done.push(batch);
    }
    debug_assert!(done.iter().all(|batch| !batch.is_empty()), "no batch is empty");
    done
}

#[cfg(test)]
mod tests;
