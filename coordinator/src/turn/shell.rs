//! The thread of TURN: sockets and clocks around the service.
//!
//! A thread of its own with its own epoll, not a task of the runtime: a relayed packet then costs no wake-up of a task
//! and no lock, and a burst of voice does not wait behind a slow request of another room. Sockets are watched by level,
//! so one read for each readiness is enough and nothing is read only to hear that there is nothing.

use super::account::Usage;
use super::allocation::{Client, Link};
use super::frame::Frames;
use super::service::{Act, Now, RelayId, Service};
use super::sockets::{Arrived, Listener, Ports, RelayAddress, open_relay};
use crate::world::World;
use rand_core::Rng as _;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Sockets told ready by one call; more are told by the next.
const EVENTS: usize = 256;

/// How often what has run out is looked for.
const TICK_MS: u64 = 1000;

/// Notes of streams that wait for the thread; their tasks wait when it is full, and TCP makes their clients wait.
const NOTES: usize = 1024;

/// Notes that are heard before the sockets have their turn again.
const NOTES_AT_ONCE: usize = 64;

/// Streams at once. Each holds at most one unfinished frame (64 KiB) and one file descriptor.
const MAX_STREAMS: usize = 512;

/// A stream without an allocation is closed after this: nobody opens one and then has nothing to ask.
const IDLE_STREAM_MS: u64 = 30_000;

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

/// What the room is started with, beside the service.
#[derive(Clone, Debug)]
pub struct Places {
    /// One of each family at most.
    pub relays: Vec<RelayAddress>,
    /// From where relays take their ports.
    pub ports: Ports,
}

/// What tasks tell the thread.
pub(super) enum Note {
    Joined { stream: u64, addr: SocketAddr, answers: mpsc::Sender<Vec<u8>> },
    Bytes { stream: u64, bytes: Vec<u8> },
    Left { stream: u64 },
    Usage(oneshot::Sender<Vec<Usage>>),
    End(oneshot::Sender<()>),
}

/// The running room. Dropped, it ends with all its relays.
#[derive(Clone)]
pub struct Turn {
    notes: mpsc::Sender<Note>,
    flow: Arc<Flow>,
    // Dropped after `notes`, so that the thread, woken, sees whether anybody is left.
    wake: Wake,
}

/// What the thread shows of itself, once a second.
#[derive(Debug, Default)]
struct Flow {
    allocations: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Clone)]
struct Wake(Arc<OwnedFd>);

impl Wake {
    fn up(&self) {
        // It fails only when it has been called 2^64 times unheard.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.up();
    }
}

impl Turn {
    pub(super) async fn tell(&self, note: Note) -> bool {
        let told = self.notes.send(note).await.is_ok();
        self.wake.up();
        told
    }

    /// What was relayed since the last call, by blinded subject.
    pub async fn usage(&self) -> Vec<Usage> {
        let (ask, answer) = oneshot::channel();
        if self.tell(Note::Usage(ask)).await { answer.await.unwrap_or_default() } else { Vec::new() }
    }

    /// How many allocations there are, and how many payload bytes were relayed since the start; up to a second old.
    #[must_use]
    pub fn flow(&self) -> (u64, u64) {
        (self.flow.allocations.load(Ordering::Relaxed), self.flow.bytes.load(Ordering::Relaxed))
    }

    /// Ends the room; returns once all its ports are free.
    pub async fn end(&self) {
        let (ask, answer) = oneshot::channel();
        if self.tell(Note::End(ask)).await {
            // Answered, or gone already.
            drop(answer.await);
        }
    }
}

/// What came of listening to the tasks.
enum Heard {
    All,
    End(Option<oneshot::Sender<()>>),
}

struct Stream {
    client: Client,
    answers: mpsc::Sender<Vec<u8>>,
    frames: Frames,
    /// When it joined, or last held an allocation.
    busy_ms: u64,
}

struct Shell {
    service: Service,
    places: Places,
    listener: Listener,
    relays: Vec<Option<UdpSocket>>,
    streams: BTreeMap<u64, Stream>,
    notes: mpsc::Receiver<Note>,
    wake: Wake,
    epoll: OwnedFd,
    world: World,
    now: Now,
    ticked_ms: u64,
    flow: Arc<Flow>,
    /// What goes to a client, written by the service.
    out: Vec<u8>,
    /// What came to a relay.
    incoming: Vec<u8>,
    arrived: Vec<Arrived>,
}

/// Starts the thread. `socket` is the one that clients speak to, nonblocking.
///
/// # Errors
/// When the kernel gives no epoll, no eventfd or no thread.
pub fn start(service: Service, places: Places, socket: UdpSocket, world: World) -> io::Result<Turn> {
    let (notes, heard) = mpsc::channel(NOTES);
    let wake = Wake(Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?));
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let listener = Listener::new(socket)?;
    epoll::add(&epoll, listener.socket(), epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    epoll::add(&epoll, &*wake.0, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
    let flow = Arc::<Flow>::default();
    let mut shell = Shell {
        flow: Arc::clone(&flow),
        service,
        places,
        listener,
        relays: Vec::new(),
        streams: BTreeMap::new(),
        notes: heard,
        wake: wake.clone(),
        epoll,
        world,
        now: Now { ms: 0, unix: 0 },
        ticked_ms: 0,
        out: Vec::with_capacity(2048),
        incoming: vec![0; 1 << 16],
        arrived: Vec::new(),
    };
    std::thread::Builder::new().name("turn".to_owned()).spawn(move || {
        let ended = shell.run();
        drop(shell);
        // Nobody waits where everybody has left.
        let _ = ended.map(|ended| ended.send(()));
    })?;
    Ok(Turn { notes, flow, wake })
}

impl Shell {
    /// Runs until somebody ends it, whom to tell is what it returns, or until everybody has left.
    fn run(&mut self) -> Option<oneshot::Sender<()>> {
        let mut events = Vec::with_capacity(EVENTS);
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&second)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "the TURN room has ended");
                    return None;
                }
            }
            self.look_at_the_clock();
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.hear_clients(),
                    WAKE => {
                        let mut count = [0; 8];
                        let _ = rustix::io::read(&*self.wake.0, &mut count);
                    }
                    relay => self.hear_peer(usize::try_from(relay).unwrap_or(usize::MAX)),
                }
            }
            if let Heard::End(ended) = self.hear_notes() {
                return ended;
            }
            if self.now.ms >= self.ticked_ms + TICK_MS {
                self.tick();
            }
        }
    }

    fn look_at_the_clock(&mut self) {
        self.now = Now {
            ms: u64::try_from(self.world.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix: self.world.now_ms() / 1000,
        };
    }

    fn hear_clients(&mut self) {
        let mut arrived = std::mem::take(&mut self.arrived);
        if self.listener.receive(&mut arrived).is_ok() {
            for one in &arrived {
                let client = Client { addr: one.from, link: Link::Udp(one.to) };
                let packet = self.listener.packet(*one);
                let act = self.service.client_sent(self.now, client, packet, &mut self.out);
                if let Act::ToPeer(relay, peer, range) = act {
                    send_to_peer(&self.relays, relay, peer, packet.get(range).unwrap_or_default());
                } else {
                    self.grant(client, act);
                }
            }
        }
        self.arrived = arrived;
    }

    /// Everything but a packet to a peer, which the caller has in its hands.
    fn grant(&mut self, client: Client, act: Act) {
        match act {
            Act::Answer => self.answer(client),
            Act::ToClient(other) => self.answer(other),
            Act::Open(opening) => {
                let place = self.places.relays.iter().find(|place| place.seen == opening.ip);
                let chance = self.world.chance().next_u32();
                let socket = place
                    .and_then(|place| open_relay(place.bind, &self.places.ports, opening.even, chance).ok());
                let port = socket.as_ref().map(|(_, port)| *port);
                let relay = self.service.opened(self.now, *opening, port, &mut self.out);
                if let (Some(relay), Some((socket, _))) = (relay, socket) {
                    self.watch(relay, socket);
                }
                self.answer(client);
            }
            Act::Nothing | Act::ToPeer(..) => {}
        }
        self.close_relays();
    }

    fn watch(&mut self, relay: RelayId, socket: UdpSocket) {
        let at = relay.index();
        let data = epoll::EventData::new_u64(at as u64);
        if let Err(error) = epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN) {
            tracing::warn!(%error, "a relay is deaf");
        }
        if self.relays.len() <= at {
            self.relays.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.relays.get_mut(at) {
            *slot = Some(socket);
        }
    }

    fn close_relays(&mut self) {
        while let Some(relay) = self.service.next_closed() {
            // Closed, a socket leaves the epoll by itself.
            if let Some(slot) = self.relays.get_mut(relay.index()) {
                *slot = None;
            }
        }
    }

    fn hear_peer(&mut self, at: usize) {
        let Some(Some(socket)) = self.relays.get(at) else { return };
        let Ok((length, peer)) = socket.recv_from(&mut self.incoming) else { return };
        let payload = self.incoming.get(..length).unwrap_or_default();
        let client = self.service.peer_sent(self.now, RelayId::at(at), peer, payload, &mut self.out);
        if let Some(client) = client {
            self.answer(client);
        }
    }

    /// Sends `out`. A stream whose client does not read loses what it does not take, like a datagram.
    fn answer(&mut self, client: Client) {
        match client.link {
            Link::Udp(by) => self.listener.send(client.addr, by, &self.out),
            Link::Stream(stream) => {
                if let Some(held) = self.streams.get_mut(&stream) {
                    let _ = held.answers.try_send(self.out.clone());
                }
            }
        }
    }

    fn hear_notes(&mut self) -> Heard {
        for _ in 0..NOTES_AT_ONCE {
            match self.notes.try_recv() {
                Ok(Note::Joined { stream, addr, answers }) => self.join(stream, addr, answers),
                Ok(Note::Bytes { stream, bytes }) => self.stream_bytes(stream, &bytes),
                Ok(Note::Left { stream }) => self.end_stream(stream),
                Ok(Note::Usage(ask)) => {
                    let _ = ask.send(self.service.drain_usage());
                }
                Ok(Note::End(ended)) => return Heard::End(Some(ended)),
                Err(mpsc::error::TryRecvError::Empty) => return Heard::All,
                Err(mpsc::error::TryRecvError::Disconnected) => return Heard::End(None),
            }
        }
        // The sockets have their turn in between.
        self.wake.up();
        Heard::All
    }

    fn join(&mut self, stream: u64, addr: SocketAddr, answers: mpsc::Sender<Vec<u8>>) {
        // Turned away, `answers` is dropped, and its task closes the stream.
        if self.streams.len() < MAX_STREAMS {
            let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
            let client = Client { addr, link: Link::Stream(stream) };
            let fresh = Stream { client, answers, frames: Frames::default(), busy_ms: self.now.ms };
            self.streams.insert(stream, fresh);
        }
    }

    fn stream_bytes(&mut self, stream: u64, bytes: &[u8]) {
        let Some(held) = self.streams.get_mut(&stream) else { return };
        let client = held.client;
        let mut frames = std::mem::take(&mut held.frames);
        frames.push(bytes);
        loop {
            match frames.cut() {
                Ok(Some(frame)) => {
                    let act = self.service.client_sent(self.now, client, frame, &mut self.out);
                    if let Act::ToPeer(relay, peer, range) = act {
                        send_to_peer(&self.relays, relay, peer, frame.get(range).unwrap_or_default());
                    } else {
                        self.grant(client, act);
                    }
                }
                Ok(None) => break,
                Err(_) => return self.end_stream(stream),
            }
        }
        if let Some(held) = self.streams.get_mut(&stream) {
            held.frames = frames;
        }
    }

    fn end_stream(&mut self, stream: u64) {
        if let Some(held) = self.streams.remove(&stream) {
            self.service.gone(held.client);
            self.close_relays();
        }
    }

    fn tick(&mut self) {
        self.ticked_ms = self.now.ms;
        self.service.tick(self.now);
        self.flow.allocations.store(self.service.allocations() as u64, Ordering::Relaxed);
        self.flow.bytes.store(self.service.relayed(), Ordering::Relaxed);
        self.close_relays();
        let (now, service) = (self.now.ms, &self.service);
        self.streams.retain(|_, held| {
            if service.holds(held.client) {
                held.busy_ms = now;
            }
            now.saturating_sub(held.busy_ms) < IDLE_STREAM_MS
        });
    }
}

fn send_to_peer(relays: &[Option<UdpSocket>], relay: RelayId, peer: SocketAddr, payload: &[u8]) {
    if let Some(Some(socket)) = relays.get(relay.index()) {
        // What the kernel does not take is lost, as datagrams are.
        let _ = socket.send_to(payload, peer);
    }
}

#[cfg(test)]
mod tests;
