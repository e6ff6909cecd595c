//! One thread that commits for everybody: what queues up while one commit is being made durable goes into the next one together.
//!
//! That is the group commit: nobody waits for a timer, and under load the batches grow by themselves, since one commit takes
//! 0.2 to 2 ms of fsync. The thread ends when the last [`Writer`] is dropped, after everything queued is durable.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::batch::{Batch, MAX_BATCH_BYTES};
use crate::error::StoreError;
use crate::store::{self, Store};

/// Most batches that may wait. A caller of [`Writer::submit`] blocks beyond it: the disk is slower than the group talks.
pub const MAX_QUEUED: usize = 1_024;
/// Most bytes committed together.
const MAX_TOGETHER_BYTES: usize = MAX_BATCH_BYTES / 4;

type Done = Box<dyn FnOnce(Result<(), Arc<StoreError>>) + Send>;
type Holds = Box<dyn FnOnce() -> bool + Send>;

struct Job {
    batch: Batch,
    holds: Holds,
    done: Done,
}

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Writer {
    /// Before the thread: fields are dropped in this order.
    jobs: SyncSender<Job>,
    _thread: Arc<Thread>,
}

struct Thread(Mutex<Option<JoinHandle<()>>>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the thread.
    pub fn spawn(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel(MAX_QUEUED);
        let spawned =
            thread::Builder::new().name("halloo-store".to_owned()).spawn(move || run(&*store, &queue));
        let thread = spawned
            .map_err(|e| StoreError::io("starting the writer of", std::path::Path::new("the store"), e))?;
        Ok(Self { jobs, _thread: Arc::new(Thread(Mutex::new(Some(thread)))) })
    }

    /// Queues a batch; `done` is called on the writer's thread once it is durable or has failed, in the order of submission.
    /// A refused batch (too large) fails alone; any other error fails everything that was committed together, and none of it
    /// counts.
    pub fn submit(&self, batch: Batch, done: impl FnOnce(Result<(), Arc<StoreError>>) + Send + 'static) {
        self.submit_if(batch, || true, done);
    }

    /// The same for a batch that was made on top of others that are queued, such as one that continues a chain of hashes: `holds` is
    /// asked on the writer's thread when every batch before it is durable or has failed, and been told so, or goes into one commit with
    /// it. Where it says no, nothing of the batch counts: [`StoreError::Overtaken`].
    pub fn submit_if(
        &self,
        batch: Batch,
        holds: impl FnOnce() -> bool + Send + 'static,
        done: impl FnOnce(Result<(), Arc<StoreError>>) + Send + 'static,
    ) {
        if let Err(refused) = store::check(&batch) {
            done(Err(Arc::new(refused)));
            return;
        }
        let job = Job { batch, holds: Box::new(holds), done: Box::new(done) };
        assert!(self.jobs.send(job).is_ok(), "the writer's thread lives as long as a handle");
    }

    /// Commits and waits.
    pub fn commit(&self, batch: Batch) -> Result<(), Arc<StoreError>> {
        let (tell, told) = sync_channel(1);
        // A receiver that is gone is a caller that does not want to know.
        self.submit(batch, move |result| drop(tell.send(result)));
        told.recv().expect("the writer answers every batch")
    }
}

impl Drop for Thread {
    /// Runs when the last handle, and with it the last sender, is gone: waits until everything queued is durable.
    fn drop(&mut self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A `done` that held the last handle runs on the thread itself, which cannot wait for itself.
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id()) {
            // A panic of the thread was a bug of ours and has been printed.
            drop(handle.join());
        }
    }
}

fn run(store: &dyn Store, queue: &Receiver<Job>) {
    let mut carried: Option<Job> = None;
    while let Some(first) = carried.take().or_else(|| queue.recv().ok()) {
        let Some((mut together, done)) = standing(first) else { continue };
        let mut waiting = vec![done];
        while let Ok(next) = queue.try_recv() {
            if together.bytes() + next.batch.bytes() > MAX_TOGETHER_BYTES {
                carried = Some(next);
                break;
            }
            let Some((batch, done)) = standing(next) else { continue };
            together.append(batch);
            waiting.push(done);
        }
        let result = store.commit(&together).map_err(Arc::new);
        for done in waiting {
            done(result.clone());
        }
    }
}

/// What is to be committed, unless it stood on something that failed.
fn standing(job: Job) -> Option<(Batch, Done)> {
    let Job { batch, holds, done } = job;
    if holds() {
        return Some((batch, done));
    }
    done(Err(Arc::new(StoreError::Overtaken)));
    None
}
