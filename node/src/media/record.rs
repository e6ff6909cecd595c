//! Writes down what a member said and heard: one file for the mouth, one for the mix, one stem a speaker, and the stamps.
//!
//! In the folder, all 48 kHz mono and all beginning at the same moment, a missing piece being silence:
//! `mouth-<me>.wav`, `ear-<me>.wav`, `ear-<me>-<speaker>.wav`; further `stamps-<me>.log` (see [`super::stamps`]) and
//! `plain-<me>.bin`, pieces of coded frames in clear (see [`super::plain`]), each after a byte with its length. A thread of
//! its own waits for the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use halloo_crypto::id::DeviceId;

use super::device::{DeviceError, FRAME, Frame};
use super::plain::{PIECE, Piece};
use super::stamps::Stamp;
use super::wave::WaveFile;

/// Steps that may wait for the disk: four seconds. Beyond, steps are lost and written as silence.
const QUEUE: usize = 200;

/// Most stems of one recording: a call of a dozen, with some who came and went.
const MAX_STEMS: usize = 32;

/// Steps between two writes of the stamp log.
const STAMPS_EVERY: u64 = 10;

/// Where to record and how to name things.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The folder; made if it is missing.
    pub dir: PathBuf,
    /// This member, as the files shall call it.
    pub me: String,
    /// The others; who is not named goes by the first eight hex digits of the device.
    pub names: BTreeMap<DeviceId, String>,
}

/// What one step of the voice loop said and heard.
pub(super) struct Page {
    /// Number of the step.
    pub(super) step: u64,
    /// When it was done.
    pub(super) mono_ns: u64,
    pub(super) mouth: Frame,
    pub(super) mix: Frame,
    pub(super) stems: Vec<(DeviceId, Frame)>,
    pub(super) stamps: Vec<Stamp>,
    pub(super) plain: Vec<Piece>,
}

/// The voice loop's end.
pub(super) struct Recorder {
    queue: Option<SyncSender<Box<Page>>>,
    writer: Option<JoinHandle<()>>,
    lost: u64,
}

impl Recorder {
    /// Makes the folder and the files.
    pub(super) fn start(recording: Recording) -> Result<Self, DeviceError> {
        let mut book = Book::open(recording)?;
        let (queue, pages) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write(&mut book, &pages))
            .map_err(|error| refused("starting a thread", &error))?;
        Ok(Self { queue: Some(queue), writer: Some(writer), lost: 0 })
    }

    pub(super) fn note(&mut self, page: Page) {
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(Box::new(page)).is_ok());
        self.lost += u64::from(!taken);
    }

    /// Steps that did not get to the disk.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue = None;
        if self.writer.take().map(JoinHandle::join).is_some_and(|joined| joined.is_err()) {
            tracing::error!("the recorder failed");
        }
    }
}

fn write(book: &mut Book, pages: &Receiver<Box<Page>>) {
    while let Ok(page) = pages.recv() {
        if let Err(error) = book.take(&page) {
            tracing::error!(%error, "the recording ends here");
            return;
        }
    }
    if let Err(error) = book.finish() {
        tracing::error!(%error, "the end of the recording was not written");
    }
}

struct Book {
    recording: Recording,
    mouth: WaveFile,
    mix: WaveFile,
    stems: BTreeMap<DeviceId, WaveFile>,
    stamps: BufWriter<File>,
    plain: BufWriter<File>,
    /// Number of the first step, and of the next one due.
    first: Option<u64>,
    next: u64,
}

impl Book {
    fn open(recording: Recording) -> Result<Self, DeviceError> {
        let Recording { dir, me, .. } = &recording;
        std::fs::create_dir_all(dir)
            .map_err(|error| refused(&format!("making {}", dir.display()), &error))?;
        let me = safe(me);
        let mouth = WaveFile::create(&dir.join(format!("mouth-{me}.wav")))?;
        let mix = WaveFile::create(&dir.join(format!("ear-{me}.wav")))?;
        let stamps = create(&dir.join(format!("stamps-{me}.log")))?;
        let plain = create(&dir.join(format!("plain-{me}.bin")))?;
        Ok(Self { recording, mouth, mix, stems: BTreeMap::new(), stamps, plain, first: None, next: 0 })
    }

    fn take(&mut self, page: &Page) -> Result<(), DeviceError> {
        if self.first.is_none() {
            self.stamp(&Stamp::Began { mono_ns: page.mono_ns })?;
        }
        let first = *self.first.get_or_insert(page.step);
        self.next = self.next.max(first);
        for _ in self.next..page.step {
            self.append(&[0.0; FRAME], &[0.0; FRAME], &[])?;
        }
        for (speaker, _) in &page.stems {
            if !self.stems.contains_key(speaker) && self.stems.len() < MAX_STEMS {
                let stem = self.new_stem(speaker, page.step - first)?;
                self.stems.insert(*speaker, stem);
            }
        }
        self.append(&page.mouth, &page.mix, &page.stems)?;
        self.next = page.step + 1;
        page.stamps.iter().try_for_each(|stamp| self.stamp(stamp))?;
        for piece in &page.plain {
            let length = [u8::try_from(PIECE).expect("a piece is short")];
            let written = self.plain.write_all(&length).and_then(|()| self.plain.write_all(piece));
            written.map_err(|error| refused("writing pieces", &error))?;
        }
        if page.step.is_multiple_of(STAMPS_EVERY) {
            self.flush_logs()?;
        }
        Ok(())
    }

    fn stamp(&mut self, stamp: &Stamp) -> Result<(), DeviceError> {
        writeln!(self.stamps, "{stamp}").map_err(|error| refused("writing stamps", &error))
    }

    fn append(&mut self, mouth: &Frame, mix: &Frame, stems: &[(DeviceId, Frame)]) -> Result<(), DeviceError> {
        self.mouth.append(mouth)?;
        self.mix.append(mix)?;
        for (speaker, file) in &mut self.stems {
            let sound =
                stems.iter().find(|(who, _)| who == speaker).map_or(&[0.0; FRAME], |(_, sound)| sound);
            file.append(sound)?;
        }
        Ok(())
    }

    fn new_stem(&self, speaker: &DeviceId, steps_missed: u64) -> Result<WaveFile, DeviceError> {
        let short = || speaker.to_string().chars().take(8).collect();
        let name = safe(&self.recording.names.get(speaker).cloned().unwrap_or_else(short));
        let path = stem_path(&self.recording.dir, &safe(&self.recording.me), &name);
        let mut file = WaveFile::create(&path)?;
        for _ in 0..steps_missed {
            file.append(&[0.0; FRAME])?;
        }
        Ok(file)
    }

    fn finish(&mut self) -> Result<(), DeviceError> {
        self.mouth.update_header()?;
        self.mix.update_header()?;
        self.stems.values_mut().try_for_each(WaveFile::update_header)?;
        self.flush_logs()
    }

    fn flush_logs(&mut self) -> Result<(), DeviceError> {
        self.stamps.flush().and_then(|()| self.plain.flush()).map_err(|error| refused("writing logs", &error))
    }
}

fn create(path: &Path) -> Result<BufWriter<File>, DeviceError> {
    let file =
        File::create(path).map_err(|error| refused(&format!("creating {}", path.display()), &error))?;
    Ok(BufWriter::new(file))
}

/// The file of what `listener` heard of `speaker`.
pub fn stem_path(dir: &Path, listener: &str, speaker: &str) -> PathBuf {
    dir.join(format!("ear-{listener}-{speaker}.wav"))
}

/// A name that is a file name everywhere; people's names may hold anything.
fn safe(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let safe: String = name.chars().take(40).map(plain).collect();
    if safe.is_empty() { "_".to_owned() } else { safe }
}

fn refused(what: &str, error: &std::io::Error) -> DeviceError {
    DeviceError::World { what: what.to_owned(), why: error.to_string() }
}

#[cfg(test)]
mod tests;
