//! One frame of ten leaves its head.

use super::*;
use crate::media::opus::OpusFactory;

#[test]
fn every_tenth_frame_leaves_its_head_and_the_coding_is_the_same() {
    let codecs = || Box::new(OpusFactory { encoder_complexity: 1, decoder_complexity: 1 });
    let (kept, pieces) = keep(codecs());
    let coding = Coding { bytes: 60, loss_percent: 0, in_band: false, deep_ticks: 0 };
    let mut watched = kept.encoder(FrameLength::Ms20).expect("codec");
    let mut alone = codecs().encoder(FrameLength::Ms20).expect("codec");
    let mut heads = Vec::new();
    for n in 1..=50_u32 {
        let pcm: Vec<f32> = (0..960).map(|i| 0.3 * ((n * 960 + i) as f32 * 0.05).sin()).collect();
        let (mut one, mut two) = ([0; 400], [0; 400]);
        let length = watched.encode(&pcm, &coding, &mut one).expect("coded");
        assert_eq!(length, alone.encode(&pcm, &coding, &mut two).expect("coded"));
        assert_eq!(one[..length], two[..length]);
        if n % 10 == 0 {
            heads.push(one[..PIECE].to_vec());
        }
    }
    assert_eq!(pieces.try_iter().map(Vec::from).collect::<Vec<_>>(), heads);
}

#[test]
fn a_recorder_that_does_not_take_pieces_stops_nothing() {
    let (kept, pieces) = keep(Box::new(OpusFactory { encoder_complexity: 0, decoder_complexity: 0 }));
    let coding = Coding { bytes: 60, loss_percent: 0, in_band: false, deep_ticks: 0 };
    let mut encoder = kept.encoder(FrameLength::Ms20).expect("codec");
    for _ in 0..500 {
        encoder.encode(&[0.1; 960], &coding, &mut [0; 400]).expect("coded");
    }
    assert_eq!(pieces.try_iter().count(), QUEUE);
}
