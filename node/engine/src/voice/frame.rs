//! The frame inside the SFrame seal: coded sound with its redundancy, a report on what was heard, or a checkpoint.
//!
//! All integers big-endian, nothing after the last part. The seal pads to a size class that follows from the redundancy
//! in use alone, so the length of a payload says nothing about what is said.
//!
//! ```text
//! voice       0       1       2       3       4       5       6       7       8       9      10      11
//!         +-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+---//--+
//!         | v=1|0 | flags |      seq      |             tick              | n|dur |     len       | coded |
//!         +-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+---//--+
//!         n times, nearest first:  | back  |     len       | coded |
//!                                  +-------+---------------+---//--+
//!   v       high four bits: version 1; low four bits: kind, 0 voice, 1 report, 2 checkpoint
//!   flags   1 opening of a talk: the list is a pre-roll, 2 last frame before silence; the high six bits name the stream,
//!           drawn at each start of the sender, whose media time and numbers begin anywhere
//!   seq     counts voice frames of this stream, wrapping; a gap is loss
//!   tick    media time of the first sample in units of 10 ms, from a random start
//!   n|dur   high four bits: entries in the list, 0..=4; low four bits: ticks of each frame, 1, 2, 4 or 6
//!   back    how many frames before this one the entry is, 1..=15, ascending
//!
//! report      0       1       2       3       4       5       6       7       8       9
//!         +-------+-------+-------+-------+-------+-------+-------+-------+-------+
//!         | v=1|1 |   n   |          who (n times) ...    | loss  | burst |jitter | ...
//!         +-------+-------+-------+-------+-------+-------+-------+-------+-------+
//!   who     first four bytes of the DeviceId of the speaker that the entry is about
//!   loss    share of its frames that never came, in 1/255
//!   burst   mean length of a run of lost frames, in 1/16 frame, saturating
//!   jitter  what the jitter buffer provides for, in milliseconds, saturating
//!
//! checkpoint  | v=1|2 |     len       | bytes of halloo-crypto's media checkpoint |
//! ```

use halloo_crypto::id::DeviceId;
use thiserror::Error;

use super::codec::{FrameLength, MAX_CODED_BYTES};

/// The version in the first half byte.
pub const VERSION: u8 = 1;

/// Most earlier frames in a list: beyond three the wait for them costs more than the loss that they repair; a fourth
/// lets the first frame of a talk carry a whole pre-roll.
pub const MAX_LIST: usize = 4;

/// Largest frame before sealing: sealed it takes 833 bytes at most and fits the media endpoint's 1,180.
pub const MAX_FRAME_BYTES: usize = 799;

/// Entries of one report: the speakers of a full call.
pub const MAX_REPORT_ENTRIES: usize = 12;

/// Streams that a frame can tell apart.
pub const STREAMS: u8 = 64;

/// Bytes before the coded sound of a voice frame.
pub const HEADER_BYTES: usize = 11;

/// Bytes before the coded sound of a list entry.
pub const ENTRY_BYTES: usize = 3;

const KIND_VOICE: u8 = 0;
const KIND_REPORT: u8 = 1;
const KIND_CHECKPOINT: u8 = 2;
const FLAG_OPENING: u8 = 1;
const FLAG_LAST: u8 = 2;
const REPORT_ENTRY_BYTES: usize = 7;

/// Why bytes are no frame. Always the peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum FrameError {
    /// Shorter than its own fields say.
    #[error("the frame is cut off")]
    Short,
    /// A version, kind or length that does not exist.
    #[error("the frame has an unknown {0}")]
    Unknown(&'static str),
    /// Over a limit.
    #[error("the frame has too much {0}")]
    TooMuch(&'static str),
    /// Bytes after the last part.
    #[error("the frame goes on after its end")]
    Trailing,
}

/// One coded frame inside a voice frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coded<'a> {
    /// How many frames before the carrying one; 0 is the frame itself.
    pub back: u8,
    /// The codec's bytes, 1..=[`MAX_CODED_BYTES`].
    pub bytes: &'a [u8],
}

/// A parsed voice frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceFrame<'a> {
    /// The opening of a talk: what the list holds is what was said just before.
    pub opening: bool,
    /// Last frame before silence.
    pub last: bool,
    /// Names the stream, 0..64: another one after each start of the sender.
    pub stream: u8,
    /// Count of voice frames, wrapping.
    pub seq: u16,
    /// Media time of the first sample, 10 ms.
    pub tick: u32,
    /// Length of this frame and of each list entry.
    pub length: FrameLength,
    /// The codec's bytes of the frame itself.
    pub coded: &'a [u8],
    list: [Coded<'a>; MAX_LIST],
    list_len: usize,
}

impl<'a> VoiceFrame<'a> {
    /// A frame without a list.
    pub fn new(seq: u16, tick: u32, length: FrameLength, coded: &'a [u8]) -> Self {
        assert!(!coded.is_empty() && coded.len() <= MAX_CODED_BYTES, "a coded frame keeps the codec's limit");
        VoiceFrame {
            opening: false,
            last: false,
            stream: 0,
            seq,
            tick,
            length,
            coded,
            list: [Coded { back: 0, bytes: &[] }; MAX_LIST],
            list_len: 0,
        }
    }

    /// Earlier frames carried along, nearest first.
    pub fn list(&self) -> &[Coded<'a>] {
        &self.list[..self.list_len]
    }

    /// Adds an earlier frame; callers add them nearest first.
    pub fn push(&mut self, entry: Coded<'a>) {
        assert!(self.list_len < MAX_LIST, "the list has room");
        assert!(entry.back > self.list().last().map_or(0, |e| e.back), "entries ascend");
        assert!(
            !entry.bytes.is_empty() && entry.bytes.len() <= MAX_CODED_BYTES,
            "an entry keeps the codec's limit"
        );
        self.list[self.list_len] = entry;
        self.list_len += 1;
    }

    /// Appends the frame to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        assert!(self.stream < STREAMS, "six bits");
        assert!(self.list_len <= MAX_LIST, "four bits, and no more than are told apart");
        let before = out.len();
        let marks = if self.opening { FLAG_OPENING } else { 0 } | if self.last { FLAG_LAST } else { 0 };
        let flags = self.stream << 2 | marks;
        out.push(VERSION << 4 | KIND_VOICE);
        out.push(flags);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.tick.to_be_bytes());
        out.push((self.list_len as u8) << 4 | self.length.ticks());
        put_coded(out, self.coded);
        for entry in self.list() {
            out.push(entry.back);
            put_coded(out, entry.bytes);
        }
        assert!(out.len() - before <= MAX_FRAME_BYTES, "the mouth counts what it puts in");
    }
}

/// What one listener heard of one speaker lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportEntry {
    /// First four bytes of the speaker's device id.
    pub who: [u8; 4],
    /// Frames that never came, in 1/255.
    pub loss: u8,
    /// Mean run of lost frames, in 1/16 frame.
    pub burst: u8,
    /// What the jitter buffer provides for, milliseconds.
    pub jitter: u8,
}

/// The short name of a device in a report. Twelve members can hardly collide in it; if two do, both are protected.
pub fn short_name(device: &DeviceId) -> [u8; 4] {
    let b = device.as_bytes();
    [b[0], b[1], b[2], b[3]]
}

/// The entries of a report, parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    entries: [ReportEntry; MAX_REPORT_ENTRIES],
    len: usize,
}

impl Report {
    /// The entries.
    pub fn entries(&self) -> &[ReportEntry] {
        &self.entries[..self.len]
    }

    /// Adds an entry; what is beyond [`MAX_REPORT_ENTRIES`] is left out.
    pub fn push(&mut self, entry: ReportEntry) {
        if self.len < MAX_REPORT_ENTRIES {
            self.entries[self.len] = entry;
            self.len += 1;
        }
    }

    /// Appends the report to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        assert!(self.len <= MAX_REPORT_ENTRIES, "push leaves out what is beyond");
        out.push(VERSION << 4 | KIND_REPORT);
        out.push(self.len as u8);
        for e in self.entries() {
            out.extend_from_slice(&e.who);
            out.extend_from_slice(&[e.loss, e.burst, e.jitter]);
        }
    }
}

/// Appends a checkpoint of halloo-crypto to `out`.
pub fn write_checkpoint(bytes: &[u8], out: &mut Vec<u8>) {
    assert!(bytes.len() + 3 <= MAX_FRAME_BYTES, "a checkpoint of a hundred frames takes 290 bytes");
    out.push(VERSION << 4 | KIND_CHECKPOINT);
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Any frame, parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant)] // lives on the stack of one call, fifty times a second
pub enum Frame<'a> {
    /// Sound.
    Voice(VoiceFrame<'a>),
    /// What the sender heard of others.
    Report(Report),
    /// A media checkpoint, for halloo-crypto to judge.
    Checkpoint(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// Reads one opened frame.
    ///
    /// # Errors
    /// [`FrameError`]: nothing of such a frame may be used.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(FrameError::TooMuch("length"));
        }
        let mut r = Reader(bytes);
        let head = r.byte()?;
        if head >> 4 != VERSION {
            return Err(FrameError::Unknown("version"));
        }
        let frame = match head & 15 {
            KIND_VOICE => Frame::Voice(parse_voice(&mut r)?),
            KIND_REPORT => Frame::Report(parse_report(&mut r)?),
            KIND_CHECKPOINT => {
                let len = r.u16()?;
                Frame::Checkpoint(r.take(len as usize)?)
            }
            _ => return Err(FrameError::Unknown("kind")),
        };
        if r.0.is_empty() { Ok(frame) } else { Err(FrameError::Trailing) }
    }
}

fn parse_voice<'a>(r: &mut Reader<'a>) -> Result<VoiceFrame<'a>, FrameError> {
    let flags = r.byte()?;
    let seq = r.u16()?;
    let tick = r.u32()?;
    let shape = r.byte()?;
    let length = FrameLength::from_ticks(shape & 15).ok_or(FrameError::Unknown("frame length"))?;
    let entries = usize::from(shape >> 4);
    if entries > MAX_LIST {
        return Err(FrameError::TooMuch("redundancy"));
    }
    let coded = r.coded()?;
    let mut frame = VoiceFrame::new(seq, tick, length, coded);
    frame.opening = flags & FLAG_OPENING != 0;
    frame.last = flags & FLAG_LAST != 0;
    frame.stream = flags >> 2;
    let mut before = 0;
    for _ in 0..entries {
        let back = r.byte()?;
        if back <= before || back > 15 {
            return Err(FrameError::Unknown("place in the list"));
        }
        before = back;
        frame.push(Coded { back, bytes: r.coded()? });
    }
    assert_eq!(frame.list().len(), entries, "each entry was read or refused");
    Ok(frame)
}

fn parse_report(r: &mut Reader<'_>) -> Result<Report, FrameError> {
    let n = usize::from(r.byte()?);
    if n > MAX_REPORT_ENTRIES {
        return Err(FrameError::TooMuch("report"));
    }
    let mut report = Report::default();
    for _ in 0..n {
        let e = r.take(REPORT_ENTRY_BYTES)?;
        report.push(ReportEntry { who: [e[0], e[1], e[2], e[3]], loss: e[4], burst: e[5], jitter: e[6] });
    }
    Ok(report)
}

fn put_coded(out: &mut Vec<u8>, coded: &[u8]) {
    assert!(!coded.is_empty() && coded.len() <= MAX_CODED_BYTES, "nothing else is read back");
    out.extend_from_slice(&(coded.len() as u16).to_be_bytes());
    out.extend_from_slice(coded);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], FrameError> {
        if self.0.len() < n {
            return Err(FrameError::Short);
        }
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, FrameError> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        let b = self.take(2)?;
        Ok(u16::from_be_bytes([b[0], b[1]]))
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        let b = self.take(4)?;
        Ok(u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn coded(&mut self) -> Result<&'a [u8], FrameError> {
        let len = usize::from(self.u16()?);
        if len == 0 || len > MAX_CODED_BYTES {
            return Err(FrameError::TooMuch("coded sound"));
        }
        self.take(len)
    }
}

#[cfg(test)]
mod tests;
