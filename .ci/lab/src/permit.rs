//! Whether this process may make network namespaces, and how a process without root gets into a place where it may.

use crate::ip::{LabError, ip};
use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Distinguishes probes of parallel tests.
static PROBES: AtomicU32 = AtomicU32::new(0);

/// How namespaces can be had here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// This process may make them itself.
    Own,
    /// Only inside a user namespace: run the program again through [`in_user_namespace`].
    UserNamespace,
}

/// Finds out by trying. Errors: `Denied` with the system's reason.
pub fn permit() -> Result<Permit, LabError> {
    let number = PROBES.fetch_add(1, Ordering::Relaxed);
    let probe = format!("hl{}-probe{number}", std::process::id());
    let own = ip(&format!("netns add {probe}"));
    if own.is_ok() {
        ip(&format!("netns del {probe}"))?;
        return Ok(Permit::Own);
    }
    let inner = in_user_namespace("ip", ["netns", "add", "probe"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| LabError::Denied(format!("unshare: {error}")))?;
    if inner.status.success() {
        return Ok(Permit::UserNamespace);
    }
    let reason = String::from_utf8_lossy(&inner.stderr).trim().to_owned();
    Err(LabError::Denied(
        own.err().map_or(reason.clone(), |own| format!("{own}; in a user namespace: {reason}")),
    ))
}

/// A command that runs a program as root of a new user, network and mount namespace with an empty `/run`. Inside it
/// [`Lab::new`](crate::Lab::new) works without privileges, where the system permits user namespaces.
pub fn in_user_namespace<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && exec \"$@\"");
    command.arg("sh").arg(program).args(args);
    command
}
