//! One connection's end of the direct lane: at most one stream out and one stream in.
//!
//! The handler holds only what waits to be written. What is unacknowledged stays with the behaviour, which hands it
//! over again after `StreamLost`. Reading goes on only as fast as the host takes events, so a busy host slows its
//! peers down instead of filling memory.

use crate::direct::wire::{self, Head};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, ConnectionHandlerEvent, SubstreamProtocol};
use libp2p::swarm::{ConnectionHandler, Stream, StreamProtocol};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The name under which the lane is negotiated.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/halloo/direct/1");

/// What the behaviour tells a connection.
#[derive(Debug)]
pub enum ToHandler {
    /// Open a stream with this head and write these frames.
    Start { head: Head, frames: Vec<Arc<[u8]>> },
    /// Write one more frame. Ignored after `StreamLost` until the next `Start`, which carries it again.
    Send(Arc<[u8]>),
    /// Everything below `next` is delivered: say so.
    Ack { next: u64 },
    /// Whether the connection is worth keeping while idle.
    Keep(bool),
}

/// What a connection tells the behaviour.
#[derive(Debug)]
pub enum FromHandler {
    /// The peer opened a stream.
    Opened(Head),
    /// The next frame of the peer's stream.
    Frame(Vec<u8>),
    /// The peer has everything below this number.
    Acked(u64),
    /// The stream towards the peer broke or could not be opened; nothing waits here any more.
    StreamLost,
}

type Reader = ReadHalf<Stream>;
type Writer = WriteHalf<Stream>;

/// A stream half, idle or at work, so that one operation is under way at a time.
enum Half<T, R> {
    Idle(T),
    Busy(BoxFuture<'static, io::Result<(T, R)>>),
}

struct Outbound {
    writer: Option<Half<Writer, ()>>,
    acks: BoxFuture<'static, io::Result<(Reader, u64)>>,
}

struct Inbound {
    frames: BoxFuture<'static, io::Result<(Reader, Option<Read>)>>,
    writer: Half<Writer, ()>,
    ack: Option<u64>,
}

enum Read {
    Head(Head),
    Frame(Vec<u8>),
}

/// The lane on one connection.
#[derive(Default)]
pub struct Handler {
    keep: bool,
    /// Set by `Start`, cleared by the loss of the stream.
    started: bool,
    /// The head that the next write begins with.
    head: Option<Head>,
    waiting: VecDeque<Arc<[u8]>>,
    opening: bool,
    outbound: Option<Outbound>,
    inbound: Option<Inbound>,
    events: VecDeque<FromHandler>,
}

type Event = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), FromHandler>;

impl Handler {
    fn lose_stream(&mut self) {
        self.outbound = None;
        self.opening = false;
        self.head = None;
        self.waiting.clear();
        if std::mem::take(&mut self.started) {
            self.events.push_back(FromHandler::StreamLost);
        }
    }

    fn poll_outbound(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(outbound) = &mut self.outbound else {
            return Ok(());
        };
        loop {
            match outbound.writer.take() {
                Some(Half::Idle(mut writer)) if self.head.is_some() || !self.waiting.is_empty() => {
                    let batch = wire::take_batch(self.head.take(), &mut self.waiting);
                    let work = async move {
                        writer.write_all(&batch).await?;
                        writer.flush().await?;
                        Ok((writer, ()))
                    };
                    outbound.writer = Some(Half::Busy(work.boxed()));
                }
                Some(Half::Busy(mut work)) => match work.poll_unpin(cx) {
                    Poll::Ready(done) => outbound.writer = Some(Half::Idle(done?.0)),
                    Poll::Pending => {
                        outbound.writer = Some(Half::Busy(work));
                        break;
                    }
                },
                idle => {
                    outbound.writer = idle;
                    break;
                }
            }
        }
        while let Poll::Ready(done) = outbound.acks.poll_unpin(cx) {
            let (reader, next) = done?;
            outbound.acks = read_ack(reader);
            self.events.push_back(FromHandler::Acked(next));
        }
        Ok(())
    }

    /// Reads at most one frame, so that the host's pace decides about the peer's.
    fn poll_inbound(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(inbound) = &mut self.inbound else {
            return Ok(());
        };
        loop {
            match &mut inbound.writer {
                Half::Busy(work) => match work.poll_unpin(cx) {
                    Poll::Ready(done) => inbound.writer = Half::Idle(done?.0),
                    Poll::Pending => break,
                },
                Half::Idle(_) => {
                    let Some(next) = inbound.ack.take() else {
                        break;
                    };
                    let pending = Half::Busy(futures::future::pending().boxed());
                    if let Half::Idle(writer) = std::mem::replace(&mut inbound.writer, pending) {
                        inbound.writer = Half::Busy(write_ack(writer, next));
                    }
                }
            }
        }
        if let Poll::Ready(done) = inbound.frames.poll_unpin(cx) {
            match done? {
                (reader, Some(read)) => {
                    inbound.frames = read_frame(reader);
                    self.events.push_back(match read {
                        Read::Head(head) => FromHandler::Opened(head),
                        Read::Frame(bytes) => FromHandler::Frame(bytes),
                    });
                }
                (_, None) => self.inbound = None,
            }
        }
        Ok(())
    }
}

fn read_head(mut reader: Reader) -> BoxFuture<'static, io::Result<(Reader, Option<Read>)>> {
    async move {
        let head = Head::read(&mut reader).await?;
        Ok((reader, Some(Read::Head(head))))
    }
    .boxed()
}

fn read_frame(mut reader: Reader) -> BoxFuture<'static, io::Result<(Reader, Option<Read>)>> {
    async move {
        let frame = wire::read_frame(&mut reader).await?;
        Ok((reader, frame.map(Read::Frame)))
    }
    .boxed()
}

fn read_ack(mut reader: Reader) -> BoxFuture<'static, io::Result<(Reader, u64)>> {
    async move {
        let next = wire::read_ack(&mut reader).await?;
        Ok((reader, next))
    }
    .boxed()
}

fn write_ack(mut writer: Writer, next: u64) -> BoxFuture<'static, io::Result<(Writer, ())>> {
    async move {
        writer.write_all(&next.to_be_bytes()).await?;
        writer.flush().await?;
        Ok((writer, ()))
    }
    .boxed()
}

impl ConnectionHandler for Handler {
    type FromBehaviour = ToHandler;
    type ToBehaviour = FromHandler;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, ()> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
        }
        if !self.waiting.is_empty() && self.outbound.is_none() && !self.opening {
            self.opening = true;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if let Err(fault) = self.poll_outbound(cx) {
            tracing::debug!(%fault, "direct stream towards the peer broke");
            self.lose_stream();
        }
        if let Err(fault) = self.poll_inbound(cx) {
            tracing::debug!(%fault, "direct stream of the peer broke");
            self.inbound = None;
        }
        match self.events.pop_front() {
            Some(event) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event)),
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, event: ToHandler) {
        match event {
            ToHandler::Start { head, frames } => {
                self.outbound = None;
                self.started = true;
                self.head = Some(head);
                self.waiting = frames.into();
            }
            ToHandler::Send(frame) => {
                if self.started {
                    self.waiting.push_back(frame);
                }
            }
            ToHandler::Ack { next } => {
                if let Some(inbound) = &mut self.inbound {
                    inbound.ack = Some(next);
                }
            }
            ToHandler::Keep(keep) => self.keep = keep,
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), ()>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(mut opened) => {
                opened.protocol.ignore_for_keep_alive();
                let (reader, writer) = opened.protocol.split();
                // A newer stream replaces the older one: its sender has given that up.
                self.inbound =
                    Some(Inbound { frames: read_head(reader), writer: Half::Idle(writer), ack: None });
            }
            ConnectionEvent::FullyNegotiatedOutbound(mut opened) => {
                self.opening = false;
                opened.protocol.ignore_for_keep_alive();
                let (reader, writer) = opened.protocol.split();
                self.outbound = Some(Outbound { writer: Some(Half::Idle(writer)), acks: read_ack(reader) });
            }
            ConnectionEvent::DialUpgradeError(_) => self.lose_stream(),
            _ => {}
        }
    }
}
