//! Plans come in any order, at any time, with any peers and keys: a path follows the last one and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey, MediaSealer};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::{
    FrameLength, MAX_SPEAKERS, Peer, PlanError, Rejected, Transmit, VoiceConfig, VoicePath, VoicePlan,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const FRAME: usize = 960;

fn id(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

/// Key `k` of device `n`: another secret and another id for each pair.
fn key(n: u8, k: u8) -> MediaKey {
    MediaKey::from_parts(
        Kid(0x100 + u64::from(n) * 256 + u64::from(k)),
        Secret::new([n ^ k.rotate_left(3); 32]),
    )
}

fn path() -> VoicePath {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let config = VoiceConfig { me: id(0), frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
    VoicePath::new(config, Box::new(BareFactory), &mut rng).expect("bare codecs always exist")
}

#[derive(Clone, Debug)]
enum Act {
    /// Peers with the keys that they have, and our own sealing key.
    Plan {
        peers: BTreeMap<u8, BTreeSet<u8>>,
        seal: Option<u8>,
        muted: bool,
        deaf: bool,
    },
    /// Device sends a frame under its key over the connection of another (or its own).
    Frame {
        device: u8,
        key: u8,
        over: u8,
    },
    Gain(u8, f32),
    Transmit(u8),
    Steps(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let keys = prop::collection::btree_set(0_u8..4, 0..3);
    let peers = prop::collection::btree_map(1_u8..9, keys, 0..6);
    prop_oneof![
        2 => (peers, prop::option::of(0_u8..6), any::<bool>(), any::<bool>())
            .prop_map(|(peers, seal, muted, deaf)| Act::Plan { peers, seal, muted, deaf }),
        8 => (1_u8..9, 0_u8..4, 1_u8..9).prop_map(|(device, key, over)| Act::Frame { device, key, over }),
        6 => (1_u8..9, 0_u8..4).prop_map(|(device, key)| Act::Frame { device, key, over: device }),
        1 => (1_u8..9, -1.0_f32..9.0).prop_map(|(n, g)| Act::Gain(n, g)),
        1 => (0_u8..4).prop_map(Act::Transmit),
        3 => (1_u8..150).prop_map(Act::Steps),
    ]
}

/// What a path should know: a plain model beside it.
#[derive(Default)]
struct Model {
    live: BTreeMap<u8, BTreeSet<u8>>,
    /// Until when a key that was replaced still opens, milliseconds.
    fading: BTreeMap<(u8, u8), u64>,
    seal: Option<u8>,
    spent: BTreeSet<u8>,
    muted: bool,
}

impl Model {
    fn plan(
        &mut self,
        now_ms: u64,
        peers: &BTreeMap<u8, BTreeSet<u8>>,
        seal: Option<u8>,
        muted: bool,
    ) -> bool {
        for (n, keys) in &self.live {
            for k in keys {
                self.fading.entry((*n, *k)).or_insert(now_ms + 2_000);
            }
        }
        self.fading.retain(|(n, k), _| peers.get(n).is_some_and(|keys| !keys.contains(k)));
        self.live.clone_from(peers);
        self.muted = muted;
        if self.seal != seal {
            self.spent.extend(self.seal);
            self.seal = seal.filter(|s| !self.spent.contains(s));
        }
        self.seal == seal
    }

    fn opens(&self, now_ms: u64, device: u8, key: u8, over: u8) -> bool {
        let live = self.live.get(&device).is_some_and(|keys| keys.contains(&key));
        let fading = self.fading.get(&(device, key)).is_some_and(|until| now_ms < *until);
        device == over && (live || fading)
    }
}

fn plan_of(peers: &BTreeMap<u8, BTreeSet<u8>>, seal: Option<u8>, muted: bool, deaf: bool) -> VoicePlan {
    let peers = peers
        .iter()
        .map(|(n, keys)| Peer { device: id(*n), keys: keys.iter().map(|k| key(*n, *k)).collect() });
    VoicePlan {
        seal: seal.map(|k| key(0, k)),
        peers: peers.collect(),
        microphone_muted: muted,
        speaker_muted: deaf,
        ..VoicePlan::silent()
    }
}

/// A sealer for every device and key, each with its own counter, as the devices themselves hold.
struct Senders(BTreeMap<(u8, u8), (MediaSealer, u16)>);

impl Senders {
    fn frame(&mut self, device: u8, k: u8) -> Vec<u8> {
        let (sealer, seq) =
            self.0.entry((device, k)).or_insert_with(|| (MediaSealer::new(&key(device, k)), 0));
        let mut plain = vec![0x10, 0];
        plain.extend_from_slice(&seq.to_be_bytes());
        plain.extend_from_slice(&(1_000 + 2 * u32::from(*seq)).to_be_bytes());
        plain.extend_from_slice(&[2, 0, 41, 0x22]);
        plain.extend_from_slice(&[200; 40]);
        *seq += 1;
        let mut out = Vec::new();
        sealer.seal(&plain, &mut out).expect("short enough");
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_path_does_what_its_last_plan_says(acts in prop::collection::vec(act(), 1..60)) {
        let (mut path, mut model, mut senders) = (path(), Model { muted: true, ..Model::default() }, Senders(BTreeMap::new()));
        let mut now_ms = 1_000_000_u64;
        for act in acts {
            let now = Time::from_millis(now_ms);
            match act {
                Act::Plan { peers, seal, muted, deaf } => {
                    let sealing = model.plan(now_ms, &peers, seal, muted);
                    let result = path.apply(now, &plan_of(&peers, seal, muted, deaf));
                    prop_assert_eq!(result, if sealing { Ok(()) } else { Err(PlanError::SpentKey) });
                    let named: Vec<DeviceId> = peers.keys().map(|n| id(*n)).collect();
                    let heard: Vec<DeviceId> = path.speakers().map(|s| s.device).collect();
                    prop_assert_eq!(heard, named);
                }
                Act::Frame { device, key, over } => {
                    let bytes = senders.frame(device, key);
                    let result = path.receive(now, id(over), &bytes);
                    if model.opens(now_ms, device, key, over) {
                        prop_assert_eq!(result, Ok(()));
                    } else {
                        prop_assert_eq!(result, Err(Rejected::UnknownKey));
                    }
                }
                Act::Gain(n, gain) => path.set_gain(&id(n), gain),
                Act::Transmit(n) => path.set_transmit(match n {
                    0 => Transmit::OpenMicrophone,
                    1 => Transmit::VoiceActivated,
                    _ => Transmit::PushToTalk { pressed: n == 2 },
                }),
                Act::Steps(n) => {
                    for _ in 0..n {
                        let now = Time::from_millis(now_ms);
                        let captured = path.capture(now, &[0.1; FRAME], Some(1.0)).expect("whole frames");
                        prop_assert!(!captured.sent || model.seal.is_some() && !model.muted);
                        while let Some(p) = path.next_payload() {
                            prop_assert!(model.seal.is_some() && p.bytes.len() <= 1_180);
                        }
                        let mut out = [0.0; FRAME];
                        path.play(now, &mut out);
                        prop_assert!(out.iter().all(|s| s.abs() < 1.0));
                        now_ms += 20;
                    }
                }
            }
            prop_assert!(path.speakers().count() <= MAX_SPEAKERS);
        }
    }
}
