//! The asker's side of the local door.

use super::request::{DoorError, Envelope, Request};
use serde_json::Value;
use std::path::Path;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "no halloo runs in this home; start one with `halloo up`, or begin a group with `halloo new NAME`"
    )]
    NotRunning,
    /// The daemon refused.
    #[error(transparent)]
    Refused(#[from] DoorError),
    /// The daemon ended in the middle of the conversation.
    #[error("halloo ended before it answered; see its log, then `halloo up`")]
    Ended,
}

/// A conversation with the daemon.
#[derive(Debug)]
pub struct Client {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
    next: u64,
}

impl Client {
    /// Connects to the door of a home.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`].
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).await.map_err(|_| ClientError::NotRunning)?;
        let (read, write) = stream.into_split();
        Ok(Client { lines: BufReader::new(read).lines(), write, next: 1 })
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ask(&mut self, group: Option<&str>, request: Request) -> Result<Value, ClientError> {
        let id = self.next;
        self.next += 1;
        let envelope = Envelope { id, group: group.map(str::to_owned), request };
        let line = serde_json::to_string(&envelope).expect("a request of ours is always JSON");
        self.write.write_all(format!("{line}\n").as_bytes()).await.map_err(|_| ClientError::Ended)?;
        let mut answer = self.next_value().await?;
        if let Some(error) = answer.get_mut("error") {
            let error: DoorError = serde_json::from_value(error.take()).map_err(|_| ClientError::Ended)?;
            return Err(error.into());
        }
        Ok(answer.get_mut("ok").map(Value::take).unwrap_or_default())
    }

    /// The next event of a conversation that watches.
    ///
    /// # Errors
    /// [`ClientError::Ended`].
    pub async fn event(&mut self) -> Result<Value, ClientError> {
        self.next_value().await
    }

    async fn next_value(&mut self) -> Result<Value, ClientError> {
        let line = self.lines.next_line().await.ok().flatten().ok_or(ClientError::Ended)?;
        serde_json::from_str(&line).map_err(|_| ClientError::Ended)
    }
}
