//! Requests of the local door: some are answered at once from what an engine knows, some become commands.

use super::memberships::{Pending, Shape};
use super::{Driver, now};
use crate::door::{Asked, DoorError, FixAsk, InviteAsk, Reply as DoorReply, Request, TalkAsk, TrackAsk};
use crate::net::NetCommand;
use crate::views;
use halloo_crdt::log::History;
use halloo_crypto::id::GroupId;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::Reply;
use halloo_engine::place::Fix;
use halloo_wire::origin::Origin;
use serde_json::json;
use std::time::Duration;
use tokio::sync::oneshot;

/// Accuracy of a position that someone types, metres: as good as a pin on a map.
const TYPED_ACCURACY_M: f64 = 10.0;

/// The fastest that somebody moves, metres a second: three times the speed of sound.
const SPEED_MAX_MPS: f64 = 1_000.0;

type Waiter = oneshot::Sender<DoorReply>;

impl Driver {
    /// Serves one request.
    pub(super) async fn on_asked(&mut self, asked: Asked) {
        let Asked { group, request, reply } = asked;
        match request {
            Request::Stop => self.part(reply).await,
            Request::Groups => answer(reply, Ok(self.groups_view())),
            Request::Calls => answer(reply, Ok(self.calls_view())),
            Request::Wake => answer(reply, Ok(self.wake_view())),
            Request::WakeBy(ask) => self.wake_by(Some(ask), reply).await,
            Request::WakeOff => self.wake_by(None, reply).await,
            Request::RestToken => answer(reply, self.rest_token()),
            Request::New(ask) => self.begin(ask, reply).await,
            Request::Join(ask) => self.join(ask, reply).await,
            Request::Devices => answer(reply, Ok(self.devices_view())),
            Request::DeviceAdd => self.device_add(reply),
            Request::DeviceJoin(ask) => self.device_join(ask, reply).await,
            Request::DeviceRevoke { device } => self.device_revoke(&device, reply).await,
            Request::Key => answer(reply, Ok(self.keeper.view())),
            Request::Backup(ask) => self.back_up(ask, reply),
            Request::BackupWords { home } => self.back_up_words(home, reply),
            Request::Restoring => self.restoring(reply),
            Request::KeyRotate => self.keeper.rotate(reply),
            Request::KeyClose(ask) => self.keeper.close(ask, reply),
            Request::Name { name } => self.rename(&name, reply).await,
            request => match self.meant(group.as_deref(), &request) {
                Err(error) => answer(reply, Err(error)),
                Ok(group) => self.on_group_request(group, request, reply).await,
            },
        }
    }

    /// The group that a request is for. What is about the voice is for the call that runs, unless a group is named.
    fn meant(&mut self, named: Option<&str>, request: &Request) -> Result<GroupId, DoorError> {
        let voice = matches!(
            request,
            Request::Hush
                | Request::Push { .. }
                | Request::Gain { .. }
                | Request::MuteMicrophone { .. }
                | Request::MuteSpeaker { .. }
        );
        match self.voice.group().filter(|_| voice && named.is_none()) {
            Some(group) => Ok(group),
            None => self.groups.meant(named),
        }
    }

    async fn on_group_request(&mut self, group: GroupId, request: Request, reply: Waiter) {
        match request {
            Request::Call { to } => self.call(group, &to, reply).await,
            Request::Send { to, text } => self.send_to(group, &to, text, reply).await,
            Request::Talk(ask) => self.talk(group, &ask, reply).await,
            Request::Via { origin } => self.via(group, origin, reply).await,
            Request::Hush => {
                if self.voice.group() == Some(group) {
                    self.voice.stop().await;
                }
                self.command(group, Command::LeaveCall, done(), reply).await;
            }
            Request::Push { on } => answer(reply, self.voice.push(on).map(|()| json!({}))),
            Request::Gain { member, gain } => {
                let outcome = self.gain(group, &member, gain);
                answer(reply, outcome);
            }
            Request::Track(ask) => self.read_track(group, ask, reply),
            Request::Fix(ask) => {
                let outcome = self.fix(group, &ask).await;
                answer(reply, outcome);
            }
            Request::CloseInvites => self.close_invites(group, reply).await,
            Request::Read { message } => self.mark_read(group, message.as_deref(), reply).await,
            Request::Offer { file } => {
                crate::tap::follow(file.into(), self.offered_in.clone());
                answer(reply, Ok(json!({})));
            }
            Request::Isolate => {
                self.isolated = true;
                answer(reply, Ok(json!({})));
            }
            Request::Plant { text } => {
                let topic =
                    halloo_mesh::Topic(halloo_crypto::kdf::hash("halloo planted", &[text.as_bytes()]));
                self.carry(NetCommand::Publish { topic, bytes: text.into_bytes() }).await;
                answer(reply, Ok(json!({})));
            }
            other => match self.read(group, &other) {
                Some(answered) => answer(reply, answered),
                None => self.change(group, other, reply).await,
            },
        }
    }

    /// Enters the call with this sound, muted or not; in a running call only the sound changes.
    async fn talk(&mut self, group: GroupId, ask: &TalkAsk, reply: Waiter) {
        let entering = self.voice.group().is_none();
        if let Err(error) = self.voice.start(group, ask).await {
            return answer(reply, Err(error));
        }
        if entering {
            // Two open microphones of one person in one room would echo for the others.
            let muted = ask.muted || self.sibling_in_call(group);
            self.voice.mute_microphone(muted);
            let (ignored, _) = oneshot::channel();
            self.command(group, Command::MuteMicrophone(muted), done(), ignored).await;
        }
        self.command(group, Command::JoinCall, done(), reply).await;
    }

    /// Reads a track beside the loop, because a day of points takes a while, and hands it to the loop.
    fn read_track(&self, group: GroupId, ask: TrackAsk, reply: Waiter) {
        let ready = self.read_tracks_in.clone();
        // The task is not waited for: its outcome is the answer.
        let _reading = tokio::task::spawn_blocking(move || {
            let outcome = crate::track::Track::open(&ask, now().wall_ms).and_then(|track| {
                let points = track.len();
                let stopped =
                    |_| DoorError::new("stopped", "halloo is stopping", "start it again with `halloo up`");
                ready.blocking_send((group, track)).map_err(stopped)?;
                Ok(json!({ "points": points }))
            });
            answer(reply, outcome);
        });
    }

    /// What changes something: one command, answered when it is durable.
    async fn change(&mut self, group: GroupId, request: Request, reply: Waiter) {
        match self.to_command(group, request) {
            Err(error) => answer(reply, Err(error)),
            Ok((command, shape)) => {
                if let Command::MuteMicrophone(on) = &command {
                    self.voice.mute_microphone(*on);
                }
                if let Command::MuteSpeaker(on) = &command {
                    self.voice.mute_speaker(*on);
                }
                self.command(group, command, shape, reply).await;
            }
        }
    }

    fn to_command(&self, group: GroupId, request: Request) -> Result<(Command, Shape), DoorError> {
        let member = |name: &str| {
            let membership = self
                .groups
                .get(&group)
                .ok_or_else(|| DoorError::new("unknown", "no such group", "`halloo groups`"))?;
            membership.member(name)
        };
        if let Some(asked) = self.about_line(group, &request).or_else(|| self.about_agenda(group, &request)) {
            return asked;
        }
        let command = match request {
            Request::Say { text, reply_to } => {
                let reply_to = reply_to.map(|text| self.line(group, &text, false)).transpose()?;
                return Ok((Command::Say { text, reply_to }, said()));
            }
            Request::Share { seconds } => {
                Command::Share { lease: (seconds > 0).then(|| Duration::from_secs(seconds)) }
            }
            Request::Precision { precision } => Command::SetPrecision(precision.into()),
            Request::Invite(ask) => return Ok((invite(&ask)?, invited(self.via_of(&group)))),
            Request::Remove { member: name } => Command::Remove(member(&name)?.account),
            Request::Role { member: name, role: word } => {
                Command::SetRole { account: member(&name)?.account, role: role(&word)? }
            }
            Request::Rename { name } => Command::Rename(name),
            Request::SetHistory { lines, days } => Command::SetHistory(History { lines, days }),
            Request::Leave => Command::Leave,
            Request::MuteMicrophone { on } => Command::MuteMicrophone(on),
            Request::MuteSpeaker { on } => Command::MuteSpeaker(on),
            other => {
                return Err(DoorError::new(
                    "malformed",
                    format!("{other:?} is not for a group"),
                    "see `halloo help`",
                ));
            }
        };
        Ok((command, done()))
    }

    /// Gives a command to an engine and notes who waits for its answer.
    pub(super) async fn command(&mut self, group: GroupId, command: Command, shape: Shape, reply: Waiter) {
        if let Some(error) = &self.disk_full {
            return answer(reply, Err(error.clone()));
        }
        let (request, input) = self.groups.request(command);
        let Some(membership) = self.groups.get_mut(&group) else { return };
        if membership.expect(request, Pending { to: reply, shape }) {
            self.feed(group, input).await;
        }
    }

    async fn fix(&mut self, group: GroupId, ask: &FixAsk) -> DoorReply {
        let fix = Fix {
            lat_deg: ask.latitude,
            lon_deg: ask.longitude,
            accuracy_m: ask.accuracy.map_or(TYPED_ACCURACY_M, f64::from),
            altitude_m: None,
            speed_mps: ask.speed,
            heading_deg: ask.heading,
            time_ms: now().wall_ms,
        };
        let slow = ask.speed.is_none_or(|speed| (0.0..=SPEED_MAX_MPS).contains(&speed));
        if !slow || ask.heading.is_some_and(|heading| !(0.0..360.0).contains(&heading)) {
            return Err(DoorError::new(
                "invalid",
                "nobody moves like that",
                format!("speed is 0 to {SPEED_MAX_MPS} metres a second, heading 0 to below 360 degrees"),
            ));
        }
        if !crate::track::on_earth(&fix) {
            return Err(DoorError::new(
                "invalid",
                "that is no place on earth",
                "latitude is -90 to 90 degrees, longitude -180 to 180, accuracy at least 0 metres",
            ));
        }
        self.feed(group, Input::Fix(fix)).await;
        Ok(json!({}))
    }

    /// A one-time token for the door on loopback.
    fn rest_token(&self) -> DoorReply {
        let shut = || {
            let next = "end halloo and start it with `halloo up --rest`";
            DoorError::new("not-open", "the door for browsers and other languages is not open", next)
        };
        let made = self.entrance.as_ref().ok_or_else(shut)?.token();
        let made = made.map_err(|error| DoorError::new("world", error.to_string(), "restart"))?;
        Ok(json!({ "token": made.token, "url": made.url }))
    }

    fn gain(&mut self, group: GroupId, member: &str, gain: f32) -> DoorReply {
        if !(0.0..=4.0).contains(&gain) {
            return Err(DoorError::new(
                "invalid",
                format!("{gain} is no volume"),
                "0 silences, 1 is as sent, 4 is the most",
            ));
        }
        let membership = self
            .groups
            .get(&group)
            .ok_or_else(|| DoorError::new("unknown", "no such group", "`halloo groups`"))?;
        for device in membership.member(member)?.devices {
            self.voice.gain(device.device, gain)?;
        }
        Ok(json!({}))
    }

    /// Marks all up to a message as read, without one all there is.
    async fn mark_read(&mut self, group: GroupId, message: Option<&str>, reply: Waiter) {
        let newest = || self.groups.get(&group)?.engine.timeline(None, 1).entries.pop().map(|line| line.id);
        let message = match message.map(|text| self.line(group, text, false)).transpose() {
            Err(error) => return answer(reply, Err(error)),
            Ok(named) => named.or_else(newest),
        };
        match message {
            None => answer(reply, Ok(json!({}))),
            Some(message) => self.command(group, Command::MarkRead { message }, done(), reply).await,
        }
    }

    async fn close_invites(&mut self, group: GroupId, reply: Waiter) {
        let open = self.groups.get(&group).map(|m| m.engine.invites()).unwrap_or_default();
        let mine: Vec<_> =
            open.into_iter().filter(|i| i.open && i.link.is_some()).map(|i| i.invite).collect();
        let count = mine.len();
        for invite in mine {
            let (ignored, _) = oneshot::channel();
            self.command(group, Command::CloseInvite(invite), done(), ignored).await;
        }
        answer(reply, Ok(json!({ "closed": count })));
    }
}

/// Answers a waiter; one that is gone needs no answer.
pub(super) fn answer(reply: Waiter, outcome: DoorReply) {
    let _gone = reply.send(outcome);
}

/// The shape of an answer without content.
pub(super) fn done() -> Shape {
    Box::new(|_| json!({}))
}

/// The shape of the answer to a message.
pub(super) fn said() -> Shape {
    Box::new(|reply| match reply {
        Reply::Message(id) => json!({ "message": id.to_string() }),
        _ => json!({}),
    })
}

fn invited(via: Option<Origin>) -> Shape {
    Box::new(move |reply| match reply {
        Reply::Invite(view) => json!({ "invite": super::via::named(views::invite(&view), via.as_ref()) }),
        _ => json!({}),
    })
}

fn invite(ask: &InviteAsk) -> Result<Command, DoorError> {
    let expiry = Duration::from_secs(ask.seconds);
    Ok(Command::Invite { max_uses: ask.uses, expiry, role: role(&ask.role)? })
}

fn role(word: &str) -> Result<halloo_crdt::log::Role, DoorError> {
    views::role_of(word).ok_or_else(|| {
        DoorError::new("invalid", format!("{word} is no role"), "owner, admin, moderator or member")
    })
}
