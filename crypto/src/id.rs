//! Names of things: every id is a public key, a hash or a random value, never a string.
//!
//! All ids encode as their raw bytes in binary formats (postcard) and as lowercase hex in text formats (JSON).

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base16;

/// Text that is not the hex form of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits")]
pub struct IdParseError {
    /// Number of hexadecimal digits that the id has.
    pub expected: usize,
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Bytes of an id that a log line shows; enough to tell the ids of one group apart.
const SHORT_BYTES: usize = 4;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps raw bytes; nothing is checked.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                write_hex(f, &self.0[..SHORT_BYTES])?;
                f.write_str(")")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, IdParseError> {
                base16::decode_array(text).map(Self).ok_or(IdParseError { expected: 2 * $len })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    raw::serialize(&self.0, serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    raw::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

/// Fixed-size arrays of any length as a tuple of bytes: no length prefix, no allocation.
mod raw {
    use std::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeTuple;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for byte in bytes {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }

    struct Bytes<const N: usize>;

    impl<'de, const N: usize> Visitor<'de> for Bytes<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{N} bytes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
            let mut bytes = [0_u8; N];
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
            }
            Ok(bytes)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        deserializer.deserialize_tuple(N, Bytes::<N>)
    }
}

id!(
    /// A group: the hash of its genesis operation.
    GroupId, 32
);
id!(
    /// A person: an Ed25519 public key that certifies devices.
    AccountId, 32
);
id!(
    /// A device of a person: an Ed25519 public key that signs what the device does.
    DeviceId, 32
);
id!(
    /// A signed operation of the group log: its hash.
    OpId, 32
);
id!(
    /// A content (message, document change): the hash of the content, whatever seals it.
    MessageId, 32
);
id!(
    /// An epoch of a group on one branch: a secret-derived value that only members of the epoch can compute.
    EpochId, 32
);
id!(
    /// An X25519 public key that welcomes, mailbox items and call steps are sealed to.
    BoxPublic, 32
);
id!(
    /// One start of one engine, drawn at random: a restored backup never repeats a (key, nonce).
    Incarnation, 16
);
id!(
    /// An invite: derived from its secret, says nothing about it.
    InviteId, 16
);
id!(
    /// An Ed25519 public key derived from an invite's secret; proves possession of the secret.
    InvitePublic, 32
);
id!(
    /// Where a coordinator keeps what is for one device of one group on one day: an Ed25519 public key that only the owner signs for.
    MailboxAddress, 32
);
id!(
    /// One item in a mailbox, drawn at random by who leaves it there: left twice, it lies there once.
    MailboxItem, 16
);
id!(
    /// A client of a coordinator: an Ed25519 public key made for this coordinator alone, of no group and no person.
    ClientId, 32
);
id!(
    /// A coordinator: the Ed25519 public key that signs its tickets.
    CoordinatorId, 32
);
id!(
    /// An Ed25519 signature, R then S.
    Signature, 64
);

impl Incarnation {
    /// Draws a fresh incarnation; an engine does so once at its start.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        let mut bytes = [0_u8; Self::LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

#[cfg(test)]
mod tests;
