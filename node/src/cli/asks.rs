//! From what was typed to what is asked at the local door.

use super::{Command, DeviceCommand, Key, agenda, wake};
use crate::args::SoundArgs;
use crate::door::{FixAsk, InviteAsk, Request, TalkAsk, TrackAsk};
use anyhow::{Context as _, Result, bail};
use halloo_crdt::log::{MAX_HISTORY_DAYS, MAX_HISTORY_LINES};
use std::io::Read as _;
use std::time::Duration;

/// Longest span that makes sense: a year of seconds.
const SPAN_MAX: u64 = 366 * 24 * 3600;

/// The request of a command that asks a running daemon; `None` for those that do something else.
///
/// # Errors
/// A span or text that cannot be read.
pub fn request(command: &Command) -> Result<Option<Request>> {
    Ok(Some(match command {
        Command::Stop => Request::Stop,
        Command::Groups => Request::Groups,
        Command::Members => Request::Members,
        Command::Devices => Request::Devices,
        Command::Device { what: DeviceCommand::Revoke { device } } => {
            Request::DeviceRevoke { device: device.clone() }
        }
        Command::Read { message } => Request::Read { message: message.clone() },
        Command::Name { name } => Request::Name { name: name.clone() },
        Command::Say { text, reply_to } => Request::Say { text: words(text)?, reply_to: reply_to.clone() },
        Command::Edit { message, text } => Request::Edit { message: message.clone(), text: words(text)? },
        Command::Withdraw { message } => Request::Withdraw { message: message.clone() },
        Command::React { message, emoji, off } => {
            Request::React { message: message.clone(), emoji: emoji.clone(), on: !off }
        }
        Command::Poll { what } => agenda::poll_request(what.as_ref()),
        Command::Task { what } => agenda::task_request(what.as_ref())?,
        Command::Edits { message } => Request::Edits { message: message.clone() },
        Command::Send { to, text } => Request::Send { to: to.clone(), text: words(text)? },
        Command::Call { to, .. } => Request::Call { to: to.clone() },
        Command::Talk { sound } => Request::Talk(talk(sound)),
        Command::Hush => Request::Hush,
        Command::Calls => Request::Calls,
        Command::RestToken => Request::RestToken,
        Command::Wake { what } => wake::request(what.as_ref()),
        Command::Rename { name } => Request::Rename { name: name.clone() },
        Command::Log { limit, before } => Request::Log { limit: *limit, before: before.clone() },
        Command::Search { text, limit, before } => {
            Request::Search { text: words(text)?, limit: *limit, before: before.clone() }
        }
        Command::Activity { limit } => Request::Activity { limit: *limit },
        Command::Where => Request::Where,
        Command::Fix { latitude, longitude, accuracy, speed, heading } => Request::Fix(FixAsk {
            latitude: *latitude,
            longitude: *longitude,
            accuracy: *accuracy,
            speed: *speed,
            heading: *heading,
        }),
        Command::Track { file, speed } => {
            let file = std::path::absolute(file).with_context(|| format!("{}", file.display()))?;
            Request::Track(TrackAsk { file: file.to_string_lossy().into_owned(), speed: *speed, skip: 0 })
        }
        Command::Share { span: off } if off == "off" => Request::Share { seconds: 0 },
        Command::Share { span: text } => Request::Share { seconds: span(text)?.as_secs() },
        Command::Precision { precision } => Request::Precision { precision: *precision },
        Command::Invite { list: true, .. } => Request::Invites,
        Command::Invite { close: true, .. } => Request::CloseInvites,
        Command::Invite { uses, expires, role, .. } => {
            Request::Invite(InviteAsk { uses: *uses, seconds: span(expires)?.as_secs(), role: role.word() })
        }
        Command::Remove { member } => Request::Remove { member: member.clone() },
        Command::Role { member, role } => Request::Role { member: member.clone(), role: role.word() },
        Command::History { policy: None } => Request::History,
        Command::History { policy: Some(policy) } => history(policy)?,
        Command::Via { origin } => Request::Via { origin: origin.clone() },
        Command::Leave => Request::Leave,
        Command::Mute { off, speaker: false } => Request::MuteMicrophone { on: !off },
        Command::Mute { off, speaker: true } => Request::MuteSpeaker { on: !off },
        Command::Push { key } => Request::Push { on: *key == Key::Down },
        Command::Volume { member, gain } => Request::Gain { member: member.clone(), gain: *gain },
        Command::Status => Request::Status,
        Command::Watch => Request::Watch,
        _ => return Ok(None),
    }))
}

/// `none`, `50` lines, `7d`.
fn history(policy: &str) -> Result<Request> {
    let says = || format!("`{policy}` is no policy; write none, a number of lines (50) or of days (7d)");
    let request = match (policy, policy.strip_suffix('d')) {
        ("none", _) => Request::SetHistory { lines: 0, days: 0 },
        (_, Some(days)) => {
            let days = days.parse().ok().filter(|days| (1..=MAX_HISTORY_DAYS).contains(days));
            Request::SetHistory { lines: MAX_HISTORY_LINES, days: days.with_context(says)? }
        }
        (lines, None) => Request::SetHistory { lines: lines.parse().with_context(says)?, days: 0 },
    };
    Ok(request)
}

/// The sound of a call; what was not named is the system's default device.
pub fn talk(sound: &SoundArgs) -> TalkAsk {
    let absolute = |name: &Option<String>| match name.as_deref() {
        None => "device".to_owned(),
        Some(name) if name == "-" || name == "null" || name.starts_with("device") => name.to_owned(),
        Some(path) => {
            std::path::absolute(path).map_or_else(|_| path.to_owned(), |p| p.to_string_lossy().into_owned())
        }
    };
    TalkAsk {
        source: absolute(&sound.source),
        sink: absolute(&sound.sink),
        repeat: sound.repeat,
        push_to_talk: sound.push_to_talk,
        muted: false,
    }
}

/// `90s`, `30m`, `2h`, `1d`.
///
/// # Errors
/// Anything else.
pub fn span(text: &str) -> Result<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds_each = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => bail!("`{text}` is no span; write for instance 90s, 30m, 2h or 1d"),
    };
    let count: u64 =
        number.parse().with_context(|| format!("`{text}` is no span; write for instance 90s or 2h"))?;
    match count.checked_mul(seconds_each).filter(|seconds| *seconds <= SPAN_MAX) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => bail!("`{text}` is too long; a year is the most"),
    }
}

fn words(text: &[String]) -> Result<String> {
    if text != ["-"] {
        return Ok(text.join(" "));
    }
    let mut whole = String::new();
    std::io::stdin().read_to_string(&mut whole).context("stdin is not UTF-8 text")?;
    Ok(whole.trim_end_matches('\n').to_owned())
}
