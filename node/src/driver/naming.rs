//! Naming a coordinator: what a person types is read, the coordinator is looked at before anything depends on it, then the group is told.

use super::Driver;
use super::asks::answer;
use super::memberships::Shape;
use super::via::coordinator;
use crate::door::{DoorError, NewAsk, Reply as DoorReply};
use crate::uplink::{Standing, look_at};
use halloo_crypto::id::GroupId;
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::invite::link::Link;
use halloo_engine::input::Command;
use halloo_engine::pairing::Ticket;
use halloo_wire::origin::Origin;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

/// Looks at coordinators that may be under way: each is a person who waits.
pub(super) const LOOKS_MAX: usize = 4;

/// The word that takes the coordinator of a group away.
const OFF: &str = "off";

/// What is to be done once the coordinator has answered.
pub enum Then {
    /// Begin a group.
    Begin(NewAsk),
    /// Tell this group.
    Set(GroupId),
}

/// A coordinator was looked at.
pub struct Looked {
    origin: Origin,
    found: Result<Standing, String>,
    then: Then,
    reply: oneshot::Sender<DoorReply>,
}

/// Looks under way, and where they end.
pub struct Looks {
    done: mpsc::Receiver<Looked>,
    done_in: mpsc::Sender<Looked>,
}

impl Default for Looks {
    fn default() -> Self {
        let (done_in, done) = mpsc::channel(LOOKS_MAX);
        Looks { done, done_in }
    }
}

impl Looks {
    /// The next one that is over.
    pub async fn next(&mut self) -> Option<Looked> {
        self.done.recv().await
    }
}

impl Driver {
    /// Looks at a coordinator beside the loop, then goes on.
    pub(super) fn look_first(&self, via: &str, then: Then, reply: oneshot::Sender<DoorReply>) {
        let origin = match read_origin(via) {
            Ok(origin) => origin,
            Err(error) => return answer(reply, Err(error)),
        };
        let Ok(place) = self.looks.done_in.clone().try_reserve_owned() else {
            let next = "wait for their answers, then try again";
            return answer(
                reply,
                Err(DoorError::new("busy", "other coordinators are being looked at", next)),
            );
        };
        // The task is not waited for: its outcome is the answer.
        let _looking = tokio::spawn(async move {
            let found = look_at(&origin).await.map(|(_, standing)| standing);
            place.send(Looked { origin, found, then, reply });
        });
    }

    /// A coordinator that somebody named was looked at.
    pub(super) async fn on_looked(&mut self, looked: Looked) {
        let Looked { origin, found, then, reply } = looked;
        match (found, then) {
            (Err(why), then) => answer(reply, Err(silent(&origin, &why, &then))),
            (Ok(_), Then::Begin(ask)) => self.begin_by(ask, Some(origin), reply).await,
            (Ok(standing), Then::Set(group)) => {
                let told = json!({ "via": origin.as_str(), "coordinator": coordinator(&origin, &standing) });
                let shape: Shape = Box::new(move |_| told);
                self.command(group, Command::SetVia(Some(origin.to_string())), shape, reply).await;
            }
        }
    }

    /// `via`: tells by which coordinator a group meets, or changes it.
    pub(super) async fn via(
        &mut self,
        group: GroupId,
        named: Option<String>,
        reply: oneshot::Sender<DoorReply>,
    ) {
        match named.as_deref().map(str::trim) {
            None => {
                let via = self.via_of(&group).map(|origin| origin.to_string());
                answer(reply, Ok(json!({ "via": via, "coordinator": self.coordinator_view(&group) })));
            }
            Some(word) if word.eq_ignore_ascii_case(OFF) => {
                let shape: Shape = Box::new(|_| json!({ "via": null, "coordinator": null }));
                self.command(group, Command::SetVia(None), shape, reply).await;
            }
            Some(via) => self.look_first(via, Then::Set(group), reply),
        }
    }
}

fn silent(origin: &Origin, why: &str, then: &Then) -> DoorError {
    let next = match then {
        Then::Begin(_) => {
            "see that it runs and that the address is right; without --via the group begins on this network alone, and \
             `halloo via` names a coordinator later"
        }
        Then::Set(_) => "see that it runs and that the address is right; nothing was changed",
    };
    DoorError::new("unreachable", format!("{origin} does not answer as a coordinator ({why})"), next)
}

/// Reads where a coordinator is, as people type it: with its scheme, or only its host.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn read_origin(text: &str) -> Result<Origin, DoorError> {
    let text = text.trim();
    Origin::from_short(text).map_err(|error| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        DoorError::new("coordinator", format!("`{shown}` is no coordinator"), error.to_string())
    })
}

/// Understands what a person types or scans: the invite, and by which coordinator to look for who made it.
///
/// # Errors
/// Neither a link nor a code; what is wrong with it.
pub fn invitation(text: &str, via: Option<&str>) -> Result<(Ticket, Option<Origin>), DoorError> {
    let text = text.trim();
    let refused =
        |error: &dyn std::fmt::Display| DoorError::told("invite", error, "ask for the code or link again");
    let via = via.map(read_origin).transpose()?;
    if text.contains('#') || (text.contains(':') && !text.contains('@')) {
        let link: Link = text.parse().map_err(|error| refused(&error))?;
        let own = link.coordinator.as_deref().map(read_origin).transpose()?;
        return Ok((Ticket::Link(link), via.or(own)));
    }
    let (code, host) = match text.split_once('@') {
        Some((code, host)) => (code, Some(host)),
        None => (text, None),
    };
    let code: ShortCode = code.parse().map_err(|error| refused(&error))?;
    Ok((Ticket::Code(code), via.map_or_else(|| host.map(read_origin).transpose(), |via| Ok(Some(via)))?))
}

#[cfg(test)]
mod tests;
