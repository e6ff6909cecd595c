//! The trace of a run: one line an event, and a hash over all of them.
//!
//! ```text
//!   123456789 h3.1 in   direct h2 118 a1b2c3d4
//!   ^ microseconds ^ host.life ^ what ^ details
//! ```
//! `docs/SIMULATOR.md` has the legend. The hash is SHA-256 over the lines, so equal hashes mean equal traces, line by line.

use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_engine::input::Input;
use halloo_engine::lane::Lane;
use halloo_engine::output::Output;
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use std::io::Write;

/// Writes and hashes lines.
pub struct Trace {
    hash: Sha256,
    line: String,
    out: Option<Box<dyn Write>>,
    lines: u64,
    failed: bool,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("lines", &self.lines).finish()
    }
}

impl Trace {
    /// A trace that is hashed, and written if there is somewhere to write to.
    #[must_use]
    pub fn new(out: Option<Box<dyn Write>>) -> Self {
        Trace { hash: Sha256::new(), line: String::new(), out, lines: 0, failed: false }
    }

    /// Notes an event.
    pub fn note(&mut self, at: At, seen: &Seen<'_>) {
        if let Seen::Load(_) | Seen::Spoke { media_time: None, .. } = seen {
            return;
        }
        self.line.clear();
        let wrote = write!(self.line, "{} h{}.{} ", at.us, at.host, at.life)
            .and_then(|()| describe(&mut self.line, seen));
        debug_assert!(wrote.is_ok(), "a String takes everything");
        self.line.push('\n');
        self.take_line();
    }

    /// Notes a line in other words than those of [`Seen`].
    pub fn put(&mut self, us: u64, host: HostId, what: fmt::Arguments<'_>) {
        self.line.clear();
        let wrote = writeln!(self.line, "{us} h{host}.0 {what}");
        debug_assert!(wrote.is_ok(), "a String takes everything");
        self.take_line();
    }

    /// As [`Trace::put`] with a word and numbers, without what formatting costs: the abstract tier writes millions of these.
    pub fn put_numbers(&mut self, us: u64, host: HostId, word: &str, numbers: &[u64]) {
        let mut digits = itoa::Buffer::new();
        self.line.clear();
        self.line.push_str(digits.format(us));
        self.line.push_str(" h");
        self.line.push_str(digits.format(host));
        self.line.push_str(".0 ");
        self.line.push_str(word);
        for number in numbers {
            self.line.push(' ');
            self.line.push_str(digits.format(*number));
        }
        self.line.push('\n');
        self.take_line();
    }

    fn take_line(&mut self) {
        self.lines += 1;
        self.hash.update(self.line.as_bytes());
        if let Some(out) = &mut self.out {
            self.failed |= out.write_all(self.line.as_bytes()).is_err();
        }
    }

    /// Lines so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The hash over all lines, and whether every line could be written.
    #[must_use]
    pub fn finish(mut self) -> (String, bool) {
        if let Some(out) = &mut self.out {
            self.failed |= out.flush().is_err();
        }
        let hash = self.hash.finalize();
        let hex = hash.iter().fold(String::new(), |mut hex, byte| {
            // A String takes everything.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        (hex, !self.failed)
    }
}

/// Four bytes that tell frames apart in a trace; no cryptography is meant.
fn mark(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn lane(lane: &Lane) -> &'static str {
    match lane {
        Lane::Direct => "direct",
        Lane::Pair => "pair",
        Lane::Gossip(_) => "gossip",
    }
}

fn describe(line: &mut String, seen: &Seen<'_>) -> fmt::Result {
    match seen {
        Seen::Began { origin, .. } => write!(line, "begin {origin}"),
        Seen::Input { input, .. } => describe_input(line, input),
        Seen::Output { output, .. } => describe_output(line, output),
        Seen::Drained { .. } => write!(line, "idle"),
        Seen::Written(id) => write!(line, "durable {}", id.0),
        Seen::Ended(end) => write!(line, "end {end:?}"),
        Seen::NotJoined(why) => write!(line, "not-joined {why}"),
        Seen::VoiceOut { to, payload } => {
            write!(line, "voice-out h{to} {} {:08x}", payload.len(), mark(payload))
        }
        Seen::VoiceIn { from, opened: Ok(()) } => write!(line, "voice-in h{from}"),
        Seen::VoiceIn { from, opened: Err(why) } => write!(line, "voice-refused h{from} {why:?}"),
        Seen::Heard { speaker, after_us: Some(after_us), .. } => write!(line, "heard h{speaker} {after_us}"),
        Seen::Heard { speaker, media_time, .. } => write!(line, "heard h{speaker} at {media_time}"),
        Seen::Spoke { media_time: Some(media_time), ready } => write!(line, "spoke {media_time} {ready:?}"),
        Seen::Ear { speaker, stats } => {
            write!(line, "ear h{speaker} {} {} {}", stats.received, stats.lost, stats.concealed)
        }
        Seen::Acted(act) => write!(line, "act {act:?}"),
        Seen::Load(_) | Seen::Spoke { media_time: None, .. } => Ok(()),
        Seen::Broke(what) => write!(line, "broke {what}"),
        Seen::Note(text) => write!(line, "note {text}"),
    }
}

fn describe_input(line: &mut String, input: &Input) -> fmt::Result {
    match input {
        Input::Command { request, command } => write!(line, "in command {request} {command:?}"),
        Input::Frame { from, lane: way, bytes } => {
            write!(line, "in {} {from:?} {} {:08x}", lane(way), bytes.len(), mark(bytes))
        }
        Input::PeerUp(peer) => write!(line, "in up {peer:?}"),
        Input::PeerDown(peer) => write!(line, "in down {peer:?}"),
        Input::Written(id) => write!(line, "in written {}", id.0),
        Input::Fix(fix) => write!(line, "in fix {fix:?}"),
        Input::Addresses(all) => write!(line, "in addresses {}", all.len()),
        Input::Wake(why) => write!(line, "in wake {why:?}"),
        Input::Fetched { items, .. } => write!(line, "in fetched {}", items.len()),
        Input::Deposited { id, outcome } => write!(line, "in deposited {id} {outcome:?}"),
    }
}

fn describe_output(line: &mut String, output: &Output) -> fmt::Result {
    match output {
        Output::Send { to, lane: way, bytes } => {
            write!(line, "out {} {to:?} {} {:08x}", lane(way), bytes.len(), mark(bytes))
        }
        Output::Publish { bytes, .. } => write!(line, "out publish {} {:08x}", bytes.len(), mark(bytes)),
        Output::Subscribe(topic) => write!(line, "out subscribe {:08x}", mark(topic)),
        Output::Unsubscribe(topic) => write!(line, "out unsubscribe {:08x}", mark(topic)),
        Output::Admit { peer, .. } => write!(line, "out admit {peer:?}"),
        Output::Expel { peer, .. } => write!(line, "out expel {peer:?}"),
        Output::Verdict(verdict) => write!(line, "out verdict {verdict:?}"),
        Output::Write(batch) => {
            write!(line, "out write {} {} puts {} dels", batch.id.0, batch.puts.len(), batch.dels.len())
        }
        Output::Plan(plan) => write!(line, "out plan {} peers", plan.peers.len()),
        Output::Event(event) => write!(line, "event {event:?}"),
        Output::Reply { request, result } => write!(line, "reply {request} {result:?}"),
        Output::Deposit { id, bytes, .. } => write!(line, "out deposit {id} {}", bytes.len()),
        Output::Doors(doors) => write!(line, "out doors {}", doors.len()),
        Output::Taken { items, .. } => write!(line, "out taken {}", items.len()),
        Output::Meet(places) => write!(line, "out meet {}", places.len()),
        Output::Idle(deadline) => write!(line, "idle {deadline:?}"),
    }
}
