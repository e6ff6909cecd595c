//! The system's own sound library over its null and file devices, in a process of its own with its own configuration.

use super::*;
use crate::media::device::FRAME;
use std::process::Command;

/// Set in the child process that has the made-up sound system.
const INSIDE: &str = "HALLOO_TEST_SOUND";

/// An ALSA configuration whose default device takes a tone from a file and writes what it plays to another.
fn configuration(dir: &std::path::Path) -> String {
    let (input, output) = (dir.join("in.raw"), dir.join("out.raw"));
    format!(
        "pcm.quiet {{ type null }}\n\
         pcm.taped {{ type file slave.pcm quiet file \"{}\" infile \"{}\" format raw }}\n\
         pcm.!default {{ type plug slave {{ pcm taped format S16_LE rate 48000 channels 1 }} }}\n",
        output.display(),
        input.display()
    )
}

#[test]
fn the_default_devices_of_a_made_up_system_give_and_take_sound() {
    if std::env::var_os(INSIDE).is_some() {
        inside();
        return;
    }
    let dir = tempfile::tempdir().expect("temp dir");
    let tone: Vec<u8> = (0..480_000)
        .flat_map(|n| {
            ((8_000.0 * (std::f64::consts::TAU * 500.0 * f64::from(n) / 48_000.0).sin()) as i16).to_le_bytes()
        })
        .collect();
    std::fs::write(dir.path().join("in.raw"), tone).expect("write");
    std::fs::write(dir.path().join("asound.conf"), configuration(dir.path())).expect("write");
    let child = Command::new(std::env::current_exe().expect("own path"))
        .args([
            "--exact",
            "media::hardware::tests::the_default_devices_of_a_made_up_system_give_and_take_sound",
            "--nocapture",
        ])
        .env("ALSA_CONFIG_PATH", dir.path().join("asound.conf"))
        .env(INSIDE, "1")
        .output()
        .expect("runs");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let played = std::fs::read(dir.path().join("out.raw")).expect("the loudspeaker's file");
    let loudest = played.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]).unsigned_abs()).max();
    assert!(loudest.is_some_and(|level| level > 8_000), "played at most {loudest:?}");
}

fn inside() {
    let mut microphone = Microphone::open(None).expect("the default microphone");
    let mut loudspeaker = Loudspeaker::open(None).expect("the default loudspeaker");
    let mut frame = [0.0; FRAME];
    let mut heard = 0.0_f32;
    // A null device has no clock, so this is a count of frames, not of milliseconds.
    while heard < 0.1 {
        if microphone.read(&mut frame) == Read::Sound {
            heard = frame.iter().fold(heard, |level, sample| level.max(sample.abs()));
        }
        std::thread::yield_now();
    }
    for _ in 0..50 {
        loudspeaker.write(&[0.5; FRAME]).expect("taken");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(list().len() <= MAX_LISTED);
}

#[test]
fn the_offer_with_the_least_conversion_is_taken() {
    let none = choose(std::iter::empty());
    assert!(none.is_none());
}
