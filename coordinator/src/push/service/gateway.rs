//! The role that opens tokens: it sees how a device is woken, and of no mailbox or group that there is one.
//!
//! Who pokes is told at once, and the same whatever the token is: whether it will be sent. That a push service knows a token no more
//! is found out later, remembered in memory, and told at the next poke.

use super::queue::{Became, Queue, Rules, Sending};
use halloo_crypto::kdf;
use halloo_crypto::sealed::BoxSecret;
use halloo_crypto::secret::Secret;
use halloo_wire::push::{Poked, SealedToken, Token};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::{BTreeMap, BTreeSet};

/// Most devices of which is remembered that they are gone (about 150 bytes each); the first of them is forgotten then, and found out anew.
const GONE_MAX: usize = 65_536;

/// A device, as far as its push service tells it from others: the same for all its mailboxes, and nowhere but in memory.
pub type Device = [u8; 16];

/// The key that tokens are sealed to; one secret makes the same key at every start.
#[derive(Debug)]
pub struct GatewayKey(Secret<[u8; 32]>);

impl GatewayKey {
    /// That of a secret.
    #[must_use]
    pub fn new(secret: Secret<[u8; 32]>) -> Self {
        GatewayKey(secret)
    }

    /// The key itself, for one opening or to show its public half.
    #[must_use]
    pub fn key(&self) -> BoxSecret {
        BoxSecret::generate(&mut ChaCha20Rng::from_seed(*self.0.expose()))
    }
}

/// What a gateway can send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Web Push.
    pub web_push: bool,
    /// Firebase Cloud Messaging.
    pub fcm: bool,
    /// Apple's.
    pub apns: bool,
}

impl Kinds {
    fn has(self, token: &Token) -> bool {
        match token {
            Token::WebPush { .. } => self.web_push,
            Token::Fcm(_) => self.fcm,
            Token::Apns(_) => self.apns,
        }
    }
}

/// Devices that wait to be woken.
#[derive(Debug)]
pub struct Gateway {
    key: GatewayKey,
    kinds: Kinds,
    queue: Queue<Device, Token>,
    gone: BTreeSet<Device>,
    /// The gone in the order in which they were found out.
    gone_order: BTreeMap<u64, Device>,
    found_out: u64,
}

impl Gateway {
    /// Nobody waits yet.
    #[must_use]
    pub fn new(key: GatewayKey, kinds: Kinds, rules: Rules) -> Self {
        let queue = Queue::new(rules);
        Gateway { key, kinds, queue, gone: BTreeSet::new(), gone_order: BTreeMap::new(), found_out: 0 }
    }

    /// Takes a poke; what became of it is for the meters, and none where the token is none of ours.
    pub fn poke(&mut self, sealed: &SealedToken, now_ms: u64) -> (Poked, Option<Became>) {
        let Some(token) = Token::open(sealed, self.key.key()).ok().filter(|token| self.kinds.has(token))
        else {
            return (Poked::Gone, None);
        };
        let device = device_of(&token);
        if self.gone.contains(&device) {
            return (Poked::Gone, None);
        }
        let became = self.queue.poke(device, token, now_ms);
        // A device that was sent enough for today is woken enough, too.
        let poked = if became == Became::Full { Poked::NotNow } else { Poked::Taken };
        (poked, Some(became))
    }

    /// A push service knows it no more.
    pub fn gone(&mut self, device: Device) {
        if !self.gone.insert(device) {
            return;
        }
        self.found_out += 1;
        self.gone_order.insert(self.found_out, device);
        if self.gone.len() > GONE_MAX
            && let Some((_, first)) = self.gone_order.pop_first()
        {
            self.gone.remove(&first);
        }
    }

    /// What is to be sent.
    pub fn queue(&mut self) -> &mut Queue<Device, Token> {
        &mut self.queue
    }

    /// The next that is to be sent now.
    pub fn take(&mut self, now_ms: u64) -> Option<Sending<Device, Token>> {
        self.queue.take(now_ms)
    }
}

/// The keys of a subscription count too: who knows a device's endpoint and seals it with other keys spoils its own token and no other.
fn device_of(token: &Token) -> Device {
    let (kind, target, keys): (u8, _, [&[u8]; 2]) = match token {
        Token::WebPush { endpoint, key, secret } => (1, endpoint.as_bytes(), [key, secret]),
        Token::Fcm(token) => (2, token.as_bytes(), [&[], &[]]),
        Token::Apns(token) => (3, token.as_slice(), [&[], &[]]),
    };
    let hash = kdf::hash("push device", &[&[kind], target, keys[0], keys[1]]);
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
