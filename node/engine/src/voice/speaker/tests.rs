//! The jitter buffer under loss, reordering, repeats, jitter, stalls and drift; every piece accounted for.

use std::sync::mpsc::{Receiver, Sender, channel};

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::voice::codec::CodecError;
use crate::voice::frame::Coded;

/// A codec whose coded frame is its own number, and whose sound is a tone that ends with each frame.
struct Numbered {
    decoded: Sender<u32>,
    in_band: bool,
    deep: u8,
}

fn number_of(coded: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*coded.first_chunk()?))
}

fn sound(number: u32, out: &mut [f32]) {
    for (i, s) in out.iter_mut().enumerate() {
        *s = 0.3 * (i as f32 * std::f32::consts::TAU / 240.0).sin() + 1e-5 * (number % 7) as f32;
    }
}

impl Numbered {
    fn make(&mut self, number: u32, out: &mut [f32]) -> Result<(), CodecError> {
        self.decoded.send(number).map_err(|_| CodecError::Internal(0))?;
        sound(number, out);
        Ok(())
    }
}

impl Decoder for Numbered {
    fn decode(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        let number = number_of(coded).ok_or(CodecError::Malformed)?;
        self.make(number, out)
    }

    fn has_in_band(&self, _coded: &[u8]) -> bool {
        self.in_band
    }

    fn decode_in_band(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        let number = number_of(coded).ok_or(CodecError::Malformed)?;
        self.make(number.wrapping_sub(1), out)
    }

    fn deep_reach(&mut self, _coded: &[u8]) -> u8 {
        self.deep
    }

    fn decode_deep(&mut self, coded: &[u8], back_ticks: u8, out: &mut [f32]) -> Result<(), CodecError> {
        let number = number_of(coded).ok_or(CodecError::Malformed)?;
        self.make(number.wrapping_sub(u32::from(back_ticks) / 2), out)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        out.fill(0.01);
        Ok(())
    }

    fn reset(&mut self) {}
}

fn speaker(in_band: bool, deep: u8) -> (Speaker, Receiver<u32>) {
    let (decoded, played) = channel();
    (Speaker::new(Box::new(Numbered { decoded, in_band, deep })), played)
}

/// Hands over frame `k` of a stream that began at tick 1,000, with so many earlier ones in its list.
fn give(s: &mut Speaker, now_us: u64, k: u32, list: u8, last: bool) {
    let numbers: Vec<[u8; 4]> = (0..=u32::from(list)).map(|b| k.wrapping_sub(b).to_be_bytes()).collect();
    let mut frame = VoiceFrame::new(k as u16, 1_000 + 2 * k, FrameLength::Ms20, &numbers[0]);
    frame.last = last;
    for back in 1..=list {
        if k >= u32::from(back) {
            frame.push(Coded { back, bytes: &numbers[usize::from(back)] });
        }
    }
    s.receive(Time::from_micros(now_us), &frame);
}

fn play(s: &mut Speaker, now_us: u64) -> Vec<f32> {
    let mut out = vec![0.0; 960];
    s.play(Time::from_micros(now_us), &mut out);
    out
}

/// Pieces add up to samples: what was handed out is silence, pieces, and what stretching added or took.
fn assert_accounts(s: &Speaker) {
    let st = s.stats();
    let pieces = st.played + st.from_list + st.from_in_band + st.from_deep + st.concealed;
    let sounded = (st.samples - st.silent_samples) as i64 + s.fifo.len() as i64;
    let slack = (st.shortened + st.lengthened) as i64 * MAX_PERIOD as i64;
    assert!(
        (sounded - pieces as i64 * 960).abs() <= slack,
        "{pieces} pieces, {sounded} samples, slack {slack}"
    );
}

const START_US: u64 = 5_000_000;

#[test]
fn at_zero_jitter_the_delay_is_below_one_packet_and_nothing_is_touched() {
    for phase_us in [1_000, 10_000, 19_000] {
        let (mut s, played) = speaker(false, 0);
        for k in 0..500_u64 {
            give(&mut s, START_US + k * 20_000, k as u32, 0, false);
            play(&mut s, START_US + k * 20_000 + phase_us);
        }
        assert!(s.stats().delay_ms < 20.0, "phase {phase_us}: {} ms", s.stats().delay_ms);
        assert_eq!((s.stats().concealed, s.stats().shortened, s.stats().lengthened), (0, 0, 0));
        assert_eq!(played.try_iter().collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
        assert_accounts(&s);
    }
}

#[test]
fn the_stem_tells_its_media_time() {
    let (mut s, _played) = speaker(false, 0);
    assert!(play(&mut s, START_US).iter().all(|x| *x == 0.0));
    assert_eq!(s.playing(), None);
    for k in 0..5_u32 {
        give(&mut s, START_US + u64::from(k) * 20_000, k, 0, false);
        play(&mut s, START_US + u64::from(k) * 20_000 + 5_000);
        assert_eq!(s.playing(), Some((1_000 + 2 * k) * 480));
    }
}

#[test]
fn the_last_frame_of_a_talk_is_followed_by_silence_not_concealment() {
    let (mut s, _played) = speaker(false, 0);
    for k in 0..20_u64 {
        give(&mut s, START_US + k * 20_000, k as u32, 0, k == 19);
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    for k in 20..60 {
        assert!(play(&mut s, START_US + k * 20_000 + 5_000).iter().all(|x| *x == 0.0), "step {k}");
    }
    assert_eq!(s.stats().concealed, 0);
    assert_eq!(s.stats().played, 20);
}

#[test]
fn a_talk_that_breaks_off_is_invented_for_a_tenth_of_a_second() {
    let (mut s, _played) = speaker(false, 0);
    for k in 0..20_u64 {
        give(&mut s, START_US + k * 20_000, k as u32, 0, false);
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    for k in 20..60 {
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    assert_eq!(s.stats().concealed, u64::from(MAX_INVENTED_TICKS) / 2);
    assert_eq!(s.stats().lost, 0, "nothing is known to be lost");
    assert_accounts(&s);
}

fn lossy(list: u8, in_band: bool, deep: u8) -> (SpeakerStats, Vec<u32>) {
    let (mut s, played) = speaker(in_band, deep);
    for k in 0..1_000_u64 {
        if k % 10 != 7 {
            give(&mut s, START_US + k * 20_000, k as u32, list, false);
        }
        play(&mut s, START_US + k * 20_000 + 5_000);
        assert_accounts(&s);
    }
    (*s.stats(), played.try_iter().collect())
}

#[test]
fn each_redundancy_fills_the_gaps_once_its_wait_is_learnt() {
    for (list, in_band, deep) in [(1, false, 0), (2, false, 0), (0, true, 0), (0, false, 10)] {
        let (stats, played) = lossy(list, in_band, deep);
        let recovered = stats.from_list + stats.from_in_band + stats.from_deep;
        assert!(stats.lost >= 98, "{stats:?}");
        assert!(recovered >= 90, "list {list}, in-band {in_band}, deep {deep}: {stats:?}");
        assert!(stats.concealed <= 10, "{stats:?}");
        assert!(played.windows(2).all(|w| w[0] < w[1]), "in order, each once");
    }
}

#[test]
fn a_talk_after_a_pause_is_heard_from_its_first_frame_however_long_the_delay_is() {
    for jitter_ms in [0, 40, 80, 150, 250] {
        let (mut s, played) = speaker(false, 0);
        // Every tenth frame comes late, and the buffer learns to wait for it; then two seconds of silence, then another talk.
        let talks = [(0, 300_u64), (400, 100)];
        let mut arrivals: Vec<(u64, u32)> = Vec::new();
        for (first, count) in talks {
            for k in first..first + count {
                let late_us = if k % 10 == 9 && first == 0 { jitter_ms * 1_000 } else { 0 };
                arrivals.push((START_US + k * 20_000 + late_us, k as u32));
            }
        }
        arrivals.sort_unstable();
        let mut arrivals = arrivals.into_iter().peekable();
        for step in 0..560_u64 {
            let now_us = START_US + step * 20_000 + 1_000;
            while let Some((at, k)) = arrivals.next_if(|(at, _)| *at <= now_us) {
                give(&mut s, at, k, u8::from(k > 0 && k != 400), k == 299 || k == 499);
            }
            play(&mut s, now_us);
        }
        let second: Vec<u32> = played.try_iter().filter(|k| *k >= 400).collect();
        assert_eq!(second, (400..500).collect::<Vec<_>>(), "at {jitter_ms} ms of jitter");
    }
}

#[test]
fn without_redundancy_every_loss_is_concealed_and_no_delay_is_added() {
    let (stats, _) = lossy(0, false, 0);
    assert_eq!(stats.concealed, 100);
    assert!(stats.delay_ms < 20.0, "{stats:?}");
}

#[test]
fn a_stall_is_caught_up_without_losing_a_word() {
    let (mut s, played) = speaker(false, 0);
    for k in 0..400_u64 {
        // Frames 100 to 119 come together, 400 ms after the first of them.
        let held_up = (100..120).contains(&k);
        if !held_up {
            if k == 120 {
                for late in 100..120 {
                    give(&mut s, START_US + k * 20_000, late, 0, false);
                }
            }
            give(&mut s, START_US + k * 20_000, k as u32, 0, false);
        }
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    let played: Vec<u32> = played.try_iter().collect();
    assert!(played.windows(2).all(|w| w[0] < w[1]));
    assert!(played.len() >= 390, "{} of 400", played.len());
    assert!(s.stats().delay_ms < s.stats().wanted_ms + 61.0, "caught up: {:?}", s.stats());
    assert!(s.stats().shortened > 10);
    assert_accounts(&s);
}

#[test]
fn drifting_clocks_keep_the_delay_bounded() {
    for ppm in [-300_i64, 300] {
        let (mut s, _played) = speaker(false, 0);
        let sent_at = |k: u64| START_US + (k as i64 * 20_000 * (1_000_000 + ppm) / 1_000_000) as u64;
        let (mut k, mut longest) = (0, 0.0_f32);
        for step in 0..15_000_u64 {
            let now = START_US + step * 20_000 + 10_000;
            while sent_at(k) <= now {
                give(&mut s, sent_at(k), k as u32, 0, false);
                k += 1;
            }
            play(&mut s, now);
            longest = longest.max(s.stats().delay_ms);
        }
        assert!(s.stats().concealed < 20, "{ppm} ppm: {:?}", s.stats());
        assert!(longest < 50.0, "{ppm} ppm: {longest} ms");
    }
}

fn give_stream(s: &mut Speaker, now_us: u64, stream: u8, k: u32) {
    let coded = k.to_be_bytes();
    let mut frame = VoiceFrame::new(k as u16, 1_000 + 2 * k, FrameLength::Ms20, &coded);
    frame.stream = stream;
    s.receive(Time::from_micros(now_us), &frame);
}

#[test]
fn a_restarted_sender_is_heard_at_once_and_stragglers_of_its_past_are_not() {
    let (mut s, played) = speaker(false, 0);
    for k in 0..50_u64 {
        give_stream(&mut s, START_US + k * 20_000, 1, 50_000 + k as u32);
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    played.try_iter().count();
    for k in 50..100_u64 {
        give_stream(&mut s, START_US + k * 20_000, 2, k as u32);
        give_stream(&mut s, START_US + k * 20_000, 1, 50_000 + k as u32);
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    assert_eq!(played.try_iter().collect::<Vec<_>>(), (50..100).collect::<Vec<_>>());
    assert_eq!(s.stats().lost, 0);
}

#[test]
fn a_restart_with_an_equal_draw_is_heard_after_a_second() {
    let (mut s, played) = speaker(false, 0);
    for k in 0..200_u64 {
        let number = if k < 50 { 50_000 + k } else { k } as u32;
        give_stream(&mut s, START_US + k * 20_000, 1, number);
        play(&mut s, START_US + k * 20_000 + 5_000);
    }
    let after: Vec<u32> = played.try_iter().filter(|n| *n < 50_000).collect();
    assert_eq!(after, (99..200).collect::<Vec<_>>());
}

#[test]
fn a_sender_that_slept_is_heard_at_once() {
    let (mut s, played) = speaker(false, 0);
    for k in 0..100_u64 {
        let now = START_US + k * 20_000 + if k < 50 { 0 } else { 3_600_000_000 };
        give(&mut s, now, k as u32, 0, k == 49);
        play(&mut s, now + 5_000);
    }
    assert_eq!(played.try_iter().count(), 100);
    assert!(s.stats().delay_ms < 20.0);
}

#[test]
fn damaged_sound_never_reaches_the_mix() {
    struct Wild;
    impl Decoder for Wild {
        fn decode(&mut self, _: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
            out.fill(f32::NAN);
            out[0] = 1e30;
            Ok(())
        }
        fn has_in_band(&self, _: &[u8]) -> bool {
            false
        }
        fn decode_in_band(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), CodecError> {
            Err(CodecError::Absent)
        }
        fn deep_reach(&mut self, _: &[u8]) -> u8 {
            0
        }
        fn decode_deep(&mut self, _: &[u8], _: u8, _: &mut [f32]) -> Result<(), CodecError> {
            Err(CodecError::Absent)
        }
        fn conceal(&mut self, _: &mut [f32]) -> Result<(), CodecError> {
            Err(CodecError::Internal(1))
        }
        fn reset(&mut self) {}
    }
    let mut s = Speaker::new(Box::new(Wild));
    for k in 0..50_u64 {
        if k % 3 != 0 {
            give(&mut s, START_US + k * 20_000, k as u32, 0, false);
        }
        let out = play(&mut s, START_US + k * 20_000 + 5_000);
        assert!(out.iter().all(|x| x.is_finite() && x.abs() <= 2.0));
    }
}

#[test]
fn gains_are_bounded() {
    let (mut s, _played) = speaker(false, 0);
    for (asked, got) in [(0.5, 0.5), (-1.0, 0.0), (100.0, MAX_GAIN), (f32::NAN, 1.0)] {
        s.set_gain(asked);
        assert_eq!(s.gain(), got);
    }
}

/// What a network does to one frame.
#[derive(Clone, Copy, Debug)]
struct Fate {
    lost: bool,
    copies: u8,
    late_ms: u16,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let late = prop_oneof![8 => 0_u16..60, 1 => 0_u16..900];
    let fate = (prop::bool::weighted(0.2), 1_u8..3, late).prop_map(|(lost, copies, late_ms)| Fate {
        lost,
        copies,
        late_ms,
    });
    prop::collection::vec(fate, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_network_makes_it_panic_repeat_a_frame_or_lose_count(
        fates in fates(), list in 0_u8..4, in_band: bool, deep in prop::sample::select(vec![0_u8, 20]), gap in 0_u32..4_000,
    ) {
        let (mut s, played) = speaker(in_band, deep);
        let mut events: Vec<(u64, u32)> = Vec::new();
        for (k, fate) in fates.iter().enumerate() {
            let sent = START_US + k as u64 * 20_000;
            // Half way the sender falls silent, or jumps, for `gap` frames.
            let number = k as u32 + if k > fates.len() / 2 { gap } else { 0 };
            if !fate.lost {
                for copy in 0..fate.copies {
                    events.push((sent + u64::from(fate.late_ms) * 1_000 + u64::from(copy) * 7_000, number));
                }
            }
        }
        events.sort_unstable();
        let mut next = 0;
        for step in 0..fates.len() as u64 + 100 {
            let now = START_US + step * 20_000 + 3_000;
            while next < events.len() && events[next].0 <= now {
                give(&mut s, events[next].0, events[next].1, list, events[next].1 % 50 == 49);
                next += 1;
            }
            play(&mut s, now);
            assert_accounts(&s);
        }
        let mut numbers: Vec<u32> = played.try_iter().collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), all, "a frame was played twice");
    }
}

#[test]
fn garbage_in_the_right_form_is_survived() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let (mut s, _played) = speaker(true, 30);
    let lengths = [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60];
    let mut now = START_US;
    for _ in 0..5_000 {
        now += u64::from(rng.next_u32() % 40_000);
        let near = 1_000 + (now / 10_000) as u32;
        let tick = match rng.next_u32() % 4 {
            0 => rng.next_u32(),
            _ => near.wrapping_add(rng.next_u32() % 64).wrapping_sub(32),
        };
        let coded = rng.next_u32().to_be_bytes();
        let length = lengths[rng.next_u32() as usize % 4];
        let mut frame = VoiceFrame::new(rng.next_u32() as u16, tick, length, &coded);
        frame.last = rng.next_u32().is_multiple_of(16);
        frame.opening = rng.next_u32().is_multiple_of(16);
        frame.stream = (rng.next_u32() % 40 / 39) as u8;
        for back in 1..=(rng.next_u32() % 5) as u8 {
            if back <= 4 {
                frame.push(Coded { back: back * 3, bytes: &coded });
            }
        }
        s.receive(Time::from_micros(now), &frame);
        play(&mut s, now);
    }
}
