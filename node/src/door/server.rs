//! The daemon's side of the local door: it reads lines, hands requests to the driver, and fans events out.

use super::request::{DoorError, Envelope, Request};
use super::{CLIENTS_MAX, EVENTS_WAITING, LINE_MAX, REQUESTS_WAITING};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

/// What came of a request.
pub type Reply = Result<Value, DoorError>;

/// A request on its way to the driver; dropping it answers with an error.
#[derive(Debug)]
pub struct Asked {
    /// The group meant, as it was written.
    pub group: Option<String>,
    /// What is asked.
    pub request: Request,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reply>,
}

/// Where the driver sends events; each watcher has a bounded window onto them.
#[derive(Clone, Debug)]
pub struct Watchers(broadcast::Sender<Value>);

impl Default for Watchers {
    fn default() -> Self {
        Watchers(broadcast::channel(EVENTS_WAITING).0)
    }
}

impl Watchers {
    /// Tells everyone who watches; nobody watching is no error.
    pub fn tell(&self, event: Value) {
        // An error here only says that nobody watches at the moment.
        let _nobody = self.0.send(event);
    }

    /// A window onto the events from now on, for watchers inside this process.
    pub fn window(&self) -> broadcast::Receiver<Value> {
        self.0.subscribe()
    }
}

/// Why the door could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the local door {path}: {error}; check the folder's owner and its free space")]
pub struct DoorStartError {
    path: PathBuf,
    error: std::io::Error,
}

/// The open door. Dropping it closes the socket and ends every conversation.
#[derive(Debug)]
pub struct Door {
    requests: mpsc::Receiver<Asked>,
    inside: mpsc::Sender<Asked>,
    watchers: Watchers,
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Door {
    /// Opens the door at this path. The caller holds the lock of the home, so a socket that lies there is a dead one.
    ///
    /// # Errors
    /// [`DoorStartError`].
    pub fn open(path: &Path) -> Result<Self, DoorStartError> {
        let failed = |error| DoorStartError { path: path.to_path_buf(), error };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).map_err(failed)?;
        let (ask, requests) = mpsc::channel(REQUESTS_WAITING);
        let watchers = Watchers::default();
        let task = tokio::spawn(accept(listener, ask.clone(), watchers.clone()));
        Ok(Door { requests, inside: ask, watchers, path: path.to_path_buf(), task })
    }

    /// The next request.
    pub async fn next(&mut self) -> Option<Asked> {
        self.requests.recv().await
    }

    /// A way to ask from inside this process.
    pub fn inside(&self) -> mpsc::Sender<Asked> {
        self.inside.clone()
    }

    /// Where events go.
    pub fn watchers(&self) -> Watchers {
        self.watchers.clone()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
        // Best effort: a socket left behind is removed by the next start.
        let _left = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, ask: mpsc::Sender<Asked>, watchers: Watchers) {
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        if clients.len() >= CLIENTS_MAX {
            clients.spawn(turn_away(stream));
            continue;
        }
        clients.spawn(converse(stream, ask.clone(), watchers.clone()));
    }
}

async fn turn_away(mut stream: UnixStream) {
    let full = DoorError::new("busy", "too many programs are connected", "close one and try again");
    // The asker may be gone already; there is nobody else to tell.
    let _gone = stream.write_all(format!("{}\n", full.line(0)).as_bytes()).await;
}

/// What came from an asker.
enum Line {
    Text(String),
    NotText,
    /// Over the limit: where the next one begins is not known, so the conversation ends.
    TooLong,
}

/// One conversation: requests are answered in order; after `watch` the connection carries events only.
async fn converse(stream: UnixStream, ask: mpsc::Sender<Asked>, watchers: Watchers) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(line) = next_line(&mut read).await {
        let ends = matches!(line, Line::TooLong);
        let (text, watching) = match parse(line) {
            Err(error) => (error.line(0), false),
            Ok(envelope) if matches!(envelope.request, Request::Watch) => {
                (json!({"id": envelope.id, "ok": {}}), true)
            }
            Ok(envelope) => (answer(envelope, &ask).await, false),
        };
        let window = watching.then(|| watchers.window());
        if write.write_all(format!("{text}\n").as_bytes()).await.is_err() || ends {
            return;
        }
        if let Some(window) = window {
            return watch(window, &mut write).await;
        }
    }
}

/// The next line; `None` when the asker is gone, also in the middle of one.
async fn next_line(read: &mut BufReader<tokio::net::unix::OwnedReadHalf>) -> Option<Line> {
    let mut line = Vec::new();
    let limit = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
    match read.take(limit).read_until(b'\n', &mut line).await {
        Err(_) | Ok(0) => None,
        Ok(_) if line.last() == Some(&b'\n') => {
            Some(String::from_utf8(line).map_or(Line::NotText, Line::Text))
        }
        Ok(count) if count >= LINE_MAX => Some(Line::TooLong),
        Ok(_) => None,
    }
}

fn parse(line: Line) -> Result<Envelope, DoorError> {
    let malformed = |what: String| {
        DoorError::new("malformed", what, "send one JSON object a line, as docs/spec/door.md draws it")
    };
    match line {
        Line::TooLong => Err(malformed(format!("the line is longer than {LINE_MAX} bytes"))),
        Line::NotText => Err(malformed("the line is not UTF-8".into())),
        Line::Text(text) => {
            serde_json::from_str(&text).map_err(|error| malformed(format!("not a request: {error}")))
        }
    }
}

async fn answer(envelope: Envelope, ask: &mpsc::Sender<Asked>) -> Value {
    let (reply, answered) = oneshot::channel();
    let asked = Asked { group: envelope.group, request: envelope.request, reply };
    let ended = || Err(DoorError::new("stopped", "halloo is stopping", "start it again with `halloo up`"));
    let outcome = match ask.send(asked).await {
        Ok(()) => answered.await.unwrap_or_else(|_| ended()),
        Err(_) => ended(),
    };
    match outcome {
        Ok(value) => json!({"id": envelope.id, "ok": value}),
        Err(error) => error.line(envelope.id),
    }
}

async fn watch(mut window: broadcast::Receiver<Value>, write: &mut tokio::net::unix::OwnedWriteHalf) {
    loop {
        let event = match window.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(missed)) => json!({"event": "lagged", "missed": missed}),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if write.write_all(format!("{event}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
