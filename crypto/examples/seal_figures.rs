//! Measures seals, signatures and one pairing, and prints one JSON object a line: name, ours, unit.
//!
//! `cargo run --release -p halloo-crypto --features media,group --example seal_figures`
#![allow(clippy::print_stdout, reason = "printing figures is what this example is for")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures time; nothing links to it"
)]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

#[cfg(not(feature = "media"))]
fn main() {
    println!("build with --features media");
}

#[cfg(feature = "media")]
fn main() {
    figures::signatures();
    figures::seals();
    figures::voice();
    figures::pairing();
    #[cfg(feature = "group")]
    messages::measure(&[8, 50, 500]);
}

#[cfg(feature = "media")]
mod figures {
    use std::hint::black_box;
    use std::time::Instant;

    use halloo_crypto::data::{DataKeys, DataSealer};
    use halloo_crypto::id::{DeviceId, EpochId, Incarnation};
    use halloo_crypto::identity::{DeviceSecret, Domain, verify};
    use halloo_crypto::invite::code::{Nameplate, ShortCode};
    use halloo_crypto::media::{
        CallStep, CheckpointReader, CheckpointWriter, Kid, MediaKey, MediaOpener, MediaSealer, Round,
    };
    use halloo_crypto::pake::{Binding, HostPake, JoinerPake, Opening, Password};
    use halloo_crypto::sealed::seal_to;
    use halloo_crypto::secret::Secret;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    fn print(name: &str, ours: f64, unit: &str) {
        println!(r#"{{"name":"seal/{name}","ours":{ours:.3},"unit":"{unit}"}}"#);
    }

    /// Median of 31 batches, each of `batch` runs, in microseconds a run.
    pub(super) fn median_us(batch: u32, mut run: impl FnMut()) -> f64 {
        let mut times: Vec<f64> = (0..31)
            .map(|_| {
                let start = Instant::now();
                (0..batch).for_each(|_| run());
                start.elapsed().as_secs_f64() * 1e6 / f64::from(batch)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[15]
    }

    pub(super) fn signatures() {
        let device = DeviceSecret::generate(&mut rng());
        let message = [7; 200];
        let sign = median_us(200, || {
            black_box(device.sign(Domain::Content, &message));
        });
        print("sign/200 B", sign, "us");
        let signature = device.sign(Domain::Content, &message);
        let id = device.id();
        print(
            "verify strict/200 B",
            median_us(200, || verify(&id, Domain::Content, &message, black_box(&signature)).unwrap()),
            "us",
        );
    }

    pub(super) fn seals() {
        let mut rng = rng();
        let device = DeviceSecret::generate(&mut rng);
        let to = device.box_public();
        let frame = seal_to(&mut rng, &to, b"i", b"a", &[7; 200]).unwrap();
        print(
            "hpke seal/200 B",
            median_us(50, || drop(black_box(seal_to(&mut rng, &to, b"i", b"a", &[7; 200]).unwrap()))),
            "us",
        );
        print(
            "hpke open/200 B",
            median_us(50, || drop(black_box(device.open_sealed(b"i", b"a", &frame).unwrap()))),
            "us",
        );
        let keys = DataKeys::new(Secret::new([1; 32]), EpochId([2; 32]));
        let mut sealer = DataSealer::new(Incarnation([3; 16]));
        let sealed = sealer.seal(&keys, b"", &[7; 200]).unwrap();
        print(
            "data seal/200 B",
            median_us(500, || drop(black_box(sealer.seal(&keys, b"", &[7; 200]).unwrap()))),
            "us",
        );
        print("data open/200 B", median_us(500, || drop(black_box(keys.open(b"", &sealed).unwrap()))), "us");
        print("data overhead", (sealed.len() - 200) as f64, "B");
    }

    pub(super) fn voice() {
        let key = MediaKey::from_parts(Kid(0x1234), Secret::new([1; 32]));
        print("voice key", median_us(500, || drop(black_box(MediaSealer::new(&key)))), "us");
        let (mut sealed, mut out) = (Vec::with_capacity(2_000), Vec::with_capacity(2_000));
        for bytes in [80, 120, 160] {
            let payload = vec![7; bytes];
            let mut sealer = MediaSealer::new(&key);
            let seal = median_us(1_000, || {
                black_box(sealer.seal(&payload, &mut sealed).unwrap());
            });
            print(&format!("voice seal/{bytes} B"), seal, "us");
            print(&format!("voice frame/{bytes} B"), sealed.len() as f64, "B");
            let mut sealer = MediaSealer::new(&key);
            let frames: Vec<Vec<u8>> = (0..31_000)
                .map(|_| {
                    sealer.seal(&payload, &mut sealed).unwrap();
                    sealed.clone()
                })
                .collect();
            let mut opener = MediaOpener::new(&key);
            let mut frames = frames.iter();
            let open = median_us(1_000, || {
                black_box(opener.open(frames.next().unwrap(), &mut out).unwrap());
            });
            print(&format!("voice open/{bytes} B"), open, "us");
        }
        checkpoints(&key);
        changing_keys();
    }

    /// One frame after the other while keys change as fast as they can in a heal: every tenth frame is the first under a new step or
    /// epoch, whose key is derived from both.
    fn changing_keys() {
        const FRAMES: usize = 50_000;
        let mut rng = rng();
        let (mut step, exporter) = (CallStep::random(&mut rng), Secret::new([4; 32]));
        let (device, incarnation) = (DeviceId([5; 32]), Incarnation([6; 16]));
        let payload = [7; 230];
        let mut sealed = Vec::with_capacity(2_000);
        let mut sealer = MediaSealer::new(&step.media_key(&exporter, &device, incarnation, Kid(300)));
        let mut times: Vec<f64> = (0..FRAMES)
            .map(|frame| {
                let start = Instant::now();
                if frame % 10 == 0 {
                    step = step.ahead();
                    sealer = MediaSealer::new(&step.media_key(&exporter, &device, incarnation, Kid(300)));
                }
                black_box(sealer.seal(&payload, &mut sealed).unwrap());
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        print("voice seal, keys changing, 99th percentile", times[FRAMES * 99 / 100], "ms");
    }

    fn checkpoints(key: &MediaKey) {
        let mut rng = rng();
        let device = DeviceSecret::generate(&mut rng);
        let frame = [9_u8; 120];
        let mut next = 0;
        let mut second = || {
            let mut writer = CheckpointWriter::new(key, 0, 0);
            for _ in 0..50 {
                writer.note(next % 50, 2 * next as u32, &frame);
                next += 1;
            }
            let round = Round { tick: 2 * next as u32, stream: 1, repeated: false, closed: false };
            writer.draft(&round, &mut rng).unwrap().sign(&device)
        };
        let bytes = second();
        print("checkpoint of 50 frames", bytes.len() as f64, "B");
        print("checkpoint write/50 frames", median_us(20, || drop(black_box(second()))), "us");
        let id = device.id();
        let check = median_us(20, || {
            let mut reader = CheckpointReader::new();
            for counter in 0..50 {
                black_box(reader.admit(0, (key.print(), counter), None, &frame));
            }
            assert_eq!(reader.check(0, &id, &[key.print()], &bytes).unwrap().verified, 50);
        });
        print("checkpoint check/50 frames", check, "us");
    }

    pub(super) fn pairing() {
        let mut rng = rng();
        let password = Password::from_code(&ShortCode::from_parts(Nameplate(7), [1, 2]).unwrap());
        let opening = Opening([1; 16]);
        let binding = Binding {
            host_peer: [1; 32],
            joiner_peer: [2; 32],
            host: opening.commit(&DeviceId([3; 32]), b"group"),
            joiner: opening.commit(&DeviceId([4; 32]), b""),
        };
        let both = median_us(10, || {
            let (joiner, first) = JoinerPake::start(&mut rng, &password, &binding);
            let (host, answer) = HostPake::answer(&mut rng, &password, &binding, &first).unwrap();
            let (joiner, proof) = joiner.finish(&answer).unwrap();
            let (line, proof) = host.confirm(&proof).unwrap();
            drop(black_box((line, joiner.confirm(&proof).unwrap())));
        });
        print("pairing, both sides", both, "us");
    }
}

/// A message as members write it: signed by the device, sealed to the epoch of a group of a given size.
#[cfg(all(feature = "media", feature = "group"))]
mod messages {
    use std::hint::black_box;

    use halloo_crypto::data::{DataKeys, DataSealer};
    use halloo_crypto::group::{CommitPlan, Export, GroupSession, KeyPackageSecret};
    use halloo_crypto::id::{GroupId, Incarnation};
    use halloo_crypto::identity::{DeviceSecret, Domain, verify};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::figures::median_us;

    const GROUP: GroupId = GroupId([1; 32]);

    fn session(size: usize, rng: &mut ChaCha20Rng) -> GroupSession {
        let device = DeviceSecret::generate(rng);
        let first = GroupSession::create(GROUP, &device, rng).unwrap();
        let packages = (1..size).map(|_| {
            let device = DeviceSecret::generate(rng);
            KeyPackageSecret::generate(GROUP, &device, rng).unwrap().key_package().to_vec()
        });
        let plan = CommitPlan { add: packages.collect(), ..CommitPlan::default() };
        first.prepare(&plan, rng).unwrap().next
    }

    pub(super) fn measure(sizes: &[usize]) {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let device = DeviceSecret::generate(&mut rng);
        let (id, text) = (device.id(), [7_u8; 200]);
        for size in sizes {
            let session = session(*size, &mut rng);
            assert_eq!(session.member_count(), *size);
            let mut sealer = DataSealer::new(Incarnation([3; 16]));
            let mut last = Vec::new();
            let seal = median_us(100, || {
                let keys = DataKeys::new(session.export_secret(Export::Data).unwrap(), session.epoch_id());
                let mut message = text.to_vec();
                message.extend_from_slice(&device.sign(Domain::Content, &text).0);
                last = sealer.seal(&keys, b"", &message).unwrap();
            });
            let open = median_us(100, || {
                let keys = DataKeys::new(session.export_secret(Export::Data).unwrap(), session.epoch_id());
                let opened = keys.open(b"", &last).unwrap().plaintext;
                let (text, signature) = opened.split_last_chunk::<64>().unwrap();
                let signature = halloo_crypto::id::Signature(*signature);
                verify(&id, Domain::Content, black_box(text), &signature).unwrap();
            });
            for (what, us) in [("seal", seal), ("open", open)] {
                println!(r#"{{"name":"message {what} at {size} members","ours":{us:.3},"unit":"us"}}"#);
            }
        }
    }
}
