//! `init`: one question, the domain; an answer that `serve` takes, and what to do next.

use super::reachable;
use crate::acme::config::LETS_ENCRYPT;
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use halloo_wire::origin::Origin;
use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The port of HTTPS, which authorities look at and which networks let through.
const PORT: u16 = 443;

/// What `init` is told.
#[derive(Debug, Args)]
pub(super) struct Told {
    /// The domain, such as `halloo.example`; asked for where it is not said.
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Where the settings are written to; where `serve` looks by itself, unless said.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of what outlives a restart.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Writes the settings.
pub(super) fn run(told: Told) -> Result<()> {
    let (file, said) = match told.config {
        Some(file) => (file, true),
        None => (
            crate::config::default_file().context("this user has no home: name a file with --config")?,
            false,
        ),
    };
    ensure!(
        !file.exists(),
        "{} is there already and was not changed: edit it, or name another with --config",
        file.display()
    );
    let domain = match told.domain {
        Some(domain) => checked(&domain)?,
        None => asked()?,
    };
    write(&file, &settings(&domain, told.data.as_deref()))?;
    eprintln!("{}", next(&domain, &file, said));
    println!("{}", file.display());
    Ok(())
}

fn asked() -> Result<String> {
    ensure!(std::io::stdin().is_terminal(), "nobody is here to be asked: say --domain halloo.example");
    eprint!("Which domain leads to this machine (such as halloo.example)? ");
    std::io::stderr().flush().context("asking")?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("reading the answer")?;
    checked(&line)
}

/// A name of DNS, without scheme and port.
fn checked(domain: &str) -> Result<String> {
    let domain = domain.trim().trim_end_matches('.').to_ascii_lowercase();
    let origin: Option<Origin> = format!("https://{domain}").parse().ok();
    let is_name = origin.is_some_and(|origin| origin.host() == domain) && domain.contains('.');
    if !is_name || domain.parse::<IpAddr>().is_ok() {
        bail!(
            "`{domain}` is no domain: write a name that DNS knows, such as halloo.example, and nothing else"
        );
    }
    Ok(domain)
}

fn settings(domain: &str, data: Option<&Path>) -> String {
    let data = data.map(|data| format!("data = {}\n", toml::Value::from(data.display().to_string())));
    format!(
        "# Settings of halloo-coordinator; `halloo-coordinator config check` shows all of them.\n\
         origin = \"https://{domain}\"\n\
         # \"[::]:{PORT}\" where this machine has IPv6 as well.\n\
         listen = \"0.0.0.0:{PORT}\"\n\
         {}\n\
         # The certificate comes from this authority, to whose terms you agree by using it.\n\
         [acme]\n\
         directory = \"{LETS_ENCRYPT}\"\n",
        data.unwrap_or_default()
    )
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    // Whoever wrote one since we looked keeps it.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    match made.and_then(|mut made| made.write_all(text.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already and was not changed", file.display())
        }
        written => written.with_context(|| format!("writing {}", file.display())),
    }
}

fn next(domain: &str, file: &Path, said: bool) -> String {
    let address = reachable().map_or_else(|| "the address of this machine".to_owned(), |ip| ip.to_string());
    let config = if said { format!(" --config {}", file.display()) } else { String::new() };
    format!(
        "Written. Next:\n\
         1. DNS: an A record (IPv6: AAAA) of {domain} with the address by which the internet reaches this machine\n   \
            (it calls itself {address}).\n\
         2. Ports: let {PORT} through, TCP and UDP, and UDP ports for relays (turn.first_port, turn.last_port).\n\
         3. Start: halloo-coordinator serve{config}\n   \
            Port {PORT} needs the right to it: a service, root, or setcap cap_net_bind_service=+ep on the program.\n\
            The certificate comes within a minute; then members say: halloo new \"Sunday ride\" --via https://{domain}"
    )
}

#[cfg(test)]
mod tests;
