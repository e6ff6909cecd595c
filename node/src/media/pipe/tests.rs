//! Bytes in are samples out, however they are cut.

use super::*;
use std::sync::{Arc, Mutex};

/// Gives its bytes in portions of an odd size.
struct Dribble(Vec<u8>, usize);

impl io::Read for Dribble {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buf.len()).min(self.0.len());
        buf[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<Vec<u8>>>);

impl io::Write for Bucket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("bucket").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sound(count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| (((n * 7) % 20_001) as i16 - 10_000).to_le_bytes()).collect()
}

#[test]
fn samples_survive_portions_that_cut_them_in_half() {
    for portion in [1, 3, 1_921, 5_000] {
        let mut source = PipeSource::start(Dribble(sound(3_000), portion)).expect("starts");
        let mut got = Vec::new();
        let mut frame = [0.0; FRAME];
        loop {
            match source.read(&mut frame) {
                Read::Sound => got.extend_from_slice(&frame),
                Read::Silence => std::thread::yield_now(),
                Read::End => break,
            }
        }
        let loud: Vec<i16> = got.iter().map(|s| (s * 32_768.0) as i16).filter(|s| *s != 0).collect();
        let want: Vec<i16> =
            (0..3_000).map(|n| ((n * 7) % 20_001) as i16 - 10_000).filter(|s| *s != 0).collect();
        assert_eq!(loud, want, "{portion}");
    }
}

#[test]
fn what_is_written_is_raw_little_endian_sound() {
    let bucket = Bucket::default();
    let mut sink = PipeSink::start(bucket.clone()).expect("starts");
    let mut frame = [0.0; FRAME];
    frame[0] = 1.0;
    frame[1] = -1.0;
    for _ in 0..5 {
        sink.write(&frame).expect("taken");
    }
    while bucket.0.lock().expect("bucket").len() < 5 * PORTION {
        std::thread::yield_now();
    }
    let bytes = bucket.0.lock().expect("bucket").clone();
    assert_eq!(bytes.len(), 5 * PORTION);
    assert_eq!(&bytes[..4], &[0xFF, 0x7F, 0x01, 0x80]);
}

#[test]
fn a_reader_that_is_gone_is_told_once_the_writer_noticed() {
    struct Broken;
    impl io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sink = PipeSink::start(Broken).expect("starts");
    while sink.write(&[0.0; FRAME]).is_ok() {
        std::thread::yield_now();
    }
}
