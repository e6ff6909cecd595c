//! Coming into a group: drives the pairing machine of a newcomer until it yields what an engine starts from.

use super::asks::answer;
use super::memberships::Membership;
use super::naming::invitation;
use super::pair_lane::Asker;
use super::{Driver, now};
use crate::door::{DoorError, JoinAsk, Reply as DoorReply};
use crate::net::NetCommand;
use crate::vault::random;
use halloo_crypto::id::{AccountId, GroupId};
use halloo_engine::engine::Engine;
use halloo_engine::input::Input;
use halloo_engine::lane::Lane;
use halloo_engine::output::PairingProgress;
use halloo_engine::pairing::{JoinError, Joined, Joiner, JoinerIdentity, JoinerInput, JoinerOutput, Ticket};
use halloo_engine::start::Origin;
use halloo_engine::time::Time;
use halloo_engine::wire::sibling::Way;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::json;
use tokio::sync::oneshot;

/// As what this home comes in.
pub enum Coming {
    /// As a member of its own.
    Member,
    /// Into a conversation of two that this account opened.
    Conversation(AccountId),
    /// As a device, at the door of its account.
    Device,
    /// As a device, into one of the groups of a sibling.
    Way(Way),
}

impl Coming {
    /// The other account, when it is a conversation of two.
    fn with(&self) -> Option<AccountId> {
        match self {
            Self::Conversation(account) => Some(*account),
            Self::Way(way) => way.with,
            Self::Member | Self::Device => None,
        }
    }
}

/// A running pairing and who waits for it.
pub struct Joining {
    joiner: Joiner,
    coming: Coming,
    reply: Option<oneshot::Sender<DoorReply>>,
}

impl Joining {
    /// When the machine wants to be woken.
    pub fn deadline(&self) -> Option<Time> {
        self.joiner.deadline()
    }

    fn is_way(&self) -> bool {
        matches!(self.coming, Coming::Way(_))
    }
}

impl Driver {
    /// Begins to join by a short code, a link or the text of a QR.
    pub(super) async fn join(&mut self, ask: JoinAsk, reply: oneshot::Sender<DoorReply>) {
        if self.joining.is_some() {
            let busy =
                DoorError::new("busy", "another join is under way", "wait for it to end, then try again");
            return answer(reply, Err(busy));
        }
        if let Some(name) = &ask.profile
            && let Err(error) = self.rename_self(name)
        {
            return answer(reply, Err(error));
        }
        match invitation(&ask.invite, ask.via.as_deref()) {
            Err(error) => answer(reply, Err(error)),
            Ok((ticket, via)) => {
                if let Some(via) = via {
                    self.seek(via, &ticket);
                }
                self.begin_joining(ticket, Coming::Member, Some(reply)).await;
                if self.joining.is_none() {
                    self.sought_enough(false);
                }
            }
        }
    }

    /// Starts the pairing machine and introduces the peers that are connected already.
    pub(super) async fn begin_joining(
        &mut self,
        ticket: Ticket,
        coming: Coming,
        reply: Option<oneshot::Sender<DoorReply>>,
    ) {
        let outcome = self.groups.room().then_some(()).ok_or_else(|| {
            DoorError::new("too-many", "this home is in as many groups as it can hold", "leave one first")
        });
        let seed = outcome
            .and_then(|()| random().map_err(|error| DoorError::new("world", error.to_string(), "restart")));
        let seed = match seed {
            Ok(seed) => seed,
            Err(error) => {
                if let Coming::Way(way) = coming {
                    self.devices.came(way.name, Some(&error));
                }
                if let Some(reply) = reply {
                    answer(reply, Err(error));
                }
                return;
            }
        };
        if let Ticket::Link(link) = &ticket {
            let addresses = link.addresses.iter().filter_map(|text| text.parse().ok()).collect();
            self.carry(NetCommand::Reach { peer: None, addresses }).await;
        }
        self.carry(NetCommand::LookAround).await;
        let identity = self.keys.identity();
        let (device, certificate, peer) = (identity.device, identity.certificate, identity.peer);
        let name = match coming {
            Coming::Device => self.devices.names.of(&self.voice.me),
            _ => identity.name,
        };
        let who = JoinerIdentity { device, certificate, peer, name };
        let begin =
            if matches!(coming, Coming::Device | Coming::Way(_)) { Joiner::of_device } else { Joiner::new };
        let joiner = begin(who, &ticket, ChaCha20Rng::from_seed(seed), now().mono);
        self.joining = Some(Joining { joiner, coming, reply });
        for peer in self.connected.clone() {
            self.drive_joining(Some(Input::PeerUp(peer))).await;
        }
    }

    /// Gives the pairing machine what happened (nothing: its deadline) and grants its wishes.
    pub(super) async fn drive_joining(&mut self, happened: Option<Input>) {
        let Some(joining) = self.joining.as_mut() else { return };
        let input = match happened {
            Some(Input::PeerUp(peer)) => JoinerInput::PeerUp(peer),
            Some(Input::PeerDown(peer)) => JoinerInput::PeerDown(peer),
            Some(Input::Frame { from, lane: Lane::Pair, bytes }) => JoinerInput::Frame { from, bytes },
            None => JoinerInput::Wake,
            Some(_) => return,
        };
        joining.joiner.handle(now().mono, input);
        self.grant_joining().await;
    }

    /// The request to this peer got no answer.
    pub(super) async fn joining_failed(&mut self, peer: halloo_engine::lane::PeerKey) {
        let Some(joining) = self.joining.as_mut() else { return };
        joining.joiner.handle(now().mono, JoinerInput::Failed(peer));
        self.grant_joining().await;
    }

    async fn grant_joining(&mut self) {
        while let Some(wish) = self.joining.as_mut().and_then(|joining| joining.joiner.poll()) {
            match wish {
                JoinerOutput::Send { to, bytes } => {
                    self.ask_pair(to, Asker::Joiner, bytes).await;
                }
                // The steps into each group of a sibling are no news: the person followed those at the door of the account.
                JoinerOutput::Progress(_) if self.joining.as_ref().is_some_and(Joining::is_way) => {}
                JoinerOutput::Progress(progress) => self.tell_pairing(&progress),
                JoinerOutput::Joined(joined) => return self.joined(*joined).await,
                JoinerOutput::Failed(error) => return self.not_joined(error),
            }
        }
    }

    fn tell_pairing(&self, progress: &PairingProgress) {
        let event = halloo_engine::output::Event::Pairing(progress.clone());
        if let Some(value) = crate::views::event(&event, now().wall_ms) {
            self.watchers.tell(value);
        }
    }

    async fn joined(&mut self, joined: Joined) {
        let Some(joining) = self.joining.take() else { return };
        if matches!(joining.coming, Coming::Device) {
            self.sought_enough(true);
            return self.became_device(joined, joining.reply).await;
        }
        let (group, with) = (joined.group, joining.coming.with());
        let told = json!({
            "group": group.to_string(),
            "name": joined.group_name,
            "emoji": joined.emoji,
            "profile": self.keys.name,
        });
        let origin = Origin::Join { bundle: joined.bundle, key_package: joined.key_package };
        let started = random()
            .map_err(|error| DoorError::new("world", error.to_string(), "restart"))
            .and_then(|seed| {
                Engine::new(self.config(), self.keys.identity(), origin, seed, now())
                    .map_err(|error| DoorError::told("bundle", &error, "ask for a new invite"))
            });
        let outcome = match started {
            Ok(engine) => self.enter(group, Membership::new(engine, with)).await.map(|()| told),
            Err(error) => Err(error),
        };
        // Only now: the coordinator of the group is mostly the one by which the inviter was found.
        self.sought_enough(outcome.is_ok());
        if let Coming::Way(way) = joining.coming {
            self.devices.came(way.name, outcome.as_ref().err());
        }
        if let Some(reply) = joining.reply {
            answer(reply, outcome);
        }
    }

    /// Takes the group in, unless it was called a conversation of two and is none.
    async fn enter(&mut self, group: GroupId, membership: Membership) -> Result<(), DoorError> {
        let with = membership.with;
        if with.is_some() && membership.partner().is_none() {
            let error =
                DoorError::new("invalid", "a conversation of two had others in it", "ask who opened it");
            tracing::warn!("a conversation of two was not entered: others are in it");
            return Err(error);
        }
        self.groups.insert(group, membership);
        self.devices.names.news = true;
        self.note_group(group, with).await;
        self.settle(group).await;
        self.found_again(group).await;
        if let Some(with) = with {
            let name = self.groups.get(&group).map(|m| m.name_of(&with));
            let (group, account) = (group.to_string(), with.to_string());
            self.watchers
                .tell(json!({"event": "conversation", "group": group, "name": name, "account": account}));
        }
        Ok(())
    }

    fn not_joined(&mut self, error: JoinError) {
        let Some(joining) = self.joining.take() else { return };
        let error = self.not_joined_because(&error);
        self.sought_enough(false);
        if let Coming::Way(way) = joining.coming {
            self.devices.came(way.name, Some(&error));
        }
        if let Some(reply) = joining.reply {
            answer(reply, Err(error));
        }
    }
}

impl Driver {
    /// Why a join failed, in words; where nobody was found by a coordinator that is silent, that is the reason.
    fn not_joined_because(&self, error: &JoinError) -> DoorError {
        let silent = matches!(error, JoinError::NobodyAnswered { .. }).then(|| self.silent_coordinator());
        if let Some((origin, why)) = silent.flatten() {
            return DoorError::new(
                join_code(error),
                format!("nobody was found, and {origin} does not answer ({why})"),
                "see that the coordinator runs and that its name is right, then join again",
            );
        }
        DoorError::told(join_code(error), error, "ask for a new invite")
    }
}

fn join_code(error: &JoinError) -> &'static str {
    match error {
        JoinError::WrongWords { .. } => "wrong-words",
        JoinError::Burned => "burned",
        JoinError::Expired => "expired",
        JoinError::UsedUp => "used-up",
        JoinError::Closed => "closed",
        JoinError::NobodyAnswered { .. } => "nobody-answered",
        JoinError::Version { .. } => "version",
        JoinError::HostGone => "host-gone",
        JoinError::Busy => "busy",
        JoinError::NotAdmitted => "not-admitted",
        JoinError::OtherDoor { .. } => "other-door",
        JoinError::Broken => "broken",
    }
}
