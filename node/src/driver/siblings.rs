//! The devices of one person among each other: how they are called, which groups one is in and another is not, and who is out.
//!
//! Siblings that meet tell each other both, sealed, through a group that both are in. Whoever is in a group that the other is not
//! opens a door for it there and sends the way; whoever hears of a group that it lacks answers with its own. A device that was taken out of one group is taken out of all.

use super::asks::{answer, done};
use super::voice::SignalKind;
use super::{Driver, GROUPS_MAX, now};
use crate::door::{DoorError, Reply as DoorReply};
use crate::storage::device_key;
use crate::vault::random;
use halloo_crypto::id::{AccountId, DeviceId, GroupId};
use halloo_crypto::identity::Revocation;
use halloo_crypto::invite::InviteSecret;
use halloo_engine::input::Command;
use halloo_engine::output::{DeviceView, MAX_NAME_BYTES};
use halloo_engine::time::Time;
use halloo_engine::wire::sibling::Way;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::oneshot;

/// Devices whose names are kept: as many as one account may have had.
const NAMES_MAX: usize = halloo_crdt::log::MAX_DEVICES_PER_ACCOUNT;

/// A way is not offered again to a device for so long: it takes a few round trips to go it.
const OFFER_EVERY: Duration = Duration::from_secs(120);

/// How the devices of this person are called, and what was offered to them.
#[derive(Default)]
pub struct Names {
    names: BTreeMap<DeviceId, String>,
    offered: BTreeMap<(DeviceId, GroupId), Time>,
    /// Groups are new here, and siblings were not told.
    pub(super) news: bool,
}

impl Names {
    /// From the node's notes on the disk; this device is called like its machine until somebody names it.
    pub fn load(local: &BTreeMap<Vec<u8>, Vec<u8>>, me: DeviceId) -> Self {
        let mut names = BTreeMap::from([(me, machine())]);
        for (key, value) in local {
            let device = key.strip_prefix(b"d").and_then(|id| <[u8; 32]>::try_from(id).ok());
            if let (Some(device), Ok(name)) = (device, String::from_utf8(value.clone())) {
                names.insert(DeviceId::from_bytes(device), name);
            }
        }
        Names { names, ..Names::default() }
    }

    /// How a device is called; by the beginning of its id where nobody said.
    pub fn of(&self, device: &DeviceId) -> String {
        let short = || device.to_string().chars().take(8).collect();
        self.names.get(device).cloned().unwrap_or_else(short)
    }

    fn may_offer(&mut self, device: DeviceId, group: GroupId) -> bool {
        let now = now().mono;
        self.offered.retain(|_, at| at.after(OFFER_EVERY) > now);
        self.offered.len() < GROUPS_MAX && self.offered.insert((device, group), now).is_none()
    }
}

/// What siblings tell each other when they meet.
#[derive(Serialize, Deserialize)]
struct Meeting {
    names: BTreeMap<String, String>,
    groups: BTreeSet<String>,
    /// Whether it answers such a word: an answer is not answered.
    answer: bool,
}

/// A way into a group, as it is sent to a sibling.
#[derive(Serialize, Deserialize)]
struct Offer {
    group: String,
    secret: [u8; InviteSecret::LEN],
    with: Option<String>,
    name: String,
}

impl Driver {
    /// Keeps how a device is called; a name that cannot be shown is not kept.
    pub(super) async fn name_device(&mut self, device: DeviceId, name: &str) {
        let book = &mut self.devices.names.names;
        let room = book.len() < NAMES_MAX || book.contains_key(&device);
        if usable(name).is_err() || !room || book.get(&device).is_some_and(|known| known == name) {
            return;
        }
        book.insert(device, name.to_owned());
        self.storage.put_local(device_key(&device), Some(name.as_bytes().to_vec())).await;
    }

    /// Another device of this person has proven itself in `group`, or has told what this one answers.
    pub(super) async fn meet_sibling(&mut self, group: GroupId, device: DeviceId, answer: bool) {
        let names = self.devices.names.names.iter();
        let groups = self.groups.iter().filter(|(_, m)| m.engine.status().member);
        let meeting = Meeting {
            names: names.map(|(device, name)| (device.to_string(), name.clone())).collect(),
            groups: groups.map(|(id, _)| id.to_string()).collect(),
            answer,
        };
        self.tell_sibling(group, device, SignalKind::Sibling, &meeting).await;
    }

    async fn tell_sibling(
        &mut self,
        group: GroupId,
        device: DeviceId,
        kind: SignalKind,
        what: &impl Serialize,
    ) {
        let Ok(bytes) = serde_json::to_vec(what) else { return };
        let (ignored, _) = oneshot::channel();
        self.command(group, Command::Signal { to: device, bytes: kind.join(&bytes) }, done(), ignored).await;
    }

    /// Tells the siblings that are here when this device has come into a group.
    pub(super) async fn tell_news(&mut self) {
        if !std::mem::take(&mut self.devices.names.news) {
            return;
        }
        let mut told = BTreeSet::new();
        for group in self.groups.ids() {
            for device in self.own_devices(group).into_iter().filter(|d| d.connected) {
                if device.device != self.voice.me && told.insert(device.device) {
                    self.meet_sibling(group, device.device, false).await;
                }
            }
        }
    }

    /// What a sibling says when it is met: its names are kept, and it is offered the groups that it is not in.
    pub(super) async fn on_sibling(&mut self, group: GroupId, from: DeviceId, bytes: &[u8]) {
        if !self.is_sibling(group, &from) {
            return;
        }
        let Ok(meeting) = serde_json::from_slice::<Meeting>(bytes) else { return };
        for (device, name) in meeting.names.iter().take(NAMES_MAX) {
            if let Ok(device) = device.parse()
                && device != self.voice.me
            {
                self.name_device(device, name).await;
            }
        }
        let here: BTreeSet<String> = self.groups.ids().iter().map(ToString::to_string).collect();
        if !meeting.answer && !meeting.groups.is_subset(&here) {
            self.meet_sibling(group, from, true).await;
        }
        let Ok(seed) = random() else { return };
        let mut rng = ChaCha20Rng::from_seed(seed);
        for missing in self.groups.ids() {
            if meeting.groups.contains(&missing.to_string()) || !self.devices.names.may_offer(from, missing) {
                continue;
            }
            let Some(way) = self.way_into(missing, from, &mut rng).await else { continue };
            let offer = Offer {
                group: way.group.to_string(),
                secret: *way.secret.to_bytes().expose(),
                with: way.with.map(|account| account.to_string()),
                name: way.name,
            };
            self.tell_sibling(group, from, SignalKind::Way, &offer).await;
        }
    }

    /// A sibling opened a door in a group that this device is not in.
    pub(super) fn on_way(&mut self, group: GroupId, from: DeviceId, bytes: &[u8]) {
        if !self.is_sibling(group, &from) {
            return;
        }
        let Ok(offer) = serde_json::from_slice::<Offer>(bytes) else { return };
        let with = offer.with.map(|account| account.parse::<AccountId>()).transpose();
        let (Ok(into), Ok(with)) = (offer.group.parse(), with) else { return };
        if self.groups.get(&into).is_some() || self.devices.ways.len() >= GROUPS_MAX {
            return;
        }
        let secret = InviteSecret::from_bytes(offer.secret);
        self.devices.ways.push_back(Way { group: into, secret, with, name: clipped(&offer.name).to_owned() });
    }

    fn is_sibling(&self, group: GroupId, device: &DeviceId) -> bool {
        self.own_devices(group).iter().any(|own| own.device == *device)
    }

    fn own_devices(&self, group: GroupId) -> Vec<DeviceView> {
        let members = self.groups.get(&group).map(|m| m.engine.members()).unwrap_or_default();
        members.into_iter().filter(|m| m.own).flat_map(|m| m.devices).collect()
    }

    /// Whether another device of this person is in the call of the group.
    pub(super) fn sibling_in_call(&self, group: GroupId) -> bool {
        self.own_devices(group).iter().any(|own| own.in_call && own.device != self.voice.me)
    }

    /// `devices`: the devices of this person in any group, this one first, then the oldest.
    pub(super) fn devices_view(&self) -> Value {
        let me = self.voice.me;
        let certificate = self.keys.identity().certificate;
        let mut all: BTreeMap<DeviceId, (u64, bool, usize)> =
            BTreeMap::from([(me, (certificate.created_ms, true, 0))]);
        for group in self.groups.ids() {
            for device in self.own_devices(group) {
                let entry = all.entry(device.device).or_insert((device.since_ms, false, 0));
                entry.1 |= device.connected || device.online;
                entry.2 += 1;
            }
        }
        let mut rows: Vec<_> = all.into_iter().collect();
        rows.sort_by_key(|(device, (since, ..))| (*device != me, *since, *device));
        let row = |(device, (since_ms, here, groups)): (DeviceId, (u64, bool, usize))| {
            json!({
                "device": device.to_string(), "name": self.devices.names.of(&device), "this": device == me,
                "since_ms": since_ms, "here": here, "groups": groups,
            })
        };
        let rows: Vec<Value> = rows.into_iter().map(row).collect();
        json!({
            "account": certificate.account.to_string(), "account_key": self.keys.account().is_some(),
            "devices": rows,
        })
    }

    /// `device revoke`: takes a device of this person out of every group; answered when the last has it on disk.
    pub(super) async fn device_revoke(&mut self, named: &str, reply: oneshot::Sender<DoorReply>) {
        match self.device_named(named) {
            Err(error) => answer(reply, Err(error)),
            Ok(device) => {
                let told = json!({ "device": device.to_string(), "name": self.devices.names.of(&device) });
                self.revoke_everywhere(device, Some((reply, told))).await;
            }
        }
    }

    fn device_named(&self, text: &str) -> Result<DeviceId, DoorError> {
        let mut known = BTreeSet::new();
        for group in self.groups.ids() {
            known.extend(self.own_devices(group).into_iter().map(|device| device.device));
        }
        let by_name =
            |device: &&DeviceId| self.devices.names.of(device).to_lowercase() == text.to_lowercase();
        let by_id = |device: &&DeviceId| text.len() >= 4 && device.to_string().starts_with(text);
        let mut found: Vec<&DeviceId> = known.iter().filter(by_name).collect();
        if found.is_empty() {
            found = known.iter().filter(by_id).collect();
        }
        match found.as_slice() {
            [one] if **one == self.voice.me => Err(DoorError::new(
                "invalid",
                "a device does not take itself out",
                "do it on another of your devices; `halloo leave` leaves a group",
            )),
            [one] => Ok(**one),
            [] => Err(DoorError::new(
                "unknown",
                format!("no device of yours is called {text}"),
                "`halloo devices` lists them",
            )),
            _ => Err(DoorError::new(
                "ambiguous",
                format!("{} devices are called {text}", found.len()),
                "use the beginning of the id from `halloo devices`",
            )),
        }
    }

    /// Takes a device out of every group in which it still is.
    pub(super) async fn revoke_everywhere(
        &mut self,
        device: DeviceId,
        waiter: Option<(oneshot::Sender<DoorReply>, Value)>,
    ) {
        let groups: Vec<GroupId> = self
            .groups
            .ids()
            .into_iter()
            .filter(|group| self.own_devices(*group).iter().any(|own| own.device == device))
            .filter(|group| self.groups.get(group).is_some_and(|m| m.engine.status().member))
            .collect();
        let word = self.keys.account().map(|key| Revocation::issue(key, device, now().wall_ms));
        let mut waiter = waiter;
        for (at, group) in groups.iter().enumerate() {
            // Groups store in the order they are told, so the last one's answer is good for all.
            let last = if at + 1 == groups.len() { waiter.take() } else { None };
            let (to, told) = last.unwrap_or_else(|| (oneshot::channel().0, json!({})));
            let shape = Box::new(move |_| told);
            self.command(*group, Command::RevokeDevice { device, word: word.clone() }, shape, to).await;
        }
        if let Some((reply, _)) = waiter {
            let next = "`halloo devices` lists the devices that are in";
            answer(reply, Err(DoorError::new("unknown", "that device is in no group with this one", next)));
        }
    }
}

/// A name cut to its limit at a character's end.
pub fn clipped(name: &str) -> &str {
    let end = (0..=name.len().min(MAX_NAME_BYTES)).rev().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

/// Whether a device can be called so.
///
/// # Errors
/// Empty, too long, or with characters that move the cursor.
pub fn usable(name: &str) -> Result<(), DoorError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let next = format!("1 to {MAX_NAME_BYTES} bytes without control characters");
        return Err(DoorError::new("invalid", "that name cannot be used", next));
    }
    Ok(())
}

/// The name of the machine, as its owner knows it.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = told.unwrap_or_default().trim().to_owned();
    if usable(&name).is_ok() { name } else { "device".to_owned() }
}

#[cfg(test)]
mod tests;
