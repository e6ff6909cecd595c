//! The command line: `serve`, `init`, `invite`, `admin`, `voucher`, `backup`, `restore`, `doctor`, `config check`, `audit verify`; data on stdout, talk on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod copies;
mod doctor;
mod init;
mod invite;
mod voucher;

use crate::auth::book::audit;
use crate::config::layers::{Effective, Layer};
use crate::config::{Config, ROOMS};
use crate::descriptors;
use crate::hatch::{self, Hatch};
use crate::serve::{self, Running};
use crate::tls::config::TlsConfig;
use crate::world::World;
use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use halloo_crypto::base16;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;
use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

/// The self-hosted coordinator of halloo: helps members find each other and cannot read what they say.
#[derive(Debug, Parser)]
#[command(name = "halloo-coordinator", version)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until it is told to end (ctrl-c or SIGTERM).
    Serve(Settings),
    /// Asks for the domain and writes the settings of a coordinator that the internet reaches.
    Init(init::Told),
    /// Copies all that it keeps, its secrets too, into a new folder; also while it serves.
    Backup(copies::From),
    /// Prints the code of an invitation to an account, where `auth.registration` wants one; while it serves.
    Invite(invite::Told),
    /// Looks at accounts, suspends them, gives them roles, makes API keys; while it serves.
    Admin(admin::Told),
    /// Makes codes for the plans that `subscriptions.provider = "voucher"` sells; nothing needs to serve.
    Voucher {
        #[command(subcommand)]
        what: voucher::Told,
    },
    /// Puts a backup into an empty data folder.
    Restore(copies::To),
    /// Looks at settings, data folder, port, certificate, clock and DNS, and says what is wrong.
    Doctor(Settings),
    /// Looks at the settings.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Looks at the log of what was done to accounts.
    Audit {
        #[command(subcommand)]
        what: AuditCommand,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Checks that no row was changed, moved or taken out, and prints how many there are and the hash of the last; the coordinator must
    /// not run meanwhile.
    Verify {
        /// Folder of what outlives a restart.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints every setting that counts and where it came from; an unknown one is an error.
    Check(Settings),
}

#[derive(Debug, Args)]
struct Settings {
    /// Plain HTTP for a local network; nothing else needs to be set.
    #[arg(long)]
    lan: bool,
    /// Address and port of the one TCP and the one UDP port.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Folder of what outlives a restart; made when absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rooms to open, separated by commas.
    #[arg(long, value_name = "LIST")]
    rooms: Option<String>,
    /// Under which origin members reach it through the proxy in front, such as `https://halloo.example`.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Settings as TOML.
    #[arg(long, value_name = "FILE", env = "HALLOO_COORDINATOR_CONFIG")]
    config: Option<PathBuf>,
    /// Any other setting.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let line = Line::parse();
    let done = match line.command {
        Command::Serve(settings) => run(&settings),
        Command::Init(told) => init::run(told),
        Command::Backup(from) => copies::backup(&from),
        Command::Invite(told) => invite::run(&told),
        Command::Admin(told) => admin::run(told),
        Command::Voucher { what } => voucher::run(&what),
        Command::Restore(to) => copies::restore(&to),
        Command::Doctor(settings) => doctor::run(&settings),
        Command::Config { what: ConfigCommand::Check(settings) } => check(&settings),
        Command::Audit { what: AuditCommand::Verify { data } } => verify(data),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("halloo-coordinator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// File, environment and flags on top of each other.
fn effective(settings: &Settings) -> Result<Effective> {
    let mut layers = Vec::new();
    if let Some(file) = file(settings) {
        layers.push(Layer::file(&file)?);
    }
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name != "HALLOO_COORDINATOR_CONFIG")?;
        Some((name, value.into_string().ok()?))
    });
    layers.push(Layer::env(ours)?);
    layers.push(Layer::flags(flags(settings)?.into_iter())?);
    Ok(Effective::of(layers)?)
}

/// The file that is named, or else the one that `init` wrote; a local network needs none.
fn file(settings: &Settings) -> Option<PathBuf> {
    let by_itself = || crate::config::default_file().filter(|file| !settings.lan && file.exists());
    settings.config.clone().or_else(by_itself)
}

fn flags(settings: &Settings) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for set in &settings.set {
        let (key, value) = set.split_once('=').with_context(|| format!("--set {set}: KEY=VALUE"))?;
        pairs.push((key.to_owned(), value.to_owned()));
    }
    let mut flag = |key: &str, value: Option<String>| {
        pairs.extend(value.map(|value| (key.to_owned(), value)));
    };
    flag("lan", settings.lan.then(|| "true".to_owned()));
    flag("listen", settings.listen.map(|listen| listen.to_string()));
    flag("data", settings.data.as_ref().map(|data| data.display().to_string()));
    flag("rooms", settings.rooms.clone());
    flag("origin", settings.origin.clone());
    Ok(pairs)
}

fn check(settings: &Settings) -> Result<()> {
    let effective = effective(settings)?;
    let rows = effective.rows();
    let key_width = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or_default();
    let value_width = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or_default();
    for (key, value, from) in rows {
        println!("{key:key_width$} = {value:value_width$}  # {from}");
    }
    effective.config.agrees()
}

fn verify(data: Option<PathBuf>) -> Result<()> {
    let folder = data.unwrap_or_else(|| Config::default().data).join("store");
    if !folder.is_dir() {
        bail!("there is no coordinator's data in {}: name its folder with --data", folder.display());
    }
    let (store, _) = SledStore::open(&folder)?;
    let verified = audit::verify(&store)?;
    let (rows, last) = (verified.rows, verified.head);
    println!(
        "{rows} rows hold together; the last is number {} with hash {}",
        last.number,
        base16::encode(&last.hash)
    );
    Ok(())
}

fn run(settings: &Settings) -> Result<()> {
    let mut config = effective(settings)?.config;
    if !config.lan && config.origin.is_none() {
        bail!(
            "where is it reached? Say --lan for a local network; or `halloo-coordinator init`, once, for a domain; or \
             --origin https://your.domain with a TLS proxy in front of {}",
            config.listen
        );
    }
    log();
    let connections = descriptors::raise().saturating_sub(descriptors::RESERVED);
    if connections < config.connections {
        eprintln!(
            "this system allows {connections} connections, not {}: raise the limit of open files",
            config.connections
        );
        config.connections = connections;
    }
    let made = !config.data.exists();
    // The keys of the coordinator lie there: nobody else's business.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data).with_context(|| {
        format!("making the data folder {}: choose another with --data", config.data.display())
    })?;
    let (store, opened) = SledStore::open(&config.data.join("store"))?;
    for repaired in opened.repaired {
        eprintln!("repaired: {repaired}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything says that it serves: a SIGHUP that nobody listens for ends a process.
        let signals = Signals::listen()?;
        let store: Arc<dyn Store> = Arc::new(store);
        let running = serve::start(&config, World::real(), Arc::clone(&store)).await?;
        match Hatch::open(&config.data) {
            Ok(hatch) => {
                let given = hatch::Given { store, office: running.office.clone() };
                drop(tokio::spawn(hatch.run(given, running.closing())));
            }
            Err(error) => eprintln!("no `invite`, and `backup` only while this does not serve: {error}"),
        }
        greet(&config, running.local, made);
        signals.end(&running).await?;
        eprintln!("closing");
        running.close().await;
        Ok(())
    })
}

/// Lines of our own on stderr, as loud as `HALLOO_LOG` says; of other crates none: at their loudest they write down keys and
/// addresses, and what they report we report.
fn log() {
    let loudness =
        tracing_subscriber::EnvFilter::try_from_env("HALLOO_LOG").unwrap_or_else(|_| "info".into());
    let ours = filter_fn(|line| line.target().starts_with("halloo"));
    let lines = tracing_subscriber::fmt().with_env_filter(loudness).with_writer(std::io::stderr).finish();
    // Who has set another before us, as a test might, keeps it.
    drop(tracing::subscriber::set_global_default(lines.with(ours)));
}

/// Says where it is, with a picture for a phone.
fn greet(config: &Config, local: SocketAddr, made: bool) {
    let folder = if made { "data (made just now)" } else { "data" };
    eprintln!("{folder}: {}", config.data.display());
    eprintln!("listens on {local}");
    let closed: Vec<_> = ROOMS.iter().filter(|(room, _)| !config.rooms.has(*room)).map(|row| row.1).collect();
    if !closed.is_empty() {
        eprintln!("rooms that stay closed: {}", closed.join(", "));
    }
    let origin = origin(config, local);
    if config.lan
        && std::io::stderr().is_terminal()
        && let Ok(code) = qrcode::QrCode::new(origin.as_bytes())
    {
        eprintln!("{}", code.render::<qrcode::render::unicode::Dense1x2>().build());
    }
    println!("{origin}");
}

/// The origin that was set, or the first address of this machine that others on the network can reach.
fn origin(config: &Config, local: SocketAddr) -> String {
    if let Some(origin) = &config.origin {
        return origin.to_string();
    }
    let ip = if local.ip().is_unspecified() { reachable().unwrap_or(local.ip()) } else { local.ip() };
    let scheme = if config.tls == TlsConfig::default() { "http" } else { "https" };
    format!("{scheme}://{}", SocketAddr::new(ip, local.port()))
}

fn reachable() -> Option<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs().ok()?.into_iter().map(|i| i.ip()).collect();
    // IPv4 first: people read it aloud. Loopback last: only this machine reaches it.
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    addresses.into_iter().find(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
}

/// What the system tells this process.
struct Signals {
    terminate: Signal,
    again: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let again = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
        Ok(Signals { terminate, again })
    }

    /// Returns when this process is told to end; told to look again (SIGHUP), it looks at its certificate.
    async fn end(mut self, running: &Running) -> Result<()> {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Ok(()),
                asked = tokio::signal::ctrl_c() => return asked.context("listening for ctrl-c"),
                _ = self.again.recv() => running.tls.iter().for_each(serve::reread),
            }
        }
    }
}
