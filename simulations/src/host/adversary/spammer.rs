//! Floods its neighbours: noise, its own frames over and over, frames with a changed byte, greetings without end, and true messages.

use super::{Around, Deed, one_of, tampered};
use crate::chance::between;
use halloo_engine::input::Command;
use halloo_engine::lane::Lane;
use halloo_engine::output::Output;
use halloo_engine::wire::direct::{DirectFrame, Realm, Step, SyncFrame};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::collections::VecDeque;

/// Own frames that are remembered to be sent again.
const REMEMBERED_MAX: usize = 64;
/// Longest noise, bytes: a usual frame.
const NOISE_BYTES_MAX: u64 = 2_000;
/// Kinds of spam, which come in turn.
const KINDS: u64 = 8;

/// The flood.
pub(super) struct Spammer {
    gap_us: u64,
    turn: u64,
    direct: VecDeque<Vec<u8>>,
    gossip: VecDeque<([u8; 32], Vec<u8>)>,
}

impl Spammer {
    pub(super) fn new(per_s: u32) -> Self {
        let gap_us = 1_000_000 / u64::from(per_s.max(1));
        Spammer { gap_us, turn: 0, direct: VecDeque::new(), gossip: VecDeque::new() }
    }

    /// Between two frames, microseconds.
    pub(super) fn gap_us(&self) -> u64 {
        self.gap_us
    }

    /// Keeps what its own engine sends, to send it again.
    pub(super) fn remember(&mut self, output: &Output) {
        match output {
            Output::Send { lane: Lane::Direct, bytes, .. } => keep(&mut self.direct, bytes.clone()),
            Output::Publish { topic, bytes } => keep(&mut self.gossip, (*topic, bytes.clone())),
            _ => {}
        }
    }

    /// The next frame.
    pub(super) fn next(
        &mut self,
        rng: &mut ChaCha20Rng,
        around: &Around<'_>,
    ) -> Option<(&'static str, Deed)> {
        self.turn += 1;
        let peer = *one_of(rng, &around.peers)?;
        let direct = |bytes| Deed::Direct(peer, bytes);
        Some(match self.turn % KINDS {
            0 => {
                let text = format!("buy my boots, offer {}", self.turn);
                ("adversary spammed messages", Deed::Command(Command::Say { text, reply_to: None }))
            }
            1 => {
                let topics: Vec<[u8; 32]> = around.topics.iter().copied().collect();
                ("adversary spammed gossip noise", Deed::Gossip(*one_of(rng, &topics)?, noise(rng)))
            }
            2 => {
                let (topic, bytes) = one_of(rng, self.gossip.make_contiguous())?.clone();
                ("adversary spammed broken gossip", Deed::Gossip(topic, tampered(rng, &bytes, 1)?))
            }
            3 => {
                let again = one_of(rng, self.direct.make_contiguous())?.clone();
                ("adversary spammed repeats", direct(again))
            }
            4 => ("adversary spammed noise", direct([around.route.as_slice(), &noise(rng)].concat())),
            5 => ("adversary spammed pairing noise", Deed::Pair(peer, noise(rng))),
            6 => {
                let mut nonce = [0; 32];
                rng.fill_bytes(&mut nonce);
                ("adversary spammed greetings", direct(DirectFrame::Hello { nonce }.to_bytes(around.route)))
            }
            _ => {
                let session = rng.next_u32();
                let realm = Realm::Contents;
                let ask = SyncFrame { realm, step: Step::Ask, session, message: noise(rng) };
                ("adversary spammed comparisons", direct(DirectFrame::Sync(ask).to_bytes(around.route)))
            }
        })
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED_MAX {
        list.pop_front();
    }
    list.push_back(item);
}

fn noise(rng: &mut ChaCha20Rng) -> Vec<u8> {
    let length = usize::try_from(between(rng, 1, NOISE_BYTES_MAX)).unwrap_or(1);
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}
