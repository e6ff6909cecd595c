//! `halloo poll` and `halloo task`: what can be typed, what is asked for it, how the answer reads.

use super::lines::plain;
use super::show::{short, text};
use crate::door::Request;
use crate::terminal::line;
use anyhow::{Result, bail};
use clap::Subcommand;
use serde_json::Value;

/// What can be done with polls.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PollCommand {
    /// Show the polls, their votes and their ids
    List,
    /// Ask the group: a question and two to ten options
    New {
        /// For instance "Where do we sleep?"
        question: String,
        /// What can be chosen
        #[arg(required = true)]
        options: Vec<String>,
    },
    /// Vote, or vote otherwise; all your devices together have one vote
    Vote {
        /// `last`, or the id that `list` shows
        poll: String,
        /// The number of the option, or its text
        #[arg(required_unless_present = "none")]
        option: Option<String>,
        /// Take the vote back
        #[arg(long, conflicts_with = "option")]
        none: bool,
    },
    /// Close a poll of yours; votes of those who have not heard of it yet still count
    Close {
        /// `last`, or the id that `list` shows
        poll: String,
    },
}

/// What can be done with tasks.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum TaskCommand {
    /// Show what is to be done, with ids
    List {
        /// Also what is done or dropped
        #[arg(long)]
        all: bool,
    },
    /// Note something that is to be done
    Add {
        /// What
        #[arg(required = true)]
        title: Vec<String>,
        /// By whom: a member's name or the beginning of an account id
        #[arg(long = "for", value_name = "NAME")]
        assigned: Option<String>,
    },
    /// Say that it is done
    Done {
        /// `last`, or the id that `list` shows
        task: String,
        /// Say that it is not
        #[arg(long)]
        undo: bool,
    },
    /// Say otherwise what is to be done, or by whom
    Change {
        /// `last`, or the id that `list` shows
        task: String,
        /// What
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        /// By whom; `nobody` for no one in particular
        #[arg(long = "for", value_name = "NAME")]
        assigned: Option<String>,
    },
    /// Say that it need not be done
    Drop {
        /// `last`, or the id that `list` shows
        task: String,
        /// Say that it must be after all
        #[arg(long)]
        undo: bool,
    },
}

/// The request of a poll command.
pub fn poll_request(what: Option<&PollCommand>) -> Request {
    match what.cloned().unwrap_or(PollCommand::List) {
        PollCommand::List => Request::Polls,
        PollCommand::New { question, options } => Request::PollNew { question, options },
        PollCommand::Vote { poll, option, .. } => Request::Vote { poll, option },
        PollCommand::Close { poll } => Request::PollClose { poll },
    }
}

/// The request of a task command.
///
/// # Errors
/// A change of nothing.
pub fn task_request(what: Option<&TaskCommand>) -> Result<Request> {
    Ok(match what.cloned().unwrap_or(TaskCommand::List { all: false }) {
        TaskCommand::List { .. } => Request::Tasks,
        TaskCommand::Add { title, assigned } => Request::TaskNew { title: title.join(" "), assigned },
        TaskCommand::Done { task, undo } => Request::TaskDone { task, done: !undo },
        TaskCommand::Change { title: None, assigned: None, .. } => {
            bail!("nothing is to change; give --title TEXT or --for NAME")
        }
        TaskCommand::Change { task, title, assigned } => Request::TaskChange { task, title, assigned },
        TaskCommand::Drop { task, undo } => Request::TaskDrop { task, dropped: !undo },
    })
}

/// The answer to a poll or task command.
///
/// # Errors
/// A closed pipe.
pub fn answer(answer: &Value, all: bool) -> Result<()> {
    for made in ["poll", "task"] {
        if let Some(id) = answer[made].as_str() {
            return line(id);
        }
    }
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    rows("polls").iter().try_for_each(|row| line(&poll(row)))?;
    let open = |row: &&Value| all || (row["done_by"].is_null() && row["dropped_by"].is_null());
    rows("tasks").iter().filter(open).try_for_each(|row| line(&task(row)))
}

/// A poll, a line for the question and one for each option.
pub fn poll(p: &Value) -> String {
    let closed = if p["closed"] == true { "  (closed)" } else { "" };
    let (id, from) = (short(p, "poll"), plain(text(p, "from")));
    let mut out = format!("{id}  {from} asks: {}{closed}", plain(text(p, "question")));
    for (at, option) in p["options"].as_array().into_iter().flatten().enumerate() {
        let names: Vec<String> =
            option["names"].as_array().into_iter().flatten().filter_map(Value::as_str).map(plain).collect();
        let mine = if p["vote"].as_u64() == Some(at as u64 + 1) { '*' } else { ' ' };
        let (votes, by) = (&option["votes"], names.join(", "));
        let row = format!("\n  {mine} {}  {}  {votes}  {by}", at + 1, plain(text(option, "option")));
        out.push_str(row.trim_end());
    }
    out
}

/// A task, one line.
pub fn task(t: &Value) -> String {
    let state = match (t["done_by"].is_null(), t["dropped_by"].is_null()) {
        (_, false) => format!("  (dropped by {})", plain(text(t, "dropped_name"))),
        (false, true) => format!("  (done by {})", plain(text(t, "done_name"))),
        (true, true) => String::new(),
    };
    let mark = if t["done_by"].is_null() { ' ' } else { 'x' };
    let assigned = t["for_name"].as_str().map(|name| format!("  for {}", plain(name)));
    let (id, title) = (short(t, "task"), plain(text(t, "title")));
    format!("{id}  [{mark}] {title}{}{state}", assigned.unwrap_or_default())
}
