//! What the members say and where they walk: the recordings and the track that are built in, or other people's.

use super::DemoArgs;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest clip of one member.
const CLIP_MAX: Duration = Duration::from_secs(8);
/// What all solo turns together may take, so that the demonstration of eight ends within its 90 s.
const TURNS_MAX: Duration = Duration::from_secs(32);

const SPEECH: [&[u8]; 5] = [
    include_bytes!("../../demo-data/speech/1-austen-0870.wav"),
    include_bytes!("../../demo-data/speech/2-austen-0890.wav"),
    include_bytes!("../../demo-data/speech/3-austen-0920.wav"),
    include_bytes!("../../demo-data/speech/4-austen-0930.wav"),
    include_bytes!("../../demo-data/speech/5-austen-0880.wav"),
];
const TRACK: &[u8] = include_bytes!("../../demo-data/tracks/casual-stroll.gpx");

/// One member's lines and way.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its display name; unique, so that it can be searched for.
    pub name: String,
    /// What it says.
    pub clip: PathBuf,
    /// How long that takes.
    pub length: Duration,
    /// The track, and the point at which this member begins.
    pub track: PathBuf,
    /// Points to skip.
    pub skip: usize,
}

/// Everything that is played.
#[derive(Clone, Debug)]
pub struct Material {
    /// One part a member.
    pub parts: Vec<Part>,
    /// Coordinates of the track, to be searched for.
    pub coordinates: Vec<(f64, f64)>,
}

/// Writes the clips and the track into the folder, cut to length.
///
/// # Errors
/// A recording or the track cannot be read.
pub fn prepare(args: &DemoArgs, dir: &Path) -> Result<Material> {
    let count = u32::try_from(args.members).context("too many members")?;
    let longest = CLIP_MAX.min(TURNS_MAX / count);
    let clips = clips(args, dir)?;
    let (track, coordinates) = track(args, dir)?;
    let mut parts = Vec::new();
    for number in 1..=args.members {
        let source = clips.get((number - 1) % clips.len()).context("no recordings")?;
        let clip = dir.join(format!("said-{number}.wav"));
        let length =
            cut(source, &clip, longest).with_context(|| format!("{} is no usable WAV", source.display()))?;
        let apart = coordinates.len() / (args.members + 1);
        let skip = (number - 1) * apart.min(20);
        parts.push(Part { name: name(number)?, clip, length, track: track.clone(), skip });
    }
    Ok(Material { parts, coordinates })
}

/// A name that appears nowhere by chance.
fn name(number: usize) -> Result<String> {
    const NAMES: [&str; 8] = ["Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gro", "Hal"];
    let chance = u32::from_be_bytes(crate::vault::random()?);
    Ok(format!("{}-{chance:08x}", NAMES[(number - 1) % NAMES.len()]))
}

fn clips(args: &DemoArgs, dir: &Path) -> Result<Vec<PathBuf>> {
    let Some(folder) = &args.speech else {
        let folder = dir.join("speech");
        std::fs::create_dir_all(&folder)?;
        return SPEECH
            .iter()
            .enumerate()
            .map(|(n, bytes)| {
                let path = folder.join(format!("{n}.wav"));
                std::fs::write(&path, bytes).map(|()| path).context("cannot write a recording")
            })
            .collect();
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav")))
        .collect();
    found.sort();
    if found.is_empty() {
        bail!("{} holds no WAV file", folder.display());
    }
    Ok(found)
}

/// The track as one that is replayed at 1 Hz: its points without their times, unless it is somebody's own.
fn track(args: &DemoArgs, dir: &Path) -> Result<(PathBuf, Vec<(f64, f64)>)> {
    let path = dir.join("track.gpx");
    let bytes = match &args.track {
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        None => String::from_utf8_lossy(TRACK)
            .lines()
            .map(|line| match (line.find("<time>"), line.find("</time>")) {
                (Some(from), Some(to)) => format!("{}{}\n", &line[..from], &line[to + 7..]),
                _ => format!("{line}\n"),
            })
            .collect::<String>()
            .into_bytes(),
    };
    let read = gpx::read(bytes.as_slice()).context("the track is not GPX")?;
    let points = read.tracks.iter().flat_map(|t| &t.segments).flat_map(|s| &s.points);
    let coordinates: Vec<_> = points.map(|p| (p.point().y(), p.point().x())).collect();
    if coordinates.is_empty() {
        bail!("the track has no points");
    }
    std::fs::write(&path, bytes)?;
    Ok((path, coordinates))
}

/// Copies the first part of a WAV file; returns its length.
fn cut(from: &Path, to: &Path, longest: Duration) -> Result<Duration> {
    let mut reader = hound::WavReader::open(from)?;
    let spec = reader.spec();
    let frames = (longest.as_secs_f64() * f64::from(spec.sample_rate)) as usize;
    let keep = frames.min(reader.duration() as usize) * usize::from(spec.channels);
    let mut writer = hound::WavWriter::create(to, spec)?;
    match spec.sample_format {
        hound::SampleFormat::Int => {
            for sample in reader.samples::<i32>().take(keep) {
                writer.write_sample(sample?)?;
            }
        }
        hound::SampleFormat::Float => {
            for sample in reader.samples::<f32>().take(keep) {
                writer.write_sample(sample?)?;
            }
        }
    }
    writer.finalize()?;
    let seconds = keep as f64 / f64::from(spec.channels) / f64::from(spec.sample_rate);
    Ok(Duration::from_secs_f64(seconds))
}
