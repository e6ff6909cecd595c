//! More devices of one person: the door of the account, and how a new device comes in by it.
//!
//! ```text
//!  sibling (has the key of the account)                      new device (an empty home)
//!  device add -> door of the account, ten minutes, one use
//!                <-------- pair lane: code or link, four emoji -------- device join
//!  vouches; opens a door in each group -> bundle ------------------->  a device of the account, its name, the ways in
//!                <-------- pair lane, once for each group ------------
//!  DeviceAdd, commit, welcome -------------------------------------->  reconciles: all that its account was there for
//! ```
//! Ways that were missed (a power cut, a group that is new) are offered again by whichever sibling is met, see `siblings`.

use super::asks::{answer, done};
use super::joining::Coming;
use super::naming::invitation;
use super::siblings::{Names, clipped, usable};
use super::{Driver, link_addresses, now};
use crate::door::{DeviceJoinAsk, DoorError, Reply as DoorReply};
use crate::vault::random;
use halloo_crypto::id::{DeviceId, GroupId};
use halloo_crypto::identity::Vouch;
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::invite::link::Link;
use halloo_crypto::pake::{CODE_LIFE_MS, Door};
use halloo_engine::input::Command;
use halloo_engine::lane::Lane;
use halloo_engine::pairing::{
    DEVICE_DOOR, Ending, Host, HostEvent, HostIdentity, HostInput, HostInvite, HostOutput, Joined,
    RefusedWhy, Ticket,
};
use halloo_engine::time::Time;
use halloo_engine::wire::bundle::{JoinRequest, seal_for};
use halloo_engine::wire::sibling::{DeviceBundle, Way, account_door};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;

type Waiter = oneshot::Sender<DoorReply>;

/// How long the door of the account stays open: as long as its code.
const DOOR_LIFE: Duration = Duration::from_millis(CODE_LIFE_MS);

/// What of the devices is under way.
pub struct Devices {
    /// The door of the account, while it is open or somebody is still being handed something.
    door: Option<Host>,
    /// Ways into groups of a sibling that wait for their turn.
    pub(super) ways: VecDeque<Way>,
    /// A `device join` that goes on, and who waits for its end.
    arrival: Option<Arrival>,
    /// How the devices of this person are called.
    pub(super) names: Names,
}

/// A new device on its way into the groups.
struct Arrival {
    reply: Option<Waiter>,
    told: Value,
    groups: Vec<String>,
    missed: Vec<String>,
}

impl Devices {
    /// Nothing is under way.
    pub fn new(names: Names) -> Self {
        Devices { door: None, ways: VecDeque::new(), arrival: None, names }
    }

    /// When the door wants to be woken.
    pub fn deadline(&self) -> Option<Time> {
        self.door.as_ref().and_then(Host::deadline)
    }

    /// Whether a pairing request at this door is for the account.
    pub fn answers(&self, door: &Door) -> bool {
        self.door.as_ref().is_some_and(|host| host.answers(door))
    }

    /// How the way into a group ended; without an error, well.
    pub(super) fn came(&mut self, name: String, error: Option<&DoorError>) {
        let Some(arrival) = &mut self.arrival else { return };
        match error {
            None => arrival.groups.push(name),
            Some(error) => arrival.missed.push(format!("{name}: {error}")),
        }
    }
}

impl Driver {
    /// `device add`: opens the door of the account; answered with its code and its link.
    pub(super) fn device_add(&mut self, reply: Waiter) {
        let outcome = self.open_account_door();
        answer(reply, outcome);
    }

    fn open_account_door(&mut self) -> DoorReply {
        if self.keys.account().is_none() {
            let next =
                "`halloo device add` on the device where this person began, which has the key of the account";
            return Err(DoorError::new("no-account-key", "this device cannot vouch for others", next));
        }
        if !self.groups.iter().any(|(_, m)| m.engine.status().member) {
            let next = "begin one with `halloo new NAME` or join one, then add the device";
            return Err(DoorError::new("no-group", "there is no group here", next));
        }
        let mut rng = ChaCha20Rng::from_seed(seed()?);
        let secret = InviteSecret::generate(&mut rng);
        let identity = self.keys.identity();
        let who = HostIdentity {
            group: account_door(&identity.account()),
            certificate: identity.certificate,
            peer: identity.peer,
            group_name: identity.name,
        };
        let mut host = Host::new(who, rng);
        let open = HostInvite {
            invite: secret.id(),
            op: DEVICE_DOOR,
            secret: secret.clone(),
            uses_left: 1,
            ends: now().mono.after(DOOR_LIFE),
            quiet: false,
        };
        let code = host.open(now().mono, open).map(|code| code.to_string());
        let link = Link { coordinator: None, addresses: link_addresses(&self.net), secret }.to_text();
        // Whoever still holds the code of an earlier door finds nobody.
        self.devices.door = Some(host);
        Ok(json!({ "code": code, "link": link, "qr": link, "seconds": DOOR_LIFE.as_secs() }))
    }

    /// Gives the door of the account what happened, and grants its wishes.
    pub(super) async fn drive_account_door(&mut self, input: HostInput) {
        let Some(host) = self.devices.door.as_mut() else { return };
        host.handle(now().mono, input);
        while let Some(wish) = self.devices.door.as_mut().and_then(Host::poll) {
            match wish {
                HostOutput::Send { to, bytes } => self.send(to, Lane::Pair, bytes).await,
                HostOutput::Admit { from, request, .. } => {
                    let input = match self.vouch_for(request.request()).await {
                        Ok(bundle) => HostInput::Admitted { from, bundle },
                        Err(error) => {
                            tracing::warn!("a device was not vouched for: {error}");
                            HostInput::Refused { from, why: RefusedWhy::NotAdmitted }
                        }
                    };
                    if let Some(host) = self.devices.door.as_mut() {
                        host.handle(now().mono, input);
                    }
                }
                HostOutput::Event(event) => self.tell_account_door(&event),
            }
        }
        if self.devices.deadline().is_none() {
            self.devices.door = None;
        }
    }

    fn tell_account_door(&self, event: &HostEvent) {
        let told = match event {
            HostEvent::Started => json!({ "step": "started" }),
            HostEvent::Emoji(emoji) => json!({ "step": "emoji", "emoji": emoji }),
            HostEvent::WrongWords { left, .. } => json!({ "step": "wrong-words", "left": left }),
            HostEvent::CodeEnded { ending: Ending::Burned, .. } => json!({ "step": "burned" }),
            HostEvent::NewCode { code, .. } => json!({ "step": "code", "code": code.to_string() }),
            HostEvent::InviteEnded { ending: Ending::Expired, .. } => json!({ "step": "expired" }),
            HostEvent::Joined { device, .. } => {
                json!({ "step": "added", "device": device.to_string(), "name": self.devices.names.of(device) })
            }
            HostEvent::CodeEnded { .. } | HostEvent::InviteEnded { .. } => return,
        };
        let mut value = told;
        value["event"] = json!("device");
        self.watchers.tell(value);
    }

    /// The account's word for a device that has proven the code, and a way into each group.
    async fn vouch_for(&mut self, request: &JoinRequest) -> Result<Vec<u8>, DoorError> {
        let key =
            self.keys.account().ok_or_else(|| DoorError::new("no-account-key", "no key", "add it there"))?;
        let asked = &request.certificate;
        let vouch = Vouch::issue(key, &asked.device, &asked.box_key, now().wall_ms);
        let mut rng = ChaCha20Rng::from_seed(seed()?);
        let mut groups = Vec::new();
        for group in self.groups.ids() {
            groups.extend(self.way_into(group, asked.device, &mut rng).await);
        }
        self.name_device(asked.device, &request.name).await;
        let sibling = self.devices.names.of(&self.voice.me);
        let door = account_door(&vouch.account);
        let bundle = DeviceBundle { vouch, person: self.keys.name.clone(), sibling, groups };
        seal_for(&door, &mut rng, asked, &bundle.to_bytes())
            .map_err(|error| DoorError::new("bundle", error.to_string(), "try again"))
    }

    /// Opens a door for this device in a group; `None` where this device is no member itself.
    pub(super) async fn way_into(
        &mut self,
        group: GroupId,
        device: DeviceId,
        rng: &mut ChaCha20Rng,
    ) -> Option<Way> {
        let membership = self.groups.get(&group)?;
        let status = membership.engine.status();
        if !status.member {
            return None;
        }
        let (with, name) = (membership.with, clipped(&status.group_name).to_owned());
        let secret = InviteSecret::generate(rng);
        let (ignored, _) = oneshot::channel();
        // A door that cannot be opened now is offered again at the next meeting.
        self.command(group, Command::OpenForDevice { device, secret: secret.clone() }, done(), ignored).await;
        Some(Way { group, secret, with, name })
    }

    /// `device join`: this home becomes a device of whoever opened the door.
    pub(super) async fn device_join(&mut self, ask: DeviceJoinAsk, reply: Waiter) {
        if self.joining.is_some() || self.devices.arrival.is_some() {
            let busy =
                DoorError::new("busy", "another join is under way", "wait for it to end, then try again");
            return answer(reply, Err(busy));
        }
        if !self.groups.ids().is_empty() {
            let what = if self.keys.account().is_none() {
                "this home is a device of somebody already"
            } else {
                "this home is somebody already and has groups"
            };
            let next = "use an empty one: `halloo --home DIR device join CODE`";
            return answer(reply, Err(DoorError::new("home-not-empty", what, next)));
        }
        if let Some(name) = &ask.name {
            if let Err(error) = usable(name) {
                return answer(reply, Err(error));
            }
            self.name_device(self.voice.me, name).await;
        }
        match invitation(&ask.invite, None) {
            Err(error) => answer(reply, Err(error)),
            Ok((ticket, _)) => self.begin_joining(ticket, Coming::Device, Some(reply)).await,
        }
    }

    /// The account's word is here: this home is its device from now on, and goes into its groups.
    pub(super) async fn became_device(&mut self, joined: Joined, reply: Option<Waiter>) {
        match self.take_word(&joined).await {
            Err(error) => {
                if let Some(reply) = reply {
                    answer(reply, Err(error));
                }
            }
            Ok(told) => {
                self.devices.arrival = Some(Arrival { reply, told, groups: Vec::new(), missed: Vec::new() });
            }
        }
    }

    async fn take_word(&mut self, joined: &Joined) -> DoorReply {
        let lied = || {
            let next = "take a new code with `halloo device add` on your other device";
            DoorError::new("bundle", "the answer of the other device is not valid", next)
        };
        let bundle = DeviceBundle::parse(&joined.bundle).map_err(|_| lied())?;
        let account = bundle.vouch.account;
        if joined.group != account_door(&account) || joined.host_certificate.account != account {
            return Err(lied());
        }
        let person = clipped(&bundle.person).to_owned();
        self.keys.become_device(&bundle.vouch, person).map_err(|_| lied())?;
        self.keys
            .save(&self.home, &self.vault)
            .map_err(|error| DoorError::new("disk", error.to_string(), "check the disk of this home"))?;
        self.name_device(joined.host_certificate.device, &bundle.sibling).await;
        let me = self.voice.me;
        self.devices.ways = bundle.groups.into_iter().take(super::GROUPS_MAX).collect();
        Ok(json!({
            "account": account.to_string(), "profile": self.keys.name, "emoji": joined.emoji,
            "device": me.to_string(), "name": self.devices.names.of(&me),
        }))
    }

    /// Goes into the next group of a sibling, when no other pairing is under way; after the last, answers who waits. The loop calls
    /// it in each of its turns.
    pub(super) async fn next_way(&mut self) {
        while self.joining.is_none() {
            let Some(way) = self.devices.ways.pop_front() else { return self.arrived() };
            if self.groups.get(&way.group).is_none() {
                let link = Link { coordinator: None, addresses: Vec::new(), secret: way.secret.clone() };
                self.begin_joining(Ticket::Link(link), Coming::Way(way), None).await;
            }
        }
    }

    fn arrived(&mut self) {
        let Some(arrival) = self.devices.arrival.take() else { return };
        let Arrival { reply: Some(reply), mut told, groups, missed } = arrival else { return };
        told["groups"] = json!(groups);
        told["missed"] = json!(missed);
        answer(reply, Ok(told));
    }
}

/// Fresh chance.
fn seed() -> Result<[u8; 32], DoorError> {
    random().map_err(|error| DoorError::new("world", error.to_string(), "restart"))
}
