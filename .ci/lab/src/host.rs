//! A host of the laboratory: one network namespace with one address.

use crate::ip::{LabError, ip};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// The host's interface on the bridge.
pub(crate) const INTERFACE: &str = "lan0";

/// A network namespace. Clones name the same one; it lives as long as its `Lab`.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
}

impl Host {
    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the bridge.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// Name of its interface on the bridge, for captures.
    pub fn interface(&self) -> &'static str {
        INTERFACE
    }

    /// A command that runs a program inside the namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", path(&self.namespace).display())).arg("--").arg(program);
        command
    }

    /// Runs a closure on a thread of its own inside the namespace and returns its value. Sockets opened in it belong
    /// to the namespace for good. Errors: `System` when the namespace is gone.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
        inside(&self.namespace, work)
    }

    /// Pulls the plug: the interface goes down and its address stays.
    pub fn unplug(&self) -> Result<(), LabError> {
        ip(&format!("-n {} link set {INTERFACE} down", self.namespace)).map(drop)
    }

    /// Gives the host another address of the bridge's network, as a router does that has forgotten it. Works unplugged too.
    pub fn readdress(&mut self, ip_now: Ipv4Addr) -> Result<(), LabError> {
        let (inner, before) = (&self.namespace, self.ip);
        ip(&format!("-n {inner} addr del {before}/24 dev {INTERFACE}"))?;
        ip(&format!("-n {inner} addr add {ip_now}/24 brd + dev {INTERFACE}"))?;
        self.ip = ip_now;
        Ok(())
    }

    /// Puts the plug back in.
    pub fn plug(&self) -> Result<(), LabError> {
        ip(&format!("-n {} link set {INTERFACE} up", self.namespace)).map(drop)
    }
}

/// Where `ip netns` keeps a namespace.
fn path(namespace: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(namespace)
}

/// Runs a closure on a new thread inside a namespace.
pub(crate) fn inside<T: Send + 'static>(
    namespace: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LabError> {
    let system = |what| move |source| LabError::System { what, source };
    let file = File::open(path(namespace)).map_err(system("cannot open the namespace"))?;
    let thread = thread::Builder::new().name("in-namespace".to_owned()).spawn(move || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok::<T, std::io::Error>(work())
    });
    let thread = thread.map_err(system("cannot start a thread"))?;
    match thread.join() {
        Ok(value) => value.map_err(system("cannot enter the namespace")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
