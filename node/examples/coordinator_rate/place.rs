//! The coordinator of the run: the shipped rooms behind their shipped door, in this process and in the time of its runtime; and the seats by
//! which members reach it.

use crate::ledger::Ledger;
use crate::tap::{Notes, Tap};
use halloo_coordinator::config::{Config, Room, Rooms};
use halloo_coordinator::door::Door;
use halloo_coordinator::hall::{Hall, Peer};
use halloo_coordinator::serve::{self, Running};
use halloo_coordinator::subscriptions::config::SubscriptionsConfig;
use halloo_coordinator::world::World;
use halloo_node::uplink::{Line, Told};
use halloo_store::memory::MemoryStore;
use halloo_wire::origin::Origin;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::time::{Duration, Instant};

/// What fits into a connection and is not read yet.
const PIPE_BYTES: usize = 16 * 1024;
/// Where members find it. Plain HTTP: TLS changes nothing of what is asked, and takes most of the time of a run.
const ORIGIN: &str = "http://10.77.0.1";

/// The coordinator, whether or not it runs just now.
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) notes: Arc<Notes>,
    world: World,
    door: Mutex<Option<Door>>,
    hall: Mutex<Option<Hall>>,
    running: Mutex<Option<Running>>,
    /// What it sells from its next start on.
    pub(crate) sells: Mutex<SubscriptionsConfig>,
}

/// Runs a story at a coordinator, in a time that passes only when nobody has anything to do.
pub(crate) fn in_paused_time<F: Future>(
    (now_ms, seed): (u64, [u8; 32]),
    part: &'static str,
    story: impl FnOnce(Arc<Place>) -> F,
) -> F::Output {
    let place: Arc<OnceLock<Arc<Place>>> = Arc::default();
    let of_runtime = Arc::clone(&place);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_park(move || of_runtime.get().into_iter().for_each(|place| place.settle()))
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let place = place.get_or_init(|| Arc::new(Place::new(now_ms, seed, part)));
        place.up().await;
        story(Arc::clone(place)).await
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    /// A coordinator that does not run yet; its clock shows this.
    pub(crate) fn new(now_ms: u64, seed: [u8; 32], part: &'static str) -> Self {
        let notes = Notes { ledger: Mutex::new(Ledger::new(part)), open: AtomicUsize::new(0) };
        Place {
            origin: ORIGIN.parse().expect("an origin"),
            store: Arc::new(MemoryStore::new()),
            notes: Arc::new(notes),
            world: World::of_runtime(now_ms, seed),
            door: Mutex::default(),
            hall: Mutex::default(),
            running: Mutex::default(),
            sells: Mutex::default(),
        }
    }

    /// Starts, also again on what lay there when it ended.
    pub(crate) async fn up(&self) {
        // Of the relay everything goes over libp2p: nobody asks for it by HTTP.
        let rooms =
            [Room::Auth, Room::Subscriptions, Room::Mailbox, Room::Rendezvous, Room::Push, Room::Turn];
        let config = Config {
            subscriptions: locked(&self.sells).clone(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            origin: Some(self.origin.clone()),
            rooms: Rooms(rooms.into()),
            ..Config::default()
        };
        let store = Arc::<MemoryStore>::clone(&self.store);
        let running = serve::start(&config, self.world.clone(), store).await.expect("it starts");
        *locked(&self.door) = Some(running.door.clone());
        *locked(&self.hall) = Some(running.hall.clone());
        *locked(&self.running) = Some(running);
    }

    /// Ends as on a signal: sockets are told when to come back, nobody new is let in. Time stands meanwhile, as threads of its own end too:
    /// the runtime's clock waits for what runs beside it.
    pub(crate) async fn down(&self) {
        *locked(&self.door) = None;
        let running = locked(&self.running).take().expect("it runs");
        let (ended, waiting) = std::sync::mpsc::sync_channel::<()>(1);
        let stands = tokio::task::spawn_blocking(move || waiting.recv());
        running.close().await;
        drop(ended);
        // It ends because nobody is there to send any more.
        assert!(stands.await.expect("it only waits").is_err());
    }

    /// Its clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.world.now_ms()
    }

    /// Before the runtime lets time pass because nobody has anything to do: what the thread of the store has to do is done.
    pub(crate) fn settle(&self) {
        if self.notes.open.load(Ordering::SeqCst) == 0 {
            return;
        }
        let hall = locked(&self.hall).clone();
        hall.iter().for_each(Hall::settle);
    }

    fn connect(&self, from: Ipv4Addr) -> io::Result<Line> {
        let Some(door) = locked(&self.door).clone() else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let tapped = Tap::on(theirs, Arc::clone(&self.notes));
        let peer = Peer { remote: SocketAddr::new(IpAddr::V4(from), 40_000), local: None, tls: false };
        tokio::spawn(async move { door.serve(tapped, peer).await });
        Ok(Box::new(ours))
    }
}

/// Where one member sits: its address, and its clock.
pub(crate) struct Seat {
    pub(crate) place: Arc<Place>,
    /// A household of its own: limits count by households, and a thousand groups do not live in one.
    pub(crate) address: Ipv4Addr,
    /// Its clock minus the coordinator's.
    pub(crate) ahead_ms: i64,
}

impl Seat {
    /// The seat of the member of this number.
    pub(crate) fn of(place: &Arc<Place>, number: usize, ahead_ms: i64) -> Self {
        let [.., a, b] = u32::try_from(number).expect("so many nobody simulates").to_be_bytes();
        Seat { place: Arc::clone(place), address: Ipv4Addr::new(100, a, b, 1), ahead_ms }
    }

    /// When its clock shows this.
    pub(crate) fn when(&self, wall_ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(wall_ms.saturating_sub(self.wall_ms()))
    }
}

impl Told for Seat {
    fn wall_ms(&self) -> u64 {
        self.place.now_ms().saturating_add_signed(self.ahead_ms)
    }

    fn connect(&self, _: &Origin) -> io::Result<Line> {
        self.place.connect(self.address)
    }
}
