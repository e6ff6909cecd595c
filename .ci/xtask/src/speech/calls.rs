//! One call: a mouth and an ear as processes in namespaces, a cable between them, weather on the cable, and what was counted.
//!
//! The two meet and connect in fair weather. Then the weather turns, for every frame on the cable, and the speech begins.

use crate::prove::Person;
use anyhow::{Context, Result, bail};
use halloo_lab::{Host, Lab, LinkCounts, LinkModel, Loss};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The one-way delay of the cable.
const DELAY: Duration = Duration::from_millis(30);
/// Up to so much more, drawn for each frame; a frame may overtake another.
pub const JITTER: Duration = Duration::from_millis(40);
/// No speech of a measurement is longer.
const SPEECH_MAX: Duration = Duration::from_secs(60);

/// Programs that start load a machine more than many calls do, and those must not stutter by it: one call begins at a time.
static CONNECTING: Mutex<()> = Mutex::new(());

/// A call that shall be held.
pub struct Call<'a> {
    /// The command.
    pub bin: &'a Path,
    /// What is said.
    pub speech: &'a Path,
    /// How the cable loses frames.
    pub loss: Loss,
    /// Seed of the cable.
    pub seed: u64,
    /// Whether the mouth may send redundancy.
    pub redundancy: bool,
    /// A folder of its own, not there yet; its recordings stay.
    pub folder: PathBuf,
}

/// What came of a call.
pub struct Heard {
    /// The recording of the mouth.
    pub mouth: PathBuf,
    /// The recording of that mouth at the ear.
    pub ear: PathBuf,
    /// Media times of the frames that left, less the first.
    pub frames: Vec<u32>,
    link: LinkCounts,
    mouth_status: Value,
    ear_status: Value,
}

/// Holds a call.
pub fn call(wanted: &Call<'_>) -> Result<Heard> {
    let folder = wanted.folder.as_path();
    std::fs::create_dir(folder)?;
    let fair = LinkModel { delay: DELAY, ..LinkModel::perfect(wanted.seed) };
    let mut lab = Lab::new()?;
    let hosts = [lab.host_behind("mouth", fair)?, lab.host("ear")?];
    let [mouth, ear] = connected(wanted, &hosts)?;
    let storm = LinkModel { jitter: JITTER, reorder: true, loss: wanted.loss, ..fair };
    let before = lab.links()[0].counts()[0];
    lab.links()[0].change(storm);
    let events = mouth.watch()?;
    mouth.ask(&["talk", "--in", &wanted.speech.to_string_lossy(), "--out", "null"])?;
    // The speech ends in silence, in which the last words arrive and the figures of both ends are told once more.
    events.wait("source-ended", SPEECH_MAX)?;
    let after = lab.links()[0].counts()[0];
    let status = |person: &Person<'_>| Ok::<_, anyhow::Error>(person.ask(&["status"])?["voice"].clone());
    let (mouth_status, ear_status) = (status(&mouth)?, status(&ear)?);
    // Leaving the call writes what is left of the recordings.
    mouth.ask(&["hush"])?;
    ear.ask(&["hush"])?;
    Ok(Heard {
        mouth: folder.join("mouth-mouth.wav"),
        ear: stem(folder)?,
        frames: frames(folder)?,
        link: LinkCounts {
            media: after.media - before.media,
            media_lost: after.media_lost - before.media_lost,
            ..after
        },
        mouth_status,
        ear_status,
    })
}

/// Mouth and ear in one call, each with a working connection to the other, nobody talking.
fn connected<'a>(wanted: &Call<'a>, hosts: &'a [Host; 2]) -> Result<[Person<'a>; 2]> {
    // What panicked behind this door has said so itself.
    let _one_at_a_time = CONNECTING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = wanted.folder.as_path();
    let record = folder.to_string_lossy().into_owned();
    let person = |name: &str, host| {
        Person::new(wanted.bin, folder, name, Some(host)).with(&["--record", &record, "--label", name])
    };
    let mut mouth = person("mouth", &hosts[0]);
    if !wanted.redundancy {
        mouth = mouth.with(&["--no-redundancy"]);
    }
    let mut people = [mouth, person("ear", &hosts[1])];
    people.iter_mut().try_for_each(Person::up)?;
    let code = people[0].begin("Storm")?;
    people[1].ask(&["join", &code])?;
    for person in &people {
        person.ask(&["talk", "--in", "null", "--out", "null"])?;
    }
    for person in &people {
        person.wait("a connection", &["status"], |status| status["voice"]["peers_up"] == 1)?;
    }
    Ok(people)
}

/// The one recording of one speaker at the ear.
fn stem(folder: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_stem = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("ear-ear-"))
    };
    let stems: Vec<PathBuf> = files.filter(is_stem).collect();
    match <[PathBuf; 1]>::try_from(stems) {
        Ok([stem]) => Ok(stem),
        Err(stems) => bail!("{} speakers were recorded at the ear instead of one", stems.len()),
    }
}

/// Media times of the frames that left, less the first.
fn frames(folder: &Path) -> Result<Vec<u32>> {
    let stamps = std::fs::read_to_string(folder.join("stamps-mouth.log"))?;
    let times = stamps.lines().filter_map(|line| line.strip_prefix("c ")?.split(' ').next()?.parse().ok());
    let times: Vec<u32> = times.collect();
    let first = *times.first().context("nothing left the mouth")?;
    Ok(times.iter().map(|time| time.wrapping_sub(first)).collect())
}

impl Heard {
    /// That every frame of the mouth came to the cable, and every one that it let through was opened at the ear.
    pub fn check(&self) -> Result<()> {
        let sent = self.mouth_status["frames_sent"].as_u64().unwrap_or_default();
        let opened = self.ear_status["opened"].as_u64().unwrap_or_default();
        if sent != self.packets() || sent != self.frames.len() as u64 {
            bail!("the mouth sent {sent} frames, and {} came to the link", self.packets());
        }
        if opened != self.packets() - self.packets_lost() {
            bail!(
                "the link let {} packets through, and {opened} were opened",
                self.packets() - self.packets_lost()
            );
        }
        Ok(())
    }

    /// Packets of voice that came to the cable.
    pub fn packets(&self) -> u64 {
        self.link.media
    }

    /// Those that the cable lost.
    pub fn packets_lost(&self) -> u64 {
        self.link.media_lost
    }

    /// Pieces of 20 ms that the ear invented.
    pub fn concealed(&self) -> u64 {
        self.ear_status["frames_concealed"].as_u64().unwrap_or_default()
    }

    /// Sealed payload while the mouth talked.
    pub fn kbit_per_s(&self) -> f64 {
        let bytes = self.mouth_status["mouth"]["bytes_sent"].as_f64().unwrap_or_default();
        (bytes * 8.0 / (self.packets() as f64 * 20.0)).round()
    }

    /// How long sound waited at the ear in the end, above the fastest way.
    pub fn delay_ms(&self) -> f64 {
        let speakers = self.ear_status["speakers"].as_object();
        let delay = speakers.and_then(|speakers| speakers.values().next()?["delay_ms"].as_f64());
        delay.unwrap_or_default().round()
    }

    /// Steps of both voice threads that the machine was too slow for.
    pub fn steps_skipped(&self) -> u64 {
        let skipped = |status: &Value| status["steps_skipped"].as_u64().unwrap_or_default();
        skipped(&self.mouth_status) + skipped(&self.ear_status)
    }
}
