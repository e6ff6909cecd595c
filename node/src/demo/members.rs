//! The members of the demonstration: separate processes of this program, each with a home of its own, asked at their doors.

use super::stage::Stage;
use crate::door::{Client, Request};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// How long a process may take to open its door.
const DOOR_OPENS: Duration = Duration::from_secs(20);
/// How long a member may take to end after it was asked to.
const ENDS: Duration = Duration::from_secs(5);
/// Events of one member that may wait to be counted.
const EVENTS: usize = 16_384;

/// A running member.
pub struct Member {
    /// Its number, from 1.
    pub number: usize,
    /// Its display name.
    pub name: String,
    /// Its account, once it is in a group.
    pub account: String,
    /// Its device, once it is in a group.
    pub device: String,
    process: Child,
    client: Client,
    events: mpsc::Receiver<(u64, Value)>,
}

impl Member {
    /// Starts a member and waits for its door.
    ///
    /// # Errors
    /// It cannot be started, or ends before its door is open; its log says why.
    pub async fn start(
        dir: &Path,
        number: usize,
        name: &str,
        stage: &Stage,
        peer: Option<&str>,
    ) -> Result<Self> {
        let home = dir.join(format!("home-{number}"));
        let log = dir.join(format!("member-{number}.log"));
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(std::env::current_exe()?);
        // Homes of an hour leave nothing in the person's keyring.
        command.env("HALLOO_KEYRING", "off");
        command.arg("--home").arg(&home).args(["--json", "up", "--label", &number.to_string()]);
        command.arg("--record").arg(dir).arg("--tap").arg(dir.join(format!("tap-{number}.bin")));
        if matches!(stage, Stage::Host(_)) {
            command.arg("--loopback");
        }
        if let Some(peer) = peer {
            command.args(["--peer", peer]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(out).kill_on_drop(true);
        let mut process = command.spawn().context("a member could not be started")?;
        let (client, watcher) = Self::doors(&home, &mut process, &log).await?;
        let (give, events) = mpsc::channel(EVENTS);
        tokio::spawn(collect(watcher, give));
        let (name, account, device) = (name.to_owned(), String::new(), String::new());
        Ok(Member { number, name, account, device, process, client, events })
    }

    /// Two conversations with the member: one to ask, one that hears its events.
    async fn doors(home: &Path, process: &mut Child, log: &Path) -> Result<(Client, Client)> {
        let socket = crate::home::Home::open(Some(home.to_path_buf()))?.socket();
        let began = Instant::now();
        loop {
            if let Ok(client) = Client::connect(&socket).await {
                let mut watcher = Client::connect(&socket).await?;
                watcher.ask(None, Request::Watch).await?;
                return Ok((client, watcher));
            }
            if let Some(status) = process.try_wait()? {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                bail!("a member ended at its start with {status}: {said}");
            }
            if began.elapsed() > DOOR_OPENS {
                bail!("a member did not open its door; see {}", log.display());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks the member something about its group.
    ///
    /// # Errors
    /// It refuses.
    pub async fn ask(&mut self, request: Request) -> Result<Value> {
        let what = format!("{request:?}");
        self.client.ask(None, request).await.with_context(|| format!("member {}: {what}", self.number))
    }

    /// Asks its own identity within the group.
    ///
    /// # Errors
    /// It refuses.
    pub async fn introduce(&mut self) -> Result<()> {
        let answer = self.ask(Request::Members).await?;
        let members = answer["members"].as_array().cloned().unwrap_or_default();
        let own = members.iter().find(|m| m["own"] == true).context("a member is not in its own group")?;
        self.account = own["account"].as_str().unwrap_or_default().to_owned();
        self.device = own["devices"][0]["device"].as_str().unwrap_or_default().to_owned();
        Ok(())
    }

    /// The events since the last call, each with the wall clock (Unix milliseconds) of its arrival.
    pub fn events(&mut self) -> Vec<(u64, Value)> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// Asks it to end, and ends it if it does not.
    ///
    /// # Errors
    /// The process cannot be ended.
    pub async fn stop(&mut self) -> Result<()> {
        // It may be gone already; then waiting for it returns at once.
        let _asked = self.client.ask(None, Request::Stop).await;
        if tokio::time::timeout(ENDS, self.process.wait()).await.is_err() {
            self.process.kill().await?;
        }
        Ok(())
    }
}

async fn collect(mut watcher: Client, give: mpsc::Sender<(u64, Value)>) {
    while let Ok(event) = watcher.event().await {
        if give.send((crate::driver::now().wall_ms, event)).await.is_err() {
            return;
        }
    }
}
