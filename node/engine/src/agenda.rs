//! The room of polls and tasks: what a person asks for becomes a change of the shared document, and what changed there is told.

use halloo_crdt::document::{
    AgendaEdit, AgendaId, Edit, MAX_OPTION_BYTES, MAX_OPTIONS, MAX_QUESTION_BYTES, MAX_TITLE_BYTES, Matter,
    Poll, Task,
};
use halloo_crypto::id::AccountId;
use rand_core::Rng as _;

use crate::chat::Chat;
use crate::input::AgendaAsk;
use crate::names::edit_document;
use crate::output::{Event, PollView, Refusal, Reply, TaskView};
use crate::state::{State, name_of};

/// Polls, and tasks, that are shown: the newest ones. A group that moves together has a handful; a member that makes thousands is
/// not followed.
const MAX_SHOWN: usize = 200;

/// Does what is asked.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn obey(room: &mut Chat, state: &mut State, ask: AgendaAsk) -> Result<Reply, Refusal> {
    let edits: Vec<AgendaEdit> = match ask {
        AgendaAsk::OpenPoll { question, options } => {
            check_poll(&question, &options)?;
            let (id, at_ms) = fresh(state);
            write(room, state, vec![AgendaEdit::Ask { id, at_ms, question, options }])?;
            return Ok(Reply::Agenda(id));
        }
        AgendaAsk::AddTask { title, assigned } => {
            check_title(&title)?;
            let (id, at_ms) = fresh(state);
            write(room, state, vec![AgendaEdit::Add { id, at_ms, title, assigned }])?;
            return Ok(Reply::Agenda(id));
        }
        AgendaAsk::Vote { poll, option } => {
            let known = state.document.poll(&poll).ok_or(Refusal::Unknown("poll"))?;
            if known.closed {
                return Err(Refusal::Invalid("that poll is closed; `halloo poll new` opens another"));
            }
            if option.as_ref().is_some_and(|option| !known.options.contains(option)) {
                return Err(Refusal::Unknown("option of that poll"));
            }
            vec![AgendaEdit::Vote { poll, option }]
        }
        AgendaAsk::ClosePoll(poll) => {
            let known = state.document.poll(&poll).ok_or(Refusal::Unknown("poll"))?;
            if known.by != state.account() {
                return Err(Refusal::Invalid("only who opened a poll closes it; ask that person to"));
            }
            vec![AgendaEdit::Close(poll)]
        }
        AgendaAsk::ChangeTask { task, title, assigned } => {
            known_task(state, &task)?;
            title.as_deref().map(check_title).transpose()?;
            let title = title.map(|title| AgendaEdit::Title(task, title));
            title.into_iter().chain(assigned.map(|assigned| AgendaEdit::Assign(task, assigned))).collect()
        }
        AgendaAsk::FinishTask { task, done } => {
            let known = known_task(state, &task)?;
            // Who said so first stays the one who did.
            if known.done.is_some() == done { Vec::new() } else { vec![AgendaEdit::Done(task, done)] }
        }
        AgendaAsk::DropTask { task, dropped } => {
            let known = known_task(state, &task)?;
            if known.dropped.is_some() == dropped {
                Vec::new()
            } else {
                vec![AgendaEdit::Drop(task, dropped)]
            }
        }
    };
    if !edits.is_empty() {
        write(room, state, edits)?;
    }
    Ok(Reply::Done)
}

fn fresh(state: &mut State) -> (AgendaId, u64) {
    let mut chance = [0; 8];
    state.rng.fill_bytes(&mut chance);
    let id = AgendaId::new(&state.account(), chance);
    assert!(id.made_by(&state.account()), "one makes for oneself only");
    (id, state.now.wall_ms)
}

fn write(room: &mut Chat, state: &mut State, edits: Vec<AgendaEdit>) -> Result<(), Refusal> {
    let edits: Vec<Edit> = edits.into_iter().map(Edit::Agenda).collect();
    edit_document(room, state, &edits)
}

fn known_task(state: &State, task: &AgendaId) -> Result<Task, Refusal> {
    state.document.task(task).ok_or(Refusal::Unknown("task"))
}

fn check_title(title: &str) -> Result<(), Refusal> {
    if title.trim().is_empty() {
        return Err(Refusal::Invalid("a task needs at least one letter; say what is to be done"));
    }
    if title.len() > MAX_TITLE_BYTES {
        return Err(Refusal::TooLarge { what: "the task in bytes", max: MAX_TITLE_BYTES });
    }
    Ok(())
}

fn check_poll(question: &str, options: &[String]) -> Result<(), Refusal> {
    if question.trim().is_empty() {
        return Err(Refusal::Invalid("a poll needs a question; say what is to be decided"));
    }
    if question.len() > MAX_QUESTION_BYTES {
        return Err(Refusal::TooLarge { what: "the question in bytes", max: MAX_QUESTION_BYTES });
    }
    if options.len() > MAX_OPTIONS {
        return Err(Refusal::TooLarge { what: "the number of options", max: MAX_OPTIONS });
    }
    if options.len() < 2 || options.iter().any(|option| option.trim().is_empty()) {
        return Err(Refusal::Invalid("a poll needs two options at least, none of them empty; name them"));
    }
    if options.iter().any(|option| option.len() > MAX_OPTION_BYTES) {
        return Err(Refusal::TooLarge { what: "an option in bytes", max: MAX_OPTION_BYTES });
    }
    let twice = options.iter().enumerate().any(|(at, option)| options[..at].contains(option));
    if twice { Err(Refusal::Invalid("two options are the same; name different ones")) } else { Ok(()) }
}

/// Tells what changed in polls and tasks.
pub(crate) fn tell(state: &mut State) {
    for matter in state.document.take_touched() {
        let event = match matter {
            Matter::Poll(id) => state.document.poll(&id).map(|poll| Event::Poll(poll_view(state, poll))),
            Matter::Task(id) => state.document.task(&id).map(|task| Event::Task(task_view(state, task))),
        };
        if let Some(event) = event {
            state.durable_event(event);
        }
    }
}

/// The newest polls, oldest first.
pub(crate) fn polls(state: &State) -> Vec<PollView> {
    let mut polls = state.document.polls();
    polls.sort_by_key(|poll| (poll.at_ms, poll.id));
    polls.drain(..polls.len().saturating_sub(MAX_SHOWN));
    polls.into_iter().map(|poll| poll_view(state, poll)).collect()
}

/// The newest tasks, oldest first.
pub(crate) fn tasks(state: &State) -> Vec<TaskView> {
    let mut tasks = state.document.tasks();
    tasks.sort_by_key(|task| (task.at_ms, task.id));
    tasks.drain(..tasks.len().saturating_sub(MAX_SHOWN));
    tasks.into_iter().map(|task| task_view(state, task)).collect()
}

fn poll_view(state: &State, poll: Poll) -> PollView {
    let me = state.account();
    let voters = |choice: usize| -> Vec<AccountId> {
        poll.votes.iter().filter(|(_, vote)| **vote == choice).map(|(account, _)| *account).collect()
    };
    PollView {
        id: poll.id,
        by: poll.by,
        name: name_of(state, &poll.by),
        at_ms: poll.at_ms,
        options: poll.options.iter().cloned().enumerate().map(|(at, option)| (option, voters(at))).collect(),
        closed: poll.closed,
        own: poll.by == me,
        vote: poll.votes.get(&me).copied(),
        question: poll.question,
    }
}

fn task_view(state: &State, task: Task) -> TaskView {
    TaskView {
        id: task.id,
        by: task.by,
        name: name_of(state, &task.by),
        at_ms: task.at_ms,
        title: task.title,
        assigned: task.assigned,
        done: task.done,
        dropped: task.dropped,
        own: task.by == state.account(),
    }
}
