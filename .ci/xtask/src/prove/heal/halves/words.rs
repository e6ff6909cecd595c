//! What the halves do to what all had before the split: edits, reactions, a line taken back, votes, one task changed on both sides.
//!
//! ```text
//!  before      Ana: a line, a poll, a task    Dan: a line         Eva: a line
//!  near, Ana   edits hers, reacts to Dan's, votes, renames the task
//!  far         Dan edits his, reacts to Ana's, votes, gives the task to Eva; Eva reacts to Dan's, takes hers back, votes, finishes the task
//!  after       all of it at everybody whom it is for
//! ```

use super::stage::{Cast, Line, NAMES, STAY};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long all may take to show the same after they are one group.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(150);
/// Who was there before the split and stays.
const OLD: [usize; 3] = [0, 3, 4];

/// What was there before the split.
pub struct Words {
    ana: String,
    dan: String,
    eva: String,
    poll: String,
    task: String,
}

fn made(answer: &Value, key: &str) -> Result<String> {
    Ok(answer[key].as_str().with_context(|| format!("an answer without {key}: {answer}"))?.to_owned())
}

impl Words {
    /// Writes it, and waits until all three have it.
    pub fn begin(cast: &Cast<'_>) -> Result<(Self, Vec<Line>)> {
        let words = Words {
            ana: made(&cast.ask(0, &["say", "Ana drafts"])?, "message")?,
            dan: made(&cast.ask(3, &["say", "Dan drafts"])?, "message")?,
            eva: made(&cast.ask(4, &["say", "Eva takes this back"])?, "message")?,
            poll: made(&cast.ask(0, &["poll", "new", "where?", "hut", "tent"])?, "poll")?,
            task: made(&cast.ask(0, &["task", "add", "rope"])?, "task")?,
        };
        for at in OLD {
            cast.wait(at, "the poll", &["poll"], |answer| answer["polls"][0]["poll"] == words.poll.as_str())?;
            cast.wait(at, "the task", &["task"], |answer| answer["tasks"][0]["task"] == words.task.as_str())?;
        }
        let line = |text: &str| Line { text: text.to_owned(), owed: OLD.to_vec(), hidden_from: Vec::new() };
        Ok((words, vec![line("Ana drafts"), line("Dan drafts"), line("Eva takes this back")]))
    }

    /// What the half of this chief does to it.
    pub fn apart(&self, cast: &Cast<'_>, chief: usize) -> Result<()> {
        let near: &[(usize, &[&str])] = &[
            (0, &["edit", &self.ana, "Ana says otherwise"]),
            (0, &["react", &self.dan, "\u{1f44d}"]),
            (0, &["poll", "vote", &self.poll, "hut"]),
            (0, &["task", "change", &self.task, "--title", "rope, 30 m"]),
        ];
        let far: &[(usize, &[&str])] = &[
            (3, &["edit", &self.dan, "Dan says otherwise"]),
            (3, &["react", &self.ana, "\u{1f97e}"]),
            (3, &["poll", "vote", &self.poll, "2"]),
            (3, &["task", "change", &self.task, "--for", NAMES[4]]),
            (4, &["react", &self.dan, "\u{1f44d}"]),
            (4, &["withdraw", &self.eva]),
            (4, &["poll", "vote", &self.poll, "tent"]),
            (4, &["task", "done", &self.task]),
        ];
        let acts = if chief == 0 { near } else { far };
        acts.iter().try_for_each(|(who, act)| cast.ask(*who, act).map(drop))
    }

    /// The lines as they read afterwards.
    pub fn afterwards(lines: &mut Vec<Line>) {
        lines.retain(|line| line.text != "Eva takes this back");
        for line in lines {
            if let Some(who) = line.text.strip_suffix(" drafts") {
                line.text = format!("{who} says otherwise");
            }
        }
    }

    /// Waits until everybody shows the same, and that it is all that both halves did. How many lines are marked as written apart.
    pub fn agreed(&self, cast: &Cast<'_>) -> Result<usize> {
        let began = Instant::now();
        loop {
            let lines = OLD.map(|at| self.lines(cast, at)).into_iter().collect::<Result<Vec<_>>>()?;
            let agenda = STAY.map(|at| self.agenda(cast, at)).into_iter().collect::<Result<Vec<_>>>()?;
            let same =
                lines.iter().all(|seen| *seen == lines[0]) && agenda.iter().all(|seen| *seen == agenda[0]);
            let (shown, apart) = &lines[0];
            if same && *shown == self.wanted(cast)? && agenda[0] == wanted_agenda(cast)? {
                return Ok(apart.len());
            }
            ensure!(began.elapsed() < PATIENCE, "not the same everywhere: {lines:#?} {agenda:#?}");
            std::thread::sleep(LOOK);
        }
    }

    /// The three lines as somebody shows them, and all lines that are marked as written apart.
    fn lines(&self, cast: &Cast<'_>, at: usize) -> Result<(BTreeMap<String, Value>, Vec<String>)> {
        let log = cast.ask(at, &["log", "-n", "500"])?;
        let all = log["messages"].as_array().cloned().unwrap_or_default();
        let ours = all
            .iter()
            .filter(|m| [&self.ana, &self.dan, &self.eva].iter().any(|id| m["message"] == id.as_str()));
        let shown = |m: &Value| {
            let reactions = m["reactions"].as_array().into_iter().flatten();
            let reactions: Vec<Value> = reactions.map(|r| json!([r["emoji"], r["by"]])).collect();
            json!([m["text"], m["edited"], m["deleted"], reactions])
        };
        let ours = ours.map(|m| (m["message"].as_str().unwrap_or_default().to_owned(), shown(m))).collect();
        let apart = all.iter().filter(|m| m["apart"] == true).map(|m| m["message"].to_string()).collect();
        Ok((ours, apart))
    }

    fn wanted(&self, cast: &Cast<'_>) -> Result<BTreeMap<String, Value>> {
        let account = |at| cast.account(at);
        let mut thumbs = [account(0)?, account(4)?];
        thumbs.sort();
        let boots = json!([["\u{1f97e}", [account(3)?]]]);
        Ok(BTreeMap::from([
            (self.ana.clone(), json!(["Ana says otherwise", true, false, boots])),
            (self.dan.clone(), json!(["Dan says otherwise", true, false, [["\u{1f44d}", thumbs]]])),
            (self.eva.clone(), json!(["", false, true, []])),
        ]))
    }

    /// The poll and the task as somebody shows them.
    fn agenda(&self, cast: &Cast<'_>, at: usize) -> Result<Value> {
        let (polls, tasks) = (cast.ask(at, &["poll"])?, cast.ask(at, &["task", "list", "--all"])?);
        let options = polls["polls"][0]["options"].as_array().cloned().unwrap_or_default();
        let options: Vec<Value> = options.iter().map(|option| option["by"].clone()).collect();
        let task = &tasks["tasks"][0];
        Ok(json!([options, task["title"], task["for"], task["done_by"]]))
    }
}

fn wanted_agenda(cast: &Cast<'_>) -> Result<Value> {
    let mut tent = [cast.account(3)?, cast.account(4)?];
    tent.sort();
    let eva = cast.account(4)?;
    Ok(json!([[[cast.account(0)?], tent], "rope, 30 m", eva, eva]))
}
