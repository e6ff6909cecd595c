//! `doctor`: looks at settings, plans, data folder, port, certificate, clock and DNS, and says of each what is wrong and what to do.

use super::{Settings, effective};
use crate::acme;
use crate::auth::config::Registration;
use crate::config::Config;
use crate::hatch;
use crate::subscriptions::config::Provider;
use crate::tls::{Tls, about};
use crate::world::World;
use anyhow::{Result, bail};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs as _, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const DAY_MS: u64 = 86_400_000;
/// A certificate that has fewer days left should have been renewed: the shortest of today are renewed with more.
const DAYS_LEFT_MIN: u64 = 7;
/// This program is not older (2026-11-01), so no right clock says an earlier time.
const NOT_BEFORE_MS: u64 = 1_793_491_200_000;
/// systemd-timesyncd makes it once the clock was set.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// What was found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// As it should be.
    Good(String),
    /// Maybe not as it should be.
    Note(String),
    /// Wrong, and what to do.
    Bad(String),
}

use Found::{Bad, Good, Note};

/// Looks at everything; fails when something is wrong.
pub(super) fn run(settings: &Settings) -> Result<()> {
    let config = effective(settings)?.config;
    let world = World::real();
    let is_served = hatch::is_served(&config.data);
    let all = [
        ("settings", origin(&config)),
        ("plans", plans(&config)),
        ("data folder", data(&config.data, is_served)),
        ("port", port(config.listen, is_served)),
        ("certificate", certificate(&config, world.now_ms())),
        ("clock", clock(world.now_ms(), Path::new(SYNCHRONIZED).exists())),
        ("dns", dns(&config)),
    ];
    let mut wrong = 0;
    for (what, found) in all {
        let (word, text) = match found {
            Good(text) => ("ok", text),
            Note(text) => ("note", text),
            Bad(text) => {
                wrong += 1;
                ("WRONG", text)
            }
        };
        println!("{word:5} {what}: {text}");
    }
    if wrong > 0 { bail!("{wrong} wrong, see above") } else { Ok(()) }
}

fn origin(config: &Config) -> Found {
    match &config.origin {
        Some(origin) => Good(format!("members reach it at {origin}")),
        None if config.lan => Good("a local network".to_owned()),
        None => Bad("no origin is set: run `halloo-coordinator init`, or say --lan".to_owned()),
    }
}

fn plans(config: &Config) -> Found {
    if let Err(error) = config.agrees() {
        return Bad(error.to_string());
    }
    let (sold, closed) = (config.subscriptions.plans.len(), Registration::Closed);
    match config.subscriptions.provider {
        Provider::None => Good("none: everybody may do everything".to_owned()),
        Provider::Voucher if config.auth.registration == closed => Note(format!(
            "{sold} by vouchers, but auth.registration is closed: who has no account yet comes to none"
        )),
        Provider::Voucher => Good(format!("{sold} by vouchers")),
    }
}

fn data(folder: &Path, is_served: bool) -> Found {
    let (shown, served) = (folder.display(), if is_served { ", and is served from" } else { "" });
    match std::fs::metadata(folder) {
        Ok(there) if there.permissions().mode() & 0o077 != 0 => {
            Bad(format!("others may look into {shown}, where keys lie: chmod 700 {shown}"))
        }
        Ok(_) if folder.join("store").is_dir() => Good(format!("{shown} is there{served}")),
        Ok(_) => Note(format!("{shown} is empty: the first `serve` fills it")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Note(format!("{shown} is not there: the first `serve` makes it"))
        }
        Err(error) => Bad(format!("{shown}: {error}; run this as the user who serves")),
    }
}

fn port(listen: SocketAddr, is_served: bool) -> Found {
    if is_served {
        let host = match listen.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        };
        return match std::net::TcpStream::connect((host, listen.port())) {
            Ok(_) => Good(format!("{listen} answers")),
            Err(error) => Note(format!("{listen}: {error}; it serves, maybe at another port")),
        };
    }
    let bound = TcpListener::bind(listen).map(drop).and_then(|()| UdpSocket::bind(listen).map(drop));
    match bound {
        Ok(()) => Good(format!("{listen} is free, TCP and UDP")),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Bad(format!(
            "{listen} needs the right to a port below 1024: the systemd unit gives it, or setcap cap_net_bind_service=+ep"
        )),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Bad(format!("{listen} is taken by another program: end it, or choose another with --listen"))
        }
        Err(error) => Bad(format!("{listen}: {error}; choose another with --listen")),
    }
}

fn certificate(config: &Config, now_ms: u64) -> Found {
    if !config.acme.directory.is_empty() {
        return match acme::kept_certificate(&config.data, &config.acme.directory) {
            Ok(Some(pem)) => days(&pem, config, now_ms),
            Ok(None) => Note("none yet: it is asked for when this serves".to_owned()),
            Err(error) => Bad(format!("{error:#}; run this as the user who serves")),
        };
    }
    match Tls::of_files(&config.tls) {
        Ok(Some(_)) => match std::fs::read(&config.tls.certificate) {
            Ok(pem) => days(&pem, config, now_ms),
            Err(error) => Bad(error.to_string()),
        },
        Ok(None) if config.lan => Good("none, and a local network needs none".to_owned()),
        Ok(None) => Note("none: a proxy in front ends TLS".to_owned()),
        Err(error) => Bad(error.to_string()),
    }
}

fn days(pem: &[u8], config: &Config, now_ms: u64) -> Found {
    let Ok(about) = about::first_of(pem) else { return Bad("the file holds none: replace it".to_owned()) };
    let left = about.until_ms.saturating_sub(now_ms) / DAY_MS;
    if now_ms < about.from_ms {
        return Bad("it is for a later time than the clock says: set the clock".to_owned());
    }
    let host = config.origin.as_ref().map(|origin| origin.host());
    if let Some(host) = host.filter(|host| host.parse::<IpAddr>().is_err() && !about.covers(host)) {
        return Bad(format!("it is for {}, not for {host}: get one for that name", about.names.join(", ")));
    }
    if left < DAYS_LEFT_MIN {
        return Bad(format!("{left} days are left: renew it; the log of `serve` says why ACME does not"));
    }
    Good(format!("{left} days are left"))
}

fn clock(now_ms: u64, is_kept: bool) -> Found {
    if now_ms < NOT_BEFORE_MS {
        return Bad("it is earlier than this program: set it, and let NTP keep it".to_owned());
    }
    if is_kept {
        return Good("it is kept right by systemd-timesyncd".to_owned());
    }
    Note(
        "nothing here says that it is kept right; two minutes off, nobody gets a ticket: see that NTP runs"
            .to_owned(),
    )
}

fn dns(config: &Config) -> Found {
    let Some(host) = config.origin.as_ref().map(|origin| origin.host()) else {
        return Good("no domain, so none is needed".to_owned());
    };
    let found: Vec<IpAddr> = match (host, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(error) => return Bad(format!("{host} leads nowhere ({error}): make an A record for it")),
    };
    let ours: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect();
    let text = found.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    if found.iter().any(|ip| ours.contains(ip)) {
        Good(format!("{host} leads to this machine ({text})"))
    } else {
        Note(format!(
            "{host} leads to {text}, none of this machine's own: right behind a router or a proxy only"
        ))
    }
}

#[cfg(test)]
mod tests;
