//! Engine values as JSON for the local door: one shape each, the same for answers and events.

use crate::place_name::PrecisionName;
use halloo_crdt::log::{History, Role};
use halloo_crypto::id::{AccountId, DeviceId};
use halloo_engine::output::{
    Activity, ActivityEntry, ChatEntry, DeviceView, Event, InviteView, LocationView, MemberView,
    PairingProgress, PollView, StatusView, TaskView, Warning,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A role as a word.
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Moderator => "moderator",
        Role::Member => "member",
    }
}

/// A word as a role.
pub fn role_of(word: &str) -> Option<Role> {
    [Role::Owner, Role::Admin, Role::Moderator, Role::Member]
        .into_iter()
        .find(|role| role_word(*role) == word)
}

/// A member with its devices; `voice` says how the voice with a device stands.
pub fn member(view: &MemberView, voice: &dyn Fn(&DeviceId) -> Option<&'static str>) -> Value {
    json!({
        "account": view.account.to_string(),
        "name": view.name,
        "role": role_word(view.role),
        "own": view.own,
        "online": view.own || view.devices.iter().any(|d| d.online),
        "devices": view.devices.iter().map(|d| device(d, voice(&d.device))).collect::<Vec<_>>(),
    })
}

fn device(view: &DeviceView, voice: Option<&str>) -> Value {
    json!({
        "device": view.device.to_string(),
        "since_ms": view.since_ms,
        "online": view.online,
        "connected": view.connected,
        "microphone_muted": view.microphone_muted,
        "speaker_muted": view.speaker_muted,
        "in_call": view.in_call,
        "voice": voice,
    })
}

/// A message.
pub fn chat(entry: &ChatEntry) -> Value {
    json!({
        "message": entry.id.to_string(),
        "account": entry.author.to_string(),
        "from": entry.name,
        "sent_ms": entry.sent_ms,
        "text": entry.text,
        "reply_to": entry.reply_to.map(|id| id.to_string()),
        "edited": entry.edited,
        "deleted": entry.deleted,
        "reactions": entry.reactions.iter().map(|(emoji, by)| json!({
            "emoji": emoji,
            "by": by.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "delivered_to": entry.delivered_to.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "read_by": entry.read_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "own": entry.own,
        "void": entry.void,
        "apart": entry.apart,
        "forwarded": entry.forwarded,
        "forwarded_by": entry.forwarded_by.map(|by| by.to_string()),
    })
}

/// Adds to the reactions of a line how those who put them are called; who is no member any more, by the beginning of the account.
pub fn name_reactions(line: &mut Value, names: &BTreeMap<String, String>) {
    for reaction in line["reactions"].as_array_mut().into_iter().flatten() {
        add_names(reaction, names);
    }
}

/// A poll; who voted is named by [`name_agenda`] or here.
pub fn poll(view: &PollView, names: &BTreeMap<String, String>) -> Value {
    let option = |(text, by): &(String, Vec<AccountId>)| json!({"option": text, "votes": by.len(), "by": by.iter().map(ToString::to_string).collect::<Vec<_>>()});
    let mut value = json!({
        "poll": view.id.to_string(),
        "account": view.by.to_string(),
        "from": view.name,
        "at_ms": view.at_ms,
        "question": view.question,
        "options": view.options.iter().map(option).collect::<Vec<_>>(),
        "closed": view.closed,
        "own": view.own,
        "vote": view.vote.map(|at| at + 1),
    });
    name_agenda(&mut value, names);
    value
}

/// A task.
pub fn task(view: &TaskView, names: &BTreeMap<String, String>) -> Value {
    let account = |account: &Option<AccountId>| account.map(|account| account.to_string());
    let mut value = json!({
        "task": view.id.to_string(),
        "account": view.by.to_string(),
        "from": view.name,
        "at_ms": view.at_ms,
        "title": view.title,
        "for": account(&view.assigned),
        "done_by": account(&view.done),
        "dropped_by": account(&view.dropped),
        "own": view.own,
    });
    name_agenda(&mut value, names);
    value
}

/// Adds to a poll or a task how the people in it are called.
pub fn name_agenda(value: &mut Value, names: &BTreeMap<String, String>) {
    for option in value["options"].as_array_mut().into_iter().flatten() {
        add_names(option, names);
    }
    for (key, named) in [("for", "for_name"), ("done_by", "done_name"), ("dropped_by", "dropped_name")] {
        if let Some(account) = value[key].as_str() {
            value[named] = json!(called(account, names));
        }
    }
}

/// How somebody is called; who is no member any more, by the beginning of the account.
fn called(account: &str, names: &BTreeMap<String, String>) -> String {
    names.get(account).cloned().unwrap_or_else(|| account.chars().take(8).collect())
}

fn add_names(value: &mut Value, names: &BTreeMap<String, String>) {
    let by = value["by"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let named: Vec<String> = by.map(|account| called(account, names)).collect();
    value["names"] = json!(named);
}

/// A position; distance and direction are from the own last fix.
pub fn location(view: &LocationView, now_ms: u64) -> Value {
    json!({
        "account": view.account.to_string(),
        "device": view.device.to_string(),
        "latitude": view.latitude_deg,
        "longitude": view.longitude_deg,
        "accuracy_m": view.accuracy_m,
        "altitude_m": view.altitude_m,
        "speed_mps": view.speed_mps,
        "heading_deg": view.heading_deg,
        "precision": PrecisionName::from(view.precision),
        "taken_ms": view.taken_ms,
        "age_ms": now_ms.saturating_sub(view.taken_ms),
        "received_ms_ago": u64::try_from(view.age.as_millis()).unwrap_or(u64::MAX),
        "distance_m": view.distance_m,
        "bearing_deg": view.bearing_deg,
        "direction": view.bearing_deg.map(compass),
        "own": view.own,
    })
}

/// The nearest of the eight points of the compass.
fn compass(bearing_deg: f64) -> &'static str {
    const POINTS: [&str; 8] = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
    let point = (bearing_deg.rem_euclid(360.0) / 45.0).round();
    // 0 to 8, and 8 is north again; what is no number is north.
    POINTS[point as usize % POINTS.len()]
}

/// An invite.
pub fn invite(view: &InviteView) -> Value {
    json!({
        "code": view.code,
        "link": view.link,
        "qr": view.qr,
        "by": view.by.to_string(),
        "role": role_word(view.role),
        "uses": view.uses,
        "max_uses": view.max_uses,
        "expires_ms": view.expires_ms,
        "open": view.open,
    })
}

/// A line of the activity log.
pub fn activity(entry: &ActivityEntry) -> Value {
    let (act, whom) = match &entry.act {
        Activity::Created => ("created", None),
        Activity::Added(account) => ("added", Some(account.to_string())),
        Activity::Removed(account) => ("removed", Some(account.to_string())),
        Activity::Left(account) => ("left", Some(account.to_string())),
        Activity::Role(account, role) => {
            let value = json!({
                "op": entry.op.to_string(), "by": entry.by.to_string(), "at_ms": entry.at_ms, "act": "role",
                "whom": account.to_string(), "role": role_word(*role), "void": entry.void,
            });
            return value;
        }
        Activity::DeviceAdded(device) => ("device-added", Some(device.to_string())),
        Activity::DeviceRevoked(device) => ("device-revoked", Some(device.to_string())),
        Activity::InviteOpened(_) => ("invite-opened", None),
        Activity::InviteClosed(_) => ("invite-closed", None),
        Activity::History(policy) => {
            let mut value = history(policy);
            value["op"] = json!(entry.op.to_string());
            value["by"] = json!(entry.by.to_string());
            value["at_ms"] = json!(entry.at_ms);
            value["act"] = json!("history");
            value["void"] = json!(entry.void);
            return value;
        }
    };
    json!({
        "op": entry.op.to_string(), "by": entry.by.to_string(), "at_ms": entry.at_ms, "act": act, "whom": whom,
        "void": entry.void,
    })
}

/// What newcomers are given of the past: at most so many lines, none older than so many days (0: of any age).
pub fn history(policy: &History) -> Value {
    json!({ "lines": policy.lines, "days": policy.days })
}

/// How a member stands.
pub fn status(view: &StatusView) -> Value {
    let counts = |list: &[(&'static str, u64)]| {
        list.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>()
    };
    json!({
        "name": view.group_name,
        "member": view.member,
        "epoch": view.epoch.to_string(),
        "epoch_devices": view.epoch_devices,
        "branches": view.branches,
        "tainted": view.tainted,
        "peers": view.peers,
        "operations": view.operations,
        "contents": view.contents,
        "undelivered": view.undelivered,
        "to_leave": view.to_leave,
        "seals_offered": view.seals_offered,
        "seals_opened": view.seals_opened,
        "writes_pending": view.writes_pending,
        "dropped": counts(&view.dropped),
        "wakes": counts(&view.wakes),
    })
}

/// An event of the engine; `None` for those that only programs inside the node need.
pub fn event(event: &Event, now_ms: u64) -> Option<Value> {
    Some(match event {
        Event::MemberJoined { account, name } => {
            json!({"event": "joined", "account": account.to_string(), "name": name})
        }
        Event::MemberLeft { account } => json!({"event": "left", "account": account.to_string()}),
        Event::MemberRemoved { account, by } => {
            json!({"event": "removed", "account": account.to_string(), "by": by.to_string()})
        }
        Event::Evicted { by } => json!({"event": "evicted", "by": by.map(|b| b.to_string())}),
        Event::RoleChanged { account, role } => {
            json!({"event": "role", "account": account.to_string(), "role": role_word(*role)})
        }
        Event::HistoryChanged(policy) => tagged("history", history(policy)),
        Event::DeviceAdded { account, device } => {
            json!({"event": "device-added", "account": account.to_string(), "device": device.to_string()})
        }
        Event::DeviceRevoked { account, device } => {
            json!({"event": "device-revoked", "account": account.to_string(), "device": device.to_string()})
        }
        Event::ReadElsewhere { device } => json!({"event": "read-elsewhere", "device": device.to_string()}),
        Event::Message(entry) => tagged("message", chat(entry)),
        Event::Edited(entry) => tagged("edited", chat(entry)),
        Event::Poll(view) => tagged("poll", poll(view, &BTreeMap::new())),
        Event::Task(view) => tagged("task", task(view, &BTreeMap::new())),
        Event::Receipt { message, account, read } => {
            json!({"event": "receipt", "message": message.to_string(), "account": account.to_string(), "read": read})
        }
        Event::Location(view) => tagged("location", location(view, now_ms)),
        Event::LocationExpired { device } => {
            json!({"event": "location-expired", "device": device.to_string()})
        }
        Event::Presence { device, account, online } => json!({
            "event": "presence", "device": device.to_string(), "account": account.to_string(), "online": online,
        }),
        Event::Muted { device, microphone, speaker } => json!({
            "event": "muted", "device": device.to_string(), "microphone": microphone, "speaker": speaker,
        }),
        Event::CallJoined { device } => json!({"event": "call-joined", "device": device.to_string()}),
        Event::CallLeft { device } => json!({"event": "call-left", "device": device.to_string()}),
        Event::Invite(view) => tagged("invite", invite(view)),
        Event::InviteClosed { .. } => json!({"event": "invite-closed"}),
        Event::Pairing(progress) => pairing(progress),
        Event::SyncProgress { device, received, sent, done } => json!({
            "event": "sync", "device": device.to_string(), "received": received, "sent": sent, "done": done,
        }),
        Event::ProfileChanged { account, name } => {
            json!({"event": "profile", "account": account.to_string(), "name": name})
        }
        Event::Renamed { name } => json!({"event": "renamed", "name": name}),
        Event::ViaChanged { via } => json!({"event": "via-changed", "via": via}),
        Event::EpochChanged { epoch, devices } => {
            json!({"event": "epoch", "epoch": epoch.to_string(), "devices": devices})
        }
        Event::Warning(warning) => warned(warning),
        Event::PeerProven { device, account, .. } => {
            json!({"event": "proven", "device": device.to_string(), "account": account.to_string()})
        }
        Event::Signal { .. } => return None,
    })
}

fn tagged(name: &str, mut value: Value) -> Value {
    value["event"] = json!(name);
    value
}

fn pairing(progress: &PairingProgress) -> Value {
    match progress {
        PairingProgress::Started => json!({"event": "pairing", "step": "started"}),
        PairingProgress::Emoji(emoji) => json!({"event": "pairing", "step": "emoji", "emoji": emoji}),
        PairingProgress::Adding => json!({"event": "pairing", "step": "adding"}),
        PairingProgress::Joined { account } => {
            json!({"event": "pairing", "step": "joined", "account": account.to_string()})
        }
        PairingProgress::WrongWords { left } => {
            json!({"event": "pairing", "step": "wrong-words", "left": left})
        }
        PairingProgress::Burned => json!({"event": "pairing", "step": "burned"}),
    }
}

/// A warning; the driver puts names into its text where it knows them.
fn warned(warning: &Warning) -> Value {
    let mut value = json!({"event": "warning", "text": warning_text(warning)});
    if let Warning::ClockSkew { device, seconds } = warning {
        value["clock_of"] = json!(device.to_string());
        value["seconds"] = json!(seconds);
    }
    value
}

/// What to tell an admin when members cannot use the keys that one of them made. Who says so may lie, so both sides are named.
pub fn unreadable_text(name: &str, commits: u32, by: &[String]) -> String {
    format!(
        "{} could not use {commits} of the last keys that {name} made for the group, and came in again; if it goes on, remove {name}, \
         or whoever alone says so every time",
        by.join(", ")
    )
}

/// What to say about a clock that differs.
pub fn clock_text(name: &str, seconds: i64) -> String {
    let way = if seconds < 0 { "behind" } else { "ahead of" };
    format!(
        "the clock of {name} is {} s {way} this one; set the clock of whichever is wrong",
        seconds.unsigned_abs()
    )
}

fn warning_text(warning: &Warning) -> String {
    match warning {
        Warning::ClockSkew { device, seconds } => clock_text(&format!("{device:?}"), *seconds),
        Warning::BadFrames { count, .. } => {
            format!("{count} frames of a neighbour broke the rules and were dropped")
        }
        Warning::Equivocation { device } => {
            format!("device {device:?} signed two contents for one place; it is frozen")
        }
        Warning::VoidOperation { op } => {
            format!("operation {op:?} has no effect: its author had no authority for it")
        }
        Warning::CannotFollow { device } => {
            format!("device {device:?} cannot follow the keys and asks to come in again")
        }
        Warning::UnreadableKeys { account, commits, by } => {
            let by: Vec<String> = by.iter().map(|account| format!("{account:?}")).collect();
            unreadable_text(&format!("{account:?}"), *commits, &by)
        }
        Warning::Overflow { what } => format!("{what} is full; something was dropped"),
    }
}

#[cfg(test)]
mod tests;
