//! Cards whose crystals are off, cards that stop, and threads that stall, all without a card.

use super::*;

/// Samples that a card moves in one step of 20 ms, kept whole over many steps.
struct Card {
    rate: f64,
    owed: f64,
    phase: u64,
}

impl Card {
    fn new(rate: u32, ppm: f64) -> Self {
        Self { rate: f64::from(rate) * (1.0 + ppm * 1e-6), owed: 0.0, phase: 0 }
    }

    fn due(&mut self) -> usize {
        self.owed += self.rate / 50.0;
        let whole = self.owed.floor();
        self.owed -= whole;
        whole as usize
    }

    fn tone(&mut self, count: usize) -> Vec<f32> {
        let start = self.phase;
        self.phase += count as u64;
        (0..count as u64)
            .map(|n| (0.5 * (std::f64::consts::TAU * 500.0 * (start + n) as f64 / self.rate).sin()) as f32)
            .collect()
    }
}

#[test]
fn a_microphone_with_a_wrong_crystal_neither_clicks_nor_drifts() {
    for (rate, ppm) in [(48_000, 300.0), (48_000, -300.0), (44_100, 200.0)] {
        let (mut card_end, mut voice_end) = microphone(rate).expect("a rate");
        let mut card = Card::new(rate, ppm);
        let mut frame = [0.0; FRAME];
        let mut heard: Vec<f32> = Vec::new();
        for step in 0..1_500 {
            let count = card.due();
            for part in card.tone(count).chunks(count.div_ceil(2)) {
                card_end.give(part.iter().copied());
            }
            if voice_end.read(&mut frame) == Read::Sound && step > 500 {
                heard.extend_from_slice(&frame);
            }
        }
        assert_eq!(voice_end.xruns(), 0, "{rate} {ppm}");
        assert!((5.0..60.0).contains(&voice_end.latency_ms()), "{rate} {ppm}: {} ms", voice_end.latency_ms());
        // A click is a step between neighbours that a tone of this level and pitch never makes.
        let steepest = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0_f32, f32::max);
        assert!(steepest < 0.04, "{rate} {ppm}: step of {steepest}");
    }
}

#[test]
fn a_loudspeaker_with_a_wrong_crystal_neither_clicks_nor_drifts() {
    for (rate, ppm) in [(48_000, 300.0), (48_000, -300.0), (44_100, 200.0)] {
        let (mut card_end, mut voice_end) = loudspeaker(rate).expect("a rate");
        let mut card = Card::new(rate, ppm);
        let mut voice = Card::new(48_000, 0.0);
        let mut heard: Vec<f32> = Vec::new();
        for step in 0..1_500 {
            let frame: Vec<f32> = voice.tone(FRAME);
            voice_end.write(frame.as_slice().try_into().expect("a frame"));
            let count = card.due();
            for _ in 0..2 {
                card_end.take(count / 2, |sample| {
                    if step > 500 {
                        heard.push(sample)
                    }
                });
            }
            card_end.take(count % 2, |sample| {
                if step > 500 {
                    heard.push(sample)
                }
            });
        }
        assert_eq!(voice_end.xruns(), 0, "{rate} {ppm}");
        assert!(voice_end.latency_ms() < 60.0, "{rate} {ppm}: {} ms", voice_end.latency_ms());
        let steepest = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0_f32, f32::max);
        assert!(steepest < 0.04, "{rate} {ppm}: step of {steepest}");
    }
}

#[test]
fn a_card_that_stops_is_an_xrun_and_silence_and_then_sound_again() {
    let (mut card_end, mut voice_end) = microphone(48_000).expect("a rate");
    let mut frame = [0.0; FRAME];
    let mut give = |count: usize| card_end.give(vec![0.3; count].into_iter());
    for _ in 0..10 {
        give(FRAME);
        voice_end.read(&mut frame);
    }
    assert_eq!(voice_end.xruns(), 0);
    for _ in 0..10 {
        voice_end.read(&mut frame);
    }
    assert_eq!(voice_end.xruns(), 1, "one failure is one failure");
    assert_eq!(voice_end.read(&mut frame), Read::Silence);
    assert!(frame.iter().all(|sample| *sample == 0.0));
    for _ in 0..10 {
        give(FRAME);
        voice_end.read(&mut frame);
    }
    assert_eq!(voice_end.read(&mut frame), Read::Sound);
}

#[test]
fn a_thread_that_slept_hears_the_present_not_the_past() {
    let (mut card_end, mut voice_end) = microphone(48_000).expect("a rate");
    let mut frame = [0.0; FRAME];
    for _ in 0..22 {
        card_end.give(vec![0.3; FRAME].into_iter());
    }
    assert_eq!(voice_end.read(&mut frame), Read::Sound);
    assert_eq!(voice_end.xruns(), 1);
    assert!(voice_end.latency_ms() < 60.0, "{}", voice_end.latency_ms());
}

#[test]
fn a_loudspeaker_nobody_drains_loses_sound_and_counts_it() {
    let (mut card_end, mut voice_end) = loudspeaker(48_000).expect("a rate");
    for _ in 0..100 {
        voice_end.write(&[0.1; FRAME]);
    }
    assert!(voice_end.xruns() > 50);
    let mut taken = 0;
    card_end.take(480, |sample| taken += usize::from(sample >= 0.0));
    assert_eq!(taken, 480);
}

#[test]
fn a_card_without_a_rate_for_speech_is_refused() {
    assert!(microphone(100).is_none() && loudspeaker(1_000_000).is_none());
}
