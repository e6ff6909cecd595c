//! libopus through our wrapper: every kind of redundancy is really there, and no bytes break it.

use halloo_engine::voice::codec::{CodecError, CodecFactory, Coding, FrameLength, MAX_CODED_BYTES};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{OpusDecoder, OpusFactory, version};
use halloo_engine::voice::codec::Decoder;

const PLAIN: Coding = Coding { bytes: 84, loss_percent: 0, in_band: false, deep_ticks: 0 };

/// A vowel-like sound: a glottal pulse train through two resonances, with a slow swell.
fn vowel(frames: usize, samples: usize) -> Vec<Vec<f32>> {
    let (mut a, mut b) = ([0.0_f32; 2], [0.0_f32; 2]);
    (0..frames)
        .map(|f| {
            (0..samples)
                .map(|i| {
                    let n = f * samples + i;
                    let pulse = if n.is_multiple_of(400) { 1.0 } else { 0.0 };
                    let y = pulse + 1.975 * a[0] - 0.985 * a[1];
                    a = [y, a[0]];
                    let z = 0.02 * y + 1.90 * b[0] - 0.96 * b[1];
                    b = [z, b[0]];
                    0.05 * z * (1.0 + 0.5 * (n as f32 / 20_000.0).sin())
                })
                .collect()
        })
        .collect()
}

fn energy(pcm: &[f32]) -> f32 {
    pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32
}

fn coded(coding: &Coding, length: FrameLength, frames: usize) -> (Vec<Vec<u8>>, Vec<Vec<f32>>) {
    let pcm = vowel(frames, length.samples());
    let mut encoder = OpusFactory::default().encoder(length).expect("libopus is there");
    let packets = pcm
        .iter()
        .map(|frame| {
            let mut out = vec![0; coding.bytes];
            let len = encoder.encode(frame, coding, &mut out).expect("a frame encodes");
            out.truncate(len);
            out
        })
        .collect();
    (packets, pcm)
}

#[test]
fn the_library_is_a_1_6() {
    assert!(version().contains("1.6"), "{}", version());
}

#[test]
fn frames_of_every_length_come_back_at_constant_size() {
    for length in [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60] {
        let coding = Coding { bytes: 42 * usize::from(length.ticks()), ..PLAIN };
        let (packets, pcm) = coded(&coding, length, 30);
        assert!(packets.iter().all(|p| p.len() == coding.bytes), "{length:?}: constant rate");
        let mut decoder = OpusDecoder::new(7).expect("libopus is there");
        let mut out = vec![0.0; length.samples()];
        for p in &packets {
            decoder.decode(p, &mut out).expect("our own frame decodes");
        }
        let ratio = energy(&out) / energy(&pcm[29]);
        assert!((0.3..3.0).contains(&ratio), "{length:?}: energy ratio {ratio}");
    }
}

#[test]
fn in_band_copies_exist_only_when_asked_for_and_restore_the_frame_before() {
    let (packets, _) = coded(&PLAIN, FrameLength::Ms20, 40);
    let decoder = OpusDecoder::new(5).expect("libopus is there");
    assert!(packets.iter().all(|p| !decoder.has_in_band(p)));

    let hardened = Coding { loss_percent: 15, in_band: true, ..PLAIN };
    let (packets, pcm) = coded(&hardened, FrameLength::Ms20, 40);
    let with = packets.iter().filter(|p| decoder.has_in_band(p)).count();
    assert!(with > 20, "only {with} of 40 carry a copy");
    let carrier = packets.iter().rposition(|p| decoder.has_in_band(p)).expect("counted above");
    let mut decoder = OpusDecoder::new(5).expect("libopus is there");
    let mut out = vec![0.0; 960];
    for p in &packets[..carrier - 1] {
        decoder.decode(p, &mut out).expect("decodes");
    }
    decoder.decode_in_band(&packets[carrier], &mut out).expect("the copy decodes");
    assert!(energy(&out) > 0.2 * energy(&pcm[carrier - 1]));
}

#[test]
fn absent_redundancy_is_said_to_be_absent() {
    let (packets, _) = coded(&PLAIN, FrameLength::Ms20, 5);
    let mut decoder = OpusDecoder::new(5).expect("libopus is there");
    let mut out = vec![0.0; 960];
    assert_eq!(decoder.decode_in_band(&packets[3], &mut out), Err(CodecError::Absent));
    assert_eq!(decoder.deep_reach(&packets[3]), 0);
    assert_eq!(decoder.decode_deep(&packets[3], 2, &mut out), Err(CodecError::Absent));
}

#[test]
fn deep_redundancy_reaches_back_over_a_burst() {
    let deep = Coding { bytes: 148, loss_percent: 20, in_band: false, deep_ticks: 50 };
    let (packets, pcm) = coded(&deep, FrameLength::Ms20, 80);
    let mut decoder = OpusDecoder::new(5).expect("libopus is there");
    let mut out = vec![0.0; 960];
    for p in &packets[..70] {
        decoder.decode(p, &mut out).expect("decodes");
    }
    let reach = decoder.deep_reach(&packets[75]);
    assert!(reach >= 20, "reaches {reach} ticks");
    for lost in 70..75_u8 {
        let back = 2 * (75 - lost);
        decoder.decode_deep(&packets[75], back, &mut out).expect("within reach");
        let ratio = energy(&out) / energy(&pcm[usize::from(lost)]);
        assert!((0.05..20.0).contains(&ratio), "frame {lost}: energy ratio {ratio}");
    }
    decoder.decode(&packets[75], &mut out).expect("goes on");
}

#[test]
fn concealment_fades_to_silence() {
    let (packets, _) = coded(&PLAIN, FrameLength::Ms20, 30);
    let mut decoder = OpusDecoder::new(5).expect("libopus is there");
    let mut out = vec![0.0; 960];
    for p in &packets {
        decoder.decode(p, &mut out).expect("decodes");
    }
    let spoken = energy(&out);
    decoder.conceal(&mut out).expect("conceals");
    assert!(energy(&out) > 0.01 * spoken, "the first invented frame is heard");
    for _ in 0..50 {
        decoder.conceal(&mut out).expect("conceals");
    }
    assert!(energy(&out) < 0.01 * spoken, "a second later it is not");
}

#[test]
fn reset_makes_two_decoders_equal() {
    let (packets, _) = coded(&PLAIN, FrameLength::Ms20, 20);
    let mut used = OpusDecoder::new(5).expect("libopus is there");
    let mut out = vec![0.0; 960];
    for p in &packets {
        used.decode(p, &mut out).expect("decodes");
    }
    used.reset();
    let mut fresh = OpusDecoder::new(5).expect("libopus is there");
    let mut other = vec![0.0; 960];
    used.decode(&packets[7], &mut out).expect("decodes");
    fresh.decode(&packets[7], &mut other).expect("decodes");
    assert_eq!(out, other);
}

#[test]
fn frames_of_another_length_are_refused() {
    let (packets, _) = coded(&PLAIN, FrameLength::Ms20, 2);
    let mut decoder = OpusDecoder::new(5).expect("libopus is there");
    assert_eq!(decoder.decode(&packets[0], &mut [0.0; 480]), Err(CodecError::Malformed));
    assert_eq!(decoder.decode(&packets[0], &mut [0.0; 2_880]), Err(CodecError::Malformed));
    assert_eq!(decoder.decode(&[], &mut [0.0; 960]), Err(CodecError::Malformed));
}

#[test]
fn random_bytes_and_damaged_frames_are_survived() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let deep = Coding { bytes: 148, loss_percent: 20, in_band: true, deep_ticks: 50 };
    let (packets, _) = coded(&deep, FrameLength::Ms20, 60);
    let mut decoder = OpusDecoder::new(7).expect("libopus is there");
    let mut out = vec![0.0; 960];
    let mut decoded = 0;
    for round in 0..600_usize {
        let mut bytes = if round.is_multiple_of(3) {
            let mut any = vec![0; 1 + rng.next_u32() as usize % MAX_CODED_BYTES];
            rng.fill_bytes(&mut any);
            any
        } else {
            packets[round % packets.len()].clone()
        };
        for _ in 0..rng.next_u32() % 6 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
        }
        let back = (rng.next_u32() % 60) as u8;
        decoded += usize::from(decoder.decode(&bytes, &mut out).is_ok());
        let _ = decoder.decode_in_band(&bytes, &mut out);
        let _ = decoder.deep_reach(&bytes);
        let _ = decoder.decode_deep(&bytes, back, &mut out);
        decoder.conceal(&mut out).expect("concealment always works");
    }
    assert!(decoded > 200, "damage that still parses is part of the test: {decoded}");
}
