//! Microphone, loudspeaker, and the whole voice path of this machine with itself.

use super::{Check, bad, good};
use crate::args::DaemonArgs;
use crate::echo::Loop;
use crate::media::device::{DeviceName, FRAME, NullSink, NullSource, Read, Source};
use std::time::Duration;

/// Steps of 20 ms that the microphone is listened to.
const LISTEN_STEPS: usize = 25;

/// A microphone below this level, in decibels below full scale, gives nothing at all.
const DEAD_DBFS: f32 = -85.0;

pub(super) fn check_sound(args: &DaemonArgs) -> Vec<Check> {
    let mut checks = Vec::new();
    #[cfg(feature = "device")]
    {
        let devices = crate::media::hardware::list();
        let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
        checks.push(good("devices", if names.is_empty() { "none".to_owned() } else { names.join(", ") }));
    }
    let name = |text: &Option<String>| text.as_deref().unwrap_or("device").parse::<DeviceName>();
    let (Ok(source), Ok(sink)) = (name(&args.sound.source), name(&args.sound.sink));
    match source.source() {
        Ok(mut source) => checks.push(check_level(source.as_mut())),
        Err(error) => checks.push(bad(
            "sound in",
            error.to_string(),
            "plug in a microphone, or speak from a file: --in FILE",
        )),
    }
    // A file would be overwritten and a pipe would get noise, so only devices are opened.
    if let DeviceName::Device(_) = sink {
        checks.push(match sink.sink() {
            Ok(_) => good("sound out", "a loudspeaker is there"),
            Err(error) => {
                bad("sound out", error.to_string(), "plug in a loudspeaker, or hear into a file: --out FILE")
            }
        });
    }
    checks
}

pub(super) fn check_level(source: &mut dyn Source) -> Check {
    let mut frame = [0.0; FRAME];
    let mut loudest = 0.0_f32;
    for _ in 0..LISTEN_STEPS {
        if source.read(&mut frame) == Read::End {
            break;
        }
        loudest = frame.iter().fold(loudest, |level, sample| level.max(sample.abs()));
        std::thread::sleep(Duration::from_millis(20));
    }
    let level = 20.0 * loudest.max(1e-6).log10();
    let found = format!("loudest {level:.0} dB of full scale, {} xruns", source.xruns());
    if level > DEAD_DBFS {
        good("sound in", found)
    } else {
        bad("sound in", found, "the microphone gives nothing: unmute it, or allow this program to use it")
    }
}

pub(super) async fn check_voice() -> Check {
    let next = "allow UDP on 127.0.0.1 in the firewall; without it no voice can be tested";
    match Loop::start(Box::new(NullSource), Box::new(NullSink)).await {
        Ok(echo) => {
            let setup_ms = echo.report().setup_ms;
            echo.stop().await;
            good(
                "voice",
                format!("connected with itself in {setup_ms} ms, Opus {}", crate::media::opus::version()),
            )
        }
        Err(error) => bad("voice", format!("{error:#}"), next),
    }
}
