//! A measurement's record of every payload handed to the mesh and to the media, before transport encryption.
//!
//! ```text
//! record
//!  0              4      5                37
//!  | length (BE)  | lane | from (32)      | payload ... |      length counts from the lane on
//! ```
//! lane 0 gossip, 1 direct, 2 pair: `from` is the transport key of the writer; lane 3 media: `from` is its device. The
//! file grows while the node runs; a reader may follow it. Never used unless `--tap` asks for it.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// The gossip lane.
pub const LANE_GOSSIP: u8 = 0;
/// The direct lane.
pub const LANE_DIRECT: u8 = 1;
/// The pairing lane.
pub const LANE_PAIR: u8 = 2;
/// Voice.
pub const LANE_MEDIA: u8 = 3;

/// Records that may wait for the disk; more are dropped and counted, because a tap must never hold up the node.
const WAITING: usize = 16_384;
/// Longest record that a reader accepts: the longest frame of any lane is a quarter of it.
const RECORD_MAX: usize = 16 * 1024 * 1024;
/// How long a follower waits before it looks at the end of the file again.
const LOOK: Duration = Duration::from_millis(20);

/// One payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which way it was sent.
    pub lane: u8,
    /// By whom.
    pub from: [u8; 32],
    /// What.
    pub bytes: Vec<u8>,
}

/// The writing end; cheap to clone, never blocks.
#[derive(Clone)]
pub struct Tap {
    queue: SyncSender<Record>,
    dropped: Arc<AtomicU64>,
}

impl Tap {
    /// Begins a tap file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = File::create(path)?;
        let (queue, records) = sync_channel(WAITING);
        std::thread::Builder::new().name("halloo-tap".into()).spawn(move || write_all(file, &records))?;
        Ok(Tap { queue, dropped: Arc::new(AtomicU64::new(0)) })
    }

    /// Notes one payload.
    pub fn note(&self, lane: u8, from: [u8; 32], bytes: &[u8]) {
        if self.queue.try_send(Record { lane, from, bytes: bytes.to_vec() }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Payloads that could not be noted.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn write_all(file: File, records: &Receiver<Record>) {
    let mut file = BufWriter::new(file);
    loop {
        match records.recv_timeout(LOOK) {
            Ok(record) => {
                if write_record(&mut file, &record).is_err() {
                    return; // A full disk ends the measurement, not the node.
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if file.flush().is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn write_record(file: &mut impl std::io::Write, record: &Record) -> std::io::Result<()> {
    let length = u32::try_from(record.bytes.len() + 33).map_err(std::io::Error::other)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(&[record.lane])?;
    file.write_all(&record.from)?;
    file.write_all(&record.bytes)
}

/// All whole records at the beginning of these bytes, and how many bytes they take.
pub fn parse(bytes: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("the slice has four bytes")) as usize;
        if !(33..=RECORD_MAX).contains(&length) {
            break;
        }
        let Some(body) = bytes.get(at + 4..at + 4 + length) else { break };
        let from = body[1..33].try_into().expect("the slice has 32 bytes");
        records.push(Record { lane: body[0], from, bytes: body[33..].to_vec() });
        at += 4 + length;
    }
    (records, at)
}

/// Reads a tap file as it grows, from its present end on, until the receiving end is dropped.
pub fn follow(path: PathBuf, give: tokio::sync::mpsc::Sender<Record>) {
    std::thread::spawn(move || {
        let Ok(mut file) = File::open(path) else { return };
        let mut rest = Vec::new();
        if file.read_to_end(&mut rest).is_err() {
            return;
        }
        let (_, whole) = parse(&rest);
        rest.drain(..whole);
        loop {
            if file.read_to_end(&mut rest).is_err() {
                return;
            }
            let (records, used) = parse(&rest);
            rest.drain(..used);
            for record in records {
                if give.blocking_send(record).is_err() {
                    return;
                }
            }
            if give.is_closed() {
                return;
            }
            std::thread::sleep(LOOK);
        }
    });
}

#[cfg(test)]
mod tests;
