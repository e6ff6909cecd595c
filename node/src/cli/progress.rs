//! Progress of what takes over a second, on stderr: a moving line on a terminal, plain lines elsewhere.

use crate::door::{Client, Request};
use crate::terminal::tell;
use serde_json::Value;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

/// What is done sooner needs no progress.
const SILENT: Duration = Duration::from_secs(1);

/// How often the moving line moves.
const TICK: Duration = Duration::from_millis(120);

/// Does something; after a second says what is being waited for, and from then on each step of it.
pub async fn shown<T>(
    quiet: bool,
    text: &str,
    mut steps: Option<Client>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let mut patience = pin!(tokio::time::sleep(SILENT));
    let mut line = Line { text: text.to_owned(), bar: None, plain: false };
    loop {
        tokio::select! {
            done = &mut work => {
                line.end();
                return done;
            }
            () = &mut patience, if !quiet && !line.is_visible() => line.show(),
            step = next(&mut steps) => line.change(step),
        }
    }
}

/// A conversation that tells the steps of what the daemon does; `None` when there is no daemon.
pub async fn steps(socket: &Path) -> Option<Client> {
    let mut client = Client::connect(socket).await.ok()?;
    client.ask(None, Request::Watch).await.ok()?;
    Some(client)
}

/// The next step in words; waits for ever when nobody tells any.
async fn next(steps: &mut Option<Client>) -> String {
    loop {
        let Some(client) = steps else { return std::future::pending().await };
        match client.event().await {
            Ok(event) => {
                if let Some(step) = step(&event) {
                    return step;
                }
            }
            Err(_) => *steps = None,
        }
    }
}

/// What an event says about a pairing or a reconciliation under way.
pub fn step(event: &Value) -> Option<String> {
    let emoji = || event["emoji"].as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
    match (event["event"].as_str()?, event["step"].as_str()) {
        ("pairing", Some("started")) => Some("a member answers".to_owned()),
        ("pairing", Some("emoji")) => {
            Some(format!("both sides show {}; the group lets you in", emoji()?.join(" ")))
        }
        ("pairing", Some("adding")) => Some("the group lets you in".to_owned()),
        ("sync", _) if event["done"] == false => {
            Some(format!("catching up: {} received, {} sent", event["received"], event["sent"]))
        }
        _ => None,
    }
}

struct Line {
    text: String,
    bar: Option<indicatif::ProgressBar>,
    plain: bool,
}

impl Line {
    fn is_visible(&self) -> bool {
        self.plain || self.bar.is_some()
    }

    fn show(&mut self) {
        if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            let bar = indicatif::ProgressBar::new_spinner().with_message(self.text.clone());
            bar.enable_steady_tick(TICK);
            self.bar = Some(bar);
        } else {
            self.plain = true;
            tell(&format!("{} ...", self.text));
        }
    }

    fn change(&mut self, text: String) {
        if self.text == text {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_message(text.clone()),
            None if self.plain => tell(&format!("{text} ...")),
            None => {}
        }
        self.text = text;
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
