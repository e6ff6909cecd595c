//! The live view: events as they happen, what is typed goes to the group.

use super::{Cli, show};
use crate::daemon::Running;
use crate::door::{Client, Request};
use crate::terminal::{exit, line, tell};
use anyhow::Result;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

const HELP: &str = "type to write; /edit TEXT and /withdraw your last line, /react EMOJI to the last one; /mute /unmute /where /who /invite /help /quit";

/// Shows events and takes lines until the end of either. Without a terminal on stdin it only shows.
pub async fn run(client: Client, running: Running, group: Option<&str>, cli: &Cli) -> Result<u8> {
    let mut events = running.events();
    let mut client = client;
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let mut reading = std::io::IsTerminal::is_terminal(&std::io::stdin());
    if reading && !cli.quiet {
        tell(HELP);
    }
    let mut stopped = std::pin::pin!(running.stopped());
    loop {
        tokio::select! {
            ended = &mut stopped => {
                ended?;
                return Ok(exit::OK);
            }
            event = events.recv() => match event {
                Ok(event) => show_event(&event, cli.json)?,
                Err(tokio::sync::broadcast::error::RecvError::Lagged(missed)) => {
                    tell(&format!("({missed} events were not shown)"));
                }
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return Ok(exit::OK),
            },
            line = typed.next_line(), if reading => match line? {
                None => reading = false,
                Some(line) if line.trim() == "/quit" => {
                    client.ask(None, Request::Stop).await?;
                }
                Some(line) => typed_line(&mut client, group, line.trim()).await,
            },
        }
    }
}

fn show_event(event: &Value, json: bool) -> Result<()> {
    if json {
        return line(&event.to_string());
    }
    show::event(event).map_or(Ok(()), |text| line(&text))
}

async fn typed_line(client: &mut Client, group: Option<&str>, line: &str) {
    let (request, command) = match line {
        "" => return,
        "/help" => return tell(HELP),
        "/mute" => (Request::MuteMicrophone { on: true }, None),
        "/unmute" => (Request::MuteMicrophone { on: false }, None),
        "/where" => (Request::Where, Some(super::Command::Where)),
        "/who" => (Request::Members, Some(super::Command::Members)),
        "/invite" => (
            Request::Invite(crate::door::InviteAsk { uses: 1, seconds: 86_400, role: "member".into() }),
            Some(super::Command::Watch),
        ),
        "/withdraw" => (Request::Withdraw { message: "last".into() }, None),
        text if text.starts_with("/edit ") => {
            let text = text.trim_start_matches("/edit ").trim().to_owned();
            (Request::Edit { message: "last".into(), text }, None)
        }
        text if text.starts_with("/react ") => {
            let emoji = text.trim_start_matches("/react ").trim().to_owned();
            (Request::React { message: "last".into(), emoji, on: true }, None)
        }
        text if text.starts_with('/') => return tell(&format!("{text} is no command; {HELP}")),
        text => (Request::Say { text: text.to_owned(), reply_to: None }, None),
    };
    // Muting is about the call that runs, which may be a conversation of two.
    let group = group.filter(|_| !matches!(request, Request::MuteMicrophone { .. }));
    match client.ask(group, request).await {
        Err(error) => tell(&format!("error: {error}")),
        Ok(answer) => {
            if let Some(command) = command
                && let Err(error) = show::answer(&command, &answer, false)
            {
                tell(&format!("error: {error}"));
            }
        }
    }
}
