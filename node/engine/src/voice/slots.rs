//! Holds the coded frames of one speaker until their turn: a ring over media time, of fixed size.

use super::codec::{FrameLength, MAX_CODED_BYTES};

/// Ticks of 10 ms that the ring spans: 1.28 s. A stream further ahead than that starts anew.
pub const SPAN_TICKS: u32 = 128;

/// How a frame came here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// As the frame itself.
    Itself,
    /// In the list of a later frame.
    List,
}

/// One coded frame that waits.
#[derive(Clone)]
pub struct Slot {
    /// Media time of its first sample.
    pub tick: u32,
    /// How long it is.
    pub length: FrameLength,
    /// How it came.
    pub origin: Origin,
    /// The last before silence.
    pub last: bool,
    full: bool,
    len: u16,
    bytes: [u8; MAX_CODED_BYTES],
}

impl Slot {
    /// The codec's bytes.
    pub fn coded(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// First tick after the frame.
    pub fn end(&self) -> u32 {
        self.tick.wrapping_add(u32::from(self.length.ticks()))
    }
}

/// What is put into a slot.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Media time of its first sample.
    pub tick: u32,
    /// How long it is.
    pub length: FrameLength,
    /// How it came.
    pub origin: Origin,
    /// The last before silence.
    pub last: bool,
    /// The codec's bytes, at most [`MAX_CODED_BYTES`].
    pub coded: &'a [u8],
}

/// The ring. Ticks wrap; every comparison is by signed distance.
pub struct Slots {
    ring: Box<[Slot]>,
}

/// How many ticks `a` lies after `b`; negative when before. Wraps.
pub fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

impl Slots {
    /// An empty ring; the only allocation.
    pub fn new() -> Self {
        let empty = Slot {
            tick: 0,
            length: FrameLength::Ms20,
            origin: Origin::Itself,
            last: false,
            full: false,
            len: 0,
            bytes: [0; MAX_CODED_BYTES],
        };
        Slots { ring: vec![empty; SPAN_TICKS as usize].into_boxed_slice() }
    }

    /// Stores a frame, unless the same or an overlapping one waits already; the frame itself replaces a list copy.
    /// Returns whether it is held now.
    pub fn put(&mut self, frame: &Incoming<'_>) -> bool {
        assert!(frame.coded.len() <= MAX_CODED_BYTES, "the parser keeps the limit");
        let slot = &mut self.ring[(frame.tick % SPAN_TICKS) as usize];
        if slot.full
            && slot.tick == frame.tick
            && !(slot.origin == Origin::List && frame.origin == Origin::Itself)
        {
            return false;
        }
        slot.tick = frame.tick;
        slot.length = frame.length;
        slot.origin = frame.origin;
        slot.last = frame.last;
        slot.full = true;
        slot.len = frame.coded.len() as u16;
        slot.bytes[..frame.coded.len()].copy_from_slice(frame.coded);
        assert_eq!(slot.coded(), frame.coded, "what was put is what is held");
        true
    }

    /// The frame that begins at this tick.
    pub fn at(&self, tick: u32) -> Option<&Slot> {
        let slot = &self.ring[(tick % SPAN_TICKS) as usize];
        (slot.full && slot.tick == tick).then_some(slot)
    }

    /// The earliest frame that begins at or after this tick, within the span.
    pub fn from(&self, tick: u32) -> Option<&Slot> {
        assert!(self.ring.len() == SPAN_TICKS as usize, "the ring never changes its size");
        (0..SPAN_TICKS).find_map(|ahead| self.at(tick.wrapping_add(ahead)))
    }

    /// The earliest frame of all.
    pub fn earliest(&self) -> Option<&Slot> {
        let any = self.ring.iter().find(|s| s.full)?.tick;
        self.ring.iter().filter(|s| s.full).min_by_key(|s| distance(s.tick, any))
    }

    /// Drops everything that begins before this tick; returns how many frames that were.
    pub fn drop_before(&mut self, tick: u32) -> u32 {
        let mut dropped = 0;
        for slot in &mut self.ring {
            if slot.full && distance(slot.tick, tick) < 0 {
                slot.full = false;
                dropped += 1;
            }
        }
        dropped
    }

    /// Frames that wait.
    pub fn len(&self) -> usize {
        self.ring.iter().filter(|s| s.full).count()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ring.iter().all(|s| !s.full)
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        for slot in &mut self.ring {
            slot.full = false;
        }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Slots::new()
    }
}

#[cfg(test)]
mod tests;
