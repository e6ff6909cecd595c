//! A gossip topic: 32 opaque bytes that the engine derives from a beacon secret.

use libp2p::gossipsub::TopicHash;
use std::fmt;

/// Names a stream of gossip. The mesh neither knows nor asks which group it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub [u8; 32]);

/// Length of a topic on the wire, in characters of base64url without padding.
const TEXT_LEN: usize = 43;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Topic {
    /// Gossipsub wants text: base64url is 21 bytes shorter than hex, in each message and each IHAVE.
    pub(crate) fn to_hash(self) -> TopicHash {
        let mut text = String::with_capacity(TEXT_LEN);
        for chunk in self.0.chunks(3) {
            let mut word = [0u8; 4];
            word[1..=chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes(word);
            for position in 0..=chunk.len() {
                let index = (bits >> (18 - 6 * position)) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            }
        }
        debug_assert_eq!(text.len(), TEXT_LEN);
        TopicHash::from_raw(text)
    }

    /// The topic of a remote's text; `None` for anything but the one canonical spelling of 32 bytes.
    pub(crate) fn from_hash(hash: &TopicHash) -> Option<Self> {
        let text = hash.as_str().as_bytes();
        if text.len() != TEXT_LEN {
            return None;
        }
        let mut bytes = [0u8; 33];
        for (group, out) in text.chunks(4).zip(bytes.chunks_mut(3)) {
            let mut bits = 0u32;
            for position in 0..4 {
                let value = match group.get(position) {
                    Some(character) => ALPHABET.iter().position(|known| known == character)?,
                    None => 0,
                };
                bits = bits << 6 | value as u32;
            }
            out.copy_from_slice(&bits.to_be_bytes()[1..]);
        }
        let [topic @ .., spare] = bytes;
        // The last character carries four bits of the topic and two that must be zero.
        (spare == 0).then_some(Self(topic)).filter(|topic| topic.to_hash() == *hash)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Topic({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

#[cfg(test)]
mod tests;
