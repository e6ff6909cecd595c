//! A cable made of two TAP devices, with an emulator between them that delays, spaces and loses frames.
//!
//! A thread per direction reads frames and asks the model about their fate; one more per direction writes them when
//! they are due. It stands in for `tc netem`, which many kernels lack. Frames carry their own Ethernet headers.

use crate::host::inside;
use crate::ip::LabError;
use crate::media;
use crate::model::{Direction, Fate, LinkModel};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Frames on their way in one direction; more are dropped, as in a queue of a real interface.
const IN_FLIGHT_MAX: usize = 16 * 1024;

/// Largest Ethernet frame without offloads, with room for a tag.
const FRAME_MAX: usize = 2048;

/// How often a silent reader looks whether the link is being removed.
const LOOK_AROUND: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// One end of a cable.
pub(crate) struct End<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) interface: &'a str,
}

/// A running cable. Dropping it pulls both devices out.
#[derive(Debug)]
pub struct TapLink {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    counters: [Arc<Counters>; 2],
    weather: [Weather; 2],
}

/// A model that a direction shall follow from the next frame on.
type Weather = Arc<Mutex<Option<LinkModel>>>;

/// What happened in one direction so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Frames delivered.
    pub delivered: u64,
    /// Frames lost by the loss model.
    pub lost: u64,
    /// Frames dropped by a full queue.
    pub dropped: u64,
    /// Packets of voice that came to the link.
    pub media: u64,
    /// Those of them that the loss model lost.
    pub media_lost: u64,
}

#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    lost: AtomicU64,
    dropped: AtomicU64,
    media: AtomicU64,
    media_lost: AtomicU64,
}

impl TapLink {
    pub(crate) fn new(first: End<'_>, second: End<'_>, model: LinkModel) -> Result<Self, LabError> {
        let first = Arc::new(open(first)?);
        let second = Arc::new(open(second)?);
        let mut link = Self {
            stop: Arc::default(),
            threads: Vec::new(),
            counters: Default::default(),
            weather: Default::default(),
        };
        let [there, back] = both_ways(model);
        link.carry(0, &first, &second, there)?;
        link.carry(1, &second, &first, back)?;
        Ok(link)
    }

    /// Follows another model from the next frame on, in both directions: the weather turns while the hosts talk. Rows of
    /// draws and the numbers of streams begin anew; frames on their way keep their time.
    pub fn change(&self, model: LinkModel) {
        for (weather, model) in self.weather.iter().zip(both_ways(model)) {
            *weather.lock().unwrap_or_else(PoisonError::into_inner) = Some(model);
        }
    }

    /// Counts from the first end to the second, and back. For `Lab::host_behind` the first end is the host.
    pub fn counts(&self) -> [LinkCounts; 2] {
        [0, 1].map(|direction: usize| {
            let counters = &self.counters[direction];
            LinkCounts {
                delivered: counters.delivered.load(Ordering::Relaxed),
                lost: counters.lost.load(Ordering::Relaxed),
                dropped: counters.dropped.load(Ordering::Relaxed),
                media: counters.media.load(Ordering::Relaxed),
                media_lost: counters.media_lost.load(Ordering::Relaxed),
            }
        })
    }

    fn carry(
        &mut self,
        direction: usize,
        from: &Arc<SyncDevice>,
        to: &Arc<SyncDevice>,
        model: LinkModel,
    ) -> Result<(), LabError> {
        let (sender, receiver) = sync_channel(IN_FLIGHT_MAX);
        let counters = Arc::clone(&self.counters[direction]);
        let reader = Reader {
            device: Arc::clone(from),
            out: sender,
            direction: Direction::new(model),
            stop: Arc::clone(&self.stop),
            weather: Arc::clone(&self.weather[direction]),
            counters: Arc::clone(&counters),
        };
        self.start(move || reader.run())?;
        let device = Arc::clone(to);
        self.start(move || write(&device, &receiver, &counters))
    }

    fn start(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), LabError> {
        let thread = thread::Builder::new().name("tap-link".to_owned()).spawn(work);
        let thread = thread.map_err(|source| LabError::System { what: "cannot start a thread", source })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for TapLink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed its reason; the link ends all the same.
            let _ = thread.join();
        }
    }
}

/// The two directions of a model: the same faults, drawn apart.
fn both_ways(model: LinkModel) -> [LinkModel; 2] {
    [model, LinkModel { seed: model.seed ^ 0x6261_636b, ..model }]
}

fn open(end: End<'_>) -> Result<SyncDevice, LabError> {
    let interface = end.interface.to_owned();
    let device = inside(end.namespace, move || {
        DeviceBuilder::new()
            .name(interface)
            .layer(Layer::L2)
            .packet_information(false)
            .enable(false)
            .build_sync()
    })?;
    let device = device.map_err(|source| LabError::System { what: "cannot open a TAP device", source })?;
    device
        .set_nonblocking(true)
        .map_err(|source| LabError::System { what: "cannot make a TAP device non-blocking", source })?;
    Ok(device)
}

type InFlight = (Duration, u64, Vec<u8>);

/// The near end of one direction: takes frames and asks the model about their fate.
struct Reader {
    device: Arc<SyncDevice>,
    out: SyncSender<(Instant, InFlight)>,
    direction: Direction,
    stop: Arc<AtomicBool>,
    weather: Weather,
    counters: Arc<Counters>,
}

impl Reader {
    fn run(mut self) {
        let start = Instant::now();
        let mut number = 0;
        let mut frame = [0; FRAME_MAX];
        while !self.stop.load(Ordering::Relaxed) {
            let mut ready = [PollFd::new(&*self.device, PollFlags::IN)];
            if !matches!(poll(&mut ready, Some(&LOOK_AROUND)), Ok(1..)) {
                continue;
            }
            let Ok(length) = self.device.recv(&mut frame) else {
                continue;
            };
            number += 1;
            if let Fate::Due(due) = self.judge(start.elapsed(), &frame[..length]) {
                let sent = self.out.try_send((start, (due, number, frame[..length].to_vec())));
                if sent.is_err() {
                    self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn judge(&mut self, now: Duration, frame: &[u8]) -> Fate {
        if let Some(model) = self.weather.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.direction = Direction::new(model);
        }
        let packet = media::recognise(frame);
        let fate = match packet {
            Some(packet) => self.direction.offer_media(now, frame.len(), packet),
            None => self.direction.offer(now, frame.len()),
        };
        let count = |counter: &AtomicU64, one: bool| counter.fetch_add(u64::from(one), Ordering::Relaxed);
        count(&self.counters.lost, fate == Fate::Lost);
        count(&self.counters.dropped, fate == Fate::Dropped);
        count(&self.counters.media, packet.is_some());
        count(&self.counters.media_lost, packet.is_some() && fate == Fate::Lost);
        fate
    }
}

fn write(device: &SyncDevice, arriving: &Receiver<(Instant, InFlight)>, counters: &Counters) {
    let mut waiting: BinaryHeap<Reverse<InFlight>> = BinaryHeap::new();
    let mut start = None;
    loop {
        let now = start.map_or(Duration::ZERO, |start: Instant| start.elapsed());
        while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            if let Some(Reverse((_, _, frame))) = waiting.pop()
                && device.send(&frame).is_ok()
            {
                counters.delivered.fetch_add(1, Ordering::Relaxed);
            }
        }
        let next = match waiting.peek() {
            Some(Reverse((due, ..))) => arriving.recv_timeout(due.saturating_sub(now)),
            None => arriving.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok((began, frame)) => {
                start = Some(began);
                if waiting.len() < IN_FLIGHT_MAX {
                    waiting.push(Reverse(frame));
                } else {
                    counters.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
