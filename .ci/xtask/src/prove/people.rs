//! Real `halloo` processes for the proofs: each person has a home, maybe a host of the laboratory, and is asked by the command.

use super::Size;
use crate::shell::{cargo, root, run, target};
use anyhow::{Context, Result, bail};
use halloo_lab::Host;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long a state may take to come about before a proof fails.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// How loud the logs of daemons are: enough to see afterwards who did not find whom.
const LOUD: &str = "info,halloo_node=debug,halloo_mesh=debug,libp2p_swarm=debug";

/// Events that a proof may leave unread; beyond, the watcher waits.
const EVENTS_WAITING: usize = 256;

/// Letters of an answer that are shown where it is not as wanted.
const SHOWN: usize = 2_000;

/// Builds the command, optimised at full size, and returns its path.
pub fn halloo(size: Size) -> Result<PathBuf> {
    crate::setup::for_build()?;
    let mut args = vec!["build", "--quiet", "--locked", "-p", "halloo-node", "--bin", "halloo"];
    if size == Size::Full {
        args.push("--release");
    }
    run(&cargo(), &args)?;
    Ok(target().join(if size == Size::Full { "release" } else { "debug" }).join("halloo"))
}

/// One of the recordings that come with the command.
pub fn clip(number: usize) -> String {
    const CLIPS: [&str; 5] =
        ["1-austen-0870", "2-austen-0890", "3-austen-0920", "4-austen-0930", "5-austen-0880"];
    root()
        .join(format!("node/demo-data/speech/{}.wav", CLIPS[number % CLIPS.len()]))
        .to_string_lossy()
        .into_owned()
}

/// What makes a process believe in a wall clock that differs by so many seconds.
pub fn wrong_clock(seconds: i64) -> Result<Vec<(&'static str, String)>> {
    let library = target().join("tools/clock.so").to_string_lossy().into_owned();
    let source = root().join(".ci/xtask/src/prove/clock.c").to_string_lossy().into_owned();
    std::fs::create_dir_all(target().join("tools"))?;
    run("cc", &["-shared", "-fPIC", "-O1", "-o", &library, &source])?;
    Ok(vec![("LD_PRELOAD", library), ("CLOCK_OFFSET_S", seconds.to_string())])
}

/// A person with a home.
pub struct Person<'a> {
    bin: &'a Path,
    home: PathBuf,
    host: Option<&'a Host>,
    process: Option<Child>,
    extra: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl<'a> Person<'a> {
    /// Somebody whose home lies in this folder, on this host or on the machine itself.
    pub fn new(bin: &'a Path, folder: &Path, name: &str, host: Option<&'a Host>) -> Self {
        Person {
            bin,
            home: folder.join(name),
            host,
            process: None,
            extra: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Options that the daemon gets at every start.
    pub fn with(mut self, extra: &[&str]) -> Self {
        self.extra.extend(extra.iter().map(|text| (*text).to_owned()));
        self
    }

    /// Environment that the daemon gets at every start.
    pub fn with_environment(mut self, environment: Vec<(&'static str, String)>) -> Self {
        self.environment.extend(environment);
        self
    }

    /// The folder of the home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The process of the running daemon.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Starts the daemon and waits for its door.
    pub fn up(&mut self) -> Result<()> {
        let mut command = match self.host {
            Some(host) => host.command(self.bin),
            None => Command::new(self.bin),
        };
        command.env("HALLOO_KEYRING", "off").env("HALLOO_LOG", LOUD);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--home").arg(&self.home).args(["--quiet", "up"]).args(&self.extra);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = command.spawn().context("the command could not be started")?;
        let began = Instant::now();
        while self.command(&["groups"])?.status.code() != Some(0) {
            if let Some(status) = process.try_wait()? {
                bail!("the daemon in {} ended at its start with {status}", self.home.display());
            }
            if began.elapsed() > PATIENCE {
                bail!("the daemon in {} did not open its door", self.home.display());
            }
            std::thread::sleep(LOOK);
        }
        self.process = Some(process);
        Ok(())
    }

    /// Runs the command in this home and returns what it printed.
    pub fn command(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(self.bin);
        command.env("HALLOO_KEYRING", "off");
        command.arg("--home").arg(&self.home).arg("--json").args(args);
        command.stdin(Stdio::null()).output().context("the command could not be started")
    }

    /// Runs the command in this home on its host, for what looks at the machine itself.
    pub fn command_on_host(&self, args: &[&str]) -> Result<Output> {
        let mut command = match self.host {
            Some(host) => host.command(self.bin),
            None => Command::new(self.bin),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--home").arg(&self.home).arg("--json").args(args);
        command.stdin(Stdio::null()).output().context("the command could not be started")
    }

    /// Asks, and expects an answer.
    pub fn ask(&self, args: &[&str]) -> Result<Value> {
        let output = self.command(args)?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("`halloo {}` refused: {text}{}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        let last = text.lines().last().unwrap_or("{}");
        serde_json::from_str(last).with_context(|| format!("`halloo {}` printed {last}", args.join(" ")))
    }

    /// Asks until the answer is as wanted.
    pub fn wait(&self, what: &str, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        loop {
            let answer = self.ask(args);
            if let Ok(answer) = &answer
                && wanted(answer)
            {
                return Ok(answer.clone());
            }
            if began.elapsed() > PATIENCE {
                let answer = match answer {
                    Ok(answer) => answer.to_string().chars().take(SHOWN).collect(),
                    Err(error) => format!("{error:#}"),
                };
                bail!("{what} did not come about; the last answer was {answer}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Watches the events from now on.
    pub fn watch(&self) -> Result<Events> {
        let mut command = Command::new(self.bin);
        command.arg("--home").arg(&self.home).args(["--json", "watch"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().context("the command could not be started")?;
        let lines = BufReader::new(process.stdout.take().context("the watcher has no output")?).lines();
        let (out, events) = sync_channel(EVENTS_WAITING);
        std::thread::spawn(move || {
            let events = lines
                .map_while(Result::ok)
                .filter_map(|line| Some((Instant::now(), serde_json::from_str(&line).ok()?)));
            // Nobody may listen any more; then the process is being ended too.
            events.map_while(|event: (Instant, Value)| out.send(event).ok()).for_each(drop);
        });
        Ok(Events { process, events })
    }

    /// Ends the process at once, as a power cut of one program does.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            // nsenter becomes the program it starts, so this is the daemon itself.
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Ends the daemon as a person does, and waits until it is gone.
    pub fn stop(&mut self) -> Result<()> {
        self.ask(&["stop"])?;
        if let Some(mut process) = self.process.take() {
            process.wait()?;
        }
        Ok(())
    }

    /// Opens a group and returns its first code.
    pub fn begin(&self, name: &str) -> Result<String> {
        let made = self.ask(&["new", name])?;
        Ok(made["invite"]["code"].as_str().context("the group has no code")?.to_owned())
    }

    /// The code that is open now and is not this one.
    pub fn next_code(&self, used: &str) -> Result<String> {
        let fresh = |answer: &Value| {
            let invites = answer["invites"].as_array().cloned().unwrap_or_default();
            invites.iter().filter_map(|i| i["code"].as_str()).find(|code| *code != used).map(str::to_owned)
        };
        let answer = self.wait("a fresh code", &["invite", "--list"], |answer| fresh(answer).is_some())?;
        fresh(&answer).context("the code is gone again")
    }

    /// The texts of the newest messages, oldest first.
    pub fn texts(&self) -> Result<Vec<String>> {
        Ok(texts(&self.ask(&["log", "-n", "500"])?))
    }
}

/// The events of a person, as the command tells them.
pub struct Events {
    process: Child,
    events: Receiver<(Instant, Value)>,
}

impl Events {
    /// Waits for an event of this kind.
    pub fn wait(&self, kind: &str, patience: Duration) -> Result<Value> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((_, event)) if event["event"] == kind => return Ok(event),
                Ok(_) => {}
                Err(error) => bail!("no event `{kind}` came: {error}"),
            }
        }
    }

    /// The next event and when it was told, if one is told before this moment.
    pub fn next(&self, until: Instant) -> Option<(Instant, Value)> {
        self.events.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // A watcher whose daemon is gone has ended by itself.
        let _gone = self.process.kill().and_then(|()| self.process.wait());
    }
}

impl Drop for Person<'_> {
    fn drop(&mut self) {
        // A process that is gone already needs no ending.
        let _gone = self.kill();
    }
}

/// Frames of others that this label has played, by the stamps of a recording in this folder.
pub fn frames_played(folder: &Path, label: &str) -> Result<usize> {
    match std::fs::read_to_string(folder.join(format!("stamps-{label}.log"))) {
        Ok(text) => Ok(text.lines().filter(|line| line.starts_with("p ")).count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// The texts of a log answer, oldest first.
pub fn texts(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().rev().filter_map(|m| m["text"].as_str().map(str::to_owned)).collect()
}
