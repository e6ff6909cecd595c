//! A handful of devices of one group that write contents, for the tests of this crate.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use halloo_crdt::clock::Hlc;
use halloo_crdt::content::{Body, Composer, Content, Place, SignedContent, VerifiedContent};
use halloo_crypto::id::{AccountId, DeviceId, GroupId, Incarnation, MessageId, OpId};
use halloo_crypto::identity::{DeviceSecret, Domain};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

pub(crate) const GROUP: GroupId = GroupId::from_bytes([7; 32]);
/// 2026-01-01, a Thursday.
pub(crate) const NOON_MS: u64 = 1_767_268_800_000;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) struct Device {
    pub(crate) secret: DeviceSecret,
    pub(crate) incarnation: Incarnation,
    pub(crate) composer: Composer,
    pub(crate) rng: ChaCha20Rng,
}

impl Device {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let secret = DeviceSecret::generate(&mut rng);
        let incarnation = Incarnation::generate(&mut rng);
        let composer = Composer::new(GROUP, secret.id(), incarnation);
        Self { secret, incarnation, composer, rng }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.secret.id()
    }

    /// An account for it; tests that care about accounts give several devices one.
    pub(crate) fn account(&self) -> AccountId {
        AccountId::from_bytes(*self.id().as_bytes())
    }

    /// Writes at `at` milliseconds after noon, after `deps`.
    pub(crate) fn write(&mut self, at: u64, deps: &[&VerifiedContent], body: Body) -> VerifiedContent {
        let deps = deps.iter().map(|c| c.id()).collect();
        self.write_after(at, deps, body)
    }

    pub(crate) fn write_after(&mut self, at: u64, deps: Vec<MessageId>, body: Body) -> VerifiedContent {
        let heads = (0..at % 3).map(|head| OpId::from_bytes([head as u8; 32])).collect();
        let place = Place { hlc: hlc(at), deps, heads };
        self.composer.compose(&self.secret, &mut self.rng, place, body).unwrap()
    }

    pub(crate) fn say(&mut self, at: u64, deps: &[&VerifiedContent], text: &str) -> VerifiedContent {
        self.write(at, deps, chat(text))
    }

    /// Signs whatever it is given, as a liar would.
    pub(crate) fn sign(&self, content: &Content) -> VerifiedContent {
        let id = content.id();
        let signature = self.secret.sign(Domain::Content, id.as_bytes());
        let frame = [&[1], signature.as_bytes().as_slice(), &content.to_bytes()].concat();
        SignedContent::parse(&frame).unwrap().verify().unwrap()
    }

    /// A second content under the number of `first`, with another body.
    pub(crate) fn contradict(&self, first: &VerifiedContent, body: Body) -> VerifiedContent {
        self.sign(&Content { body, ..first.content().clone() })
    }
}

pub(crate) fn hlc(at: u64) -> Hlc {
    Hlc { wall_ms: NOON_MS + at, counter: 0 }
}

pub(crate) fn chat(text: &str) -> Body {
    Body::Chat { text: text.to_owned(), reply_to: None }
}

/// A shuffled copy, the same for the same seed.
pub(crate) fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut rng = rng(seed);
    let mut items = items.to_vec();
    for last in (1..items.len()).rev() {
        items.swap(last, rng.next_u64() as usize % (last + 1));
    }
    items
}

/// A copy of `bytes` bent in one of the ways that parsers meet: flipped, cut, lengthened, overwritten, spliced.
pub(crate) fn bent(bytes: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let at = rng.next_u64() as usize % out.len().max(1);
    match rng.next_u32() % 6 {
        0 if !out.is_empty() => out[at] ^= 1 << (rng.next_u32() % 8),
        1 => out.truncate(at),
        2 => out.extend((0..rng.next_u32() % 70).map(|_| rng.next_u32() as u8).collect::<Vec<_>>()),
        3 if !out.is_empty() => out[at] = [0, 1, 0x7F, 0x80, 0xFF][rng.next_u32() as usize % 5],
        4 if !out.is_empty() => {
            let end = (at + rng.next_u32() as usize % 9).min(out.len());
            out.drain(at..end);
        }
        _ => {
            let end = (at + 1 + rng.next_u32() as usize % 40).min(out.len());
            let piece = out[at.min(end)..end].to_vec();
            out.splice(at.min(end)..at.min(end), piece);
        }
    }
    out
}

pub(crate) fn noise(len: usize, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut out = vec![0; len];
    rng.fill_bytes(&mut out);
    out
}
