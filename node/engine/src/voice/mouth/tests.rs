//! What leaves the mouth: nothing while muted or before a key is pressed, constant sizes, pre-roll, no key twice.

use halloo_crypto::media::MediaOpener;
use halloo_crypto::secret::Secret;
use proptest::prelude::*;
use rand_core::SeedableRng;

use super::*;
use crate::voice::bare::BareEncoder;
use crate::voice::frame::Frame;
use crate::voice::plan::DEFAULT_BUDGET_BPS;

fn key(n: u8) -> MediaKey {
    MediaKey::from_parts(Kid(0x200 + u64::from(n)), Secret::new([n; 32]))
}

fn mouth(transmit: Transmit) -> Mouth {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut mouth = Mouth::new(FrameLength::Ms20, Box::new(BareEncoder), transmit, &mut rng);
    assert!(mouth.set_key(Some(&key(1)), false));
    mouth.set_muted(false);
    mouth.controller.set_budget(DEFAULT_BUDGET_BPS);
    mouth
}

/// Captures a frame of this level; returns the opened frames that left.
struct Listener(MediaOpener);

impl Listener {
    fn new() -> Self {
        Listener(MediaOpener::new(&key(1)))
    }

    fn step(&mut self, mouth: &mut Mouth, step: u64, voice: Option<f32>) -> Vec<Vec<u8>> {
        let now = Time::from_micros(step * 20_000);
        mouth.capture(now, &[0.1; 960], voice).expect("whole frames");
        let mut opened = Vec::new();
        while let Some(p) = mouth.next_payload() {
            let mut plain = Vec::new();
            self.0.open(p.bytes, &mut plain).expect("sealed under this key");
            opened.push(plain);
        }
        opened
    }
}

fn voice(bytes: &[u8]) -> VoiceFrame<'_> {
    match Frame::parse(bytes) {
        Ok(Frame::Voice(frame)) => frame,
        other => panic!("no voice frame: {other:?}"),
    }
}

#[test]
fn numbers_and_media_time_count_up() {
    let (mut m, mut l) = (mouth(Transmit::OpenMicrophone), Listener::new());
    let mut before: Option<(u16, u32)> = None;
    for step in 0..100 {
        let opened = l.step(&mut m, step, None);
        let frame = voice(&opened[0]);
        if let Some((seq, tick)) = before {
            assert_eq!((frame.seq, frame.tick), (seq.wrapping_add(1), tick + 2));
        }
        before = Some((frame.seq, frame.tick));
    }
    assert_eq!(m.stats().frames_sent, 100);
}

#[test]
fn a_muted_mouth_sends_nothing_and_remembers_nothing() {
    let (mut m, mut l) = (mouth(Transmit::VoiceActivated), Listener::new());
    for step in 0..10 {
        l.step(&mut m, step, Some(0.0));
    }
    m.set_muted(true);
    for step in 10..20 {
        assert!(l.step(&mut m, step, Some(1.0)).is_empty());
    }
    m.set_muted(false);
    let opened = l.step(&mut m, 20, Some(1.0));
    assert!(voice(&opened[0]).list().is_empty(), "no pre-roll from before or during mute");
}

#[test]
fn without_a_key_nothing_leaves() {
    let (mut m, mut l) = (mouth(Transmit::OpenMicrophone), Listener::new());
    m.set_key(None, false);
    assert!(l.step(&mut m, 0, None).is_empty());
    m.send_report(&Report::default());
    m.send_checkpoint(&[1]);
    assert!(m.next_payload().is_none());
    assert_eq!(m.kid(), None);
}

#[test]
fn the_first_syllable_goes_along_with_the_first_frames() {
    let (mut m, mut l) = (mouth(Transmit::VoiceActivated), Listener::new());
    for step in 0..10 {
        assert!(l.step(&mut m, step, Some(0.05)).is_empty());
    }
    let opened = l.step(&mut m, 10, Some(0.9));
    let first = voice(&opened[0]);
    assert!(first.opening);
    assert_eq!(first.list().iter().map(|c| c.back).collect::<Vec<_>>(), [1, 2, 3]);
    let opened = l.step(&mut m, 11, Some(0.9));
    let second = voice(&opened[0]);
    assert!(second.opening);
    assert_eq!(
        second.list().last().map(|c| c.back),
        Some(4),
        "the same pre-roll again, should the first be lost"
    );
    let opened = l.step(&mut m, 12, Some(0.9));
    assert!(!voice(&opened[0]).opening);
}

#[test]
fn a_pressed_key_sends_from_that_frame_on_and_its_release_marks_the_last() {
    let (mut m, mut l) = (mouth(Transmit::PushToTalk { pressed: false }), Listener::new());
    for step in 0..10 {
        assert!(l.step(&mut m, step, Some(1.0)).is_empty());
    }
    m.set_transmit(Transmit::PushToTalk { pressed: true });
    let opened = l.step(&mut m, 10, Some(0.0));
    assert!(voice(&opened[0]).list().is_empty());
    m.set_transmit(Transmit::PushToTalk { pressed: false });
    let opened = l.step(&mut m, 11, Some(0.0));
    assert!(voice(&opened[0]).last);
    assert!(l.step(&mut m, 12, Some(1.0)).is_empty());
}

#[test]
fn payloads_have_one_size_per_redundancy() {
    let mut m = mouth(Transmit::OpenMicrophone);
    let mut sizes = std::collections::BTreeSet::new();
    for step in 0..200_u64 {
        let pcm: Vec<f32> = (0..960).map(|i| ((i as u64 * (step + 3)) as f32 / 50.0).sin() * 0.2).collect();
        m.capture(Time::from_micros(step * 20_000), &pcm, None).expect("whole frames");
        while let Some(p) = m.next_payload() {
            if step > 1 {
                sizes.insert(p.bytes.len());
            }
        }
    }
    // The SFrame counter takes no byte below 8, one below 256, so the same class shows in at most two lengths here.
    assert!(sizes.len() <= 2, "{sizes:?}");
}

#[test]
fn a_key_goes_on_with_its_counter_and_is_never_begun_anew() {
    let (mut m, mut l) = (mouth(Transmit::OpenMicrophone), Listener::new());
    l.step(&mut m, 0, None);
    assert!(m.set_key(Some(&key(1)), false), "the same key again");
    assert_eq!(l.step(&mut m, 1, None).len(), 1, "the replay window would refuse a counter begun anew");
    assert!(m.set_key(Some(&key(2)), false));
    assert!(!m.set_key(Some(&key(1)), false), "used up");
    m.capture(Time::from_micros(40_000), &[0.1; 960], None).expect("whole frames");
    assert!(m.next_payload().is_none());
}

#[test]
fn frames_of_another_length_are_refused() {
    let mut m = mouth(Transmit::OpenMicrophone);
    assert_eq!(m.capture(Time::ZERO, &[0.0; 480], None), Err(CodecError::Length));
}

#[test]
fn payloads_that_nobody_fetches_are_dropped_oldest_first() {
    let mut m = mouth(Transmit::OpenMicrophone);
    for step in 0..20 {
        m.capture(Time::from_micros(step * 20_000), &[0.1; 960], None).expect("whole frames");
    }
    assert_eq!(m.stats().unfetched, 20 - OUT_QUEUE as u64);
    let mut left = Vec::new();
    while let Some(p) = m.next_payload() {
        left.push(p.timestamp);
    }
    assert_eq!(left.len(), OUT_QUEUE);
    assert!(left.windows(2).all(|w| w[1].wrapping_sub(w[0]) == 960));
}

#[test]
fn an_encoder_that_fails_loses_one_frame_only() {
    struct Moody(u32);
    impl Encoder for Moody {
        fn encode(
            &mut self,
            _: &[f32],
            _: &crate::voice::Coding,
            out: &mut [u8],
        ) -> Result<usize, CodecError> {
            self.0 += 1;
            out[0] = 1;
            if self.0 == 3 { Err(CodecError::Internal(-3)) } else { Ok(1) }
        }
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut m = Mouth::new(FrameLength::Ms20, Box::new(Moody(0)), Transmit::OpenMicrophone, &mut rng);
    m.set_key(Some(&key(1)), false);
    m.set_muted(false);
    let sent: Vec<bool> =
        (0..5).map(|k| m.capture(Time::from_micros(k * 20_000), &[0.1; 960], None).is_ok()).collect();
    assert_eq!(sent, [true, true, false, true, true]);
    assert_eq!(m.stats().codec_errors, 1);
}

#[derive(Clone, Debug)]
enum Act {
    Speak(f32),
    Silence,
    Mute(bool),
    Key(bool),
    Mode(u8),
    Reports(u8),
    Rekey(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0.0_f32..1.0).prop_map(Act::Speak),
        3 => Just(Act::Silence),
        1 => any::<bool>().prop_map(Act::Mute),
        1 => any::<bool>().prop_map(Act::Key),
        1 => (0_u8..3).prop_map(Act::Mode),
        1 => any::<u8>().prop_map(Act::Reports),
        1 => (0_u8..6).prop_map(Act::Rekey),
    ]
}

proptest! {
    #[test]
    fn whatever_a_user_does_frames_are_valid_in_order_and_never_from_before_the_key(
        acts in prop::collection::vec(act(), 1..200),
    ) {
        let mut m = mouth(Transmit::VoiceActivated);
        let mut openers = std::collections::BTreeMap::new();
        let (mut muted, mut mode, mut sealing) = (false, 0, Some(1));
        let mut forbidden_until: Option<u32> = None;
        let mut last_tick: Option<u32> = None;
        for (step, act) in acts.iter().enumerate() {
            let now = Time::from_micros(step as u64 * 20_000);
            let (level, chance) = match act {
                Act::Speak(p) => (0.2, *p),
                Act::Silence => (0.0, 0.0),
                Act::Mute(on) => { m.set_muted(*on); muted = *on; continue }
                Act::Key(pressed) if mode == 2 => { m.set_transmit(Transmit::PushToTalk { pressed: *pressed }); continue }
                Act::Key(_) => continue,
                Act::Mode(n) => {
                    mode = *n;
                    let modes = [Transmit::VoiceActivated, Transmit::OpenMicrophone, Transmit::PushToTalk { pressed: false }];
                    m.set_transmit(modes[usize::from(*n)]);
                    continue
                }
                Act::Reports(loss) => {
                    let entry = crate::voice::frame::ReportEntry { who: [0; 4], loss: *loss, burst: 16, jitter: 0 };
                    m.controller.report(now, halloo_crypto::id::DeviceId([9; 32]), &entry);
                    continue
                }
                Act::Rekey(n) => {
                    let taken = m.set_key(Some(&key(*n)), false);
                    sealing = taken.then_some(*n);
                    continue
                }
            };
            let captured = m.capture(now, &[level; 960], Some(chance)).expect("whole frames");
            let tick = captured.media_time / 480;
            if muted {
                forbidden_until = Some(tick);
                prop_assert!(!captured.sent);
            }
            while let Some(p) = m.next_payload() {
                let kid = sealing.expect("nothing leaves without a key");
                let opener = openers.entry(kid).or_insert_with(|| MediaOpener::new(&key(kid)));
                let mut plain = Vec::new();
                opener.open(p.bytes, &mut plain).expect("sealed under the key of now, once");
                let frame = voice(&plain);
                prop_assert_eq!(frame.tick, tick);
                prop_assert!(last_tick.is_none_or(|last| last < tick), "media time goes on");
                last_tick = Some(tick);
                for entry in frame.list() {
                    let at = tick - 2 * u32::from(entry.back);
                    prop_assert!(forbidden_until.is_none_or(|f| at > f), "a list reaches into the time of mute");
                }
            }
        }
    }
}
