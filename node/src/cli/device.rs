//! `halloo device add`: shows the way in for another device of this person, and tells who comes by it.

use super::{Cli, show};
use crate::door::{Client, DoorError, Request};
use crate::home::Home;
use crate::terminal::{exit, line, tell};
use anyhow::Result;
use serde_json::Value;

/// Opens the door of the account; when asked to wait, until a device has come or nobody can any more.
///
/// # Errors
/// Refused by the daemon, or the time is up.
pub async fn add(cli: &Cli, wait: bool) -> Result<u8> {
    let home = Home::open(cli.home.clone())?;
    // Whoever comes at once is not missed: watched first, then opened.
    let mut watcher = Client::connect(&home.socket()).await?;
    watcher.ask(None, Request::Watch).await?;
    let mut client = Client::connect(&home.socket()).await?;
    let door = client.ask(None, Request::DeviceAdd).await?;
    show::answer(&cli.command, &door, cli.json)?;
    if !wait {
        return Ok(exit::OK);
    }
    loop {
        let event = watcher.event().await?;
        if event["event"] != "device" {
            continue;
        }
        if cli.json {
            line(&event.to_string())?;
        }
        match event["step"].as_str() {
            Some("added") if cli.json => return Ok(exit::OK),
            Some("added") => {
                added(&event)?;
                return Ok(exit::OK);
            }
            Some("expired") => return Err(expired().into()),
            _ if cli.json || cli.quiet => {}
            _ => show::event(&event).iter().for_each(|text| tell(text)),
        }
    }
}

fn added(event: &Value) -> Result<()> {
    let (name, device) = (event["name"].as_str().unwrap_or(""), event["device"].as_str().unwrap_or(""));
    tell(&format!("{name} is a device of yours now; `halloo devices` lists them"));
    line(device)
}

fn expired() -> crate::door::ClientError {
    DoorError::new("expired", "no device came within ten minutes", "`halloo device add` opens the door again")
        .into()
}
