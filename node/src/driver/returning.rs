//! A home that came out of a backup: seeks its groups at whoever is met, and takes each in as its engine starts.
//!
//! ```text
//! notes --> Seeker --find, return--> members        (the pairing lane)
//!              \--> Returned --> engine --> group; the note goes after the group is written
//! ```

use super::asks::{answer, done};
use super::memberships::Membership;
use super::pair_lane::Asker;
use super::{Driver, now};
use crate::backup::{Missing, Notes, Seeking, missing_key, revoking_note, seeking_note};
use crate::door::{DoorError, Reply as DoorReply};
use crate::keys::Keys;
use crate::net::NetCommand;
use crate::vault::random;
use halloo_crypto::id::{DeviceId, GroupId};
use halloo_crypto::identity::Revocation;
use halloo_engine::engine::Engine;
use halloo_engine::input::Command;
use halloo_engine::pairing::{Returned, Seeker, SeekerIdentity, SeekerInput, SeekerOutput};
use halloo_engine::start::Origin;
use halloo_engine::time::Time;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::oneshot;

/// What a restored home still seeks.
#[derive(Default)]
pub struct Returning {
    seeker: Option<Seeker>,
    seeking: Seeking,
    missing: BTreeMap<GroupId, Missing>,
    /// Groups of which a member said that the account is no longer in them, and their names.
    removed: BTreeMap<GroupId, String>,
    /// Devices of before that are revoked as soon as the history of the group is here: what they wrote counts by our witness.
    revoking: BTreeMap<GroupId, Vec<DeviceId>>,
    /// Groups of which a member has told everything that it knows. An engine is given nothing while its wishes are granted, so what
    /// follows from it waits for the loop.
    synced: BTreeSet<GroupId>,
    /// Groups entered since the start.
    entered: BTreeMap<GroupId, String>,
}

impl Returning {
    /// Takes up what the notes say, without the groups that are there; nothing in a home that lacks the account key.
    pub fn begin(notes: Notes, keys: &Keys, here: &[GroupId], wall_ms: u64) -> Self {
        let Notes { seeking, mut missing, revoking } = notes;
        missing.retain(|group, _| !here.contains(group));
        let any = seeking.any_until_ms > wall_ms;
        let account = keys.account().filter(|_| any || !missing.is_empty());
        let seeker = account.and_then(|account| {
            let rng = ChaCha20Rng::from_seed(random().ok()?);
            let identity = keys.identity();
            let who = SeekerIdentity {
                account: account.clone(),
                device: identity.device,
                certificate: identity.certificate,
                peer: identity.peer,
            };
            let wanted = missing.iter().map(|(group, missing)| (*group, missing.heads.clone())).collect();
            let mut seeker = Seeker::new(who, wanted, any, rng);
            for group in here {
                seeker.handle(now(), SeekerInput::Entered(*group));
            }
            Some(seeker)
        });
        Returning { seeker, seeking, missing, revoking, ..Returning::default() }
    }

    /// When the seeker wants to be woken.
    pub fn deadline(&self) -> Option<Time> {
        self.seeker.as_ref().and_then(Seeker::deadline)
    }

    /// The groups that are not entered again yet: a backup that is made meanwhile keeps them.
    pub fn missing(&self) -> &BTreeMap<GroupId, Missing> {
        &self.missing
    }

    /// A member has told everything that it knows of a group.
    pub fn synced(&mut self, group: GroupId) {
        if self.revoking.contains_key(&group) {
            self.synced.insert(group);
        }
    }

    fn view(&self) -> Value {
        let group = |(group, name): (&GroupId, &String)| json!({ "group": group.to_string(), "name": name });
        let missing = self.missing.iter().filter(|(group, _)| !self.removed.contains_key(group));
        let missing: Vec<Value> = missing.map(|(id, missing)| group((id, &missing.name.0))).collect();
        json!({
            "missing": missing,
            "removed": self.removed.iter().map(group).collect::<Vec<_>>(),
            "entered": self.entered.iter().map(group).collect::<Vec<_>>(),
            "any": self.seeking.any_until_ms > now().wall_ms,
        })
    }
}

impl Driver {
    /// Gives the seeker what happened and grants its wishes.
    pub(super) async fn drive_returning(&mut self, input: SeekerInput) {
        let Some(seeker) = self.returning.seeker.as_mut() else { return };
        seeker.handle(now(), input);
        while let Some(wish) = self.returning.seeker.as_mut().and_then(Seeker::poll) {
            match wish {
                SeekerOutput::Send { to, bytes } => self.ask_pair(to, Asker::Seeker, bytes).await,
                SeekerOutput::Found { group, name } => {
                    let told = json!({"event": "restore", "step": "found", "group": group.to_string(), "name": name});
                    self.watchers.tell(told);
                }
                SeekerOutput::Removed { group, name } => {
                    let told = json!({"event": "restore", "step": "removed", "group": group.to_string(), "name": &name});
                    self.returning.removed.insert(group, name);
                    self.watchers.tell(told);
                }
                SeekerOutput::Refused { group, why } => {
                    let text = format!("{}", halloo_engine::pairing::JoinError::from(why));
                    tracing::info!("a member did not let this device into a group: {why:?}");
                    let told = json!({"event": "restore", "step": "refused", "group": group.to_string(), "text": text});
                    self.watchers.tell(told);
                }
                SeekerOutput::Returned(returned) => Box::pin(self.returned(*returned)).await,
            }
        }
        if self.returning.seeker.as_ref().is_some_and(|seeker| !seeker.is_seeking()) {
            self.returning.seeker = None;
        }
    }

    async fn returned(&mut self, returned: Returned) {
        let Returned { group, name, own_name, bundle, key_package, behind } = returned;
        if self.groups.get(&group).is_some() {
            return;
        }
        if !self.groups.room() {
            return tracing::warn!(
                "this home is in as many groups as it can hold; one of the backup is left out"
            );
        }
        if !self.returning.seeking.named && !own_name.is_empty() && self.rename_self(&own_name).is_ok() {
            self.returning.seeking.named = true;
            let (key, value) = seeking_note(self.returning.seeking);
            self.storage.put_local(key, Some(value)).await;
        }
        let with = self.returning.missing.get(&group).and_then(|missing| missing.with);
        let origin = Origin::Join { bundle, key_package };
        let started = random().map_err(|error| error.to_string()).and_then(|seed| {
            Engine::new(self.config(), self.keys.identity(), origin, seed, now())
                .map_err(|error| error.to_string())
        });
        let engine = match started {
            Ok(engine) => engine,
            Err(error) => {
                let text = format!("a group of the backup was not entered: {error}");
                return self.watchers.tell(json!({"event": "warning", "text": text}));
            }
        };
        self.groups.insert(group, Membership::new(engine, with));
        self.devices.names.news = true;
        self.note_group(group, with).await;
        self.settle(group).await;
        // Behind the group in the queue of the disk: a power cut between the two finds both, and the group counts.
        self.storage.put_local(missing_key(&group), None).await;
        self.returning.missing.remove(&group);
        self.returning.removed.remove(&group);
        self.returning.entered.insert(group, name.clone());
        let old = self.old_devices(&group);
        if self.returning.seeking.revoke_old && !old.is_empty() {
            let (key, value) = revoking_note(&group, &old);
            self.storage.put_local(key, Some(value)).await;
            self.returning.revoking.insert(group, old.clone());
        }
        let old: Vec<String> = old.iter().map(ToString::to_string).collect();
        self.watchers.tell(json!({
            "event": "restore", "step": "entered", "group": group.to_string(), "name": name, "behind": behind,
            "old_devices": old, "revoked": self.returning.seeking.revoke_old,
        }));
    }

    /// A group was entered in another way, by an invite or by a sibling: it is not missing any more.
    pub(super) async fn found_again(&mut self, group: GroupId) {
        if let Some(missing) = self.returning.missing.remove(&group) {
            self.storage.put_local(missing_key(&group), None).await;
            self.returning.entered.insert(group, missing.name.0);
        }
        Box::pin(self.drive_returning(SeekerInput::Entered(group))).await;
    }

    /// The devices of the own account in a group, this one aside.
    fn old_devices(&self, group: &GroupId) -> Vec<DeviceId> {
        let Some(membership) = self.groups.get(group) else { return Vec::new() };
        let me = membership.engine.device();
        let own = membership.engine.members().into_iter().filter(|member| member.own);
        own.flat_map(|member| member.devices).map(|device| device.device).filter(|id| *id != me).collect()
    }

    /// Revokes what waited for the history of a group.
    pub(super) async fn revoke_synced(&mut self) {
        while let Some(group) = self.returning.synced.pop_first() {
            self.revoke_old(group).await;
        }
    }

    /// A member has told everything that it knows of a group: takes the devices that were there before out of it, by the account
    /// key's word, which they cannot contradict.
    async fn revoke_old(&mut self, group: GroupId) {
        let Some(account) = self.keys.account().cloned() else { return };
        let Some(old) = self.returning.revoking.remove(&group) else { return };
        let still = self.old_devices(&group);
        for device in old.into_iter().filter(|device| still.contains(device)) {
            let word = Revocation::issue(&account, device, now().wall_ms);
            let (ignored, _) = oneshot::channel();
            Box::pin(self.command(
                group,
                Command::RevokeDevice { device, word: Some(word) },
                done(),
                ignored,
            ))
            .await;
        }
        // Behind the revocation in the queue of the disk.
        self.storage.put_local(revoking_note(&group, &[]).0, None).await;
    }

    /// `restoring`: what is entered, what is missing, what is lost.
    pub(super) fn restoring(&self, reply: oneshot::Sender<DoorReply>) {
        let mut view = self.returning.view();
        let groups = self.groups.ids().into_iter();
        let ends =
            |device: &DeviceId| self.returning.revoking.values().flatten().any(|ending| ending == device);
        let old = groups.flat_map(|group| self.old_devices(&group)).filter(|device| !ends(device));
        let old = old.map(|device| device.to_string());
        let old: BTreeSet<String> = old.collect();
        view["old_devices"] = json!(old);
        answer(reply, Ok(view));
    }

    /// Looks round for members, for instance after a restore.
    pub(super) async fn look_around(&mut self) {
        if self.returning.seeker.is_some() {
            self.carry(NetCommand::LookAround).await;
        }
    }
}

/// What a home without the account key says.
pub fn no_account_key() -> DoorError {
    DoorError::new(
        "no-account-key",
        "the account key is not in this home: another of your devices brought it in",
        "do it on the device where the account began or was restored",
    )
}
