//! Polls and tasks at the local door: which one is meant, and what is asked about it.

use super::asks::done;
use super::lines::SHORTEST;
use super::{Driver, memberships::Shape, reads::names};
use crate::door::{DoorError, Reply, Request};
use crate::views;
use halloo_crdt::document::AgendaId;
use halloo_crypto::id::GroupId;
use halloo_engine::engine::Engine;
use halloo_engine::input::{AgendaAsk, Command};
use halloo_engine::output::{PollView, Reply as Done};
use serde_json::{Value, json};

/// Assigns a task to no one.
const NOBODY: &str = "nobody";

impl Driver {
    /// The command of what changes polls and tasks; `None` for anything else.
    pub(super) fn about_agenda(
        &self,
        group: GroupId,
        request: &Request,
    ) -> Option<Result<(Command, Shape), DoorError>> {
        let membership = self.groups.get(&group)?;
        let engine = &membership.engine;
        let somebody = |name: &String| match name.as_str() {
            NOBODY => Ok(None),
            name => membership.member(name).map(|member| Some(member.account)),
        };
        let ask = match request {
            Request::PollNew { question, options } => {
                let ask = AgendaAsk::OpenPoll { question: question.clone(), options: options.clone() };
                return Some(Ok((Command::Agenda(ask), made("poll"))));
            }
            Request::TaskNew { title, assigned } => {
                let ask = assigned.as_ref().map(somebody).transpose().map(|assigned| AgendaAsk::AddTask {
                    title: title.clone(),
                    assigned: assigned.flatten(),
                });
                return Some(ask.map(|ask| (Command::Agenda(ask), made("task"))));
            }
            Request::Vote { poll, option } => vote(engine, poll, option.as_deref()),
            Request::PollClose { poll } => poll_meant(engine, poll).map(|poll| AgendaAsk::ClosePoll(poll.id)),
            Request::TaskChange { task, title, assigned } => task_meant(engine, task).and_then(|task| {
                let assigned = assigned.as_ref().map(somebody).transpose()?;
                Ok(AgendaAsk::ChangeTask { task, title: title.clone(), assigned })
            }),
            Request::TaskDone { task, done } => {
                task_meant(engine, task).map(|task| AgendaAsk::FinishTask { task, done: *done })
            }
            Request::TaskDrop { task, dropped } => {
                task_meant(engine, task).map(|task| AgendaAsk::DropTask { task, dropped: *dropped })
            }
            _ => return None,
        };
        Some(ask.map(|ask| (Command::Agenda(ask), done())))
    }
}

/// The shape of the answer to what makes one.
fn made(kind: &'static str) -> Shape {
    Box::new(move |reply| match reply {
        Done::Agenda(id) => json!({ kind: id.to_string() }),
        _ => json!({}),
    })
}

/// The polls or tasks of a group.
pub(super) fn read(engine: &Engine, request: &Request) -> Option<Reply> {
    let names = names(engine);
    Some(Ok(match request {
        Request::Polls => {
            json!({"polls": engine.polls().iter().map(|poll| views::poll(poll, &names)).collect::<Vec<Value>>()})
        }
        Request::Tasks => {
            json!({"tasks": engine.tasks().iter().map(|task| views::task(task, &names)).collect::<Vec<Value>>()})
        }
        _ => return None,
    }))
}

/// A vote for the option of this number, from 1, or of this text.
fn vote(engine: &Engine, poll: &str, option: Option<&str>) -> Result<AgendaAsk, DoorError> {
    let poll = poll_meant(engine, poll)?;
    let Some(wanted) = option else { return Ok(AgendaAsk::Vote { poll: poll.id, option: None }) };
    let options: Vec<&String> = poll.options.iter().map(|(option, _)| option).collect();
    let by_text = options.iter().find(|option| option.to_lowercase() == wanted.to_lowercase());
    let number = wanted.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let chosen = by_text.or_else(|| options.get(number?));
    let chosen = chosen.ok_or_else(|| {
        let listed = options.iter().enumerate().map(|(at, option)| format!("{} {option}", at + 1));
        let listed = listed.collect::<Vec<_>>().join(", ");
        DoorError::new(
            "unknown",
            format!("{wanted} is no option of that poll"),
            format!("choose one of {listed}"),
        )
    })?;
    Ok(AgendaAsk::Vote { poll: poll.id, option: Some((*chosen).clone()) })
}

fn poll_meant(engine: &Engine, text: &str) -> Result<PollView, DoorError> {
    let mut polls = engine.polls();
    let ids: Vec<AgendaId> = polls.iter().map(|poll| poll.id).collect();
    let at = meant(&ids, text, "poll")?;
    Ok(polls.swap_remove(at))
}

fn task_meant(engine: &Engine, text: &str) -> Result<AgendaId, DoorError> {
    // The last one is the last that stands to be done.
    let tasks = engine.tasks();
    let open: Vec<AgendaId> =
        tasks.iter().filter(|t| t.done.is_none() && t.dropped.is_none()).map(|t| t.id).collect();
    let all: Vec<AgendaId> = tasks.iter().map(|task| task.id).collect();
    let ids = if text == "last" && !open.is_empty() { open } else { all };
    meant(&ids, text, "task").map(|at| ids[at])
}

/// The place of the one that is meant by `last`, or by the beginning of its id.
fn meant(ids: &[AgendaId], text: &str, kind: &str) -> Result<usize, DoorError> {
    let next = format!("`halloo {kind} list` shows them with their ids");
    let unknown = || DoorError::new("unknown", format!("no {kind} {text}"), next.clone());
    if text == "last" {
        return ids.len().checked_sub(1).ok_or_else(unknown);
    }
    let beginning = text.to_lowercase();
    let like = |id: &AgendaId| beginning.len() >= SHORTEST && id.to_string().starts_with(&beginning);
    let found: Vec<usize> = (0..ids.len()).filter(|at| like(&ids[*at])).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(unknown()),
        _ => Err(DoorError::new("ambiguous", format!("several begin with {text}"), "give more of the id")),
    }
}
