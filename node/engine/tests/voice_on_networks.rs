//! One voice through the networks that people have: what is heard, how late, and what it costs.

use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::{
    FrameLength, PayloadKind, Peer, SpeakerStats, Transmit, VoiceConfig, VoicePath, VoicePlan,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const FRAME: usize = 960;
const STEP_US: u64 = 20_000;
const START_US: u64 = 10_000_000;

/// Chance that one in `n` happens.
fn one_in(rng: &mut ChaCha20Rng, n: u32) -> bool {
    rng.next_u32().is_multiple_of(n)
}

/// What the network does to the frame sent at this time after the start: when it arrives, if ever.
trait Network {
    fn carry(&mut self, at_us: u64, rng: &mut ChaCha20Rng) -> Option<u64>;
}

impl<F: FnMut(u64, &mut ChaCha20Rng) -> Option<u64>> Network for F {
    fn carry(&mut self, at_us: u64, rng: &mut ChaCha20Rng) -> Option<u64> {
        self(at_us, rng)
    }
}

/// Gilbert and Elliott: good and bad times, each frame lost in the bad ones.
struct Bursts {
    bad: bool,
    begins_one_in: u32,
    ends_one_in: u32,
}

impl Network for Bursts {
    fn carry(&mut self, _: u64, rng: &mut ChaCha20Rng) -> Option<u64> {
        let turn = if self.bad { self.ends_one_in } else { self.begins_one_in };
        self.bad ^= one_in(rng, turn);
        (!self.bad).then_some(20_000)
    }
}

struct Outcome {
    stats: SpeakerStats,
    /// Delay after each second.
    delays_ms: Vec<f32>,
    /// Steps in which the tone was missing, after the first second.
    silent: u64,
    kbit_per_s: f64,
}

fn path(me: u8, other: u8, budget_bps: u32, rng: &mut ChaCha20Rng) -> VoicePath {
    let key = |who: u8| MediaKey::from_parts(Kid(u64::from(who) + 0x200), Secret::new([who; 32]));
    let id = |who: u8| DeviceId([who; 32]);
    let config = VoiceConfig { me: id(me), frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
    let mut path = VoicePath::new(config, Box::new(BareFactory), rng).expect("bare codecs always exist");
    let plan = VoicePlan {
        seal: Some(key(me)),
        peers: vec![Peer { device: id(other), keys: vec![key(other)] }],
        microphone_muted: me == 2,
        budget_bps,
        ..VoicePlan::silent()
    };
    path.apply(Time::ZERO, &plan).expect("a plain plan");
    path
}

/// A tone from member 1 to member 2 for so many seconds; reports go back over a clean path.
fn talk(seconds: u64, budget_bps: u32, seed: u64, mut network: impl Network) -> Outcome {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut mouth, mut ear) = (path(1, 2, budget_bps, &mut rng), path(2, 1, budget_bps, &mut rng));
    let mut air: Vec<(u64, Vec<u8>)> = Vec::new();
    let (mut silent, mut delays_ms) = (0, Vec::new());
    for k in 0..seconds * 50 {
        let now = START_US + k * STEP_US;
        let pcm: Vec<f32> = (0..FRAME)
            .map(|i| 0.3 * ((k as usize * FRAME + i) as f32 * std::f32::consts::TAU / 240.0).sin())
            .collect();
        mouth.capture(Time::from_micros(now), &pcm, None).expect("whole frames");
        while let Some(p) = mouth.next_payload() {
            assert_eq!(p.kind, PayloadKind::Voice, "member 1 hears nobody and has nothing to report");
            if let Some(delay) = network.carry(now - START_US, &mut rng) {
                air.push((now + delay, p.bytes.to_vec()));
            }
        }
        let played = now + 11_000;
        air.sort_by_key(|a| a.0);
        let due = air.partition_point(|a| a.0 <= played);
        for (at, bytes) in air.drain(..due) {
            ear.receive(Time::from_micros(at), DeviceId([1; 32]), &bytes).expect("sealed for this ear");
        }
        let mut out = [0.0; FRAME];
        ear.play(Time::from_micros(played), &mut out);
        let power = out.iter().map(|s| s * s).sum::<f32>() / FRAME as f32;
        silent += u64::from(k >= 50 && power < 0.002);
        ear.capture(Time::from_micros(played), &[0.0; FRAME], None).expect("whole frames");
        while let Some(p) = ear.next_payload() {
            let bytes = p.bytes.to_vec();
            mouth
                .receive(Time::from_micros(played + 5_000), DeviceId([2; 32]), &bytes)
                .expect("sealed for this mouth");
        }
        if k % 50 == 49 {
            delays_ms.extend(ear.speakers().map(|s| s.stats.delay_ms));
        }
    }
    let stats = *ear.speakers().next().expect("one speaker").stats;
    let kbit_per_s = mouth.stats().mouth.bytes_sent as f64 * 8.0 / seconds as f64 / 1_000.0;
    Outcome { stats, delays_ms, silent, kbit_per_s }
}

const BUDGET: u32 = 116_000;

#[test]
fn a_quiet_network_costs_one_packet_of_delay_and_no_redundancy() {
    let o = talk(30, BUDGET, 1, |_, _: &mut ChaCha20Rng| Some(10_000));
    assert_eq!((o.stats.lost, o.stats.concealed, o.silent), (0, 0, 0));
    assert!(o.delays_ms[1..].iter().all(|d| *d <= 20.0), "{:?}", o.delays_ms);
    assert!(o.kbit_per_s < 52.0, "{} kbit/s with the redundancy of the first seconds", o.kbit_per_s);
}

#[test]
fn wifi_with_jitter_is_heard_whole_at_the_price_of_its_jitter() {
    let o = talk(60, BUDGET, 2, |_, rng: &mut ChaCha20Rng| {
        let spike = one_in(rng, 50);
        Some(5_000 + u64::from(rng.next_u32() % 15_000) + if spike { 60_000 } else { 0 })
    });
    let pieces = o.stats.played + o.stats.concealed;
    assert_eq!(o.stats.lost, 0);
    assert!(o.stats.concealed * 100 <= pieces * 2, "{:?}", o.stats);
    assert!(o.stats.delay_ms < 110.0, "{:?}", o.stats);
}

#[test]
fn random_loss_is_mended_by_lists() {
    for (percent, most_concealed) in [(5, 0.012), (10, 0.015), (20, 0.025)] {
        let o = talk(60, BUDGET, 3, move |_, rng: &mut ChaCha20Rng| {
            (rng.next_u32() % 100 >= percent).then_some(20_000)
        });
        let share = o.stats.concealed as f64 / 3_000.0;
        assert!(share < most_concealed, "{percent} %: {share} {:?}", o.stats);
        assert!(o.stats.from_list as f64 > 0.8 * o.stats.lost as f64, "{percent} %: {:?}", o.stats);
        assert!(o.kbit_per_s < 125.0, "{percent} %: {} kbit/s", o.kbit_per_s);
    }
}

#[test]
fn runs_of_loss_are_mended_by_longer_lists_where_the_budget_allows_them() {
    let network = || Bursts { bad: false, begins_one_in: 30, ends_one_in: 3 };
    let rich = talk(120, 200_000, 4, network());
    let poor = talk(120, BUDGET, 4, network());
    let mended = |o: &Outcome| o.stats.from_list as f64 / o.stats.lost as f64;
    assert!(mended(&rich) > 0.6, "{:?}", rich.stats);
    assert!(rich.stats.concealed < poor.stats.concealed, "{:?} {:?}", rich.stats, poor.stats);
}

#[test]
fn without_a_budget_every_loss_is_concealed() {
    let o = talk(60, 0, 5, |_, rng: &mut ChaCha20Rng| (!one_in(rng, 10)).then_some(20_000));
    assert_eq!(o.stats.from_list, 0);
    assert!(o.stats.concealed.abs_diff(o.stats.lost) <= 5, "{:?}", o.stats);
    assert!(o.kbit_per_s < 50.0);
}

#[test]
fn after_the_loss_delay_and_bytes_come_back_down() {
    let o = talk(60, BUDGET, 6, |at, rng: &mut ChaCha20Rng| {
        let lost = at < 20_000_000 && one_in(rng, 5);
        (!lost).then_some(20_000)
    });
    assert!(o.delays_ms[10..19].iter().all(|d| *d > 35.0), "waits for its lists: {:?}", o.delays_ms);
    assert!(o.delays_ms.last().is_some_and(|d| *d <= 22.0), "{:?}", o.delays_ms);
}

#[test]
fn a_longer_road_is_taken_without_a_word_lost() {
    let o =
        talk(40, BUDGET, 7, |at, _: &mut ChaCha20Rng| Some(if at < 10_000_000 { 10_000 } else { 90_000 }));
    assert_eq!(o.stats.lost, 0);
    assert_eq!(o.stats.late, 0, "late frames are waited for: {:?}", o.stats);
    assert!(o.stats.concealed <= 6, "{:?}", o.stats);
    assert!(
        o.delays_ms.last().is_some_and(|d| *d <= 25.0),
        "the new road is the base by now: {:?}",
        o.delays_ms
    );
}

#[test]
fn a_shorter_road_is_taken_at_once() {
    let o =
        talk(30, BUDGET, 8, |at, _: &mut ChaCha20Rng| Some(if at < 10_000_000 { 90_000 } else { 10_000 }));
    assert_eq!((o.stats.lost, o.stats.late, o.silent), (0, 0, 0), "{:?}", o.stats);
    assert!(o.delays_ms.last().is_some_and(|d| *d <= 65.0), "{:?}", o.delays_ms);
    assert!(o.delays_ms[9] < o.delays_ms[10], "first it all waits here, then it is played faster");
}

#[test]
fn a_tunnel_of_two_seconds_is_silence_then_speech() {
    let o = talk(30, BUDGET, 9, |at, _: &mut ChaCha20Rng| {
        (!(10_000_000..12_000_000).contains(&at)).then_some(20_000)
    });
    assert_eq!(o.stats.lost, 100);
    assert!((90..=105).contains(&o.silent), "{} silent steps of a hundred", o.silent);
    assert!(o.stats.concealed <= 12, "nothing is invented for two seconds: {:?}", o.stats);
    assert!(o.delays_ms.last().is_some_and(|d| *d <= 41.0), "{:?}", o.delays_ms);
}

#[test]
fn a_stall_of_four_tenths_loses_no_word() {
    let o = talk(30, BUDGET, 10, |at, _: &mut ChaCha20Rng| {
        let held = (10_000_000..10_400_000).contains(&at);
        Some(if held { 10_400_000 - at + 5_000 } else { 5_000 })
    });
    assert_eq!((o.stats.lost, o.stats.late, o.stats.skipped), (0, 0, 0), "{:?}", o.stats);
    assert!(o.delays_ms[10] > 50.0, "the words wait: {:?}", o.delays_ms);
    assert!(o.delays_ms.last().is_some_and(|d| *d <= 81.0), "and are caught up: {:?}", o.delays_ms);
}

#[test]
fn frames_in_any_order_are_played_in_theirs() {
    let o =
        talk(60, BUDGET, 11, |_, rng: &mut ChaCha20Rng| Some(if one_in(rng, 4) { 45_000 } else { 5_000 }));
    assert_eq!((o.stats.lost, o.silent), (0, 0), "{:?}", o.stats);
    assert!(o.stats.concealed <= 12, "{:?}", o.stats);
    assert!(o.stats.delay_ms < 65.0, "{:?}", o.stats);
}

#[test]
fn the_same_seed_hears_the_same() {
    let run = || {
        let o = talk(20, BUDGET, 12, |_, rng: &mut ChaCha20Rng| {
            (!one_in(rng, 7)).then(|| 5_000 + u64::from(rng.next_u32() % 40_000))
        });
        (o.stats, o.delays_ms, o.silent)
    };
    assert_eq!(run(), run());
}
