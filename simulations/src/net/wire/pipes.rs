//! Streams on the wire: pipes with a window, chunks with times of arrival, and how they are opened, read, written and ended.

use super::{Chunk, ConnId, Pipe, PipeId, WINDOW_BYTES, Wire, WireError};
use crate::net::links::{HEADER_BYTES, SEGMENT_BYTES};
use halloo_vtime::now_us;
use std::task::{Context, Poll};

impl Wire {
    /// The pipes of a connection that is one stream: (read, write) for this end.
    pub(in crate::net) fn raw(&mut self, id: ConnId, end: usize) -> [PipeId; 2] {
        let pipes = match self.conns[id].raw {
            Some(pipes) => pipes,
            None => {
                let pipes = self.pair(id, true);
                self.conns[id].raw = Some(pipes);
                pipes
            }
        };
        [pipes[end], pipes[1 - end]]
    }

    /// A new stream inside a connection: (read, write) for the end that opens it. The other end learns of it with its first bytes.
    pub(in crate::net) fn open(&mut self, id: ConnId, end: usize) -> [PipeId; 2] {
        let pipes = self.pair(id, false);
        let conn = &mut self.conns[id];
        conn.handles += 1;
        conn.opened[1 - end].push_back([pipes[1 - end], pipes[end]]);
        self.pipes[pipes[end]].known = true;
        [pipes[end], pipes[1 - end]]
    }

    /// Pipe 0 is read by end 0, pipe 1 by end 1.
    pub(in crate::net) fn pair(&mut self, conn: ConnId, known: bool) -> [PipeId; 2] {
        let pipes = [0, 1].map(|to| self.pipes.insert(Pipe::new(conn, to, known)));
        self.conns[conn].pipes.extend(pipes);
        pipes
    }

    /// The next stream that the other end opened: (read, write) for this end.
    pub(in crate::net) fn poll_opened(
        &mut self,
        id: ConnId,
        end: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<[PipeId; 2], WireError>> {
        self.watch(id, end, cx)?;
        let now = now_us();
        let (conns, pipes) = (&mut self.conns, &mut self.pipes);
        let conn = &mut conns[id];
        let arrived = |at: Option<u64>| at.is_some_and(|at| at <= now);
        let Some(place) = conn.opened[end].iter().position(|ids| arrived(pipes[ids[0]].first_us())) else {
            let next = conn.opened[end].iter().filter_map(|ids| pipes[ids[0]].first_us()).min();
            conn.arm(end, next);
            return Poll::Pending;
        };
        let ids = conn.opened[end].remove(place).expect("it was just found");
        conn.handles += 1;
        pipes[ids[0]].known = true;
        Poll::Ready(Ok(ids))
    }

    /// Reads what has arrived.
    pub(in crate::net) fn poll_read(
        &mut self,
        id: PipeId,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<Result<usize, WireError>> {
        let now = now_us();
        let pipe = &mut self.pipes[id];
        if let Some(chunk) = pipe.chunks.front_mut().filter(|chunk| chunk.at_us.is_some_and(|at| at <= now)) {
            let rest = &chunk.bytes[chunk.read..];
            let length = rest.len().min(out.len());
            out[..length].copy_from_slice(&rest[..length]);
            chunk.read += length;
            if chunk.read == chunk.bytes.len() {
                pipe.chunks.pop_front();
            }
            pipe.unread -= length;
            if let Some(writer) = pipe.writer.take() {
                writer.wake();
            }
            return Poll::Ready(Ok(length));
        }
        if pipe.chunks.is_empty() && pipe.end_us.is_some_and(|at| at <= now) {
            return Poll::Ready(Ok(0));
        }
        if self.conns[pipe.conn].gone_us[pipe.to].is_some_and(|at| at <= now) {
            return Poll::Ready(Err(WireError::Reset));
        }
        match &mut pipe.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        pipe.arm(self.conns[pipe.conn].gone_us[pipe.to]);
        Poll::Pending
    }

    /// Puts bytes on the wire; how many were taken.
    pub(in crate::net) fn poll_write(
        &mut self,
        id: PipeId,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, WireError>> {
        let now = now_us();
        let Wire { pipes, conns, links, ports, .. } = self;
        let pipe = &mut pipes[id];
        let conn = &mut conns[pipe.conn];
        if conn.gone_us[1 - pipe.to].is_some_and(|at| at <= now) {
            return Poll::Ready(Err(WireError::Reset));
        }
        if pipe.reader_left {
            return Poll::Ready(Err(WireError::Unread));
        }
        let room = WINDOW_BYTES - pipe.unread.min(WINDOW_BYTES);
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(room)];
        let (from, to) = (conn.ends[1 - pipe.to], conn.ends[pipe.to]);
        let packets = bytes.len().div_ceil(SEGMENT_BYTES);
        ports[from as usize].traffic.stream_bytes_out += (bytes.len() + packets * HEADER_BYTES) as u64;
        // What follows something that waits for its link waits too: streams keep their order.
        let waits = pipe.chunks.back().is_some_and(|chunk| chunk.at_us.is_none());
        let at_us = if waits { None } else { links.stream(now, (from, to), bytes.len()) };
        let at_us = at_us.map(|at| at.max(conn.last_us[pipe.to]));
        if let Some(at) = at_us {
            conn.last_us[pipe.to] = at;
        }
        pipe.unread += bytes.len();
        pipe.chunks.push_back(Chunk { at_us, sent_us: now, bytes: bytes.to_vec(), read: 0 });
        if pipe.known {
            pipe.arm(conn.gone_us[pipe.to]);
        } else {
            conn.arm(pipe.to, pipe.first_us());
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// Nothing more is written to this pipe.
    pub(in crate::net) fn end(&mut self, id: PipeId) {
        let now = now_us();
        let Wire { pipes, conns, links, .. } = self;
        let Some(pipe) = pipes.get_mut(id).filter(|pipe| pipe.end_us.is_none()) else { return };
        let conn = &mut conns[pipe.conn];
        let (from, to) = (conn.ends[1 - pipe.to], conn.ends[pipe.to]);
        let at = now + links.latency_us(from, to);
        pipe.end_us = Some(at.max(conn.last_us[pipe.to]));
        if pipe.known {
            pipe.arm(conn.gone_us[pipe.to]);
        } else {
            conn.arm(pipe.to, pipe.first_us());
        }
    }

    /// An end of a stream is dropped: `[read, write]`.
    pub(in crate::net) fn drop_stream(&mut self, [read, write]: [PipeId; 2]) {
        self.end(write);
        if let Some(pipe) = self.pipes.get_mut(read) {
            pipe.reader_left = true;
            pipe.reader = None;
            pipe.timer.clear();
            pipe.chunks.clear();
            pipe.unread = 0;
            if let Some(writer) = pipe.writer.take() {
                writer.wake();
            }
            let conn = pipe.conn;
            self.free_stream(read, write);
            self.release(conn);
        }
    }

    /// Both ends of a stream are dropped: its pipes go, unless the connection is that stream.
    pub(in crate::net) fn free_stream(&mut self, read: PipeId, write: PipeId) {
        let done = |pipe: &Pipe| pipe.reader_left;
        let both = self.pipes.get(read).is_some_and(done) && self.pipes.get(write).is_some_and(done);
        if both {
            for id in [read, write] {
                let pipe = self.pipes.remove(id);
                self.conns[pipe.conn].pipes.remove(&id);
            }
        }
    }

    pub(in crate::net) fn mend_pipe(&mut self, id: PipeId) {
        let Wire { pipes, conns, links, .. } = self;
        let pipe = &mut pipes[id];
        let Some(first) = pipe.chunks.iter().find(|chunk| chunk.at_us.is_none()) else { return };
        let conn = &mut conns[pipe.conn];
        let (from, to) = (conn.ends[1 - pipe.to], conn.ends[pipe.to]);
        if !links.joined(from, to) {
            return;
        }
        let again = links.retry_us(first.sent_us, now_us());
        for chunk in pipe.chunks.iter_mut().filter(|chunk| chunk.at_us.is_none()) {
            let Some(at) = links.stream(again, (from, to), chunk.bytes.len()) else { return };
            conn.last_us[pipe.to] = conn.last_us[pipe.to].max(at);
            chunk.at_us = Some(conn.last_us[pipe.to]);
        }
        if pipe.known {
            pipe.arm(conn.gone_us[pipe.to]);
        } else {
            conn.arm(pipe.to, pipe.first_us());
        }
    }
}
