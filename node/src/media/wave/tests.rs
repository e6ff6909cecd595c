//! Files of all kinds in, one kind out, and what a killed process leaves.

use super::*;

fn write_file(path: &Path, spec: WavSpec, seconds: u32) {
    let mut writer = WavWriter::create(path, spec).expect("writable");
    for n in 0..spec.sample_rate * seconds {
        let value = 0.5 * (std::f64::consts::TAU * 440.0 * f64::from(n) / f64::from(spec.sample_rate)).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(value as f32).expect("write"),
                SampleFormat::Int => {
                    let full = f64::from(2_u32.pow(u32::from(spec.bits_per_sample) - 1) - 1);
                    writer.write_sample((value * full) as i32).expect("write");
                }
            }
        }
    }
    writer.finalize().expect("finish");
}

fn read_all(source: &mut WaveSource) -> Vec<f32> {
    let mut all = Vec::new();
    let mut frame = [0.0; FRAME];
    while source.read(&mut frame) == Read::Sound {
        all.extend_from_slice(&frame);
    }
    all
}

#[test]
fn every_width_rate_and_channel_count_gives_the_same_sound() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("in.wav");
    let kinds = [
        (1, 16_000, 16, SampleFormat::Int),
        (2, 44_100, 16, SampleFormat::Int),
        (1, 48_000, 8, SampleFormat::Int),
        (2, 96_000, 24, SampleFormat::Int),
        (6, 48_000, 32, SampleFormat::Float),
        (1, 8_000, 32, SampleFormat::Int),
    ];
    for (channels, sample_rate, bits_per_sample, sample_format) in kinds {
        write_file(&path, WavSpec { channels, sample_rate, bits_per_sample, sample_format }, 1);
        let mut source = WaveSource::open(&path).expect("opens");
        assert_eq!(source.duration_ms(), 1_000);
        let sound = read_all(&mut source);
        assert_eq!(sound.len(), 48_000, "{channels} x {sample_rate} x {bits_per_sample}");
        let worst = (3_000..45_000)
            .map(|n| {
                (f64::from(sound[n]) - 0.5 * (std::f64::consts::TAU * 440.0 * n as f64 / 48_000.0).sin())
                    .abs()
            })
            .fold(0.0, f64::max);
        assert!(worst < 0.015, "{channels} x {sample_rate} x {bits_per_sample}: off by {worst}");
    }
}

#[test]
fn the_end_is_told_and_stays_silent() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("in.wav");
    let spec =
        WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(&path, spec).expect("writable");
    for _ in 0..1_000 {
        writer.write_sample(16_384_i16).expect("write");
    }
    writer.finalize().expect("finish");
    let mut source = WaveSource::open(&path).expect("opens");
    let mut frame = [0.0; FRAME];
    assert_eq!(source.read(&mut frame), Read::Sound);
    assert!((frame[959] - 0.5).abs() < 1e-6);
    assert_eq!(source.read(&mut frame), Read::Sound);
    assert!(frame[39] > 0.4 && frame[40] == 0.0, "padded with silence");
    for _ in 0..3 {
        frame.fill(0.7);
        assert_eq!(source.read(&mut frame), Read::End);
        assert!(frame.iter().all(|sample| *sample == 0.0));
    }
}

#[test]
fn what_is_no_sound_file_is_named() {
    let dir = tempfile::tempdir().expect("temp dir");
    let missing = WaveSource::open(&dir.path().join("missing.wav")).err().expect("not there");
    assert!(matches!(missing, DeviceError::Caller { .. }), "{missing}");
    let text = dir.path().join("text.wav");
    std::fs::write(&text, "not sound").expect("write");
    assert!(matches!(WaveSource::open(&text).err().expect("text"), DeviceError::Format { .. }));
    let odd = dir.path().join("odd.wav");
    write_file(
        &odd,
        WavSpec { channels: 1, sample_rate: 1_000, bits_per_sample: 16, sample_format: SampleFormat::Int },
        1,
    );
    assert!(matches!(WaveSource::open(&odd).err().expect("too slow"), DeviceError::Format { .. }));
}

#[test]
fn a_damaged_file_ends_where_the_damage_begins() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("cut.wav");
    write_file(
        &path,
        WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int },
        1,
    );
    let bytes = std::fs::read(&path).expect("read");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("write");
    let sound = read_all(&mut WaveSource::open(&path).expect("opens"));
    assert!((20_000..26_000).contains(&sound.len()), "{}", sound.len());
}

#[test]
fn a_growing_file_is_readable_before_it_is_finished() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("out.wav");
    let mut file = WaveFile::create(&path).expect("creates");
    assert_eq!(WavReader::open(&path).expect("readable when empty").duration(), 0);
    for _ in 0..25 {
        file.append(&[0.25; FRAME]).expect("append");
    }
    // Not closed: what a killed process leaves is what is on the disk now.
    let kept = WavReader::open(&path).expect("readable").into_samples::<i16>().filter(Result::is_ok).count();
    assert_eq!(kept, 20 * FRAME);
    assert_eq!(file.samples(), 25 * FRAME as u32);
    std::mem::forget(file);
}

#[test]
fn the_sink_writes_all_it_was_given_by_the_time_it_is_gone() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("out.wav");
    let mut sink = WaveSink::create(&path).expect("creates");
    for n in 0..100 {
        sink.write(&[n as f32 / 100.0; FRAME]).expect("write");
    }
    drop(sink);
    let reader = WavReader::open(&path).expect("readable");
    assert_eq!(
        reader.spec(),
        WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int }
    );
    let samples: Vec<i16> = reader.into_samples().map(|s| s.expect("sample")).collect();
    assert_eq!(samples.len(), 100 * FRAME);
    assert_eq!(samples[50 * FRAME], to_i16(0.5));
}

#[test]
fn samples_beyond_full_scale_are_clipped_not_wrapped() {
    assert_eq!(to_i16(7.0), 32_767);
    assert_eq!(to_i16(-7.0), -32_767);
    assert_eq!(to_i16(f32::NAN), 0);
    assert_eq!(to_i16(0.0), 0);
}

#[test]
fn a_folder_that_is_not_there_is_the_worlds_fault() {
    let dir = tempfile::tempdir().expect("temp dir");
    let error = WaveSink::create(&dir.path().join("no/such/out.wav")).err().expect("refused");
    assert!(matches!(error, DeviceError::World { .. }), "{error}");
}
