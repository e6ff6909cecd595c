//! What others have written against the coordinator: schemathesis asks it everything that its description allows and forbids, with an API key
//! where operators ask, PyJWT and pyotp log in, http-ece opens pushes, `cryptography` signs vouchers.

use super::Size;
use crate::setup;
use crate::shell::{capture, cargo, command, finish, root, run, target};
use anyhow::{Context, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Cases of each endpoint and phase; schemathesis' own default at full size.
const CASES: [(Size, &str); 2] = [(Size::Small, "10"), (Size::Full, "100")];

/// Anybody may register, and nobody asks too often: refusals for that would hide all others.
const SETTINGS: [&str; 14] = [
    "auth.registration=open",
    "auth.burst=1000000",
    "auth.registrations_burst=1000000",
    "auth.passwords_burst=1000000",
    "auth.password_registrations_burst=1000000",
    "auth.admin_changes_burst=1000000",
    "mailbox.asks_burst=1000000",
    "rendezvous.looks_burst=1000000",
    "push.asks_burst=1000000",
    "push.pokes_burst=1000000",
    // The push service of the proof is on loopback.
    "push.allow=[\"127.0.0.0/8\"]",
    // The public key of the seed in vouchers.py.
    "subscriptions.provider=voucher",
    "subscriptions.voucher_key=ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
    "subscriptions.plans=[{id = \"ride\", name = \"Ride\", features = [\"turn\"]}]",
];

/// Accounts that operators look at, suspend and forget: schemathesis finds their names in the list.
const PEOPLE: &str = "100";

/// All that a key can be made for: with it schemathesis gets behind the doors of operators, and cannot take its own key away.
const SCOPES: [&str; 5] = ["accounts:read", "accounts:write", "accounts:delete", "audit:read", "quotas:read"];

/// `prove coordinator.4`, as far as it is built.
pub fn line(size: Size) -> Result<()> {
    let python = setup::python_with_peers()?;
    run(
        &cargo(),
        &["build", "--quiet", "--locked", "-p", "halloo-coordinator", "--bin", "halloo-coordinator"],
    )?;
    let folder = tempfile::tempdir()?;
    let served = Served::start(folder.path())?;
    for (script, more) in [("login.py", &[PEOPLE][..]), ("push.py", &[]), ("vouchers.py", &[])] {
        let script = root().join(".ci/xtask/src/prove/peers").join(script);
        // -B: the scripts share a file, and nothing is compiled into the tree.
        run(&python, &[&["-B", &*script.to_string_lossy(), &*served.origin], more].concat())?;
    }
    let key = Served::key(folder.path())?;
    asked(&python, &served.origin, ("schemathesis.toml", cases(size)), (&[], Some(&key)), folder.path())
}

/// How many cases schemathesis tries.
pub fn cases(size: Size) -> &'static str {
    CASES.iter().find(|(of, _)| *of == size).map_or("10", |(_, cases)| cases)
}

/// Everything that the description allows and forbids, in all phases; a failure is one of ours or of the description. The settings of
/// schemathesis say where it sends a key.
pub fn asked(
    python: &str,
    origin: &str,
    (config, cases): (&str, &str),
    (more, key): (&[&str], Option<&str>),
    folder: &Path,
) -> Result<()> {
    let description = format!("{origin}/api/v1/openapi.json");
    let config = root().join(".ci/xtask/src/prove/peers").join(config).to_string_lossy().into_owned();
    let program = Path::new(python).with_file_name("schemathesis").to_string_lossy().into_owned();
    let phases = "examples,coverage,fuzzing,stateful";
    let limits = ["--phases", phases, "--max-examples", cases, "--seed", "1", "--no-color"];
    let args = [&["--config-file", &config, "run", &description], &limits[..], more].concat();
    let mut asks = command(&program, &args);
    // It keeps notes where it runs.
    asks.current_dir(folder).envs(key.map(|key| ("HALLOO_KEY", key)));
    finish(asks, &program, &args)
}

/// A coordinator on loopback.
struct Served {
    process: Child,
    origin: String,
}

impl Served {
    fn start(folder: &Path) -> Result<Self> {
        let mut process = Command::new(target().join("debug/halloo-coordinator"))
            .args(["serve", "--lan", "--listen", "127.0.0.1:0"])
            .args(SETTINGS.iter().flat_map(|setting| ["--set", setting]))
            .arg("--data")
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the coordinator could not be started")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("the coordinator has no output")?)
            .read_line(&mut line)?;
        let origin = line.trim().to_owned();
        if !origin.starts_with("http://127.0.0.1:") {
            process.kill()?;
            bail!("the coordinator says it is at `{origin}`");
        }
        Ok(Served { process, origin })
    }

    /// An API key for all that there is one for.
    fn key(folder: &Path) -> Result<String> {
        let program = target().join("debug/halloo-coordinator").to_string_lossy().into_owned();
        let folder = folder.to_string_lossy();
        let scopes = SCOPES.iter().flat_map(|scope| ["--scope", scope]);
        let args: Vec<&str> =
            ["admin", "key", "make", "schemathesis", "--data", &folder].into_iter().chain(scopes).collect();
        Ok(capture(&program, &args)?.trim().to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that is gone already needs no ending.
        let _gone = self.process.kill().and_then(|()| self.process.wait());
    }
}
