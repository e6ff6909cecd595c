//! `halloo key`: asks the running daemon, or does it here where none runs.

use super::{Cli, show};
use crate::daemon::open_vault;
use crate::door::{Client, ClientError, CloseAsk, DoorError, Passphrase, Request};
use crate::driver::{close_by, now, refusal};
use crate::home::Home;
use crate::keys::Keys;
use crate::storage::{Storage, StorageEvent};
use crate::terminal::{exit, secret, tell};
use crate::vault::{Place, Vault, VaultError};
use anyhow::{Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What can be done with the key of what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum KeyCommand {
    /// Show what closes this home, and how far a rotation is
    Show,
    /// Seal everything stored by a new key; the old one is useless afterwards. Groups go on meanwhile
    Rotate,
    /// Close this home by a passphrase, or change it (asked for, or HALLOO_NEW_PASSPHRASE)
    Passphrase {
        /// Open it without one again: by the keyring where one answers, else by a key file beside the data
        #[arg(long)]
        remove: bool,
    },
    /// Close this home by the keyring of the system
    Keyring,
    /// Close this home by a key file beside the data: who copies the folder can read it
    File,
}

/// Runs one of the commands.
///
/// # Errors
/// Refusals, each with the next step.
pub async fn run(cli: &Cli, what: &KeyCommand) -> Result<u8> {
    let home = Home::open(cli.home.clone())?;
    let answer = match Client::connect(&home.socket()).await {
        Ok(client) => online(cli, &home, client, what).await?,
        Err(_) => alone(cli, &home, what).await?,
    };
    show::answer(&cli.command, &answer, cli.json)?;
    Ok(exit::OK)
}

async fn online(cli: &Cli, home: &Home, mut client: Client, what: &KeyCommand) -> Result<Value> {
    match what {
        KeyCommand::Show => Ok(client.ask(None, Request::Key).await?),
        KeyCommand::Rotate => {
            let mut watcher = Client::connect(&home.socket()).await?;
            watcher.ask(None, Request::Watch).await?;
            let mut shown = show::Sealing::start(!cli.quiet);
            let mut asked = std::pin::pin!(client.ask(None, Request::KeyRotate));
            let answer = loop {
                tokio::select! {
                    answer = &mut asked => break answer,
                    event = watcher.event() => match event {
                        Ok(event) if event["event"] == "key-rotation" => {
                            let count = |name: &str| event[name].as_u64().unwrap_or(0);
                            shown.at(count("done"), count("total"));
                        }
                        Ok(_) => {}
                        Err(_) => break (&mut asked).await,
                    },
                }
            };
            shown.done();
            Ok(answer?)
        }
        change => {
            let place = client.ask(None, Request::Key).await?["place"].as_str().map(str::to_owned);
            let closed = place.as_deref() == Some(Place::Passphrase.word());
            // Without a passphrase: by the keyring where one answers, else by a key file.
            let mut refused = None;
            for ask in asks(change, closed)? {
                match client.ask(None, Request::KeyClose(ask)).await {
                    Err(ClientError::Refused(error)) if error.code == "keyring" => refused = Some(error),
                    answer => return tell_refused(refused, answer),
                }
            }
            Err(refused.expect("something was asked for").into())
        }
    }
}

/// The daemon does not run: the same under the lock of the home.
async fn alone(cli: &Cli, home: &Home, what: &KeyCommand) -> Result<Value> {
    let Some(place) = Vault::place_in(home)? else {
        bail!("this home has no key yet; it gets one with its first group, or by `halloo up`");
    };
    if *what == KeyCommand::Show {
        return Ok(json!({ "place": place.word() }));
    }
    let _lock = home.lock()?;
    let vault = Arc::new(open_vault(home)?);
    match what {
        KeyCommand::Rotate => rotate(cli, home, vault).await,
        change => {
            let mut refused = None;
            for ask in asks(change, false)? {
                let by = close_by(&ask, &vault)?;
                let changing = Arc::clone(&vault);
                // The keyring may ask a person, so the runtime's own threads stay free.
                let closed = tokio::task::spawn_blocking(move || changing.close_by(&by)).await?;
                match closed {
                    Err(VaultError::Keyring(error)) => refused = Some(refusal(&error.into())),
                    closed => {
                        closed.map_err(|error| refusal(&error))?;
                        return tell_refused(refused, Ok(json!({ "place": vault.place().word() })));
                    }
                }
            }
            Err(refused.expect("something was asked for").into())
        }
    }
}

async fn rotate(cli: &Cli, home: &Home, vault: Arc<Vault>) -> Result<Value> {
    let keys = Keys::open(home, &vault, now().wall_ms)?;
    let (mut storage, _) = Storage::open(home, Arc::clone(&vault))?;
    vault.begin_rotation()?;
    keys.save(home, &vault)?;
    storage.rotate().await;
    let mut shown = show::Sealing::start(!cli.quiet);
    let outcome = loop {
        match storage.next().await {
            Some(StorageEvent::Rotating(progress)) => shown.at(progress.done, progress.total),
            Some(StorageEvent::Rotated(done)) => break Ok(json!({ "key": done.key, "values": done.values })),
            Some(StorageEvent::RotationStopped(error)) => break Err(error.into()),
            Some(StorageEvent::Stuck(error)) => tell(&format!("! {error}")),
            Some(StorageEvent::Written(..)) => {}
            None => break Err(ClientError::Ended.into()),
        }
    };
    shown.done();
    storage.close().await;
    outcome
}

/// What to ask for, one after the other until one is granted.
fn asks(change: &KeyCommand, closed: bool) -> Result<Vec<CloseAsk>> {
    let current = match std::env::var("HALLOO_PASSPHRASE").ok().map(Zeroizing::new) {
        None if closed => secret("passphrase of this home"),
        given => given,
    };
    let ask = |by: &str, new: Option<&Zeroizing<String>>| CloseAsk {
        by: by.to_owned(),
        passphrase: current.as_ref().map(|text| Passphrase(text.to_string())),
        new: new.map(|text| Passphrase(text.to_string())),
    };
    Ok(match change {
        KeyCommand::Passphrase { remove: false } => vec![ask("passphrase", Some(&new_passphrase()?))],
        KeyCommand::Passphrase { remove: true } => vec![ask("keyring", None), ask("file", None)],
        KeyCommand::Keyring => vec![ask("keyring", None)],
        KeyCommand::File | KeyCommand::Show | KeyCommand::Rotate => vec![ask("file", None)],
    })
}

fn new_passphrase() -> Result<Zeroizing<String>> {
    if let Ok(text) = std::env::var("HALLOO_NEW_PASSPHRASE") {
        return Ok(Zeroizing::new(text));
    }
    let Some(first) = secret("new passphrase") else {
        bail!("there is no new passphrase; give one in HALLOO_NEW_PASSPHRASE, or run this at a terminal");
    };
    if secret("the same again").is_none_or(|second| second != first) {
        bail!("the two differ; nothing has changed, try again");
    }
    Ok(first)
}

/// A change that fell back to the key file says why.
fn tell_refused(refused: Option<DoorError>, answer: Result<Value, ClientError>) -> Result<Value> {
    let answer = answer?;
    if let Some(error) = refused {
        tell(&format!("note: {error}"));
    }
    Ok(answer)
}
