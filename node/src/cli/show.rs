//! Answers and events as text for people: data on stdout, talk on stderr.

use super::lines::{message, version};
use super::{Command, DeviceCommand, agenda};
use crate::door::{ClientError, DoorError};
use crate::terminal::{line, tell};
use anyhow::Result;
use serde_json::{Value, json};

/// An error with its next step; with `--json` as an object on stdout.
pub fn failure(error: &anyhow::Error, json_wanted: bool) {
    let refused = error.downcast_ref::<ClientError>().and_then(|error| match error {
        ClientError::Refused(refused) => Some(refused.clone()),
        _ => None,
    });
    // The text with all its causes; most of ours end with the next step.
    let shown = refused.unwrap_or_else(|| {
        let code = if error.chain().any(|cause| matches!(cause.downcast_ref(), Some(ClientError::NotRunning)))
        {
            "not-running"
        } else {
            "failed"
        };
        DoorError::told(code, &format!("{error:#}"), "`halloo doctor` looks for the fault")
    });
    if json_wanted {
        // Nobody reads a closed stdout; the exit code still says it.
        let _closed = line(&json!({ "error": shown }).to_string());
        return;
    }
    tell(&format!("error: {}\n  next: {}", shown.what, shown.next));
}

/// The answer to a command.
///
/// # Errors
/// A closed pipe.
pub fn answer(command: &Command, answer: &Value, json_wanted: bool) -> Result<()> {
    if json_wanted {
        return line(&answer.to_string());
    }
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    match command {
        Command::New { .. } => {
            tell(&format!("group {} begun; you are {}", text(answer, "name"), text(answer, "profile")));
            invite(&answer["invite"])
        }
        Command::Join { .. } => {
            tell(&format!("you are in {}; both sides show {}", text(answer, "name"), emoji(answer)));
            line(text(answer, "group"))
        }
        Command::Groups => rows("groups").iter().try_for_each(|g| {
            let unread = g["unread"].as_u64().filter(|unread| *unread > 0);
            let unread = unread.map(|unread| format!("\t{unread} unread")).unwrap_or_default();
            line(&format!(
                "{}\t{}\t{} members{unread}",
                short(g, "group"),
                text(g, "name"),
                g["member_count"]
            ))
        }),
        Command::Devices => rows("devices").iter().try_for_each(|d| line(&device(d))),
        Command::Device { what } => device_answer(what, answer),
        Command::Members => rows("members").iter().try_for_each(|m| line(&member(m))),
        Command::Log { .. } | Command::Search { .. } => {
            rows("messages").iter().rev().try_for_each(|m| line(&message(m)))
        }
        Command::Activity { .. } => rows("activity").iter().rev().try_for_each(|a| line(&activity(a))),
        Command::Calls => rows("calls").iter().try_for_each(|c| line(&call(c))),
        Command::RestToken => line(text(answer, "url")),
        Command::Wake { .. } => super::wake::shown(answer),
        Command::Where => rows("locations").iter().try_for_each(|l| line(&location(l))),
        Command::Invite { .. } => {
            rows("invites").iter().try_for_each(invite)?;
            if answer["invite"].is_null() { Ok(()) } else { invite(&answer["invite"]) }
        }
        Command::Poll { .. } => agenda::answer(answer, true),
        Command::Task { what } => {
            agenda::answer(answer, matches!(what, Some(agenda::TaskCommand::List { all: true })))
        }
        Command::Edits { .. } => rows("versions").iter().try_for_each(|v| line(&version(v))),
        Command::Say { .. }
        | Command::Send { .. }
        | Command::Edit { .. }
        | Command::Withdraw { .. }
        | Command::React { .. } => line(text(answer, "message")),
        Command::Key { .. } => key(answer),
        Command::Via { .. } => via(answer),
        Command::History { policy: None } => line(&history(answer)),
        Command::Backup(_) | Command::Restore(_) => super::backup::shown(answer),
        Command::Status => line(&serde_json::to_string_pretty(answer)?),
        _ if answer["invite"].is_object() => invite(&answer["invite"]),
        _ => Ok(()),
    }
}

/// The lines of an event; `None` for what people need not see.
pub fn event(event: &Value) -> Option<String> {
    let name = || text(event, "name").to_owned();
    let private = event["with"].is_string();
    Some(match event["event"].as_str()? {
        "joined" => format!("+ {} is here", name()),
        "left" => format!("- {} left", name()),
        "removed" => format!("- {} was removed", name()),
        "evicted" if event["revoked"] == true => {
            "! another of your devices took this one out of this group; it stays out for good".to_owned()
        }
        "evicted" => "! you are no longer a member of this group".to_owned(),
        "history" => format!("* newcomers get: {}", history(event)),
        "role" => format!("* {} is now {}", name(), text(event, "role")),
        "message" => message(event),
        "edited" => format!("~ {}", message(event)),
        "poll" => format!("? {}", agenda::poll(event)),
        "task" => format!("* task {}", agenda::task(event)),
        "location" if event["own"] == false => location(event),
        "muted" if event["microphone"] == true => format!("* {} is muted", name()),
        "muted" => format!("* {} can speak", name()),
        "conversation" => {
            format!("* {0} opened a conversation: `halloo send {0}`, `halloo call {0}`", name())
        }
        "call-joined" if private => format!("* {0} calls you: take it with `halloo call {0}`", name()),
        "call-joined" => format!("* {} is in the call", name()),
        "voice-forged" => format!("! {}", text(event, "text")),
        "call-full" => format!("! {}", text(event, "text")),
        "call-left" => format!("* {} left the call", name()),
        "pairing" if event["step"] == "emoji" => format!("* pairing: both sides show {}", emoji(event)),
        "pairing" if event["step"] == "wrong-words" => {
            format!("! pairing: wrong words, {} tries left", event["left"])
        }
        "pairing" if event["step"] == "burned" => {
            "! pairing: the code is burned; the link still works".to_owned()
        }
        "invite" => format!("* next code: {}", text(event, "code")),
        "device-added" => format!("* {} has another device", name()),
        "device-revoked" => format!("* a device of {} was taken out", name()),
        "device" => device_step(event)?,
        "coordinator" if event["reachable"] == true => format!("* {} is there", text(event, "origin")),
        "coordinator" => {
            format!("! {} is away; it is tried again, everything else goes on", text(event, "origin"))
        }
        "not-woken" => format!("! not woken by {}: {}", text(event, "origin"), text(event, "trouble")),
        "via-changed" => match event["via"].as_str() {
            Some(via) => format!("* the group meets by {via}"),
            None => "* the group meets by no coordinator any more".to_owned(),
        },
        "key-rotated" => format!("* everything stored is sealed by key {} now", event["key"]),
        "sync" if event["done"] == false => {
            format!("* catching up with {}: {} received, {} sent", name(), event["received"], event["sent"])
        }
        "restore" if event["step"] == "found" => format!("* a member of {} answers", name()),
        "restore" if event["step"] == "entered" && event["behind"] == true => {
            format!(
                "+ back in {}; who let you in knew less than the backup, the rest comes from others",
                name()
            )
        }
        "restore" if event["step"] == "entered" => format!("+ back in {}", name()),
        "restore" if event["step"] == "removed" => format!("! you are no longer a member of {}", name()),
        "restore" if event["step"] == "refused" => format!("! not let in: {}", text(event, "text")),
        "warning" => format!("! {}", text(event, "text")),
        "lagged" => format!("! {} events were not shown", event["missed"]),
        _ => return None,
    })
}

/// A step at the door for another device.
fn device_step(event: &Value) -> Option<String> {
    Some(match event["step"].as_str()? {
        "started" => "* a device knocks".to_owned(),
        "emoji" => format!("* both sides show {}", emoji(event)),
        "wrong-words" => format!("! wrong words, {} tries left", event["left"]),
        "burned" => "! the code is burned; the link still works".to_owned(),
        "code" => format!("* next code: {}", text(event, "code")),
        "added" => format!("* {} is a device of yours now", text(event, "name")),
        "expired" => "* no device came within ten minutes".to_owned(),
        _ => return None,
    })
}

/// A rotation as it goes on: a bar on a terminal, now and then a line elsewhere.
pub struct Sealing {
    bar: indicatif::ProgressBar,
    lines: bool,
    tenth: u64,
}

impl Sealing {
    /// Shows nothing yet; never anything unless visible.
    pub fn start(visible: bool) -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let bar = if visible { indicatif::ProgressBar::new(0) } else { indicatif::ProgressBar::hidden() };
        bar.set_message("sealing by the new key");
        Sealing { bar, lines: visible && !terminal, tenth: 0 }
    }

    /// So many values of so many are through.
    pub fn at(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let tenth = done * 10 / total.max(1);
        if self.lines && tenth != self.tenth {
            self.tenth = tenth;
            tell(&format!("{done} of {total} values are sealed by the new key"));
        }
    }

    /// Takes it away.
    pub fn done(self) {
        self.bar.finish_and_clear();
    }
}

/// What `doctor` found.
///
/// # Errors
/// A closed pipe.
pub fn doctor(report: &[crate::doctor::Check], json_wanted: bool) -> Result<()> {
    if json_wanted {
        return line(&serde_json::to_string(report)?);
    }
    report.iter().try_for_each(|check| match &check.fault {
        None => line(&format!("ok     {:<12} {}", check.name, check.found)),
        Some(next) => line(&format!("FAULT  {:<12} {}\n       next: {next}", check.name, check.found)),
    })
}

fn key(answer: &Value) -> Result<()> {
    if let Some(values) = answer["values"].as_u64() {
        return line(&format!(
            "{values} values are sealed by key {} now; the old key opens nothing",
            answer["key"]
        ));
    }
    let place = match text(answer, "place") {
        "keyring" => "in the keyring of the system",
        "passphrase" => "in a passphrase",
        _ => "in vault.key beside the data: who copies this folder can read it",
    };
    line(&format!("the key of this home lies {place}"))?;
    if let Some(number) = answer["key"].as_u64() {
        line(&format!("key {number} seals what is stored"))?;
    }
    match (answer["rotation"]["done"].as_u64(), answer["rotation"]["total"].as_u64()) {
        (Some(_), Some(0)) => line("a new key has begun to seal it anew; that goes on while halloo runs"),
        (Some(done), Some(total)) => line(&format!("a new key seals it anew: {done} of {total} values")),
        _ => Ok(()),
    }
}

/// A QR text as a picture, where there is a terminal to see it on.
fn picture(view: &Value) {
    if let Some(qr) = view["qr"].as_str()
        && std::io::IsTerminal::is_terminal(&std::io::stderr())
        && let Ok(code) = qrcode::QrCode::new(qr.as_bytes())
    {
        tell(&code.render::<qrcode::render::unicode::Dense1x2>().build());
    }
}

fn device_answer(what: &DeviceCommand, answer: &Value) -> Result<()> {
    match what {
        DeviceCommand::Add { .. } => {
            picture(answer);
            let code = text(answer, "code");
            tell(&format!(
                "on your other device type:  halloo device join {code}   (one device, ten minutes)"
            ));
            line(code)?;
            line(text(answer, "link"))
        }
        DeviceCommand::Join { .. } => {
            let (name, person) = (text(answer, "name"), text(answer, "profile"));
            tell(&format!("{name} is a device of {person} now; both sides show {}", emoji(answer)));
            let missed = answer["missed"].as_array().into_iter().flatten().filter_map(Value::as_str);
            missed.for_each(|what| {
                tell(&format!("note: not in yet, it comes by itself when the two meet: {what}"))
            });
            let groups = answer["groups"].as_array().into_iter().flatten();
            groups.filter_map(Value::as_str).try_for_each(line)
        }
        DeviceCommand::Revoke { .. } => {
            tell(&format!("{} is out of every group that this device is in", text(answer, "name")));
            line(text(answer, "device"))
        }
    }
}

fn device(d: &Value) -> String {
    let state = if d["this"] == true {
        "this one"
    } else if d["here"] == true {
        "here"
    } else {
        "away"
    };
    let since =
        d["since_ms"].as_i64().and_then(|ms| time::OffsetDateTime::from_unix_timestamp(ms / 1_000).ok());
    let since = since.map(|at| at.date().to_string()).unwrap_or_default();
    format!("{}\t{}\tsince {since}\t{state}\t{} groups", short(d, "device"), text(d, "name"), d["groups"])
}

fn invite(view: &Value) -> Result<()> {
    picture(view);
    if let Some(code) = view["code"].as_str() {
        tell(&format!("the others type:  halloo join {code}"));
        line(code)?;
    }
    view["link"].as_str().map_or(Ok(()), line)
}

fn member(m: &Value) -> String {
    let devices = m["devices"].as_array().cloned().unwrap_or_default();
    let any = |key: &str| devices.iter().any(|d| d[key] == true);
    let state = if m["own"] == true {
        "you"
    } else if any("connected") {
        "here"
    } else if m["online"] == true {
        "through others"
    } else {
        "away"
    };
    let full = devices.iter().any(|d| d["voice"] == "full");
    let forged = devices.iter().any(|d| d["voice"] == "forged");
    let voice = match (any("in_call"), any("microphone_muted")) {
        (false, _) => "",
        (true, _) if forged => "FORGED: somebody else speaks in this name",
        (true, _) if full => "not heard: the call is full",
        (true, true) => "muted",
        (true, false) => "talking",
    };
    format!("{}\t{}\t{}\t{state}\t{voice}", short(m, "account"), text(m, "name"), text(m, "role"))
}

fn history(policy: &Value) -> String {
    match (policy["lines"].as_u64().unwrap_or(0), policy["days"].as_u64().unwrap_or(0)) {
        (0, _) => "nothing of what was written before they came".to_owned(),
        (lines, 0) => format!("the last {lines} lines"),
        (lines, days) => format!("the lines of the last {days} days, {lines} at most"),
    }
}

fn via(answer: &Value) -> Result<()> {
    let Some(origin) = answer["via"].as_str() else {
        tell("this group meets on networks that its members share; `halloo via ORIGIN` names a coordinator");
        return Ok(());
    };
    let stands = &answer["coordinator"];
    match (stands["reachable"] == true, stands["round_trip_ms"].as_u64()) {
        (true, Some(ms)) => tell(&format!("it answers within {ms} ms")),
        (true, None) => tell("it answers"),
        (false, _) => {
            tell(&format!("it does not answer: {}", stands["trouble"].as_str().unwrap_or("not asked yet")))
        }
    }
    for room in stands["sold"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        tell(&format!("! `{room}` is part of a plan there, which this home does not have; the rest goes on"));
    }
    line(origin)
}

fn call(c: &Value) -> String {
    let people = c["participants"].as_array().into_iter().flatten();
    let names: Vec<&str> = people.map(|p| text(p, "name")).collect();
    let since = clock(c["started_ms"].as_u64().unwrap_or(0));
    format!("{}\t{}\tsince {since}\t{}", short(c, "group"), text(c, "name"), names.join(", "))
}

fn activity(a: &Value) -> String {
    let void = if a["void"] == true { "  (void)" } else { "" };
    let at = clock(a["at_ms"].as_u64().unwrap_or(0));
    format!("{at}  {} {} {}{void}", short(a, "by"), text(a, "act"), short(a, "whom"))
}

fn location(l: &Value) -> String {
    let age = l["age_ms"].as_u64().unwrap_or(0) / 1000;
    let away = match (l["distance_m"].as_f64(), l["bearing_deg"].as_f64()) {
        (Some(metres), Some(degrees)) => {
            format!("{metres:.0} m, {degrees:.0}\u{b0} {}", text(l, "direction"))
        }
        _ => "-".to_owned(),
    };
    let who = if l["own"] == true { "you" } else { text(l, "name") };
    let (latitude, longitude) =
        (l["latitude"].as_f64().unwrap_or(0.0), l["longitude"].as_f64().unwrap_or(0.0));
    format!(
        "{who}\t{latitude:.5}\t{longitude:.5}\t\u{b1}{:.0} m\t{away}\t{age} s ago",
        l["accuracy_m"].as_f64().unwrap_or(0.0)
    )
}

fn emoji(value: &Value) -> String {
    value["emoji"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

pub(super) fn short<'a>(value: &'a Value, key: &str) -> &'a str {
    let whole = text(value, key);
    whole.get(..8).unwrap_or(whole)
}

/// Hours and minutes in UTC: the local zone is not asked for, because reading it is not thread-safe everywhere.
pub(super) fn clock(unix_ms: u64) -> String {
    let minutes = unix_ms / 60_000;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}
