//! Which line of the conversation a person means: `last`, or the beginning of an id; and what is asked about it.

use super::{Driver, memberships::Shape};
use crate::door::{DoorError, Reply, Request};
use halloo_crypto::id::{GroupId, MessageId};
use halloo_engine::engine::Engine;
use halloo_engine::input::Command;
use serde_json::json;

/// Shortest beginning of an id that names a line, a poll or a task: what is shorter is more likely a slip.
pub(super) const SHORTEST: usize = 4;
/// Lines looked at together on the way back to the last one.
const PAGE: usize = 50;

impl Driver {
    /// The command of what is asked about one line; `None` for anything else.
    pub(super) fn about_line(
        &self,
        group: GroupId,
        request: &Request,
    ) -> Option<Result<(Command, Shape), DoorError>> {
        let named = |message: &str, own: bool, act: &dyn Fn(MessageId) -> Command| {
            self.line(group, message, own).map(|id| {
                let shape: Shape = Box::new(move |_| json!({ "message": id.to_string() }));
                (act(id), shape)
            })
        };
        Some(match request {
            Request::Edit { message, text } => {
                named(message, true, &|message| Command::Edit { message, text: text.clone() })
            }
            Request::Withdraw { message } => named(message, true, &|message| Command::Delete { message }),
            Request::React { message, emoji, on } => {
                named(message, false, &|message| Command::React { message, emoji: emoji.clone(), on: *on })
            }
            _ => return None,
        })
    }

    /// The line of a group that is meant.
    ///
    /// # Errors
    /// None, or more than one.
    pub(super) fn line(&self, group: GroupId, text: &str, own: bool) -> Result<MessageId, DoorError> {
        let membership = self.groups.get(&group);
        let membership =
            membership.ok_or_else(|| DoorError::new("unknown", "no such group", "`halloo groups`"))?;
        meant(&membership.engine, text, own)
    }
}

/// The line that is meant by `last` (with `own` the last of this person), or by the beginning of its id.
///
/// # Errors
/// None, or more than one.
pub(super) fn meant(engine: &Engine, text: &str, own: bool) -> Result<MessageId, DoorError> {
    if text == "last" {
        return last(engine, own);
    }
    let beginning = text.to_lowercase();
    let is_id =
        (SHORTEST..=64).contains(&beginning.len()) && beginning.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_id {
        return Err(DoorError::new(
            "invalid",
            format!("{text} is no message id"),
            "write `last`, or the id that `halloo log` shows beside the line",
        ));
    }
    match engine.lines_like(&beginning, 2).as_slice() {
        [one] => Ok(*one),
        [] => Err(DoorError::new("unknown", format!("no message {text}"), "`halloo log` shows the ids")),
        _ => Err(DoorError::new(
            "ambiguous",
            format!("several messages begin with {text}"),
            "give more of the id; `halloo log --json` shows all of it",
        )),
    }
}

/// The newest line that stands, of this person alone if `own`.
fn last(engine: &Engine, own: bool) -> Result<MessageId, DoorError> {
    let mut before = None;
    loop {
        let page = engine.timeline(before, PAGE);
        let stands = |line: &&_| {
            let line: &halloo_engine::output::ChatEntry = line;
            !line.deleted && !line.void && (line.own || !own)
        };
        if let Some(line) = page.entries.iter().rev().find(stands) {
            return Ok(line.id);
        }
        before = Some(page.older.ok_or_else(|| {
            let whose = if own { "of yours " } else { "" };
            DoorError::new("unknown", format!("there is no line {whose}here"), "`halloo say` writes one")
        })?);
    }
}

/// The texts that a line had.
pub(super) fn versions(engine: &Engine, text: &str) -> Reply {
    let id = meant(engine, text, false)?;
    let versions = engine.versions(&id);
    if versions.is_empty() {
        return Err(DoorError::new(
            "taken-back",
            "that line was taken back, or has no text here",
            "`halloo log` shows what stands",
        ));
    }
    let version = |version: &halloo_engine::output::VersionView| json!({"text": version.text, "at_ms": version.at_ms, "device": version.device.to_string()});
    Ok(json!({
        "message": id.to_string(),
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
    }))
}
