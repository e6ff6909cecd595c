//! The hatch: a socket in the data folder by which a command on this machine asks the coordinator that serves from it.
//!
//! ```text
//!   asked      "backup\n"              "invite\n" | accounts u16 | days u16              "office\n" | length u16 | an order as JSON
//!   answer     0 | bytes u64 | so many bytes: an export of the store, the code of an invitation, what came of the order as JSON
//!              1 | text of what went wrong
//! ```
//! Only who may enter the data folder reaches it; that is who could read the store itself.

use crate::auth::admin::host::{Done, Order};
use crate::auth::office::Office;
use crate::hall::Closing;
use anyhow::{Context as _, Result, bail};
use halloo_store::store::Store;
use std::fs::Permissions;
use std::io::{self, ErrorKind, Read, Take};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Caller;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// The socket.
const SOCKET: &str = "hatch";
/// An export on its way to who asked; removed as soon as it is open.
const EXPORT: &str = "hatch.export";
/// What is asked for.
const BACKUP: &[u8; 7] = b"backup\n";
const INVITE: &[u8; 7] = b"invite\n";
const OFFICE: &[u8; 7] = b"office\n";
/// How long who asks may take to say what: the next one waits behind it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits when a caller could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// What an older coordinator says to a newer command.
const UNKNOWN: &str = "this coordinator does not know what was asked: use the command of its version";
/// What one says that gives no accounts.
const CLOSED: &str = "the room auth is closed here: open it with `rooms`";
/// Longest word on what went wrong.
const WORD_MAX: u64 = 4_096;

/// The hatch of a coordinator.
#[derive(Debug)]
pub struct Hatch {
    listener: UnixListener,
    data: PathBuf,
}

/// What the hatch gives out.
pub struct Given {
    /// All rows.
    pub store: Arc<dyn Store>,
    /// Who invites to accounts.
    pub office: Option<Office>,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").field("office", &self.office).finish_non_exhaustive()
    }
}

impl Hatch {
    /// Opens it. A socket that a killed process left is taken over: the store is ours, so nobody else serves here.
    ///
    /// # Errors
    /// When the folder takes no socket.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Hatch { listener, data: data.to_owned() })
    }

    /// Answers one after the other until it is time to close: two exports at once would only be in each other's way.
    pub async fn run(self, given: Given, closing: Closing) {
        loop {
            let came = tokio::select! {
                came = self.listener.accept() => came,
                () = closing.said() => break,
            };
            let Ok((mut caller, _)) = came else {
                // No descriptor is left; asking again at once leaves none sooner.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            tokio::select! {
                answered = self.answer(&mut caller, &given) => {
                    if let Err(error) = answered {
                        tracing::warn!(%error, "an answer by the hatch was broken off");
                    }
                }
                () = closing.said() => break,
            }
        }
        drop(std::fs::remove_file(self.data.join(SOCKET)));
    }

    async fn answer(&self, caller: &mut UnixStream, given: &Given) -> io::Result<()> {
        let mut asked = [0; BACKUP.len()];
        match tokio::time::timeout(PATIENCE, caller.read_exact(&mut asked)).await {
            Ok(Ok(_)) => {}
            // Who only looks whether somebody serves here says nothing.
            Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return say(caller, "nothing was asked").await,
        }
        match &asked {
            BACKUP => self.export(caller, &given.store).await,
            INVITE => invite(caller, given.office.as_ref()).await,
            OFFICE => obey(caller, given.office.as_ref()).await,
            _ => say(caller, UNKNOWN).await,
        }
    }

    async fn export(&self, caller: &mut UnixStream, store: &Arc<dyn Store>) -> io::Result<()> {
        let (store, path) = (Arc::clone(store), self.data.join(EXPORT));
        let file = path.clone();
        let written = tokio::task::spawn_blocking(move || store.backup_to(&file)).await;
        match written {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return say(caller, &error.to_string()).await,
            Err(_) => return say(caller, "the store failed").await,
        }
        let mut export = tokio::fs::File::open(&path).await?;
        std::fs::remove_file(&path)?;
        let bytes = export.metadata().await?.len();
        caller.write_all(&[0]).await?;
        caller.write_all(&bytes.to_be_bytes()).await?;
        tokio::io::copy(&mut export, caller).await?;
        caller.shutdown().await
    }
}

/// The code of a new invitation.
async fn invite(caller: &mut UnixStream, office: Option<&Office>) -> io::Result<()> {
    let mut told = [0; 4];
    match tokio::time::timeout(PATIENCE, caller.read_exact(&mut told)).await {
        Ok(read) => read?,
        Err(_) => return say(caller, "it was not said how many accounts, for how long").await,
    };
    let [accounts, days] = [[told[0], told[1]], [told[2], told[3]]].map(u16::from_be_bytes);
    let Some(office) = office else { return say(caller, CLOSED).await };
    give(caller, office.invite(accounts, days).as_bytes()).await
}

/// Does what who hosts orders.
async fn obey(caller: &mut UnixStream, office: Option<&Office>) -> io::Result<()> {
    let read = async {
        let mut order = vec![0; usize::from(caller.read_u16().await?)];
        caller.read_exact(&mut order).await?;
        io::Result::Ok(order)
    };
    let order = match tokio::time::timeout(PATIENCE, read).await {
        Ok(read) => read?,
        Err(_) => return say(caller, "it was not said what is to be done").await,
    };
    let Ok(order) = serde_json::from_slice::<Order>(&order) else { return say(caller, UNKNOWN).await };
    let Some(office) = office else { return say(caller, CLOSED).await };
    match office.obey(order).await {
        Ok(done) => give(caller, &serde_json::to_vec(&done).map_err(io::Error::other)?).await,
        Err(problem) => say(caller, problem.detail()).await,
    }
}

async fn give(caller: &mut UnixStream, answer: &[u8]) -> io::Result<()> {
    caller.write_all(&[0]).await?;
    caller.write_all(&(answer.len() as u64).to_be_bytes()).await?;
    caller.write_all(answer).await?;
    caller.shutdown().await
}

async fn say(caller: &mut UnixStream, word: &str) -> io::Result<()> {
    caller.write_all(&[1]).await?;
    caller.write_all(word.as_bytes()).await?;
    caller.shutdown().await
}

/// Whether a coordinator serves from this folder.
#[must_use]
pub fn is_served(data: &Path) -> bool {
    Caller::connect(data.join(SOCKET)).is_ok()
}

/// Asks the coordinator that serves from this folder for an export; none where nobody serves.
///
/// # Errors
/// When it refuses.
pub fn export(data: &Path) -> Result<Option<Take<Caller>>> {
    ask(data, BACKUP)
}

/// Asks it for an invitation to so many accounts within so many days.
///
/// # Errors
/// When it refuses.
pub fn invitation(data: &Path, accounts: u16, days: u16) -> Result<Option<String>> {
    let asked = [&INVITE[..], &accounts.to_be_bytes(), &days.to_be_bytes()].concat();
    let Some(mut given) = ask(data, &asked)? else { return Ok(None) };
    let mut code = String::new();
    given.read_to_string(&mut code).context("the coordinator broke off; try again")?;
    Ok(Some(code))
}

/// Has it do something to accounts.
///
/// # Errors
/// When it refuses.
pub fn order(data: &Path, order: &Order) -> Result<Option<Done>> {
    let order = serde_json::to_vec(order).context("writing the order")?;
    let length = u16::try_from(order.len()).context("this is longer than any order is")?;
    let Some(given) = ask(data, &[&OFFICE[..], &length.to_be_bytes(), &order].concat())? else {
        return Ok(None);
    };
    let done =
        serde_json::from_reader(given).context("the coordinator broke off, or is of another version")?;
    Ok(Some(done))
}

fn ask(data: &Path, asked: &[u8]) -> Result<Option<Take<Caller>>> {
    let path = data.join(SOCKET);
    let mut stream = match Caller::connect(&path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("asking by {}", path.display())),
    };
    io::Write::write_all(&mut stream, asked).context("asking the coordinator that serves")?;
    let mut first = [0];
    stream.read_exact(&mut first).context("the coordinator that serves did not answer; try again")?;
    if first == [0] {
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes).context("the coordinator broke off; try again")?;
        return Ok(Some(stream.take(u64::from_be_bytes(bytes))));
    }
    let mut word = String::new();
    drop(stream.take(WORD_MAX).read_to_string(&mut word));
    bail!("the coordinator that serves says: {word}")
}

#[cfg(test)]
mod tests;
