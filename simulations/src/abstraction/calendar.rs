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
    next: u32,
}

/// The chunk of a bucket that is being filled, and how far it is. Those behind it are full, so to put an event down touches this and
/// its own place.
#[derive(Clone, Copy)]
struct Head {
    chunk: u32,
    length: u32,
}

/// Nothing is in the bucket.
const EMPTY: Head = Head { chunk: NONE, length: CHUNK as u32 };

/// The calendar.
pub(super) struct Calendar {
    heads: Vec<Head>,
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
            heads: vec![EMPTY; BUCKETS],
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
        let Head { mut chunk, mut length } = self.heads[place];
        if length as usize == CHUNK {
            (chunk, length) = (self.fresh(event, chunk), 0);
        }
        self.chunks[chunk as usize].events[length as usize] = event;
        self.heads[place] = Head { chunk, length: length + 1 };
        self.filled[place / 64] |= 1 << (place % 64);
        self.in_wheel += 1;
    }

    fn fresh(&mut self, event: Event, next: u32) -> u32 {
        if self.free == NONE {
            self.chunks.push(Chunk { events: [event; CHUNK], next });
            return u32::try_from(self.chunks.len() - 1).expect("memory ends long before");
        }
        let chunk = self.free;
        let reused = &mut self.chunks[chunk as usize];
        self.free = std::mem::replace(&mut reused.next, next);
        chunk
    }

    /// Goes on to the bucket with the next event up to this time, when the one before is empty. Whether there is one.
    pub(super) fn turn(&mut self, until: u64) -> bool {
        if self.current.is_empty() {
            match self.next_bucket() {
                Some(next) if next <= until >> WIDTH_BITS => self.turn_to(next),
                _ => return false,
            }
        }
        self.current.last().is_some_and(|event| event.at <= until)
    }

    /// What is left of the bucket, the latest first.
    pub(super) fn current(&self) -> &[Event] {
        &self.current
    }

    /// The next event of the bucket up to this time.
    pub(super) fn pop(&mut self, until: u64) -> Option<Event> {
        if self.current.last()?.at > until {
            return None;
        }
        self.current.pop()
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
        let Head { mut chunk, mut length } = std::mem::replace(&mut self.heads[place], EMPTY);
        self.filled[place / 64] &= !(1 << (place % 64));
        while chunk != NONE {
            let taken = &mut self.chunks[chunk as usize];
            self.current.extend_from_slice(&taken.events[..length as usize]);
            self.in_wheel -= length as usize;
            length = CHUNK as u32;
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
