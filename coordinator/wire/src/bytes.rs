//! Reading fields of untrusted bytes in order.

/// The bytes end early, have bytes left over, or a field is outside its limits. Always the sender's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside a field.
    #[error("the bytes end early")]
    Short,
    /// Bytes are left over, or a field has another spelling.
    #[error("the bytes are not in canonical form")]
    NotCanonical,
    /// A count or a length is outside its limits.
    #[error("a count or a length is outside its limits")]
    TooLong,
    /// Another version.
    #[error("version {0} is not known here: update")]
    Version(u8),
}

/// What is left to be read.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The first byte of every shape.
    pub(crate) fn version(&mut self, known: u8) -> Result<(), Malformed> {
        match self.u8()? {
            version if version == known => Ok(()),
            other => Err(Malformed::Version(other)),
        }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::NotCanonical) }
    }
}
