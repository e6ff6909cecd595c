//! Everything about one peer: who offers, when to try again, and the connection of the moment.
//!
//! ```text
//! lower device id: offers          higher device id: answers
//!   Offering --answer--> Connecting     Waiting --offer--> Connecting --connected--> Up
//!      ^ late: same offer again            | late: "again"     | late: "again", Waiting
//!      '--- failed, "again", bye ----------'
//! Up: path doubtful and nothing heard over it, or addresses changed -> next round of the same connection (ICE restart)
//! ```
//! Signalling may be lost, doubled or late: an offer is known by (connection, round), a repeated one is answered with
//! the same answer, and anything of another connection than the present one is ignored.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use halloo_crypto::id::DeviceId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use super::connection::{Connection, Feed, HAPPENING_QUEUE, Happening, Plate, What, random_id, random_u32};
use super::counters::Counters;
use super::listen::{Ear, listen};
use super::options::{
    CONNECT_WAIT, GATHER_WAIT, Options, RETRY_MAX, RETRY_MIN, SILENCE_HEARD, STATS_INTERVAL,
};
use crate::media::clock::mono_ns;
use crate::media::endpoint::{DownReason, IceServer, Incoming};
use crate::media::signalling::{
    Body, Candidate, ConnectionId, MAX_CANDIDATES, NO_CONNECTION, Session, Signal,
};

/// What the hub tells a link.
pub(super) enum LinkInput {
    /// A frame from the peer's endpoint.
    Signal(Signal),
    /// The machine's addresses changed.
    NetworkChanged,
    /// Signalling reaches the peer again.
    Reachable,
    /// Say goodbye and end.
    Close,
}

/// What a link tells the hub.
pub(super) enum LinkOutput {
    Signal(Vec<u8>),
    Up {
        feed: Feed,
        setup_ms: u64,
    },
    Down(DownReason),
    /// The peer has no connection left.
    Full,
}

/// What a link needs of its surroundings.
pub(super) struct LinkContext {
    pub(super) me: DeviceId,
    pub(super) peer: DeviceId,
    pub(super) options: Options,
    pub(super) counters: Arc<Counters>,
    pub(super) incoming: std::sync::mpsc::SyncSender<Incoming>,
    pub(super) out: mpsc::Sender<LinkReport>,
    /// Who helps connections that begin now.
    pub(super) servers: watch::Receiver<Vec<IceServer>>,
    /// Tells this link's reports from those of an earlier link with the same peer.
    pub(super) serial: u64,
}

/// A link's output and whose it is.
pub(super) struct LinkReport {
    pub(super) peer: DeviceId,
    pub(super) serial: u64,
    pub(super) output: LinkOutput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The answering side, without a connection.
    Waiting,
    /// An offer is out.
    Offering,
    /// Both halves are known.
    Connecting,
    /// Voice flows.
    Up,
}

pub(super) struct Link {
    context: LinkContext,
    phase: Phase,
    connection: Option<Connection>,
    round: u16,
    /// The offer or answer of this (connection, round), to send again.
    said: Vec<u8>,
    /// Candidates that came before the description they belong to.
    early: Vec<Candidate>,
    deadline: Instant,
    retry: Duration,
    began: Instant,
    /// The transport doubts the path.
    doubted: bool,
    tell: mpsc::Sender<Happening>,
    happenings: mpsc::Receiver<Happening>,
    listeners: JoinSet<()>,
}

impl Link {
    pub(super) fn new(context: LinkContext) -> Self {
        assert_ne!(context.me, context.peer, "a device has no link with itself");
        let (tell, happenings) = mpsc::channel(HAPPENING_QUEUE);
        let now = Instant::now();
        Self {
            context,
            phase: Phase::Waiting,
            connection: None,
            round: 0,
            said: Vec::new(),
            early: Vec::new(),
            deadline: now,
            retry: RETRY_MIN,
            began: now,
            doubted: false,
            tell,
            happenings,
            listeners: JoinSet::new(),
        }
    }

    /// Serves the peer until told to close or the hub is gone.
    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<LinkInput>) {
        self.begin_anew().await;
        loop {
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(LinkInput::Signal(signal)) => self.signal(signal).await,
                    Some(LinkInput::NetworkChanged) => self.moved().await,
                    Some(LinkInput::Reachable) => self.reachable().await,
                    Some(LinkInput::Close) | None => break,
                },
                Some(happening) = self.happenings.recv() => self.happened(happening).await,
                () = sleep_until(self.deadline) => self.late().await,
                Some(_) = self.listeners.join_next() => {}
            }
        }
        if let Some(connection) = &self.connection {
            let bye = Signal { connection: connection.id, round: self.round, body: Body::Bye };
            self.say(&bye).await;
        }
        self.tear_down().await;
        while self.listeners.join_next().await.is_some() {}
    }

    fn offers(&self) -> bool {
        self.context.me < self.context.peer
    }

    /// From nothing: an offer by the side that offers, a plea for one by the other.
    async fn begin_anew(&mut self) {
        let broken = self.connection.as_ref().map_or(NO_CONNECTION, |connection| connection.id);
        self.tear_down().await;
        self.began = Instant::now();
        if self.offers() {
            if self.offer_new().await.is_none() {
                self.wait(Phase::Waiting, self.retry);
                self.back_off();
            }
        } else {
            self.say(&Signal { connection: broken, round: self.round, body: Body::Again }).await;
            self.wait(Phase::Waiting, self.retry);
            self.back_off();
        }
    }

    /// `None` if no connection could be built (no address to bind): tried again later.
    async fn offer_new(&mut self) -> Option<()> {
        let connection = self.build(random_id()?).await?;
        self.round = 0;
        self.offer_round(connection, false).await
    }

    async fn offer_round(&mut self, connection: Connection, restart: bool) -> Option<()> {
        let half = connection.offer(restart).await;
        let session = self.keep(connection, half)?;
        self.say_session(session, Body::Offer).await;
        self.wait(Phase::Offering, self.retry);
        Some(())
    }

    async fn build(&mut self, id: ConnectionId) -> Option<Connection> {
        let ssrc = random_u32()?.max(1);
        let servers = self.context.servers.borrow().clone();
        match Connection::build(Plate { id, ssrc, servers }, &self.context.options, self.tell.clone()).await {
            Ok(connection) => {
                self.context.counters.connections.fetch_add(1, Relaxed);
                Some(connection)
            }
            Err(error) => {
                tracing::warn!(%error, "no media connection could be built");
                None
            }
        }
    }

    /// Keeps the connection whether its half could be made or not, so that it is closed in due course.
    fn keep(
        &mut self,
        connection: Connection,
        half: Result<Session, webrtc::error::Error>,
    ) -> Option<Session> {
        self.connection = Some(connection);
        half.inspect_err(|error| tracing::warn!(%error, "no media description")).ok()
    }

    /// Sends our half with the candidates that turn up within [`GATHER_WAIT`]; later ones trickle.
    async fn say_session(&mut self, mut session: Session, body: fn(Session) -> Body) {
        let Some(id) = self.connection.as_ref().map(|connection| connection.id) else { return };
        let until = Instant::now() + GATHER_WAIT;
        let mut others = Vec::new();
        while session.candidates.len() < MAX_CANDIDATES {
            match timeout_at(until, self.happenings.recv()).await {
                Ok(Some(Happening { connection, what: What::Candidate(candidate) })) if connection == id => {
                    session.candidates.push(candidate);
                }
                Ok(Some(Happening { connection, what: What::Gathered })) if connection == id => break,
                Ok(Some(happening)) if others.len() < HAPPENING_QUEUE => others.push(happening),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let signal = Signal { connection: id, round: self.round, body: body(session) };
        self.said = signal.encode();
        self.say(&signal).await;
        for happening in others {
            Box::pin(self.happened(happening)).await;
        }
    }

    async fn say(&self, signal: &Signal) {
        self.output(LinkOutput::Signal(signal.encode())).await;
    }

    async fn say_again(&self) {
        if !self.said.is_empty() {
            self.output(LinkOutput::Signal(self.said.clone())).await;
        }
    }

    async fn output(&self, output: LinkOutput) {
        // The hub drains this queue always; it is gone only when the endpoint is closing.
        let (peer, serial) = (self.context.peer, self.context.serial);
        let _ = self.context.out.send(LinkReport { peer, serial, output }).await;
    }

    fn wait(&mut self, phase: Phase, patience: Duration) {
        self.phase = phase;
        self.deadline = Instant::now() + patience;
    }

    fn back_off(&mut self) {
        self.retry = (self.retry * 2).min(RETRY_MAX);
    }

    async fn signal(&mut self, signal: Signal) {
        let present = self.connection.as_ref().map(|connection| connection.id);
        let same = present == Some(signal.connection);
        match signal.body {
            Body::Offer(offer) if !self.offers() => {
                self.take_offer(signal.connection, signal.round, offer).await
            }
            Body::Answer(answer) if same && signal.round == self.round && self.phase == Phase::Offering => {
                self.take_answer(answer).await;
            }
            Body::Candidates(candidates) if same && signal.round == self.round => self.take(candidates).await,
            Body::Bye if same => {
                self.lose(DownReason::Peer).await;
                self.wait(Phase::Waiting, self.retry);
                self.back_off();
            }
            Body::Again if self.offers() => {
                // A peer without a connection may just not have our offer yet: then the same offer will do.
                if signal.connection == NO_CONNECTION && self.phase == Phase::Offering {
                    self.say_again().await;
                } else if same || signal.connection == NO_CONNECTION {
                    self.lose(DownReason::Peer).await;
                    self.begin_anew().await;
                }
            }
            Body::Restart if same && self.offers() => self.new_path().await,
            Body::Full if self.phase != Phase::Up => self.output(LinkOutput::Full).await,
            _ => tracing::debug!(peer = ?self.context.peer, "signalling that does not fit, ignored"),
        }
    }

    async fn take_offer(&mut self, id: ConnectionId, round: u16, offer: Session) {
        let same = self.connection.as_ref().is_some_and(|connection| connection.id == id);
        if same && round <= self.round {
            if round == self.round {
                self.say_again().await;
            }
            return;
        }
        let connection = if same {
            self.connection.take()
        } else {
            self.lose(DownReason::Peer).await;
            self.began = Instant::now();
            self.build(id).await
        };
        let Some(connection) = connection else {
            self.wait(Phase::Waiting, self.retry);
            return;
        };
        self.round = round;
        let half = connection.answer(&offer, round).await;
        let Some(session) = self.keep(connection, half) else {
            self.lose(DownReason::Path).await;
            self.wait(Phase::Waiting, self.retry);
            return;
        };
        self.say_session(session, Body::Answer).await;
        if self.phase != Phase::Up {
            self.wait(Phase::Connecting, CONNECT_WAIT);
        }
        self.take(offer.candidates).await;
        let early = std::mem::take(&mut self.early);
        self.take(early).await;
    }

    async fn take_answer(&mut self, answer: Session) {
        let Some(connection) = &self.connection else { return };
        if let Err(error) = connection.accept(&answer, self.round).await {
            tracing::warn!(%error, "a media answer that the transport refuses");
            return;
        }
        self.wait(Phase::Connecting, CONNECT_WAIT);
        self.take(answer.candidates).await;
        let early = std::mem::take(&mut self.early);
        self.take(early).await;
    }

    async fn take(&mut self, candidates: Vec<Candidate>) {
        let loopback = self.context.options.loopback();
        for candidate in candidates.into_iter().filter(|candidate| candidate.is_usable(loopback)) {
            match &self.connection {
                Some(connection) if self.phase == Phase::Connecting || self.phase == Phase::Up => {
                    if let Err(error) = connection.add(&candidate).await {
                        tracing::debug!(%error, "a candidate that the transport refuses");
                    }
                }
                _ if self.early.len() < MAX_CANDIDATES => self.early.push(candidate),
                _ => {}
            }
        }
    }

    async fn happened(&mut self, happening: Happening) {
        let Some(connection) = self.connection.as_ref().filter(|now| now.id == happening.connection) else {
            return;
        };
        match happening.what {
            What::Candidate(candidate) => {
                let body = Body::Candidates(vec![candidate]);
                let signal = Signal { connection: connection.id, round: self.round, body };
                self.say(&signal).await;
            }
            What::Gathered => {}
            What::Connected => self.connected().await,
            What::Doubtful => {
                self.doubted = true;
                self.doubt().await;
            }
            What::Failed => {
                self.lose_keeping(DownReason::Path).await;
                self.begin_anew().await;
            }
            What::Track(track) => {
                let ear = Ear {
                    peer: self.context.peer,
                    counters: Arc::clone(&self.context.counters),
                    incoming: self.context.incoming.clone(),
                };
                self.listeners.spawn(listen(track, ear));
            }
        }
    }

    async fn connected(&mut self) {
        let Some(connection) = &self.connection else { return };
        self.retry = RETRY_MIN;
        self.doubted = false;
        // After an ICE restart the feed stays: a second sequence under one SSRC would confuse SRTP.
        if !self.context.counters.up.load(Relaxed) {
            let setup_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            // RFC 3711 3.3.1: a first sequence number in the lower half keeps both ends' rollover counters equal.
            let feed = connection.feed((random_u32().unwrap_or(0) & 0x7FFF) as u16);
            self.context.counters.set_setup_ms(setup_ms);
            self.context.counters.up.store(true, Relaxed);
            self.output(LinkOutput::Up { feed, setup_ms }).await;
        }
        self.wait(Phase::Up, STATS_INTERVAL);
    }

    /// The checks of the path fail. While voice or a report still comes over it, that is loss and not its end: it is kept, and
    /// looked at again with the next statistics, until the checks get through.
    async fn doubt(&mut self) {
        if self.doubted && self.context.counters.silence(mono_ns()) >= SILENCE_HEARD {
            self.doubted = false;
            self.new_path().await;
        }
    }

    /// The machine is somewhere else on the network: what was said so far names places where it is no longer.
    async fn moved(&mut self) {
        if self.phase == Phase::Up {
            return self.new_path().await;
        }
        self.retry = RETRY_MIN;
        self.begin_anew().await;
    }

    /// What was said while nothing reached the peer is said again now, and the waiting begins anew.
    async fn reachable(&mut self) {
        if matches!(self.phase, Phase::Offering | Phase::Waiting) {
            self.retry = RETRY_MIN;
            self.late().await;
        }
    }

    /// Looks for a new path for the connection that there is.
    async fn new_path(&mut self) {
        if self.phase != Phase::Up {
            return;
        }
        if !self.offers() {
            let Some(connection) = &self.connection else { return };
            self.say(&Signal { connection: connection.id, round: self.round, body: Body::Restart }).await;
            return;
        }
        let Some(connection) = self.connection.take() else { return };
        self.round = self.round.wrapping_add(1);
        if self.round == 0 || self.offer_round(connection, true).await.is_none() {
            self.lose(DownReason::Path).await;
            self.begin_anew().await;
        }
    }

    async fn late(&mut self) {
        match self.phase {
            Phase::Up => {
                if let Some(connection) = &self.connection {
                    self.context.counters.set_rtt(connection.round_trip().await);
                }
                self.deadline = Instant::now() + STATS_INTERVAL;
                self.doubt().await;
            }
            Phase::Offering => {
                self.say_again().await;
                self.back_off();
                self.deadline = Instant::now() + self.retry;
            }
            Phase::Connecting => {
                self.lose_keeping(DownReason::Path).await;
                self.begin_anew().await;
            }
            Phase::Waiting => self.begin_anew().await,
        }
    }

    /// Reports the loss of a working connection and frees it.
    async fn lose(&mut self, reason: DownReason) {
        self.lose_keeping(reason).await;
        self.tear_down().await;
    }

    /// Reports the loss; the connection's name stays known until it is begun anew.
    async fn lose_keeping(&mut self, reason: DownReason) {
        if self.context.counters.up.swap(false, Relaxed) {
            self.output(LinkOutput::Down(reason)).await;
        }
        self.phase = Phase::Waiting;
    }

    async fn tear_down(&mut self) {
        self.context.counters.up.store(false, Relaxed);
        self.early.clear();
        self.said.clear();
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }
}
