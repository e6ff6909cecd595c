//! `halloo doctor`: what is wrong with sound, network, clock, home and its key, and what to do about each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::args::DaemonArgs;
use crate::echo::Loop;
use crate::home::{Home, HomeError};
use crate::keyring::Keyring;
use crate::media::clock::{NS_PER_MS, mono_ns};
use crate::media::device::{DeviceName, FRAME, NullSink, NullSource, Read, Source};
use crate::media::interfaces;
use crate::vault::{Place, Vault};

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// The next step, if there is a fault.
    pub fault: Option<String>,
}

/// The multicast group and port of mDNS, RFC 6762.
const MDNS_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const MDNS_PORT: u16 = 5_353;

/// How long a multicast frame of this machine may take back to it.
const MULTICAST_PATIENCE: Duration = Duration::from_millis(500);

/// Steps of 20 ms that the microphone is listened to.
const LISTEN_STEPS: usize = 25;

/// A microphone below this level, in decibels below full scale, gives nothing at all.
const DEAD_DBFS: f32 = -85.0;

/// No clock that is right stands before this: 2026-01-01, in Unix seconds.
const EARLIEST: u64 = 1_767_225_600;

/// Nor after this: 2100-01-01.
const LATEST: u64 = 4_102_444_800;

/// Least length of a millisecond's sleep that a voice thread can live with, in milliseconds.
const LONGEST_NAP_MS: u64 = 10;

fn good(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, found: found.into(), fault: None }
}

fn bad(name: &'static str, found: impl Into<String>, next: impl Into<String>) -> Check {
    Check { name, found: found.into(), fault: Some(next.into()) }
}

/// Looks at everything; takes about two seconds.
pub async fn run(home: &Result<Home, HomeError>, args: &DaemonArgs) -> Vec<Check> {
    let (for_sound, for_net) = (args.clone(), args.clone());
    let mut checks = vec![check_home(home), check_clock(wall_s()), check_timer()];
    let kept = home.as_ref().ok().cloned();
    let looked = tokio::task::spawn_blocking(move || {
        let mut found: Vec<Check> = kept.iter().map(|home| check_key(home, Keyring::from_env())).collect();
        found.extend(check_sound(&for_sound));
        found.extend(check_network(&for_net));
        found
    });
    checks.extend(looked.await.unwrap_or_default());
    checks.push(check_voice().await);
    checks
}

fn check_home(home: &Result<Home, HomeError>) -> Check {
    let home = match home {
        Ok(home) => home,
        Err(error) => return bad("home", error.to_string(), "choose a folder of your own with --home DIR"),
    };
    let folder = home.folder();
    let probe = folder.join(".doctor");
    match std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => good("home", folder.display().to_string()),
        Err(error) => bad(
            "home",
            format!("{} cannot be written: {error}", folder.display()),
            "make room on the disk, or choose another folder with --home DIR",
        ),
    }
}

/// Where the key of what is stored lies, and whether it can be had.
fn check_key(home: &Home, keyring: Keyring) -> Check {
    let answers = keyring.answers();
    let next = "unlock the keyring, or start it; then `halloo up`";
    match (Vault::place_in(home), answers) {
        (Err(error), _) => bad("key", error.to_string(), "put the vault file back from your backup"),
        (Ok(Some(Place::Passphrase)), _) => good("key", "in a passphrase"),
        (Ok(Some(Place::Keyring)), Ok(())) => good("key", "in the keyring of the system, which answers"),
        (Ok(Some(Place::Keyring)), Err(error)) => bad("key", format!("in the keyring, but {error}"), next),
        (Ok(Some(Place::KeyFile)), Ok(())) => good(
            "key",
            "in vault.key beside the data; a keyring answers: `halloo key keyring` moves it there",
        ),
        (Ok(Some(Place::KeyFile)), Err(error)) => good(
            "key",
            format!(
                "in vault.key beside the data ({error}); `halloo key passphrase` moves it into your head"
            ),
        ),
        (Ok(None), Ok(())) => good("key", "none yet; a new home will use the keyring, which answers"),
        (Ok(None), Err(error)) => {
            good("key", format!("none yet; it will lie in vault.key beside the data, for {error}"))
        }
    }
}

fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn check_clock(wall_s: u64) -> Check {
    let days = wall_s / 86_400;
    let found = format!("{days} days since 1970");
    if (EARLIEST..LATEST).contains(&wall_s) {
        good("clock", found)
    } else {
        bad("clock", found, "set the date of this machine; invites and leases depend on it")
    }
}

fn check_timer() -> Check {
    let before = mono_ns();
    std::thread::sleep(Duration::from_millis(1));
    let slept_ms = mono_ns().saturating_sub(before) / NS_PER_MS;
    let found = format!("a sleep of 1 ms took {slept_ms} ms");
    if slept_ms <= LONGEST_NAP_MS {
        good("timer", found)
    } else {
        bad("timer", found, "the machine is overloaded; voice will stutter until other work ends")
    }
}

fn check_sound(args: &DaemonArgs) -> Vec<Check> {
    let mut checks = Vec::new();
    #[cfg(feature = "device")]
    {
        let devices = crate::media::hardware::list();
        let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
        checks.push(good("devices", if names.is_empty() { "none".to_owned() } else { names.join(", ") }));
    }
    let name = |text: &Option<String>| text.as_deref().unwrap_or("device").parse::<DeviceName>();
    let (Ok(source), Ok(sink)) = (name(&args.sound.source), name(&args.sound.sink));
    match source.source() {
        Ok(mut source) => checks.push(check_level(source.as_mut())),
        Err(error) => checks.push(bad(
            "sound in",
            error.to_string(),
            "plug in a microphone, or speak from a file: --in FILE",
        )),
    }
    // A file would be overwritten and a pipe would get noise, so only devices are opened.
    if let DeviceName::Device(_) = sink {
        checks.push(match sink.sink() {
            Ok(_) => good("sound out", "a loudspeaker is there"),
            Err(error) => {
                bad("sound out", error.to_string(), "plug in a loudspeaker, or hear into a file: --out FILE")
            }
        });
    }
    checks
}

fn check_level(source: &mut dyn Source) -> Check {
    let mut frame = [0.0; FRAME];
    let mut loudest = 0.0_f32;
    for _ in 0..LISTEN_STEPS {
        if source.read(&mut frame) == Read::End {
            break;
        }
        loudest = frame.iter().fold(loudest, |level, sample| level.max(sample.abs()));
        std::thread::sleep(Duration::from_millis(20));
    }
    let level = 20.0 * loudest.max(1e-6).log10();
    let found = format!("loudest {level:.0} dB of full scale, {} xruns", source.xruns());
    if level > DEAD_DBFS {
        good("sound in", found)
    } else {
        bad("sound in", found, "the microphone gives nothing: unmute it, or allow this program to use it")
    }
}

fn check_network(args: &DaemonArgs) -> Vec<Check> {
    let reachable: Vec<_> =
        interfaces::all().into_iter().filter(|local| interfaces::is_reachable(&local.address)).collect();
    let shown: Vec<_> =
        reachable.iter().map(|local| format!("{} {}", local.interface, local.address)).collect();
    let mut checks = vec![match (shown.is_empty(), args.loopback) {
        (false, _) => good("network", shown.join(", ")),
        (true, true) => good("network", "loopback only, as asked for"),
        (true, false) => bad(
            "network",
            "no address that others could reach",
            "join a Wi-Fi or plug in a cable; --loopback for this machine alone",
        ),
    }];
    checks.push(check_port("udp port", args.port, |at| {
        UdpSocket::bind(at).and_then(|socket| socket.local_addr())
    }));
    checks.push(check_port("tcp port", args.port, |at| {
        TcpListener::bind(at).and_then(|socket| socket.local_addr())
    }));
    if args.no_mdns {
        checks.push(good("multicast", "not asked for"));
    } else {
        let own = reachable.iter().find_map(|local| match local.address {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        checks.push(check_mdns_port());
        checks.push(check_multicast(own.unwrap_or(Ipv4Addr::LOCALHOST)));
    }
    checks
}

fn check_port(
    name: &'static str,
    port: u16,
    bind: impl Fn(SocketAddr) -> std::io::Result<SocketAddr>,
) -> Check {
    match bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))) {
        Ok(at) if port == 0 => good(name, format!("any; the system gave {}", at.port())),
        Ok(_) => good(name, format!("{port} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bad(
            name,
            format!("{port} is used by another program"),
            "stop that program, or choose another with --port",
        ),
        Err(error) => bad(
            name,
            format!("{port}: {error}"),
            "a firewall or missing rights; choose a port above 1023 with --port",
        ),
    }
}

fn check_mdns_port() -> Check {
    let bound = shared_socket(MDNS_PORT);
    match bound {
        Ok(_) => good("mdns port", format!("{MDNS_PORT} can be shared")),
        Err(error) => bad(
            "mdns port",
            format!("{MDNS_PORT}: {error}"),
            "another program keeps it for itself; use --peer ADDR, or stop it",
        ),
    }
}

fn shared_socket(port: u16) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    Ok(socket.into())
}

/// Sends one frame to the mDNS group on the interface of `own` and waits for it to come back.
fn check_multicast(own: Ipv4Addr) -> Check {
    let next = "others will not be found by themselves: allow multicast (Wi-Fi \"client isolation\" off), or use --peer ADDR";
    match multicast_round(own) {
        Ok(true) => good("multicast", format!("works on {own}")),
        Ok(false) => bad("multicast", format!("nothing came back on {own}"), next),
        Err(error) => bad("multicast", format!("{own}: {error}"), next),
    }
}

fn multicast_round(own: Ipv4Addr) -> std::io::Result<bool> {
    let socket = shared_socket(0)?;
    socket.join_multicast_v4(&MDNS_GROUP, &own)?;
    socket.set_multicast_loop_v4(true)?;
    SockRef::from(&socket).set_multicast_if_v4(&own)?;
    socket.set_read_timeout(Some(MULTICAST_PATIENCE))?;
    let port = socket.local_addr()?.port();
    let token = mono_ns().to_be_bytes();
    socket.send_to(&token, SocketAddrV4::new(MDNS_GROUP, port))?;
    let mut bytes = [0; 64];
    match socket.recv_from(&mut bytes) {
        Ok((count, _)) => Ok(bytes[..count] == token),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

async fn check_voice() -> Check {
    let next = "allow UDP on 127.0.0.1 in the firewall; without it no voice can be tested";
    match Loop::start(Box::new(NullSource), Box::new(NullSink)).await {
        Ok(echo) => {
            let setup_ms = echo.report().setup_ms;
            echo.stop().await;
            good(
                "voice",
                format!("connected with itself in {setup_ms} ms, Opus {}", crate::media::opus::version()),
            )
        }
        Err(error) => bad("voice", format!("{error:#}"), next),
    }
}

#[cfg(test)]
mod tests;
