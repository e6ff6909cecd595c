//! The end of a node: what the others still lack is left for them first, where a coordinator answers.

use super::Driver;
use super::asks::answer;
use crate::door::Reply as DoorReply;
use halloo_engine::input::{Input, WakeReason};
use halloo_engine::time::Time;
use serde_json::json;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the end waits for a coordinator to take what is left with it: deposits are gathered for a fifth of a second and take a few
/// round trips. What it does not take in this time lies in the store and is left at the next start.
const PATIENCE: Duration = Duration::from_secs(5);

/// An end that waits.
#[derive(Debug)]
pub(super) struct Parting {
    reply: oneshot::Sender<DoorReply>,
    until: Time,
}

impl Driver {
    /// Begins to end: the loop goes on until [`Driver::has_parted`].
    pub(super) async fn part(&mut self, reply: oneshot::Sender<DoorReply>) {
        if self.parting.is_some() {
            return answer(reply, Ok(json!({})));
        }
        for group in self.groups.ids() {
            self.feed(group, Input::Wake(WakeReason::Leaving)).await;
        }
        self.parting = Some(Parting { reply, until: super::now().mono.after(PATIENCE) });
    }

    /// When the end waits no longer.
    pub(super) fn parting_deadline(&self) -> Option<Time> {
        self.parting.as_ref().map(|parting| parting.until)
    }

    /// Whether nothing is left to wait for; who asked for the end is answered then.
    pub(super) fn has_parted(&mut self) -> bool {
        let Some(parting) = &self.parting else { return false };
        let waits = super::now().mono < parting.until && self.a_coordinator_answers();
        if waits && self.groups.iter().any(|(_, member)| member.engine.leaves_mail()) {
            return false;
        }
        if let Some(parting) = self.parting.take() {
            answer(parting.reply, Ok(json!({})));
        }
        true
    }
}
