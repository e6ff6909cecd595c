//! The thread that writes: jobs first, then one step of a rotation if one runs, and so on.

use super::folders::Folders;
use super::shelves::{Shelves, Turned};
use super::{Job, Rotated, StorageError, StorageEvent};
use crate::door::DoorError;
use halloo_store::batch::Batch as StoreBatch;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// Jobs committed with one sync.
const JOBS_PER_SYNC: usize = 64;
/// Bytes committed with one sync, so that a batch of batches stays below the store's own limit.
const BYTES_PER_SYNC: usize = 8 * 1024 * 1024;
/// How long a full or failing disk is left alone before the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// Parts of a rotation that are told: more would crowd out what people wait for.
const TOLD_PARTS: u64 = 50;

pub(super) struct Writer<F: Folders> {
    pub(super) shelves: Shelves<F>,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) tell: mpsc::Sender<StorageEvent>,
    /// The part of the rotation that was told last.
    pub(super) told: u64,
}

impl<F: Folders> Writer<F> {
    pub(super) fn run(mut self) {
        loop {
            let job = if self.shelves.is_rotating() {
                match self.queue.try_recv() {
                    Ok(job) => Some(job),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            } else {
                match self.queue.blocking_recv() {
                    Some(job) => Some(job),
                    None => return,
                }
            };
            let changed = job.map_or_else(Vec::new, |job| self.serve(job));
            self.turn(&changed);
        }
    }

    /// Commits this job and those that wait, confirms them, and returns the keys that changed.
    fn serve(&mut self, first: Job) -> Vec<Vec<u8>> {
        let (mut batch, mut written, mut changed) = (StoreBatch::new(), Vec::new(), Vec::new());
        let (mut next, mut rotate) = (Some(first), false);
        while let Some(job) = next {
            match self.shelves.add(&mut batch, &job, &mut changed) {
                Ok(()) => written.extend(job.id()),
                Err(error) => self.stuck(&error),
            }
            rotate |= matches!(job, Job::Rotate);
            let more = written.len() < JOBS_PER_SYNC && batch.bytes() < BYTES_PER_SYNC;
            next = if more { self.queue.try_recv().ok() } else { None };
        }
        self.until_done(|shelves| shelves.commit(&batch));
        for (group, id) in written {
            // The driver has gone: nobody waits for the confirmation any more.
            let _gone = self.tell.blocking_send(StorageEvent::Written(group, id));
        }
        if rotate && let Err(error) = self.shelves.rotate() {
            self.given_up(&error);
        }
        changed
    }

    /// One step of the rotation, if one runs.
    fn turn(&mut self, changed: &[Vec<u8>]) {
        match self.shelves.turn(changed) {
            Ok(Turned::Nothing) => {}
            Ok(Turned::Going(progress)) => {
                let part = progress.done * TOLD_PARTS / progress.total.max(1);
                if part != self.told {
                    self.told = part;
                    // One part more or less: who is slow to listen hears the next.
                    let _full = self.tell.try_send(StorageEvent::Rotating(progress));
                }
            }
            Ok(Turned::Complete) => {
                let Some(Some(finished)) = self.until_done(Shelves::finish) else { return };
                if let Some(error) = finished.left {
                    tracing::warn!("what the old key sealed is removed at the next start: {error}");
                }
                let rotated = Rotated { key: finished.key, values: finished.values };
                let _gone = self.tell.blocking_send(StorageEvent::Rotated(rotated));
            }
            Err(error) => self.given_up(&error),
        }
    }

    /// Tries again for as long as the process lives; gives up only when the driver is gone.
    fn until_done<T, E: std::fmt::Display>(
        &mut self,
        mut work: impl FnMut(&mut Shelves<F>) -> Result<T, E>,
    ) -> Option<T> {
        loop {
            match work(&mut self.shelves) {
                Ok(done) => return Some(done),
                Err(error) => self.stuck(&error),
            }
            if self.tell.is_closed() {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn stuck(&self, error: &dyn std::fmt::Display) {
        let _gone = self.tell.blocking_send(StorageEvent::Stuck(refusal("disk", error)));
    }

    fn given_up(&mut self, error: &StorageError) {
        self.told = 0;
        let _gone = self.tell.blocking_send(StorageEvent::RotationStopped(refusal("disk", error)));
    }
}

fn refusal(code: &str, error: &dyn std::fmt::Display) -> DoorError {
    let text = error.to_string();
    let parts = text.split_once(": ").or_else(|| text.split_once("; "));
    let (what, next) = parts.unwrap_or((text.as_str(), "check the disk"));
    DoorError::new(code, what, next)
}
