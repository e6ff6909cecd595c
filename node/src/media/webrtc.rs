//! The media endpoint over WebRTC: a full mesh, one connection a device, one Opus track each way that carries sealed frames.
//!
//! The hub task fans outgoing frames out and owns one link task a peer; a link owns the connection of the moment. SRTP is
//! AEAD_AES_128_GCM under DTLS keys whose certificates were named in sealed signalling, so what arrives over a connection
//! comes from its device; what is inside is sealed once more for the group.

mod options;
mod sdp;
mod counters;
mod connection;
mod listen;
mod link;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use halloo_crypto::id::DeviceId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::connection::Feed;
use self::counters::Counters;
use self::link::{Link, LinkContext, LinkInput, LinkOutput, LinkReport};
pub use self::options::{Options, Tap};
use super::endpoint::{
    BoxFuture, DownReason, EVENT_QUEUE, EndpointError, EndpointEvent, EndpointStats, IceServer, Incoming,
    MAX_PEERS, MAX_SERVERS, MediaEndpoint, Outgoing, RoadEnds, Started, road,
};
use super::signalling::{Body, Signal};

/// Commands and signals that may wait for the hub: it never does anything slow.
const CONTROL_QUEUE: usize = 256;

/// Inputs that may wait for one link while it builds a connection.
const LINK_QUEUE: usize = 64;

/// Signals kept for a device that the plan does not name yet: its offer and a few candidates.
const EARLY_SIGNALS: usize = 8;

/// Devices for which signals are kept.
const EARLY_DEVICES: usize = MAX_PEERS;

enum Control {
    Peers(BTreeSet<DeviceId>),
    Signal(DeviceId, Vec<u8>),
    NetworkChanged,
    Reachable(DeviceId),
    Close(oneshot::Sender<()>),
}

/// The control side, see [`MediaEndpoint`].
struct WebRtc {
    control: mpsc::Sender<Control>,
    stats: watch::Receiver<EndpointStats>,
    servers: watch::Sender<Vec<IceServer>>,
}

/// Starts an endpoint for the device `me` on the current tokio runtime. Nothing is bound before a peer is named.
pub fn start(me: DeviceId, options: Options) -> Started {
    let (control, controls) = mpsc::channel(CONTROL_QUEUE);
    let (events, event_end) = mpsc::channel(EVENT_QUEUE);
    let (stats, stats_end) = watch::channel(EndpointStats::new());
    let (link_out, link_outputs) = mpsc::channel(CONTROL_QUEUE);
    let (servers, server_end) = watch::channel(Vec::new());
    let (road, ends) = road();
    let hub = Hub {
        me,
        options,
        links: BTreeMap::new(),
        early: BTreeMap::new(),
        tasks: JoinSet::new(),
        incoming: ends.inn.clone(),
        link_out,
        servers: server_end,
        serial: 0,
        events,
        stats,
    };
    tokio::spawn(hub.run(controls, link_outputs, ends));
    let control = Arc::new(WebRtc { control, stats: stats_end, servers });
    Started { control, events: event_end, road }
}

impl WebRtc {
    fn tell(&self, control: Control) -> Result<(), EndpointError> {
        self.control.try_send(control).map_err(|_| EndpointError::Closed)
    }
}

impl MediaEndpoint for WebRtc {
    fn set_peers(&self, peers: BTreeSet<DeviceId>) -> Result<(), EndpointError> {
        if peers.len() > MAX_PEERS {
            return Err(EndpointError::TooManyPeers(peers.len()));
        }
        self.tell(Control::Peers(peers))
    }

    fn signal(&self, from: DeviceId, bytes: Vec<u8>) -> Result<(), EndpointError> {
        self.tell(Control::Signal(from, bytes))
    }

    fn network_changed(&self) -> Result<(), EndpointError> {
        self.tell(Control::NetworkChanged)
    }

    fn reachable(&self, device: DeviceId) -> Result<(), EndpointError> {
        self.tell(Control::Reachable(device))
    }

    fn set_servers(&self, mut servers: Vec<IceServer>) {
        servers.truncate(MAX_SERVERS);
        self.servers.send_replace(servers);
    }

    fn stats(&self) -> EndpointStats {
        self.stats.borrow().clone()
    }

    fn close(&self) -> BoxFuture<()> {
        let control = self.control.clone();
        Box::pin(async move {
            let (done, wait) = oneshot::channel();
            if control.send(Control::Close(done)).await.is_ok() {
                // An error means that the hub ended before it could answer, which is just as closed.
                let _ = wait.await;
            }
        })
    }
}

/// One peer as the hub sees it.
struct Spoke {
    inputs: mpsc::Sender<LinkInput>,
    counters: Arc<Counters>,
    feed: Option<Feed>,
    serial: u64,
}

struct Hub {
    me: DeviceId,
    options: Options,
    links: BTreeMap<DeviceId, Spoke>,
    early: BTreeMap<DeviceId, VecDeque<Signal>>,
    tasks: JoinSet<()>,
    incoming: std::sync::mpsc::SyncSender<Incoming>,
    link_out: mpsc::Sender<LinkReport>,
    servers: watch::Receiver<Vec<IceServer>>,
    serial: u64,
    events: mpsc::Sender<EndpointEvent>,
    stats: watch::Sender<EndpointStats>,
}

impl Hub {
    async fn run(
        mut self,
        mut controls: mpsc::Receiver<Control>,
        mut outputs: mpsc::Receiver<LinkReport>,
        mut ends: RoadEnds,
    ) {
        let mut tick = interval(options::STATS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut voice = true;
        let done = loop {
            tokio::select! {
                biased;
                frame = ends.out.recv(), if voice => match frame {
                    Some(frame) => self.fan_out(&frame),
                    None => voice = false,
                },
                control = controls.recv() => match control {
                    Some(Control::Peers(peers)) => self.set_peers(peers),
                    Some(Control::Signal(from, bytes)) => self.signal(from, &bytes),
                    Some(Control::NetworkChanged) => {
                        self.links.values().for_each(|spoke| spoke.tell(LinkInput::NetworkChanged));
                    }
                    Some(Control::Reachable(device)) => {
                        self.links.get(&device).into_iter().for_each(|spoke| spoke.tell(LinkInput::Reachable));
                    }
                    Some(Control::Close(done)) => break Some(done),
                    None => break None,
                },
                Some(report) = outputs.recv() => self.output(report),
                _ = tick.tick() => self.publish(),
                Some(_) = self.tasks.join_next() => {}
            }
        };
        self.links.values().for_each(|spoke| spoke.tell(LinkInput::Close));
        self.links.clear();
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => if ended.is_none() { break },
                Some(report) = outputs.recv() => if let LinkOutput::Signal(bytes) = report.output {
                    self.event(EndpointEvent::Signal { to: report.peer, bytes });
                }
            }
        }
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn fan_out(&self, frame: &Outgoing) {
        for (peer, spoke) in &self.links {
            let Some(feed) = &spoke.feed else { continue };
            if let Some(tap) = &self.options.tap {
                tap(peer, &frame.payload);
            }
            if feed.send(frame) {
                spoke.counters.packets_sent.fetch_add(1, Relaxed);
                spoke.counters.bytes_sent.fetch_add(frame.payload.len() as u64, Relaxed);
            } else {
                spoke.counters.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    fn set_peers(&mut self, peers: BTreeSet<DeviceId>) {
        if !self.options.feed_dropped {
            let gone: Vec<_> = self.links.keys().filter(|peer| !peers.contains(peer)).copied().collect();
            for peer in gone {
                if let Some(spoke) = self.links.remove(&peer) {
                    spoke.tell(LinkInput::Close);
                    if spoke.feed.is_some() {
                        self.event(EndpointEvent::Down { peer, reason: DownReason::Dropped });
                    }
                }
            }
        }
        for peer in peers {
            if peer != self.me && !self.links.contains_key(&peer) {
                self.link(peer);
            }
        }
        self.publish();
    }

    fn link(&mut self, peer: DeviceId) {
        let (inputs, input_end) = mpsc::channel(LINK_QUEUE);
        let counters = Arc::new(Counters::default());
        self.serial += 1;
        let serial = self.serial;
        let context = LinkContext {
            me: self.me,
            peer,
            options: self.options.clone(),
            counters: Arc::clone(&counters),
            incoming: self.incoming.clone(),
            out: self.link_out.clone(),
            servers: self.servers.clone(),
            serial,
        };
        self.tasks.spawn(Link::new(context).run(input_end));
        let spoke = Spoke { inputs, counters, feed: None, serial };
        for signal in self.early.remove(&peer).unwrap_or_default() {
            spoke.tell(LinkInput::Signal(signal));
        }
        self.links.insert(peer, spoke);
    }

    fn signal(&mut self, from: DeviceId, bytes: &[u8]) {
        let signal = match Signal::decode(bytes) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::warn!(?from, %error, "signalling refused");
                return;
            }
        };
        if let Some(spoke) = self.links.get(&from) {
            spoke.tell(LinkInput::Signal(signal));
        } else if self.links.len() >= MAX_PEERS && matches!(signal.body, Body::Offer(_) | Body::Again) {
            let bytes = Signal { body: Body::Full, ..signal }.encode();
            self.event(EndpointEvent::Signal { to: from, bytes });
        } else if self.early.len() < EARLY_DEVICES || self.early.contains_key(&from) {
            let kept = self.early.entry(from).or_default();
            if kept.len() == EARLY_SIGNALS {
                kept.pop_front();
            }
            kept.push_back(signal);
        }
    }

    fn output(&mut self, report: LinkReport) {
        let LinkReport { peer, serial, output } = report;
        if let LinkOutput::Signal(bytes) = output {
            // A goodbye comes from a link that is no longer listed.
            self.event(EndpointEvent::Signal { to: peer, bytes });
            return;
        }
        let Some(spoke) = self.links.get_mut(&peer).filter(|spoke| spoke.serial == serial) else { return };
        let event = match output {
            LinkOutput::Up { feed, setup_ms } => {
                spoke.feed = Some(feed);
                EndpointEvent::Up { peer, setup_ms }
            }
            LinkOutput::Down(reason) => {
                spoke.feed = None;
                EndpointEvent::Down { peer, reason }
            }
            LinkOutput::Full => EndpointEvent::Full { peer },
            LinkOutput::Signal(_) => return,
        };
        self.publish();
        self.event(event);
    }

    fn event(&self, event: EndpointEvent) {
        // The driver drains events always; a lost signal is repeated by its link.
        if self.events.try_send(event).is_err() {
            tracing::warn!("the driver does not take media events");
        }
    }

    fn publish(&self) {
        let all = self.links.iter().map(|(peer, spoke)| (*peer, spoke.counters.snapshot())).collect();
        self.stats.send_replace(all);
    }
}

impl Spoke {
    fn tell(&self, input: LinkInput) {
        if self.inputs.try_send(input).is_err() {
            tracing::debug!("a media link is busy, input lost");
        }
    }
}

#[cfg(test)]
mod tests;
