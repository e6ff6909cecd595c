//! Where the demonstration plays: a network namespace of its own where that is permitted, else the host.

use anyhow::{Context as _, Result, bail};
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode, Stdio};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "HALLOO_DEMO_INSIDE";
/// The one interface of the namespace.
const INTERFACE: &str = "halloo0";
/// The other end of its cable: only there so that the interface has a carrier.
const OTHER_END: &str = "halloo1";
/// Its address; any private one does, nobody else is there.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// Where the members meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Alone in a network namespace, with one interface, an address and multicast.
    Namespace,
    /// On the host, over loopback and with addresses passed by hand; says why.
    Host(String),
}

/// What to do next.
pub enum Entry {
    /// Play here.
    Here(Stage),
    /// The play ran inside; this is how it ended.
    Ran(ExitCode),
}

/// Enters a namespace by running this very command again inside one; plays here when that is not possible or not wanted.
///
/// # Errors
/// The command could not be run again although a namespace was made.
pub fn enter(host_wanted: bool) -> Result<Entry> {
    if std::env::var_os(INSIDE).is_some() {
        set_up().context("the network namespace could not be set up")?;
        return Ok(Entry::Here(Stage::Namespace));
    }
    if host_wanted {
        return Ok(Entry::Here(Stage::Host("--host was given".into())));
    }
    let Some(kind) = permitted() else {
        return Ok(Entry::Here(Stage::Host("network namespaces or `ip` are not available here".into())));
    };
    let own = std::env::current_exe().context("this program has no path")?;
    let status = Command::new("unshare")
        .args(kind)
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .context("`unshare` could not be started")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Entry::Ran(ExitCode::from(code)))
}

/// The arguments of `unshare` that work here, tried with the commands that the set-up needs.
fn permitted() -> Option<&'static [&'static str]> {
    const KINDS: [&[&str]; 2] = [&["--user", "--map-root-user", "--net"], &["--net"]];
    let try_it = set_up_lines().join(" && ");
    KINDS.into_iter().find(|kind| {
        let mut probe = Command::new("unshare");
        probe
            .args(*kind)
            .args(["sh", "-c", &try_it])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    })
}

fn set_up_lines() -> Vec<String> {
    vec![
        "ip link set lo up".into(),
        format!("ip link add {INTERFACE} type veth peer name {OTHER_END}"),
        format!("ip link set {OTHER_END} up"),
        format!("ip addr add {ADDRESS}/24 dev {INTERFACE}"),
        format!("ip link set {INTERFACE} up multicast on"),
        format!("ip route add 224.0.0.0/4 dev {INTERFACE}"),
    ]
}

fn set_up() -> Result<()> {
    for line in set_up_lines() {
        let mut words = line.split(' ');
        let program = words.next().unwrap_or_default();
        let status = Command::new(program).args(words).status().with_context(|| line.clone())?;
        if !status.success() {
            bail!("`{line}` ended with {status}");
        }
    }
    Ok(())
}
