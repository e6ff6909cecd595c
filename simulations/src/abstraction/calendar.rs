//! The calendar: events in the order of their times, in buckets of pooled chunks, so that an event costs no allocation and little search.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// An act of the plan; `message` is its number.
    Act,
    /// `node` is a member from now on.
    Member,
    /// `node` dials over `edge`.
    Dial,
    /// `node` has let the neighbour of `edge` in, and knows what it follows.
    Live,
    /// `node` learns that the connection of `edge` is gone.
    Gone,
    /// The connection of `edge` has been deaf for too long, if it still is.
    Deaf,
    /// `node` is asked into the mesh over `edge`.
    Graft,
    /// `node` is let go over `edge`.
    Prune,
    /// `node` publishes `message`: it is durable.
    Publish,
    /// A copy of `message` is at `node`; `edge` leads back to who sent it.
    Copy,
    /// The neighbour of `edge` names `message`.
    Have,
    /// The neighbour of `edge` wants `message`.
    Want,
    /// A comparison with the neighbour of `edge` brings `message`.
    Repair,
    /// `node` compares with a neighbour, because something is missing.
    Gap,
    /// The heartbeat of `node`.
    Beat,
}

/// An event: 24 bytes. Equal times are ordered by what else it says, so that runs do not depend on the order of insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    /// When, virtual microseconds.
    pub(super) at: u64,
    /// What.
    pub(super) kind: Kind,
    /// Where.
    pub(super) node: u32,
    /// Over which of the node's half-edges.
    pub(super) edge: u32,
    /// About which message.
    pub(super) message: u32,
}

/// A bucket holds 128 microseconds: at millions of events a second it has a few hundred, which are sorted in the fastest cache.
const WIDTH_BITS: u32 = 7;
/// Buckets of the wheel: half a minute, more than any heartbeat or link and than most of what a start sets; what is later waits in a heap.
const BUCKETS: usize = 1 << 18;
/// Events of a chunk: half a kilobyte.
const CHUNK: usize = 20;
/// No chunk.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Chunk {
    events: [Event; CHUNK],
    length: u32,
    next: u32,
}

/// The calendar.
pub(super) struct Calendar {
    heads: Vec<u32>,
    /// One bit for each bucket that holds something.
    filled: Vec<u64>,
    chunks: Vec<Chunk>,
    free: u32,
    /// The bucket that is being emptied, counted since time began.
    bucket: u64,
    /// What is left of it, the earliest last.
    current: Vec<Event>,
    far: BinaryHeap<Reverse<Event>>,
    in_wheel: usize,
}

impl Calendar {
    /// An empty calendar.
    pub(super) fn new(now: u64) -> Self {
        Calendar {
            heads: vec![NONE; BUCKETS],
            filled: vec![0; BUCKETS / 64],
            chunks: Vec::new(),
            free: NONE,
            bucket: now >> WIDTH_BITS,
            current: Vec::new(),
            far: BinaryHeap::new(),
            in_wheel: 0,
        }
    }

    /// Puts an event down. What is before the bucket that is being emptied comes next.
    pub(super) fn push(&mut self, event: Event) {
        let bucket = event.at >> WIDTH_BITS;
        if bucket <= self.bucket {
            let place = self.current.partition_point(|other| *other > event);
            self.current.insert(place, event);
        } else if bucket - self.bucket < BUCKETS as u64 {
            self.put(bucket, event);
        } else {
            self.far.push(Reverse(event));
        }
    }

    fn put(&mut self, bucket: u64, event: Event) {
        let place = bucket as usize % BUCKETS;
        let head = self.heads[place];
        let full = head == NONE || self.chunks[head as usize].length as usize == CHUNK;
        let chunk = if full { self.fresh(event, head) } else { head };
        self.heads[place] = chunk;
        let chunk = &mut self.chunks[chunk as usize];
        chunk.events[chunk.length as usize] = event;
        chunk.length += 1;
        self.filled[place / 64] |= 1 << (place % 64);
        self.in_wheel += 1;
    }

    fn fresh(&mut self, event: Event, next: u32) -> u32 {
        if self.free == NONE {
            self.chunks.push(Chunk { events: [event; CHUNK], length: 0, next });
            return u32::try_from(self.chunks.len() - 1).expect("memory ends long before");
        }
        let chunk = self.free;
        let reused = &mut self.chunks[chunk as usize];
        self.free = reused.next;
        (reused.length, reused.next) = (0, next);
        chunk
    }

    /// The next event up to this time.
    pub(super) fn pop(&mut self, until: u64) -> Option<Event> {
        loop {
            if let Some(event) = self.current.last() {
                return if event.at <= until { self.current.pop() } else { None };
            }
            let next = self.next_bucket()?;
            if next > until >> WIDTH_BITS {
                return None;
            }
            self.turn_to(next);
        }
    }

    /// The bucket with the earliest event.
    fn next_bucket(&self) -> Option<u64> {
        let far = self.far.peek().map(|Reverse(event)| event.at >> WIDTH_BITS);
        if self.in_wheel == 0 {
            return far;
        }
        let mut ahead = 1;
        loop {
            let place = (self.bucket + ahead) as usize % BUCKETS;
            let word = self.filled[place / 64] >> (place % 64);
            if word != 0 {
                let near = self.bucket + ahead + u64::from(word.trailing_zeros());
                return Some(far.map_or(near, |far| far.min(near)));
            }
            ahead += 64 - place as u64 % 64;
        }
    }

    fn turn_to(&mut self, bucket: u64) {
        self.bucket = bucket;
        let place = bucket as usize % BUCKETS;
        let mut chunk = std::mem::replace(&mut self.heads[place], NONE);
        self.filled[place / 64] &= !(1 << (place % 64));
        while chunk != NONE {
            let taken = &mut self.chunks[chunk as usize];
            self.current.extend_from_slice(&taken.events[..taken.length as usize]);
            self.in_wheel -= taken.length as usize;
            let next = std::mem::replace(&mut taken.next, self.free);
            self.free = chunk;
            chunk = next;
        }
        // What was far and is near now.
        while let Some(Reverse(event)) = self.far.peek().copied() {
            let of_event = event.at >> WIDTH_BITS;
            if of_event > bucket && of_event - bucket >= BUCKETS as u64 {
                break;
            }
            self.far.pop();
            if of_event <= bucket { self.current.push(event) } else { self.put(of_event, event) }
        }
        self.current.sort_unstable_by(|a, b| b.cmp(a));
    }
}

#[cfg(test)]
mod tests;
