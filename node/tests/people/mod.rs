//! People with real homes and real processes, asked as a person or a script asks.

use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a state may take to come about before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// What a backup is closed by, unless a test says otherwise.
const PASSPHRASE: &str = "tide gravel lantern";

/// A home and, maybe, the process that runs in it.
pub(crate) struct Person {
    pub(crate) home: PathBuf,
    pub(crate) process: Option<Child>,
    /// The file of the authorities that it trusts, where those are not the system's.
    pub(crate) trusts: Option<PathBuf>,
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ended = process.kill();
            let _reaped = process.wait();
        }
    }
}

impl Person {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Person { home: folder.join(name), process: None, trusts: None }
    }

    /// The command on this home, as a person types it.
    pub(crate) fn typed(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halloo"));
        command
            .env("HALLOO_KEYRING", "off")
            .env("HALLOO_BACKUP_PASSPHRASE", PASSPHRASE)
            .env("USER", "somebody");
        command.env_remove("HALLOO_PASSPHRASE");
        command.envs(self.trusts.iter().map(|file| ("SSL_CERT_FILE", file)));
        command.arg("--home").arg(&self.home).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The command on this home, as a script asks.
    pub(crate) fn halloo(&self, args: &[&str]) -> Command {
        self.typed(&[&["--json", "--quiet"], args].concat())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.halloo(args).output().unwrap()
    }

    /// Asks, and expects an answer.
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let done = self.run(args);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    /// Asks, and expects to be refused in words that hold this, with something to do next. The error.
    pub(crate) fn refused(&self, args: &[&str], says: &str) -> Value {
        let done = self.run(args);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            !done.status.success() && text.contains(says),
            "{args:?}: {text}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let error: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert!(error["error"]["next"].as_str().is_some_and(|next| !next.is_empty()), "no next step: {text}");
        error["error"].clone()
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn wait(&self, what: &str, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let done = self.run(args);
            let text = String::from_utf8_lossy(&done.stdout).into_owned();
            let answer = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
            match answer {
                Some(answer) if done.status.success() && wanted(&answer) => return answer,
                _ if began.elapsed() > PATIENCE => {
                    let told = std::fs::read_to_string(self.home.with_extension("err")).unwrap_or_default();
                    panic!("{what} did not come about in {}: {text}\n{told}", self.home.display())
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// Runs something that stays, and waits for its door.
    pub(crate) fn stays(&mut self, args: &[&str], typed: &str) {
        let mut command = self.halloo(args);
        let told = std::fs::File::create(self.home.with_extension("err")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(told);
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        self.process = Some(process);
        self.wait("the door", &["groups"], |_| true);
    }

    pub(crate) fn up(&mut self) {
        self.stays(&["up", "--loopback", "--no-mdns"], "");
    }
}
