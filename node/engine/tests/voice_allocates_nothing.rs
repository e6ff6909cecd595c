//! A step of the voice path allocates nothing once everybody has spoken.

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::{FrameLength, Peer, Transmit, VoiceConfig, VoicePath, VoicePlan};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const MEMBERS: u8 = 8;
const FRAME: usize = 960;
/// Steps before counting: every buffer has had its largest content.
const WARM_UP: u64 = 200;
const STEPS: u64 = 1_000;

fn key(n: u8) -> MediaKey {
    MediaKey::from_parts(Kid(0x200 + u64::from(n)), Secret::new([n; 32]))
}

fn path(me: u8, transmit: Transmit, rng: &mut ChaCha20Rng) -> VoicePath {
    let id = |n: u8| DeviceId::from_bytes([n; 32]);
    let config = VoiceConfig { me: id(me), frame: FrameLength::Ms20, transmit };
    let mut path = VoicePath::new(config, Box::new(BareFactory), rng).expect("bare codecs always exist");
    let peers = (0..MEMBERS).filter(|n| *n != me).map(|n| Peer { device: id(n), keys: vec![key(n)] });
    let plan = VoicePlan {
        seal: Some(key(me)),
        peers: peers.collect(),
        microphone_muted: false,
        ..VoicePlan::silent()
    };
    path.apply(Time::ZERO, &plan).expect("a plain plan");
    path
}

/// Seven members speak to one through a lossy, jittery network; counts what the steps of that one allocate.
fn allocations(transmit: Transmit) -> u64 {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut paths: Vec<VoicePath> = (0..MEMBERS).map(|n| path(n, transmit, &mut rng)).collect();
    let mut flying: Vec<(u64, u8, Vec<u8>)> = Vec::new();
    let mut pcm = [0.0; FRAME];
    let mut counted = 0;
    for step in 0..WARM_UP + STEPS {
        let now = 1_000_000 + step * 20_000;
        for (i, s) in pcm.iter_mut().enumerate() {
            *s = if step % 100 < 60 { 0.3 * (i as f32 / 25.0).sin() } else { 0.0 };
        }
        let (first, others) = paths.split_first_mut().expect("eight members");
        for (n, other) in (1..MEMBERS).zip(others.iter_mut()) {
            other.capture(Time::from_micros(now), &pcm, None).expect("whole frames");
            while let Some(p) = other.next_payload() {
                if !rng.next_u32().is_multiple_of(8) {
                    flying.push((now + 5_000 + u64::from(rng.next_u32() % 40_000), n, p.bytes.to_vec()));
                }
            }
        }
        flying.sort_by_key(|f| f.0);
        let due = flying.partition_point(|f| f.0 <= now + 10_000);
        let arrived: Vec<(u64, u8, Vec<u8>)> = flying.drain(..due).collect();
        let mouth = allocation_counter::measure(|| {
            first.capture(Time::from_micros(now), &pcm, None).expect("whole frames");
            while let Some(p) = first.next_payload() {
                std::hint::black_box(p.bytes);
            }
        });
        let opening = allocation_counter::measure(|| {
            for (at, from, bytes) in &arrived {
                let _ = first.receive(Time::from_micros(*at), DeviceId::from_bytes([*from; 32]), bytes);
            }
        });
        let ear = allocation_counter::measure(|| {
            let mut out = [0.0; FRAME];
            first.play(Time::from_micros(now + 10_000), &mut out);
            std::hint::black_box(first.speakers().map(|s| s.stem.len()).sum::<usize>());
        });
        if step >= WARM_UP {
            counted += mouth.count_total + opening.count_total + ear.count_total;
        }
    }
    let heard = paths[0].speakers().filter(|s| s.stats.played > STEPS / 3 && s.stats.from_list > 0).count();
    assert_eq!(heard, usize::from(MEMBERS) - 1, "the test must exercise what it counts");
    counted
}

#[test]
fn a_step_with_seven_speakers_loss_and_jitter_allocates_nothing() {
    assert_eq!(allocations(Transmit::OpenMicrophone), 0);
}

#[test]
fn nor_does_a_gated_one_with_talks_that_begin_and_end() {
    assert_eq!(allocations(Transmit::VoiceActivated), 0);
}

#[test]
fn the_counter_counts() {
    assert!(allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 10]))).count_total > 0);
}
