//! Polls and tasks in the document: their keys, who may write which, and what a reader makes of them.
//!
//! ```text
//!   <id>                        48 hex: 8 bytes of chance, then the first 16 bytes of its maker's account
//!   poll|task/<id>/by           text   the maker's account                     only the maker
//!   poll|task/<id>/at           whole  when, by the maker's clock, for display  only the maker
//!   poll/<id>/question          text                                           only the maker
//!   poll/<id>/option/<0..9>     text   from 0 without gaps, all different       only the maker
//!   poll/<id>/closed            yes                                            only the maker
//!   poll/<id>/vote/<account>    text   the option itself                       only that account
//!   task/<id>/title             text
//!   task/<id>/for               text   the account that shall do it
//!   task/<id>/done, dropped     text   the account that says so                 only that account; anybody takes it away
//! ```
//!
//! A person has one vote, whatever its devices do while they do not hear each other: there is one key for it. A vote names its option
//! by its text, so a maker that changes an option afterwards loses the votes for it and cannot turn them. What is not of this shape is kept
//! and not shown.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::base16;
use halloo_crypto::id::AccountId;

use super::change::Value;
use super::{Document, DocumentError};

/// Longest question of a poll, bytes of UTF-8.
pub const MAX_QUESTION_BYTES: usize = 512;
/// Most options of a poll: what a person can weigh.
pub const MAX_OPTIONS: usize = 10;
/// Longest option, bytes of UTF-8.
pub const MAX_OPTION_BYTES: usize = 128;
/// Longest title of a task, bytes of UTF-8.
pub const MAX_TITLE_BYTES: usize = 256;

/// Names a poll or a task. See the module's first lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgendaId([u8; 24]);

impl AgendaId {
    /// Of something that this account makes; `chance` is random.
    pub fn new(maker: &AccountId, chance: [u8; 8]) -> Self {
        let mut id = [0; 24];
        let (head, tail) = id.split_at_mut(8);
        head.copy_from_slice(&chance);
        tail.copy_from_slice(&maker.as_bytes()[..16]);
        assert!(Self(id).made_by(maker), "an id names its maker");
        Self(id)
    }

    /// Whether this account made it: nobody finds another account that begins with the same 16 bytes.
    pub fn made_by(&self, account: &AccountId) -> bool {
        self.0[8..] == account.as_bytes()[..16]
    }
}

impl std::fmt::Display for AgendaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&base16::encode(&self.0))
    }
}

/// A poll or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// A poll.
    Poll(AgendaId),
    /// A task.
    Task(AgendaId),
}

impl Matter {
    /// What a key is about, and the rest of the key.
    fn of(key: &str) -> Option<(Self, &str)> {
        let (kind, rest) = key.split_once('/')?;
        let (id, field) = rest.split_once('/')?;
        let id = AgendaId(unhex(id)?);
        match kind {
            "poll" => Some((Self::Poll(id), field)),
            "task" => Some((Self::Task(id), field)),
            _ => None,
        }
    }

    /// What a key is about, if about a poll or a task.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        Self::of(key).map(|(matter, _)| matter)
    }
}

/// A question, and who is for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Which.
    pub id: AgendaId,
    /// Who asks.
    pub by: AccountId,
    /// When it was asked, by that clock, Unix milliseconds; display only.
    pub at_ms: u64,
    /// The question.
    pub question: String,
    /// What can be chosen: 2 to [`MAX_OPTIONS`], all different.
    pub options: Vec<String>,
    /// Whose vote is for which option.
    pub votes: BTreeMap<AccountId, usize>,
    /// Whether who asks has closed it. A vote of somebody who had not heard of that counts.
    pub closed: bool,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Which.
    pub id: AgendaId,
    /// Who made it.
    pub by: AccountId,
    /// When, by that clock, Unix milliseconds; display only.
    pub at_ms: u64,
    /// What is to be done.
    pub title: String,
    /// Who shall do it.
    pub assigned: Option<AccountId>,
    /// Who says that it is done.
    pub done: Option<AccountId>,
    /// Who says that it need not be done.
    pub dropped: Option<AccountId>,
}

/// One change of polls and tasks that a person makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgendaEdit {
    /// Asks a question.
    Ask {
        /// Made by who asks.
        id: AgendaId,
        /// When.
        at_ms: u64,
        /// The question.
        question: String,
        /// What can be chosen.
        options: Vec<String>,
    },
    /// Votes, or takes the vote back.
    Vote {
        /// Which poll.
        poll: AgendaId,
        /// The option's text.
        option: Option<String>,
    },
    /// Closes one's own poll.
    Close(AgendaId),
    /// Makes a task.
    Add {
        /// Made by who adds it.
        id: AgendaId,
        /// When.
        at_ms: u64,
        /// What is to be done.
        title: String,
        /// Who shall do it.
        assigned: Option<AccountId>,
    },
    /// Says otherwise what is to be done.
    Title(AgendaId, String),
    /// Says who shall do it.
    Assign(AgendaId, Option<AccountId>),
    /// Says that it is done, or that it is not.
    Done(AgendaId, bool),
    /// Says that it need not be done, or that it must be after all.
    Drop(AgendaId, bool),
}

pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut id = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

/// Whether devices of `account` may write this value under a key of a poll or a task; keys of another shape are anybody's.
pub(super) fn may_write(account: &AccountId, key: &str, value: Option<&Value>) -> bool {
    let says_so = |value: Option<&Value>| match value {
        None => true,
        Some(Value::Text(who)) => *who == account.to_string(),
        Some(_) => false,
    };
    match Matter::of(key) {
        None => true,
        Some((Matter::Poll(id), field)) => match field.strip_prefix("vote/") {
            Some(voter) => voter == account.to_string(),
            None => id.made_by(account),
        },
        Some((Matter::Task(id), "by" | "at")) => id.made_by(account),
        Some((Matter::Task(_), "done" | "dropped")) => says_so(value),
        Some((Matter::Task(_), _)) => true,
    }
}

fn sized(what: &'static str, text: &str, max: usize) -> Result<Option<Value>, DocumentError> {
    let fits = !text.trim().is_empty() && text.len() <= max;
    if fits { Ok(Some(Value::Text(text.to_owned()))) } else { Err(DocumentError::Value(what)) }
}

/// The keys that an edit sets (or, with `None`, removes).
pub(super) fn writes(
    account: &AccountId,
    edit: &AgendaEdit,
) -> Result<Vec<(String, Option<Value>)>, DocumentError> {
    let me = Value::Text(account.to_string());
    let made = |kind: &str, id: &AgendaId, at_ms: u64| {
        if !id.made_by(account) {
            return Err(DocumentError::Value("id"));
        }
        let at = i64::try_from(at_ms).map_err(|_| DocumentError::Value("time"))?;
        Ok(vec![
            (format!("{kind}/{id}/by"), Some(me.clone())),
            (format!("{kind}/{id}/at"), Some(Value::Int(at))),
        ])
    };
    let person = |account: &Option<AccountId>| account.map(|account| Value::Text(account.to_string()));
    Ok(match edit {
        AgendaEdit::Ask { id, at_ms, question, options } => {
            let different: BTreeSet<&String> = options.iter().collect();
            if !(2..=MAX_OPTIONS).contains(&options.len()) || different.len() != options.len() {
                return Err(DocumentError::Value("options"));
            }
            let mut writes = made("poll", id, *at_ms)?;
            writes.push((format!("poll/{id}/question"), sized("question", question, MAX_QUESTION_BYTES)?));
            for (n, option) in options.iter().enumerate() {
                writes.push((format!("poll/{id}/option/{n}"), sized("option", option, MAX_OPTION_BYTES)?));
            }
            assert!(writes.len() <= MAX_OPTIONS + 3, "a poll fits one change");
            writes
        }
        AgendaEdit::Vote { poll, option } => {
            let option = option.as_ref().map(|option| sized("option", option, MAX_OPTION_BYTES));
            vec![(format!("poll/{poll}/vote/{account}"), option.transpose()?.flatten())]
        }
        AgendaEdit::Close(poll) => {
            if !poll.made_by(account) {
                return Err(DocumentError::Value("id"));
            }
            vec![(format!("poll/{poll}/closed"), Some(Value::Bool(true)))]
        }
        AgendaEdit::Add { id, at_ms, title, assigned } => {
            let mut writes = made("task", id, *at_ms)?;
            writes.push((format!("task/{id}/title"), sized("title", title, MAX_TITLE_BYTES)?));
            writes.push((format!("task/{id}/for"), person(assigned)));
            writes
        }
        AgendaEdit::Title(task, title) => {
            vec![(format!("task/{task}/title"), sized("title", title, MAX_TITLE_BYTES)?)]
        }
        AgendaEdit::Assign(task, assigned) => vec![(format!("task/{task}/for"), person(assigned))],
        AgendaEdit::Done(task, done) => vec![(format!("task/{task}/done"), done.then_some(me))],
        AgendaEdit::Drop(task, dropped) => vec![(format!("task/{task}/dropped"), dropped.then_some(me))],
    })
}

/// What is known of one poll or task: field -> value.
type Fields<'a> = BTreeMap<&'a str, &'a Value>;

fn text<'a>(fields: &Fields<'a>, field: &str, max: usize) -> Option<&'a str> {
    match fields.get(field) {
        Some(Value::Text(text)) if !text.trim().is_empty() && text.len() <= max => Some(text),
        _ => None,
    }
}

fn account(fields: &Fields<'_>, field: &str) -> Option<AccountId> {
    text(fields, field, 64)?.parse().ok()
}

/// Who made it and when: without that it is not there.
fn made(id: &AgendaId, fields: &Fields<'_>) -> Option<(AccountId, u64)> {
    let by = account(fields, "by").filter(|by| id.made_by(by))?;
    let Some(Value::Int(at)) = fields.get("at") else { return None };
    Some((by, u64::try_from(*at).ok()?))
}

fn poll(id: AgendaId, fields: &Fields<'_>) -> Option<Poll> {
    let (by, at_ms) = made(&id, fields)?;
    let question = text(fields, "question", MAX_QUESTION_BYTES)?.to_owned();
    let mut options: Vec<String> = Vec::new();
    while let Some(option) = text(fields, &format!("option/{}", options.len()), MAX_OPTION_BYTES) {
        options.push(option.to_owned());
    }
    let different: BTreeSet<&String> = options.iter().collect();
    if !(2..=MAX_OPTIONS).contains(&options.len()) || different.len() != options.len() {
        return None;
    }
    let votes = fields.iter().filter_map(|(field, value)| {
        let voter = field.strip_prefix("vote/")?.parse().ok()?;
        let Value::Text(choice) = value else { return None };
        Some((voter, options.iter().position(|option| option == choice)?))
    });
    let votes: BTreeMap<AccountId, usize> = votes.collect();
    assert!(votes.values().all(|choice| *choice < options.len()), "a vote is for an option that there is");
    let closed = matches!(fields.get("closed"), Some(Value::Bool(true)));
    Some(Poll { id, by, at_ms, question, options, votes, closed })
}

fn task(id: AgendaId, fields: &Fields<'_>) -> Option<Task> {
    let (by, at_ms) = made(&id, fields)?;
    let title = text(fields, "title", MAX_TITLE_BYTES)?.to_owned();
    let (assigned, done) = (account(fields, "for"), account(fields, "done"));
    Some(Task { id, by, at_ms, title, assigned, done, dropped: account(fields, "dropped") })
}

impl Document {
    fn fields_of(&self, kind: &str) -> BTreeMap<AgendaId, Fields<'_>> {
        let mut all: BTreeMap<AgendaId, Fields<'_>> = BTreeMap::new();
        for (rest, value) in self.registers.under(kind) {
            let Some((id, field)) = rest.split_once('/') else { continue };
            if let Some(id) = unhex(id) {
                all.entry(AgendaId(id)).or_default().insert(field, value);
            }
        }
        all
    }

    /// All polls that are whole, by id.
    pub fn polls(&self) -> Vec<Poll> {
        self.fields_of("poll").iter().filter_map(|(id, fields)| poll(*id, fields)).collect()
    }

    /// All tasks that are whole, by id.
    pub fn tasks(&self) -> Vec<Task> {
        self.fields_of("task").iter().filter_map(|(id, fields)| task(*id, fields)).collect()
    }

    /// One poll, if it is whole.
    pub fn poll(&self, id: &AgendaId) -> Option<Poll> {
        poll(*id, &self.registers.under(&format!("poll/{id}")).collect())
    }

    /// One task, if it is whole.
    pub fn task(&self, id: &AgendaId) -> Option<Task> {
        task(*id, &self.registers.under(&format!("task/{id}")).collect())
    }

    /// The polls and tasks that changed since this was asked the last time.
    pub fn take_touched(&mut self) -> BTreeSet<Matter> {
        core::mem::take(&mut self.touched)
    }

    /// Notes which polls and tasks are others than before.
    pub(super) fn touch_what_differs(&mut self, before: &(Vec<Poll>, Vec<Task>)) {
        let polls = differing(&before.0, &self.polls(), |poll| Matter::Poll(poll.id));
        let tasks = differing(&before.1, &self.tasks(), |task| Matter::Task(task.id));
        self.touched.extend(polls);
        self.touched.extend(tasks);
    }
}

fn differing<T: PartialEq>(before: &[T], after: &[T], matter: fn(&T) -> Matter) -> BTreeSet<Matter> {
    let by_matter =
        |all| -> BTreeMap<Matter, &T> { <[T]>::iter(all).map(|one| (matter(one), one)).collect() };
    let (before, after) = (by_matter(before), by_matter(after));
    let all: BTreeSet<Matter> = before.keys().chain(after.keys()).copied().collect();
    all.into_iter().filter(|matter| before.get(matter) != after.get(matter)).collect()
}
