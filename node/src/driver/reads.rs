//! What is only read at the local door: members, messages, places, the state of things.

use super::{Driver, agenda, lines, now, search};
use crate::door::{DoorError, Reply, Request};
use crate::views;
use halloo_crdt::messages::Cursor;
use halloo_crypto::id::{DeviceId, GroupId};
use halloo_engine::engine::Engine;
use halloo_engine::output::ChatEntry;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most entries of one page.
pub(super) const PAGE_MAX: usize = 500;

impl Driver {
    /// The answer to what is only read; `None` for what changes something.
    pub(super) fn read(&self, group: GroupId, request: &Request) -> Option<Reply> {
        let engine = &self.groups.get(&group)?.engine;
        Some(match request {
            Request::Members => Ok(self.members_view(group, engine)),
            Request::Log { limit, before } => log(engine, *limit, before.as_deref()),
            Request::Search { text, limit, before } => {
                search::search(engine, text, *limit, before.as_deref())
            }
            Request::Edits { message } => lines::versions(engine, message),
            Request::Activity { limit } => {
                let page = engine.activity((*limit).min(PAGE_MAX));
                Ok(json!({"activity": page.iter().rev().map(views::activity).collect::<Vec<_>>()}))
            }
            Request::Where => Ok(json!({"locations": self.locations(group)})),
            Request::Invites => {
                let shown = |view| self.invite_view(&group, view);
                Ok(json!({"invites": engine.invites().iter().map(shown).collect::<Vec<_>>()}))
            }
            Request::History => Ok(views::history(&engine.history())),
            Request::Status => Ok(self.status_view(group, engine)),
            _ => return agenda::read(engine, request),
        })
    }

    fn members_view(&self, group: GroupId, engine: &Engine) -> Value {
        let standing = |device: &DeviceId| self.voice.standing(group, device);
        let members: Vec<Value> = engine.members().iter().map(|m| views::member(m, &standing)).collect();
        json!({ "group": group.to_string(), "members": members })
    }

    fn status_view(&self, group: GroupId, engine: &Engine) -> Value {
        let mut status = views::status(&engine.status());
        status["group"] = json!(group.to_string());
        status["connected_peers"] = json!(self.connected.len());
        status["addresses"] = json!(self.net.addresses().iter().map(ToString::to_string).collect::<Vec<_>>());
        let clocks =
            self.groups.get(&group).into_iter().flat_map(|m| m.clocks.iter().map(move |clock| (m, clock)));
        let clock = |(m, (device, seconds)): (&super::Membership, (&DeviceId, &i64))| {
            let name = m.name_of_device(device).unwrap_or_else(|| device.to_string());
            json!({"device": device.to_string(), "name": name, "seconds": seconds})
        };
        status["clocks"] = json!(clocks.map(clock).collect::<Vec<_>>());
        status["coordinator"] = self.coordinator_view(&group);
        status["voice"] = self.voice.status();
        status["offered_frames"] = json!(self.offered_frames);
        status["disk"] = json!(self.disk_full.as_ref().map(ToString::to_string));
        status
    }

    fn locations(&self, group: GroupId) -> Vec<Value> {
        let Some(membership) = self.groups.get(&group) else { return Vec::new() };
        let wall_ms = now().wall_ms;
        let named = |view| {
            let mut value = views::location(view, wall_ms);
            value["name"] = json!(membership.name_of(&view.account));
            value
        };
        membership.engine.locations().iter().map(named).collect()
    }

    /// Every group of this home.
    pub(super) fn groups_view(&self) -> Value {
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|(id, m)| {
                let newest = m.engine.timeline(None, 1).entries.last().map(|entry| entry.sent_ms);
                json!({
                    "group": id.to_string(),
                    "name": m.engine.status().group_name,
                    "member": m.engine.status().member,
                    "member_count": m.engine.members().len(),
                    "last_active_ms": newest,
                    "unread": m.engine.unread(PAGE_MAX),
                    "with": m.partner().map(|account| account.to_string()),
                })
            })
            .collect();
        json!({ "groups": groups })
    }
}

/// How the members are called, by account.
pub(super) fn names(engine: &Engine) -> BTreeMap<String, String> {
    engine.members().into_iter().map(|member| (member.account.to_string(), member.name)).collect()
}

fn log(engine: &Engine, limit: usize, before: Option<&str>) -> Reply {
    let Some(cursor) = older_than(engine, before)? else {
        return Ok(json!({ "messages": [], "more": false }));
    };
    let page = engine.timeline(cursor, limit.min(PAGE_MAX));
    let names = names(engine);
    let messages: Vec<Value> = page.entries.iter().rev().map(|entry| shown(engine, entry, &names)).collect();
    Ok(json!({ "messages": messages, "more": page.older.is_some() }))
}

/// Where the lines older than this one begin (without one: all lines); `None` where nothing is older.
///
/// # Errors
/// No such line, or several.
pub(super) fn older_than(engine: &Engine, before: Option<&str>) -> Result<Option<Option<Cursor>>, DoorError> {
    let Some(text) = before else { return Ok(Some(None)) };
    let id = lines::meant(engine, text, false)?;
    Ok(engine.cursor_of(&id).map(Some))
}

/// A line as it is shown.
pub(super) fn shown(engine: &Engine, entry: &ChatEntry, names: &BTreeMap<String, String>) -> Value {
    let mut line = views::chat(entry);
    views::name_reactions(&mut line, names);
    line["read"] = json!(entry.own || entry.read_by.contains(&engine.account()));
    line
}
