//! What goes through the coordinator, counted by part of the run and by kind.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::{Duration, Instant};

/// What is asked for.
pub(crate) type Kind = &'static str;

/// What no member shall ask for.
pub(crate) const UNKNOWN: Kind = "unknown";
/// A ticket with what its owner's signature, or nothing, is enough for: it would tell what is of one client.
pub(crate) const TELLTALE: Kind = "with a ticket in vain";

/// The kind of a request by its first line, and whether it shows a ticket.
pub(crate) fn kind(line: &str, shows_ticket: bool) -> Kind {
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let below = path.strip_prefix("/api/v1/").unwrap_or_default();
    let wants_ticket = ["mailboxes/deposits", "turn/credentials"].contains(&below)
        || (below.starts_with("rendezvous/") && method != "GET");
    if shows_ticket && !wants_ticket {
        return TELLTALE;
    }
    match (method, below, below.split('/').count()) {
        ("GET", "server", _) => "greeting",
        ("POST", "auth/ticket", _) => "ticket",
        ("GET", "mailboxes/subscribe", _) => "socket",
        ("POST", "mailboxes/fetch", _) => "fetch",
        ("POST", "mailboxes/acknowledge", _) => "acknowledge",
        ("POST", "mailboxes/deposits", _) => "deposits",
        ("POST", "turn/credentials", _) => "turn credentials",
        ("PUT", at, 3) if at.starts_with("rendezvous/") => "publish place",
        ("DELETE", at, 3) if at.starts_with("rendezvous/") => "leave place",
        ("GET", at, 2) if at.starts_with("rendezvous/") => "look at place",
        _ => UNKNOWN,
    }
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    requests: u64,
    refused: u64,
    up: u64,
    down: u64,
}

/// Frames of WebSockets.
#[derive(Clone, Copy, Debug, Default)]
struct Framed {
    frames: u64,
    bytes: u64,
}

/// One part of the run.
#[derive(Debug)]
struct Part {
    name: &'static str,
    began: Instant,
    lasted: Duration,
    asked: BTreeMap<Kind, Asked>,
    framed: BTreeMap<&'static str, Framed>,
    /// The second that is counted now, and how much was asked in it.
    second: (u64, u64),
    /// Most requests in one second.
    peak: u64,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Ledger {
    parts: Vec<Part>,
}

impl Ledger {
    pub(crate) fn new(part: &'static str) -> Self {
        let mut ledger = Ledger { parts: Vec::new() };
        ledger.begin(part);
        ledger
    }

    /// Another part of the run begins.
    pub(crate) fn begin(&mut self, name: &'static str) {
        self.end();
        let (asked, framed) = Default::default();
        let began = Instant::now();
        self.parts.push(Part { name, began, lasted: Duration::ZERO, asked, framed, second: (0, 0), peak: 0 });
    }

    /// The part that runs is over.
    pub(crate) fn end(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.lasted = part.began.elapsed();
        }
    }

    fn now(&mut self) -> &mut Part {
        self.parts.last_mut().expect("it begins with a part")
    }

    pub(crate) fn asked(&mut self, kind: Kind, up: usize) {
        let part = self.now();
        let asked = part.asked.entry(kind).or_default();
        asked.requests += 1;
        asked.up += up as u64;
        let second = part.began.elapsed().as_secs();
        part.second = if part.second.0 == second { (second, part.second.1 + 1) } else { (second, 1) };
        part.peak = part.peak.max(part.second.1);
    }

    pub(crate) fn answered(&mut self, kind: Kind, status: u16, down: usize) {
        let asked = self.now().asked.entry(kind).or_default();
        asked.refused += u64::from(status >= 400);
        asked.down += down as u64;
    }

    pub(crate) fn framed(&mut self, kind: &'static str, bytes: usize) {
        let framed = self.now().framed.entry(kind).or_default();
        framed.frames += 1;
        framed.bytes += bytes as u64;
    }

    /// Requests of a kind in a part, and the bytes of their bodies and heads.
    pub(crate) fn of(&self, part: &str, kind: &str) -> (u64, u64) {
        let part = self.parts.iter().find(|one| one.name == part);
        let asked = part.and_then(|part| part.asked.get(kind)).copied().unwrap_or_default();
        (asked.requests, asked.up)
    }

    /// Requests of all kinds in a part.
    pub(crate) fn requests(&self, part: &str) -> u64 {
        let part = self.parts.iter().find(|one| one.name == part);
        part.map_or(0, |part| part.asked.values().map(|asked| asked.requests).sum())
    }

    /// What was asked for at all.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.parts.iter().flat_map(|part| part.asked.keys()).copied()
    }

    /// How long a part lasted, in hours.
    pub(crate) fn hours(&self, part: &str) -> f64 {
        let part = self.parts.iter().find(|one| one.name == part);
        part.map_or(0.0, |part| part.lasted.as_secs_f64() / 3_600.0)
    }

    /// A line of JSON for each kind of each part.
    pub(crate) fn rows(&self, members: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        for part in &self.parts {
            let member_hours = members as f64 * part.lasted.as_secs_f64() / 3_600.0;
            for (kind, asked) in &part.asked {
                rows.push(json!({
                    "part": part.name, "kind": kind, "requests": asked.requests, "refused": asked.refused,
                    "bytes_up": asked.up, "bytes_down": asked.down,
                    "per_member_hour": rounded(asked.requests as f64 / member_hours),
                }));
            }
            for (kind, framed) in &part.framed {
                rows.push(json!({
                    "part": part.name, "kind": kind, "frames": framed.frames, "bytes": framed.bytes,
                    "per_member_hour": rounded(framed.frames as f64 / member_hours),
                }));
            }
            rows.push(json!({
                "part": part.name, "kind": "all requests", "requests": self.requests(part.name),
                "hours": rounded(part.lasted.as_secs_f64() / 3_600.0), "members": members,
                "per_member_hour": rounded(self.requests(part.name) as f64 / member_hours),
                "most_in_one_second": part.peak,
            }));
        }
        rows
    }
}

/// To four digits behind the point.
pub(crate) fn rounded(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}
